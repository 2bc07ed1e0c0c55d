//! The graph snapshot: an immutable view of every live entity, published by swap after each commit.
//!
//! Invariants: a snapshot is of one position; publishing costs what changed, because all maps are persistent and share
//! what did not; numbers of entities are those of the store. A relation to something that is not there keeps its
//! target as a number with a name and no node, and comes to life when the target does.
//! It holds what is filtered, ordered and traversed; bodies stay in the store and are read at a node's position.

mod builder;
pub mod filter;
mod node;
mod numbers;
pub(crate) mod orders;
mod postings;
pub mod select;
mod sets;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bailiwick_schema::{EntityRef, Identifier, Position, Timestamp, Viewer};
use imbl::{GenericHashMap, GenericOrdMap, OrdSet, Vector, shared_ptr::ArcK};

pub use builder::SnapshotBuilder;
pub use node::{Node, NodeRelation, RelationNo, RelationTypes};
pub use numbers::Numbers;
pub use postings::{Field, Posting};

use self::orders::Orders;
use crate::core::own::Parent;
use crate::store::EntityNo;

/// A persistent map whose keys are short texts: hashing them the standard way would cost more than the look-up.
type TextMap<K, V> = GenericHashMap<K, V, foldhash::quality::RandomState, ArcK>;

/// An immutable view of the catalog at one position.
#[derive(Clone)]
pub struct Snapshot {
    position: Position,
    at: Timestamp,
    live: usize,
    /// By entity number; nothing for retired and dangling ones.
    nodes: Vector<Option<Arc<Node>>>,
    /// The name of every number, dangling ones too.
    names: Vector<EntityRef>,
    by_ref: TextMap<EntityRef, EntityNo>,
    /// (target, relation, from)
    incoming: OrdSet<(u32, u16, u32)>,
    /// (field, value in lower case) → place in `postings`
    values: GenericOrdMap<(Field, Arc<str>), u32, ArcK>,
    /// Places of values that are gone are empty until they are taken again.
    postings: Vector<Posting>,
    /// How many relations come in, by entity number.
    degrees: Vector<u32>,
    orders: Orders,
    identifiers: TextMap<Identifier, Arc<[IdentifierHolder]>>,
    relation_types: Arc<RelationTypes>,
}

/// How many relations come in; remembers where it read last, so neighbours are near.
pub(crate) struct Degrees<'a>(imbl::vector::Focus<'a, u32, imbl::shared_ptr::DefaultSharedPtr>);

impl Degrees<'_> {
    pub(crate) fn get(&mut self, no: EntityNo) -> u32 {
        self.0.get(no.0 as usize).copied().unwrap_or(0)
    }
}

/// Who holds an identifier now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentifierHolder {
    pub entity: EntityNo,
    pub exclusive: bool,
}

/// What an identifier resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    Nobody,
    One(EntityNo),
    /// Several hold an exclusive identifier: it resolves to none of them.
    Contested(Vec<EntityNo>),
    /// Several hold an identifier that is not exclusive.
    Several(Vec<EntityNo>),
}

impl Snapshot {
    pub fn position(&self) -> Position {
        self.position
    }

    /// The time of the commit at [`Self::position`].
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Live entities, whoever asks.
    pub fn len(&self) -> usize {
        self.live
    }

    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The number of a ref, whether or not anything lives there.
    pub fn number(&self, entity: &EntityRef) -> Option<EntityNo> {
        self.by_ref.get(entity).copied()
    }

    /// The ref of a number.
    pub fn name(&self, no: EntityNo) -> Option<&EntityRef> {
        self.names.get(no.0 as usize)
    }

    /// A live entity by number, if the viewer may see it.
    pub fn node(&self, viewer: &Viewer, no: EntityNo) -> Option<&Arc<Node>> {
        self.node_unchecked(no).filter(|node| node.seen_by(viewer))
    }

    /// A live entity by ref, if the viewer may see it.
    pub fn get(&self, viewer: &Viewer, entity: &EntityRef) -> Option<&Arc<Node>> {
        self.node(viewer, self.number(entity)?)
    }

    /// For the engine and its followers, which see everything.
    pub(crate) fn node_unchecked(&self, no: EntityNo) -> Option<&Arc<Node>> {
        self.nodes.get(no.0 as usize)?.as_ref()
    }

