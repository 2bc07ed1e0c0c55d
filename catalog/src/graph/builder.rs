//! Turning the current snapshot into the next one, at the cost of what changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bailiwick_schema::{EntityRef, Identifier, Position, Timestamp};
use imbl::{GenericOrdMap, OrdSet, Vector};

use super::numbers::Numbers;
use super::orders::Orders;
use super::postings::values_of_node;
use super::{Field, IdentifierHolder, Node, NodeRelation, Posting, RelationTypes, Snapshot, TextMap};
use crate::store::{ChangeKind, EntityIdentity, EntityNo, EntityVersion, IdentifierRow};

/// The writer's side of the snapshot. One lives in the engine.
pub struct SnapshotBuilder {
    next: Snapshot,
    relation_types: RelationTypes,
    /// Strings that many nodes share. Never shrinks; its size is bounded by distinct values ever seen.
    interned: HashSet<Arc<str>, foldhash::quality::RandomState>,
    /// The places of postings, by what the snapshot orders by value: found in one step.
    places: HashMap<(Field, Arc<str>), u32, foldhash::quality::RandomState>,
    free_places: Vec<u32>,
}

impl SnapshotBuilder {
    pub fn new(relation_types: RelationTypes) -> Self {
        let next = Snapshot {
            position: Position::ZERO,
            at: Timestamp::ZERO,
            live: 0,
            nodes: Vector::new(),
            names: Vector::new(),
            by_ref: TextMap::default(),
            incoming: OrdSet::new(),
            values: GenericOrdMap::new(),
            postings: Vector::new(),
            degrees: Vector::new(),
            orders: Orders::default(),
            identifiers: TextMap::default(),
            relation_types: Arc::new(relation_types.clone()),
        };
        Self {
            next,
            relation_types,
            interned: HashSet::default(),
            places: HashMap::default(),
            free_places: Vec::new(),
        }
    }

    /// The snapshot as built so far; cheap, shares everything.
    pub fn publish(&mut self, position: Position, at: Timestamp) -> Snapshot {
        self.next.position = position;
        self.next.at = at;
        if *self.next.relation_types != self.relation_types {
            self.next.relation_types = Arc::new(self.relation_types.clone());
        }
        self.next.clone()
    }

    /// The state so far, for the engine's own look-ups between commits.
    pub fn current(&self) -> &Snapshot {
        &self.next
    }

    pub fn relation_types(&self) -> &RelationTypes {
        &self.relation_types
    }

    /// Makes a number known under its name.
    pub fn put_identity(&mut self, identity: &EntityIdentity) {
        self.put_name(identity.no, &identity.entity);
    }

    fn put_name(&mut self, no: EntityNo, entity: &EntityRef) {
        let at = no.0 as usize;
        if self.next.names.get(at) == Some(entity) {
            return;
        }
        while self.next.names.len() <= at {
            // Numbers are dense, so a gap is filled by the identities that follow in the same commit.
            self.next.names.push_back(entity.clone());
            self.next.nodes.push_back(None);
            self.next.degrees.push_back(0);
        }
        self.next.names.set(at, entity.clone());
        self.next.by_ref.insert(entity.clone(), no);
    }

    /// Applies one version. Every relation target and owner must have a number by now; one that has none is left out.
    pub fn put_version(&mut self, version: &EntityVersion) {
        self.put_name(version.no, &version.entity);
        let node = (version.change != ChangeKind::Deleted).then(|| Arc::new(self.node(version)));
        let old = self.next.nodes.set(version.no.0 as usize, node.clone());
        if let Some(old) = &old {
            self.unindex(old, node.as_deref());
        }
        if let Some(node) = &node {
            self.index(node, old.as_deref());
        }
        self.next.orders.replace(old.as_deref(), node.as_deref());
        match (&old, &node) {
            (None, Some(_)) => self.next.live += 1,
            (Some(_), None) => self.next.live -= 1,
            _ => {}
        }
    }

