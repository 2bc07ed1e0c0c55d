//! Every entity, folded from its claims again and held against its stored version and its served node.

use std::sync::Arc;

use bailiwick_schema::{Assertion, ContentHash, EntityRef, Identifier, OwnerMethod};

use super::report::{Part, VerifyReport};
use super::rows::{Rows, identifier_hash};
use super::{PerEntity, Progress, Stage, damage, short_hash, tell};
use crate::api::{Catalog, CatalogError};
use crate::core::own::{Parent, World, own};
use crate::core::stitch::{SourcedClaim, Stitched, stitch, version_hash};
use crate::graph::{Node, Snapshot};
use crate::store::{EntityNo, EntityVersion, Ownership, StoreError, StoreResult, StoredClaim};

/// Entities between two reports of progress.
const PROGRESS_ENTITIES: usize = 1_024;

/// What the rebuilt entities say about each other.
#[derive(Debug, Default)]
pub(super) struct Rebuilt {
    /// Sums over what points at each entity.
    pub(super) incoming: PerEntity,
}

/// The part of a relation that its target sees.
pub(super) fn edge_hash(relation: &str, from: EntityNo) -> u64 {
    short_hash(&[relation.as_bytes(), &from.0.to_le_bytes()])
}

/// The graph as ownership asks it.
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

/// The hash of a claim, from all that it covers; see `Claim::encode`.
fn claim_hash(claim: &StoredClaim) -> ContentHash {
    let assertion = [u8::from(claim.assertion == Assertion::Declares)];
    let line = claim.origin.line.unwrap_or(0).to_le_bytes();
    let url = claim.origin.url.as_deref().unwrap_or("");
    ContentHash::of_parts(&[&assertion, &line, url.as_bytes(), &claim.body])
}

fn short(hash: ContentHash) -> u64 {
    short_hash(&[hash.as_bytes()])
}

struct Comparison<'a> {
    catalog: &'a Catalog,
    snapshot: &'a Snapshot,
    order: &'a [OwnerMethod],
    rows: &'a Rows,
    rebuilt: Rebuilt,
    hashes: Vec<(EntityRef, ContentHash)>,
}

/// Rebuilds and compares all of them.
pub(super) fn rebuild(
    catalog: &Catalog,
    snapshot: &Snapshot,
    order: &[OwnerMethod],
    rows: &Rows,
    report: &mut VerifyReport,
    progress: Progress<'_>,
) -> Result<Rebuilt, CatalogError> {
    let mut comparison = Comparison {
        catalog,
        snapshot,
        order,
        rows,
        rebuilt: Rebuilt::default(),
        hashes: Vec::with_capacity(snapshot.len()),
    };
    let names = rows.names();
    let all = names.len();
    for (done, (no, name)) in names.enumerate() {
        if done % PROGRESS_ENTITIES == 0 {
            progress(Stage::Entities, done as u64, all as u64);
        }
        // One without a name was named as a damaged row.
        if let Some(name) = name {
            comparison.entity(no, name, report)?;
        }
    }
    progress(Stage::Entities, all as u64, all as u64);
    let Comparison {
        rebuilt, mut hashes, ..
    } = comparison;
    hashes.sort();
    let mut bytes = Vec::with_capacity(hashes.len() * 16);
    for (_, hash) in &hashes {
        bytes.extend_from_slice(hash.as_bytes());
    }
    report.entities_hash = ContentHash::of(&bytes).to_string();
    Ok(rebuilt)
}

