//! Nodes: what the snapshot keeps of an entity.

use std::sync::Arc;

use bailiwick_schema::{ContentHash, EntityRef, IdentifierClaim, Position, Timestamp, Viewer};
use uuid::Uuid;

use crate::store::EntityNo;

/// One live entity. Strings that many entities share are interned.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub no: EntityNo,
    pub entity: EntityRef,
    pub uid: Uuid,
    /// The commit of its newest version; with `no` the key of its body.
    pub position: Position,
    pub updated_at: Timestamp,
    pub hash: ContentHash,
    /// Kind as the entity spells it.
    pub kind: Arc<str>,
    pub namespace: Arc<str>,
    /// Name as the entity spells it.
    pub name: Arc<str>,
    pub title: Option<Arc<str>>,
    pub entity_type: Option<Arc<str>>,
    pub lifecycle: Option<Arc<str>>,
    pub tags: Box<[Arc<str>]>,
    pub labels: Box<[(Arc<str>, Arc<str>)]>,
    /// Outgoing, sorted by relation name, then target ref.
    pub relations: Box<[NodeRelation]>,
    /// Effective owners, the leading one first.
    pub owners: Box<[EntityNo]>,
    /// Nothing said by or about it decides who owns it: its owner, if any, comes from [`Self::parents`].
    pub inherits_owner: bool,
    /// The owners of its parents matter to it.
    pub asks_parents: bool,
    /// Whose owner it may inherit, nearest first.
    pub parents: Box<[EntityNo]>,
    pub identifiers: Box<[IdentifierClaim]>,
}

/// One outgoing relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeRelation {
    pub relation: RelationNo,
    pub target: EntityNo,
}

/// The number of a relation type within a snapshot and its descendants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationNo(pub u16);

impl Node {
    pub fn seen_by(&self, viewer: &Viewer) -> bool {
        viewer.sees(&self.kind, &self.namespace)
    }
}

/// The names of relation types, both halves of each pair.
///
/// Pairs come from the kind declarations; a relation without a declared inverse reads `<name>Of` backwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelationTypes {
    names: Vec<(Arc<str>, Arc<str>)>,
}

impl RelationTypes {
    /// Starts with the pairs that the kinds declare; either half of a pair may be the one that an entity states.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut names: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (forward, inverse) in pairs {
            names.push((forward.into(), inverse.into()));
            if forward != inverse {
                names.push((inverse.into(), forward.into()));
            }
        }
        Self { names }
    }

    /// The name of the outgoing half.
    pub fn name(&self, no: RelationNo) -> &str {
        self.names.get(no.0 as usize).map_or("", |(name, _)| name)
    }

    /// The name under which the target sees it.
    pub fn inverse(&self, no: RelationNo) -> &str {
        self.names.get(no.0 as usize).map_or("", |(_, inverse)| inverse)
    }

    pub fn find(&self, name: &str) -> Option<RelationNo> {
        let at = self.names.iter().position(|(out, _)| out.eq_ignore_ascii_case(name))?;
        u16::try_from(at).ok().map(RelationNo)
    }

    pub fn find_inverse(&self, name: &str) -> Option<RelationNo> {
        let at = self
            .names
            .iter()
            .position(|(_, inverse)| inverse.eq_ignore_ascii_case(name))?;
        u16::try_from(at).ok().map(RelationNo)
    }

    pub fn iter(&self) -> impl Iterator<Item = (RelationNo, &str, &str)> {
        (0u16..)
            .zip(&self.names)
            .map(|(no, (out, inverse))| (RelationNo(no), &**out, &**inverse))
    }

    /// The number of a relation, allotting one to a name that is new. At most 65,535; the last one takes the rest.
    pub(crate) fn number(&mut self, name: &str) -> RelationNo {
        if let Some(at) = self.names.iter().position(|(out, _)| &**out == name) {
            return RelationNo(u16::try_from(at).unwrap_or(u16::MAX));
        }
        if self.names.len() < usize::from(u16::MAX) {
            self.names.push((name.into(), format!("{name}Of").into()));
        }
        RelationNo(u16::try_from(self.names.len() - 1).unwrap_or(u16::MAX))
    }
}