    /// Applies one live version of a snapshot that is being loaded: nothing else of its entity was put before. What
    /// orders and follows relations backwards is missing until [`Self::finish_loading`].
    pub(crate) fn put_loaded(&mut self, version: &EntityVersion) {
        self.put_name(version.no, &version.entity);
        let node = Arc::new(self.node(version));
        self.next.nodes.set(version.no.0 as usize, Some(Arc::clone(&node)));
        for (field, value, display) in self.values(&node) {
            self.join(node.no, (field, value), display);
        }
        self.next.live += 1;
    }

    /// Makes what is quicker made from all entities at once, on as many threads as it has parts.
    pub(crate) fn finish_loading(&mut self) {
        let nodes: Vec<Arc<Node>> = self.next.nodes.iter().flatten().cloned().collect();
        std::thread::scope(|scope| {
            let orders = scope.spawn(|| Orders::of(&nodes));
            let mut edges: Vec<(u32, u16, u32)> = nodes
                .iter()
                .flat_map(|node| {
                    let edge = |relation: &NodeRelation| (relation.target.0, relation.relation.0, node.no.0);
                    node.relations.iter().map(edge)
                })
                .collect();
            edges.sort_unstable();
            edges.dedup();
            let mut degrees = vec![0_u32; self.next.names.len()];
            for (target, _, _) in &edges {
                if let Some(degree) = degrees.get_mut(*target as usize) {
                    *degree = degree.saturating_add(1);
                }
            }
            self.next.degrees = degrees.into_iter().collect();
            self.next.incoming = edges.into_iter().collect();
            self.next.orders = orders.join().expect("comparing texts does not panic");
        });
    }

    pub fn put_identifier(&mut self, row: &IdentifierRow) {
        if row.until.is_some() {
            self.remove_identifier(&row.identifier, row.entity);
            return;
        }
        let held = self.next.holders(&row.identifier);
        let mut holders: Vec<IdentifierHolder> = held
            .iter()
            .copied()
            .filter(|holder| holder.entity != row.entity)
            .collect();
        holders.push(IdentifierHolder {
            entity: row.entity,
            exclusive: row.exclusive,
        });
        holders.sort_by_key(|holder| holder.entity);
        self.next.identifiers.insert(row.identifier.clone(), holders.into());
    }

    pub fn remove_identifier(&mut self, identifier: &Identifier, entity: EntityNo) {
        let left: Vec<IdentifierHolder> = self
            .next
            .holders(identifier)
            .iter()
            .copied()
            .filter(|holder| holder.entity != entity)
            .collect();
        if left.is_empty() {
            self.next.identifiers.remove(identifier);
        } else {
            self.next.identifiers.insert(identifier.clone(), left.into());
        }
    }

    fn intern(&mut self, text: &str) -> Arc<str> {
        intern(&mut self.interned, text)
    }

    fn node(&mut self, version: &EntityVersion) -> Node {
        let summary = &version.summary;
        let relations: Box<[NodeRelation]> = version
            .relations
            .iter()
            .filter_map(|relation| {
                let target = self.next.number(&relation.target)?;
                Some(NodeRelation {
                    relation: self.relation_types.number(&relation.relation),
                    target,
                })
            })
            .collect();
        let owners = version
            .ownership
            .owners
            .iter()
            .filter_map(|owner| self.next.number(owner))
            .collect();
        let parents = version
            .inherits_from
            .iter()
            .filter_map(|parent| self.next.number(parent))
            .collect();
        Node {
            no: version.no,
            entity: version.entity.clone(),
            uid: version.uid,
            position: version.position,
            updated_at: version.at,
            hash: version.hash,
            kind: self.intern(&summary.kind),
            namespace: self.intern(&summary.namespace),
            name: summary.name.as_str().into(),
            title: summary.title.as_deref().map(Into::into),
            entity_type: summary.entity_type.as_deref().map(|text| self.intern(text)),
            lifecycle: summary.lifecycle.as_deref().map(|text| self.intern(text)),
            tags: summary.tags.iter().map(|tag| self.intern(tag)).collect(),
            labels: summary
                .labels
                .iter()
                .map(|(key, value)| (self.intern(key), self.intern(value)))
                .collect(),
            relations,
            owners,
            inherits_owner: version.ownership.is_inherited(),
            asks_parents: version.ownership.asks_parents,
            parents,
            identifiers: version.identifiers.clone().into(),
        }
    }

