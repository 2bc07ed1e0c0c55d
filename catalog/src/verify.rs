//! Verifying: everything derived is rebuilt from the claims and held against what is served (law 6).
//!
//! Entities, relations and ownership are folded again one by one and compared by hash; the graph snapshot is loaded
//! again from the store and compared node by node; the index is compared by a sum of content hashes per document.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use bailiwick_schema::{EntityRef, Identifier, OwnerMethod};
use serde::Serialize;

use crate::api::{Catalog, CatalogError, sourced};
use crate::core::own::{Parent, World, own};
use crate::core::stitch::{stitch, version_hash};
use crate::graph::{RelationTypes, Snapshot, SnapshotBuilder};
use crate::search::Checksum;
use crate::store::{ClaimKey, EntityNo};

/// Differences that are named; further ones are counted.
pub const DIFFERENCES_MAX: usize = 100;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct VerifyReport {
    pub position: u64,
    pub entities: u64,
    pub claims: u64,
    pub edges: u64,
    pub documents: u64,
    /// Hash over all entities' version hashes, by ref.
    pub entities_hash: String,
    /// Sum over all documents of the index.
    pub index_sum: String,
    pub differences: Vec<String>,
    pub further_differences: u64,
}

impl VerifyReport {
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }

    fn differs(&mut self, what: String) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(what);
        } else {
            self.further_differences += 1;
        }
    }
}

struct Graph<'a>(&'a Snapshot);

impl World for Graph<'_> {
    fn lives(&self, entity: &EntityRef) -> bool {
        self.0
            .number(entity)
            .is_some_and(|no| self.0.node_unchecked(no).is_some())
    }

    fn holder(&self, identifier: &Identifier) -> Option<EntityRef> {
        self.0.name(self.0.holder(identifier)?).cloned()
    }

    fn parent(&self, entity: &EntityRef) -> Option<Parent> {
        self.0.standing(self.0.number(entity)?)
    }
}