impl Comparison<'_> {
    fn entity(&mut self, no: EntityNo, name: &EntityRef, report: &mut VerifyReport) -> StoreResult<()> {
        let claims = match damage(self.claims(no, name, report))? {
            Ok(claims) => claims,
            Err(damaged) => {
                report.differs(Part::Entities, || format!("`{name}` cannot be rebuilt: {damaged}"));
                return Ok(());
            }
        };
        let world = Graph(self.snapshot);
        let stitched = stitch(name, claims, self.catalog.kinds(), &|identifier| {
            world.holder(identifier)
        });
        match (stitched, self.snapshot.node_unchecked(no)) {
            (None, None) => {
                report.compare(Part::Identifiers, 0, self.rows.identifiers.of(no), || {
                    format!("`{name}` holds identifiers and is not there")
                });
            }
            (Some(_), None) => report.differs(Part::Entities, || {
                format!("`{name}` follows from its claims and is not served")
            }),
            (None, Some(_)) => {
                report.differs(Part::Entities, || {
                    format!("`{name}` is served and no claim declares it")
                });
            }
            (Some(stitched), Some(node)) => {
                let node = Arc::clone(node);
                self.parts(no, name, &stitched, &node, report)?;
            }
        }
        Ok(())
    }

    /// All claims that count for an entity.
    fn claims(&self, no: EntityNo, name: &EntityRef, report: &mut VerifyReport) -> StoreResult<Vec<SourcedClaim>> {
        let store = self.catalog.store();
        let mut claims = Vec::new();
        for key in store.claims_of_entity(no)? {
            let stored = store.claim(key)?.ok_or_else(|| StoreError::Corrupt {
                what: format!("a claim that entity {} lists: it is not there", no.0),
            })?;
            let corrupt = |what: &str| StoreError::Corrupt {
                what: format!("{what} of a claim about {}", stored.subject),
            };
            let body = serde_json::from_slice(&stored.body).map_err(|_| corrupt("the body"))?;
            let scope = self.rows.scopes.get(&key.scope.0).ok_or_else(|| corrupt("the scope"))?;
            let said = claim_hash(&stored);
            report.compare(Part::Claims, short(said), short(stored.head.hash), || {
                format!(
                    "`{name}`: what `{}` said in {} is no longer what it said",
                    scope.source, stored.origin.path
                )
            });
            claims.push(SourcedClaim {
                source: scope.source.clone(),
                source_type: scope.source_type.clone(),
                rank: scope.rank,
                scope: scope.id.clone(),
                body: Arc::new(body),
                stored,
                entity_bytes: None,
            });
        }
        Ok(claims)
    }

    fn parts(
        &mut self,
        no: EntityNo,
        name: &EntityRef,
        stitched: &Stitched,
        node: &Node,
        report: &mut VerifyReport,
    ) -> StoreResult<()> {
        let world = Graph(self.snapshot);
        let (ownership, mut watches) = own(&stitched.evidence, &stitched.inherits_from, self.order, &world);
        watches.extend(stitched.watches.iter().cloned());
        watches.sort();
        watches.dedup();
        let hash = version_hash(stitched, &ownership, &watches);
        report.entities += 1;
        report.edges += stitched.relations.len() as u64;
        self.hashes.push((name.clone(), hash));
        for relation in &stitched.relations {
            match self.snapshot.number(&relation.target) {
                Some(target) => self.rebuilt.incoming.add(target, edge_hash(&relation.relation, no)),
                None => report.differs(Part::Relations, || {
                    format!("`{name}`: its target `{}` is not known", relation.target)
                }),
            }
        }
        let store = self.catalog.store();
        match damage(store.version(no, node.position))? {
            Ok(Some(version)) => {
                let body = match damage(store.body(no, node.position))? {
                    Ok(body) => body.unwrap_or_default(),
                    Err(damaged) => {
                        report.differs(Part::Entities, || format!("`{name}`: {damaged}"));
                        return Ok(());
                    }
                };
                let rebuilt = Whole {
                    stitched,
                    ownership: &ownership,
                    watches: &watches,
                    hash,
                };
                rebuilt.compare(name, &version, &body, report);
                report.sum(Part::Snapshot, 0, 0);
                if let Some(field) = tell::served_otherwise(self.snapshot, node, &version) {
                    report.differs(Part::Snapshot, || {
                        format!("`{name}`: its {field} is served otherwise than stored")
                    });
                }
            }
            Ok(None) => report.differs(Part::Entities, || {
                format!("`{name}`: its version of position {} is not there", node.position)
            }),
            Err(damaged) => report.differs(Part::Entities, || format!("`{name}`: {damaged}")),
        }
        self.identifiers(no, name, stitched, report);
        Ok(())
    }

    /// The rows of identifiers, and who holds them as served.
    fn identifiers(&self, no: EntityNo, name: &EntityRef, stitched: &Stitched, report: &mut VerifyReport) {
        let rebuilt = stitched.identifiers.iter().fold(0_u64, |sum, claim| {
            sum.wrapping_add(identifier_hash(&claim.identifier, claim.exclusive))
        });
        report.compare(Part::Identifiers, rebuilt, self.rows.identifiers.of(no), || {
            format!("`{name}` has rows of other identifiers than its claims give it")
        });
        for claim in &stitched.identifiers {
            let holds = self
                .snapshot
                .holders(&claim.identifier)
                .iter()
                .any(|holder| holder.entity == no && holder.exclusive == claim.exclusive);
            if !holds {
                report.differs(Part::Identifiers, || {
                    format!("`{name}` is not served as a holder of `{}`", claim.identifier)
                });
            }
        }
    }
}

/// An entity as its claims and its neighbours make it.
struct Whole<'a> {
    stitched: &'a Stitched,
    ownership: &'a Ownership,
    watches: &'a [String],
    hash: ContentHash,
}

impl Whole<'_> {
    fn compare(&self, name: &EntityRef, version: &EntityVersion, body: &[u8], report: &mut VerifyReport) {
        let stitched = self.stitched;
        let entity = |body: &[u8], rest: &[u8]| short_hash(&[body, rest]);
        let rest = bytes_of(&(
            &stitched.summary,
            &stitched.inherits_from,
            &stitched.continues,
            self.watches,
            self.hash,
        ));
        let held_rest = bytes_of(&(
            &version.summary,
            &version.inherits_from,
            &version.continues,
            &version.watches,
            version.hash,
        ));
        report.compare(
            Part::Entities,
            entity(&stitched.body, &rest),
            entity(body, &held_rest),
            || tell::entity(name, self.stitched, self.watches, version, body),
        );
        let hash_of = |bytes: Vec<u8>| short_hash(&[&bytes]);
        report.compare(
            Part::Relations,
            hash_of(bytes_of(&stitched.relations)),
            hash_of(bytes_of(&version.relations)),
            || tell::relations(name, &stitched.relations, &version.relations),
        );
        report.compare(
            Part::Ownership,
            hash_of(bytes_of(self.ownership)),
            hash_of(bytes_of(&version.ownership)),
            || tell::ownership(name, self.ownership, &version.ownership),
        );
        if stitched.identifiers != version.identifiers {
            report.differs(Part::Identifiers, || {
                format!("`{name}` names other identifiers than its claims give it")
            });
        }
    }
}

fn bytes_of<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("a record serialises into memory")
}