    /// Takes the old node out of every index where the new one does not stand in the same place.
    fn unindex(&mut self, old: &Node, new: Option<&Node>) {
        for relation in &old.relations {
            if !new.is_some_and(|new| new.relations.contains(relation)) {
                let edge = (relation.target.0, relation.relation.0, old.no.0);
                if self.next.incoming.remove(&edge).is_some() {
                    self.count_incoming(relation.target, |degree| degree.saturating_sub(1));
                }
            }
        }
        let kept = new.map(|new| self.values(new)).unwrap_or_default();
        for (field, value, _) in self.values(old) {
            if kept.iter().any(|(at, same, _)| *at == field && *same == value) {
                continue;
            }
            self.leave(old.no, (field, value));
        }
    }

    fn index(&mut self, new: &Node, old: Option<&Node>) {
        for relation in &new.relations {
            if !old.is_some_and(|old| old.relations.contains(relation)) {
                let edge = (relation.target.0, relation.relation.0, new.no.0);
                if self.next.incoming.insert(edge).is_none() {
                    self.count_incoming(relation.target, |degree| degree.saturating_add(1));
                }
            }
        }
        let held = old.map(|old| self.values(old)).unwrap_or_default();
        for (field, value, display) in self.values(new) {
            if held.iter().any(|(at, same, _)| *at == field && *same == value) {
                continue;
            }
            self.join(new.no, (field, value), display);
        }
    }

    /// Puts an entity under a value.
    fn join(&mut self, no: EntityNo, key: (Field, Arc<str>), display: Arc<str>) {
        if let Some(place) = self.places.get(&key) {
            if let Some(posting) = self.next.postings.get_mut(*place as usize) {
                posting.entities.insert(no.0);
            }
            return;
        }
        let posting = Posting {
            display,
            entities: Numbers::unit(no.0),
        };
        let place = self.free_places.pop().unwrap_or_else(|| {
            u32::try_from(self.next.postings.len()).expect("values are fewer than what fits into memory at 2^32")
        });
        if (place as usize) < self.next.postings.len() {
            self.next.postings.set(place as usize, posting);
        } else {
            self.next.postings.push_back(posting);
        }
        self.next.values.insert(key.clone(), place);
        self.places.insert(key, place);
    }

    /// Takes an entity from under a value; a value without entities is forgotten.
    fn leave(&mut self, no: EntityNo, key: (Field, Arc<str>)) {
        let Some(place) = self.places.get(&key).copied() else {
            return;
        };
        let emptied = self.next.postings.get_mut(place as usize).is_some_and(|posting| {
            posting.entities.remove(no.0);
            posting.entities.is_empty()
        });
        if emptied {
            self.next.values.remove(&key);
            self.places.remove(&key);
            self.free_places.push(place);
        }
    }

    fn count_incoming(&mut self, target: EntityNo, change: impl FnOnce(u32) -> u32) {
        if let Some(degree) = self.next.degrees.get_mut(target.0 as usize) {
            *degree = change(*degree);
        }
    }

    /// (field, key in lower case, value as spelled), without repetition.
    fn values(&mut self, node: &Node) -> Vec<(Field, Arc<str>, Arc<str>)> {
        let mut values: Vec<(Field, Arc<str>, Arc<str>)> = Vec::with_capacity(16);
        let interned = &mut self.interned;
        let names = &self.next.names;
        let name_of = |no: EntityNo| names.get(no.0 as usize).map(EntityRef::as_str);
        values_of_node(node, name_of, |field, value| {
            let spelled = intern(interned, value);
            let key = if value.chars().any(char::is_uppercase) {
                intern(interned, &value.to_lowercase())
            } else {
                Arc::clone(&spelled)
            };
            if !values.iter().any(|(at, same, _)| *at == field && *same == key) {
                values.push((field, key, spelled));
            }
        });
        values
    }
}

fn intern(known: &mut HashSet<Arc<str>, foldhash::quality::RandomState>, text: &str) -> Arc<str> {
    if let Some(known) = known.get(text) {
        return known.clone();
    }
    let text: Arc<str> = text.into();
    known.insert(text.clone());
    text
}