    /// All live nodes by number, for followers and `verify`.
    pub(crate) fn nodes_unchecked(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.iter().flatten()
    }

    /// Entities that point at this one, by relation and number: (relation, from). What the viewer may not see is left
    /// out.
    pub fn incoming<'a>(
        &'a self,
        viewer: &'a Viewer,
        no: EntityNo,
    ) -> impl Iterator<Item = (RelationNo, &'a Arc<Node>)> + 'a {
        self.incoming_unchecked(no)
            .filter_map(move |(relation, from)| Some((relation, self.node(viewer, from)?)))
    }

    pub(crate) fn incoming_unchecked(&self, no: EntityNo) -> impl Iterator<Item = (RelationNo, EntityNo)> + '_ {
        self.incoming
            .range((no.0, 0, 0)..=(no.0, u16::MAX, u32::MAX))
            .map(|(_, relation, from)| (RelationNo(*relation), EntityNo(*from)))
    }

    pub fn relation_types(&self) -> &RelationTypes {
        &self.relation_types
    }

    /// What an identifier resolves to now.
    pub fn resolve(&self, viewer: &Viewer, identifier: &Identifier) -> Resolution {
        let Some(holders) = self.identifiers.get(identifier) else {
            return Resolution::Nobody;
        };
        let seen: Vec<EntityNo> = holders
            .iter()
            .map(|holder| holder.entity)
            .filter(|no| self.node(viewer, *no).is_some())
            .collect();
        match (
            seen.as_slice(),
            holders.iter().filter(|holder| holder.exclusive).count(),
        ) {
            ([], _) => Resolution::Nobody,
            (_, 2..) => Resolution::Contested(seen),
            (_, 1) => {
                let exclusive = holders
                    .iter()
                    .find(|holder| holder.exclusive)
                    .map(|holder| holder.entity);
                exclusive
                    .filter(|no| seen.contains(no))
                    .map_or(Resolution::Nobody, Resolution::One)
            }
            ([one], _) => Resolution::One(*one),
            (_, _) => Resolution::Several(seen),
        }
    }

    /// Who alone holds an identifier: the one exclusive holder, or the only holder at all.
    pub(crate) fn holder(&self, identifier: &Identifier) -> Option<EntityNo> {
        let holders = self.holders(identifier);
        let mut exclusive = holders.iter().filter(|holder| holder.exclusive);
        match (exclusive.next(), exclusive.next(), holders) {
            (Some(one), None, _) | (None, _, [one]) => Some(one.entity),
            _ => None,
        }
    }

    /// What an entity means to those that inherit from it.
    pub(crate) fn standing(&self, no: EntityNo) -> Option<Parent> {
        let node = self.node_unchecked(no)?;
        let names = |numbers: &[EntityNo]| numbers.iter().filter_map(|no| self.name(*no).cloned()).collect();
        let own_owners = if node.asks_parents {
            Vec::new()
        } else {
            names(&node.owners)
        };
        Some(Parent {
            own_owners,
            parents: names(&node.parents),
        })
    }

    pub(crate) fn holders(&self, identifier: &Identifier) -> &[IdentifierHolder] {
        self.identifiers.get(identifier).map_or(&[], |holders| holders)
    }

    /// Live entities with this value of an indexed field; values compare without case.
    pub fn posting(&self, field: Field, value: &str) -> Option<&Posting> {
        let place = self.values.get(&(field, value.to_lowercase().into()))?;
        self.postings.get(*place as usize)
    }

    /// All values of an indexed field with their postings, by value.
    pub fn values_of(&self, field: Field) -> impl Iterator<Item = (&Arc<str>, &Posting)> {
        self.values_from(field, "")
    }

    /// Likewise, from a value on.
    pub(crate) fn values_from(&self, field: Field, value: &str) -> impl Iterator<Item = (&Arc<str>, &Posting)> {
        let from: (Field, Arc<str>) = (field, value.into());
        self.values
            .range(from..)
            .take_while(move |((at, _), _)| *at == field)
            .filter_map(|((_, value), place)| Some((value, self.postings.get(*place as usize)?)))
    }

    /// How many relations come in, entity by entity.
    pub(crate) fn degrees(&self) -> Degrees<'_> {
        Degrees(self.degrees.focus())
    }

    /// Live entities in the order of names, and of titles.
    pub(crate) fn orders(&self) -> &Orders {
        &self.orders
    }
}