impl Catalog {
    /// Rebuilds and compares. `order` is the order of evidence in force; `progress` hears (done, all) entities.
    ///
    /// The index must have caught up (`wait_for` the head first). Writes between the reads would show as differences,
    /// so the position is held against the head at the end; if it moved, the verification begins anew.
    pub fn verify(&self, order: &[OwnerMethod], progress: &dyn Fn(u64, u64)) -> Result<VerifyReport, CatalogError> {
        const ATTEMPTS: usize = 5;
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot();
            let report = self.verify_at(&snapshot, order, progress)?;
            if report.agrees() || self.head() == snapshot.position() {
                return Ok(report);
            }
        }
        Err(CatalogError::Invalid(
            "the catalog changes too fast to be verified; pause its sources".to_owned(),
        ))
    }

    fn verify_at(
        &self,
        snapshot: &Snapshot,
        order: &[OwnerMethod],
        progress: &dyn Fn(u64, u64),
    ) -> Result<VerifyReport, CatalogError> {
        let mut report = VerifyReport {
            position: snapshot.position().0,
            ..VerifyReport::default()
        };
        self.verify_claims(&mut report)?;
        self.verify_entities(snapshot, order, progress, &mut report)?;
        self.verify_graph(snapshot, &mut report)?;
        self.verify_index(snapshot, &mut report)?;
        Ok(report)
    }

    /// Every claim has a scope, and its entity knows it.
    fn verify_claims(&self, report: &mut VerifyReport) -> Result<(), CatalogError> {
        let store = self.store();
        let scopes = store.scopes()?;
        let mut counts = vec![0_u64; scopes.len()];
        let mut wrong: Vec<String> = Vec::new();
        let mut keys: Vec<(EntityNo, ClaimKey)> = Vec::new();
        store.claims(&mut |claim| {
            match counts.get_mut(claim.head.key.scope.0 as usize) {
                Some(count) => *count += 1,
                None => wrong.push(format!("a claim about {} has no scope", claim.subject)),
            }
            keys.extend(claim.head.entity.map(|entity| (entity, claim.head.key)));
            report.claims += 1;
            ControlFlow::Continue(())
        })?;
        for (scope, count) in scopes.iter().zip(counts) {
            if scope.claims != count {
                wrong.push(format!(
                    "scope {} says that it holds {} claims, it holds {count}",
                    scope.id, scope.claims
                ));
            }
        }
        keys.sort_unstable();
        let mut at = 0;
        while at < keys.len() {
            let entity = keys[at].0;
            let end = at + keys[at..].partition_point(|(no, _)| *no == entity);
            let listed: BTreeSet<ClaimKey> = store.claims_of_entity(entity)?.into_iter().collect();
            let held: BTreeSet<ClaimKey> = keys[at..end].iter().map(|(_, key)| *key).collect();
            if listed != held {
                wrong.push(format!(
                    "entity {} lists {} claims, {} name it",
                    entity.0,
                    listed.len(),
                    held.len()
                ));
            }
            at = end;
        }
        wrong.into_iter().for_each(|what| report.differs(what));
        Ok(())
    }

    fn verify_entities(
        &self,
        snapshot: &Snapshot,
        order: &[OwnerMethod],
        progress: &dyn Fn(u64, u64),
        report: &mut VerifyReport,
    ) -> Result<(), CatalogError> {
        let store = self.store();
        let scopes = store.scopes()?;
        let mut identities = Vec::new();
        store.identities(&mut |identity| {
            identities.push((identity.no, identity.entity));
            ControlFlow::Continue(())
        })?;
        let all = identities.len() as u64;
        let world = Graph(snapshot);
        let resolve = |identifier: &Identifier| world.holder(identifier);
        let mut hashes: Vec<(EntityRef, bailiwick_schema::ContentHash)> = Vec::with_capacity(identities.len());
        for (done, (no, entity)) in (0_u64..).zip(identities) {
            if done % 1_024 == 0 {
                progress(done, all);
            }
            let mut claims = Vec::new();
            for key in store.claims_of_entity(no)? {
                match store.claim(key)? {
                    Some(stored) => claims.push(sourced(&scopes, stored)?),
                    None => report.differs(format!("`{entity}` lists a claim that is not held")),
                }
            }
            let rebuilt = stitch(&entity, claims, self.kinds(), &resolve);
            let live = snapshot.node_unchecked(no);
            match (rebuilt, live) {
                (None, None) => {}
                (Some(_), None) => report.differs(format!("`{entity}` follows from its claims and is not served")),
                (None, Some(_)) => report.differs(format!("`{entity}` is served and no claim declares it")),
                (Some(stitched), Some(node)) => {
                    let (ownership, mut watches) = own(&stitched.evidence, &stitched.inherits_from, order, &world);
                    watches.extend(stitched.watches.iter().cloned());
                    watches.sort();
                    watches.dedup();
                    let hash = version_hash(&stitched, &ownership, &watches);
                    if hash != node.hash {
                        report.differs(format!("`{entity}` differs from what its claims add up to"));
                    }
                    let stored = store.body(no, node.position)?;
                    if stored.as_ref() != Some(&stitched.body) {
                        report.differs(format!(
                            "the stored body of `{entity}` differs from what its claims add up to"
                        ));
                    }
                    report.entities += 1;
                    report.edges += node.relations.len() as u64;
                    hashes.push((entity, hash));
                }
            }
        }
        progress(all, all);
        hashes.sort();
        let mut bytes = Vec::with_capacity(hashes.len() * 16);
        for (_, hash) in &hashes {
            bytes.extend_from_slice(hash.as_bytes());
        }
        report.entities_hash = bailiwick_schema::ContentHash::of(&bytes).to_string();
        Ok(())
    }

    /// The snapshot that a restart would load equals the one that is served.
    fn verify_graph(&self, snapshot: &Snapshot, report: &mut VerifyReport) -> Result<(), CatalogError> {
        let store = self.store();
        let mut builder = SnapshotBuilder::new(RelationTypes::new(self.kinds().relation_pairs()));
        store.identities(&mut |identity| {
            builder.put_identity(&identity);
            ControlFlow::Continue(())
        })?;
        store.live_versions(&mut |version| {
            builder.put_version(&version);
            ControlFlow::Continue(())
        })?;
        store.identifiers(&mut |row| {
            if row.until.is_none() {
                builder.put_identifier(&row);
            }
            ControlFlow::Continue(())
        })?;
        let rebuilt = builder.publish(snapshot.position(), snapshot.at());
        if rebuilt.len() != snapshot.len() {
            report.differs(format!(
                "the store holds {} live entities, {} are served",
                rebuilt.len(),
                snapshot.len()
            ));
        }
        for node in snapshot.nodes_unchecked() {
            let same = rebuilt
                .node_unchecked(node.no)
                .is_some_and(|other| same_node(snapshot, node, &rebuilt, other));
            if !same {
                report.differs(format!(
                    "`{}` is served otherwise than a restart would load it",
                    node.entity
                ));
            }
            let incoming = |graph: &Snapshot| -> BTreeSet<(String, EntityNo)> {
                graph
                    .incoming_unchecked(node.no)
                    .map(|(relation, from)| (graph.relation_types().name(relation).to_owned(), from))
                    .collect()
            };
            if incoming(snapshot) != incoming(&rebuilt) {
                report.differs(format!(
                    "what points at `{}` is served otherwise than stored",
                    node.entity
                ));
            }
        }
        Ok(())
    }

    fn verify_index(&self, snapshot: &Snapshot, report: &mut VerifyReport) -> Result<(), CatalogError> {
        let expected = Checksum::expected(snapshot);
        let actual = self
            .search()
            .checksum()
            .map_err(|error| CatalogError::Invalid(error.to_string()))?;
        report.documents = actual.documents;
        report.index_sum = format!("{:016x}", actual.sum);
        if expected != actual {
            report.differs(format!(
                "the index has {} documents (sum {:016x}), the snapshot asks for {} (sum {:016x})",
                actual.documents, actual.sum, expected.documents, expected.sum
            ));
        }
        Ok(())
    }
}

/// Numbers of relation types are allotted in order of appearance, so relations are compared by name.
fn same_node(
    one_graph: &Snapshot,
    one: &Arc<crate::graph::Node>,
    two_graph: &Snapshot,
    two: &Arc<crate::graph::Node>,
) -> bool {
    let relations = |graph: &Snapshot, node: &crate::graph::Node| -> Vec<(String, EntityNo)> {
        node.relations
            .iter()
            .map(|edge| (graph.relation_types().name(edge.relation).to_owned(), edge.target))
            .collect()
    };
    relations(one_graph, one) == relations(two_graph, two)
        && crate::graph::Node {
            relations: Box::default(),
            ..(**one).clone()
        } == crate::graph::Node {
            relations: Box::default(),
            ..(**two).clone()
        }
}
