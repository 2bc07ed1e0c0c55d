//! Turning the current snapshot into the next one, at the cost of what changed.

use std::collections::HashSet;
use std::sync::Arc;

use bailiwick_schema::{EntityRef, Identifier, Position, Timestamp};
use imbl::{GenericOrdMap, HashMap, OrdSet, Vector};

use super::postings::values_of_node;
use super::{IdentifierHolder, Node, NodeRelation, Posting, RelationTypes, Snapshot};
use crate::store::{ChangeKind, EntityIdentity, EntityNo, EntityVersion, IdentifierRow};

/// The writer's side of the snapshot. One lives in the engine.
pub struct SnapshotBuilder {
    next: Snapshot,
    relation_types: RelationTypes,
    /// Strings that many nodes share. Never shrinks; its size is bounded by distinct values ever seen.
    interned: HashSet<Arc<str>>,
}

impl SnapshotBuilder {
    pub fn new(relation_types: RelationTypes) -> Self {
        let next = Snapshot {
            position: Position::ZERO,
            at: Timestamp::ZERO,
            live: 0,
            nodes: Vector::new(),
            names: Vector::new(),
            by_ref: HashMap::new(),
            incoming: OrdSet::new(),
            postings: GenericOrdMap::new(),
            by_name: OrdSet::new(),
            identifiers: HashMap::new(),
            relation_types: Arc::new(relation_types.clone()),
        };
        Self {
            next,
            relation_types,
            interned: HashSet::new(),
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
        while self.next.names.len() <= at {
            // Numbers are dense, so a gap is filled by the identities that follow in the same commit.
            self.next.names.push_back(entity.clone());
            self.next.nodes.push_back(None);
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
        match (&old, &node) {
            (None, Some(_)) => self.next.live += 1,
            (Some(_), None) => self.next.live -= 1,
            _ => {}
        }
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
        if let Some(known) = self.interned.get(text) {
            return known.clone();
        }
        let text: Arc<str> = text.into();
        self.interned.insert(text.clone());
        text
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
                self.next
                    .incoming
                    .remove(&(relation.target.0, relation.relation.0, old.no.0));
            }
        }
        let kept = new.map(|new| self.values(new)).unwrap_or_default();
        for (field, value, _) in self.values(old) {
            if kept.iter().any(|(at, same, _)| *at == field && *same == value) {
                continue;
            }
            let key = (field, value);
            let emptied = self.next.postings.get_mut(&key).is_some_and(|posting| {
                posting.entities.remove(&old.no.0);
                posting.entities.is_empty()
            });
            if emptied {
                self.next.postings.remove(&key);
            }
        }
        if new.is_none_or(|new| new.name != old.name) {
            self.next.by_name.remove(&(old.name.to_lowercase().into(), old.no.0));
        }
    }

    fn index(&mut self, new: &Node, old: Option<&Node>) {
        for relation in &new.relations {
            if !old.is_some_and(|old| old.relations.contains(relation)) {
                self.next
                    .incoming
                    .insert((relation.target.0, relation.relation.0, new.no.0));
            }
        }
        for (field, value, display) in self.values(new) {
            let key = (field, value);
            match self.next.postings.get_mut(&key) {
                Some(posting) => {
                    posting.entities.insert(new.no.0);
                }
                None => {
                    let entities = OrdSet::unit(new.no.0);
                    self.next.postings.insert(
                        key,
                        Posting {
                            display: display.into(),
                            entities,
                        },
                    );
                }
            }
        }
        if old.is_none_or(|old| old.name != new.name) {
            self.next.by_name.insert((new.name.to_lowercase().into(), new.no.0));
        }
    }

    /// (field, key in lower case, value as spelled), without repetition.
    fn values(&self, node: &Node) -> Vec<(super::Field, Arc<str>, String)> {
        let mut values: Vec<(super::Field, Arc<str>, String)> = Vec::with_capacity(16);
        let name_of = |no: EntityNo| self.next.name(no).map(|name| Arc::from(name.as_str()));
        values_of_node(node, name_of, |field, value| {
            let key: Arc<str> = value.to_lowercase().into();
            if !values.iter().any(|(at, same, _)| *at == field && *same == key) {
                values.push((field, key, value.to_owned()));
            }
        });
        values
    }
}
