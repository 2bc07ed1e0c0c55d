//! Stitching what a batch touched, and everything that hangs on what moved with it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bailiwick_schema::{ClaimBody, Identifier, IdentifierClaim, Subject};
use foldhash::quality::RandomState;

use super::pending::PendingClaim;
use super::state::State;
use super::world::{Overlay, standing_of};
use crate::core::own::{INHERIT_DEPTH_MAX, Parent};
use crate::core::stitch::{SourcedClaim, Stitched, stitch};
use crate::graph::Snapshot;
use crate::store::{ClaimHead, ClaimKey, EntityNo, IdentifierRow, StoreError, StoreResult, StoredClaim};

/// How often one entity is stitched again within a commit because identifiers moved; then it stays as it is.
pub(super) const RESTITCH_MAX: u32 = 8;

/// The batch under way.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) stitched: BTreeMap<EntityNo, Option<Stitched>>,
    pub(super) rounds: HashMap<EntityNo, u32, RandomState>,
    pub(super) queue: BTreeSet<EntityNo>,
}

impl State {
    /// Stitches the queue until nothing more follows from it.
    pub(super) fn stitch_all(&mut self, batch: &mut Batch) -> StoreResult<()> {
        while let Some(no) = batch.queue.pop_first() {
            let rounds = batch.rounds.entry(no).or_default();
            *rounds += 1;
            if *rounds > RESTITCH_MAX {
                tracing::warn!(
                    entity = no.0,
                    "identifiers keep moving; the entity stays as it is in this commit"
                );
                continue;
            }
            let entity = match self.builder.current().name(no) {
                Some(entity) => entity.clone(),
                None => self.identity(no)?.entity,
            };
            let claims = self.claims_of(no)?;
            super::add_to(&self.shared.counters.entities_stitched, 1);
            let kinds = std::sync::Arc::clone(&self.settings.kinds);
            let stitched = {
                let snapshot = self.builder.current();
                let resolve =
                    |identifier: &Identifier| snapshot.holder(identifier).and_then(|no| snapshot.name(no).cloned());
                stitch(&entity, claims, &kinds, &resolve)
            };
            let moved = self.follow_identifiers(no, stitched.as_ref(), batch)?;
            if let Some(stitched) = &stitched {
                for relation in &stitched.relations {
                    self.number(&relation.target)?;
                }
                for parent in &stitched.inherits_from {
                    self.number(parent)?;
                }
                // It points at an identifier that it began or ceased to hold just now.
                if stitched
                    .watches
                    .iter()
                    .any(|watch| moved.iter().any(|one| one.as_str() == watch))
                {
                    batch.queue.insert(no);
                }
            }
            batch.stitched.insert(no, stitched);
        }
        Ok(())
    }

    /// All claims that count for an entity once the commit is made.
    pub(super) fn claims_of(&self, no: EntityNo) -> StoreResult<Vec<SourcedClaim>> {
        let mut keys: BTreeSet<ClaimKey> = BTreeSet::new();
        if no.0 < self.stored_numbers {
            keys.extend(self.store.claims_of_entity(no)?);
        }
        for (key, counts) in self.pending.entity_claims.get(&no).into_iter().flatten() {
            if *counts {
                keys.insert(*key);
            } else {
                keys.remove(key);
            }
        }
        let mut claims = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(PendingClaim::Put(stored, body)) = self.pending.claims.get(&key) {
                let entity_bytes = body.entity_in(&stored.body).map(<[u8]>::to_vec);
                claims.push(self.with_source(stored.without_body(), Arc::clone(body), entity_bytes));
            } else if let Some(stored) = self.claim(key)? {
                claims.push(self.sourced(stored)?);
            }
        }
        Ok(claims)
    }

    /// A claim as the commit under construction has it.
    pub(super) fn claim(&self, key: ClaimKey) -> StoreResult<Option<StoredClaim>> {
        match self.pending.claims.get(&key) {
            Some(PendingClaim::Removed(_)) => Ok(None),
            Some(PendingClaim::Put(stored, _)) => Ok(Some(stored.clone())),
            Some(PendingClaim::Head(head)) => Ok(self.store.claim(key)?.map(|stored| StoredClaim {
                head: head.clone(),
                ..stored
            })),
            None => self.store.claim(key),
        }
    }

    pub(super) fn sourced(&self, stored: StoredClaim) -> StoreResult<SourcedClaim> {
        let body: ClaimBody = serde_json::from_slice(&stored.body).map_err(|_| StoreError::Corrupt {
            what: format!("the claim of {} in scope {}", stored.subject, stored.head.key.scope.0),
        })?;
        let entity_bytes = body.entity_in(&stored.body).map(<[u8]>::to_vec);
        Ok(self.with_source(stored, Arc::new(body), entity_bytes))
    }

    fn with_source(&self, stored: StoredClaim, body: Arc<ClaimBody>, entity_bytes: Option<Vec<u8>>) -> SourcedClaim {
        let scope = self.scope(stored.head.key.scope);
        SourcedClaim {
            source: scope.source.clone(),
            source_type: scope.source_type.clone(),
            rank: scope.rank,
            scope: scope.id.clone(),
            stored,
            body,
            entity_bytes,
        }
    }

    /// Who alone holds an identifier, as the batch has it so far.
    pub(super) fn holder(&self, identifier: &Identifier) -> Option<EntityNo> {
        self.builder.current().holder(identifier)
    }

    /// Brings the identifier rows to what the entity now holds, and follows what hangs on those that moved.
    /// Returns these.
    fn follow_identifiers(
        &mut self,
        no: EntityNo,
        stitched: Option<&Stitched>,
        batch: &mut Batch,
    ) -> StoreResult<Vec<Identifier>> {
        let after: &[IdentifierClaim] = stitched.map_or(&[], |stitched| &stitched.identifiers);
        let before: Vec<IdentifierClaim> = match batch.stitched.get(&no) {
            Some(stitched) => stitched.as_ref().map(|one| one.identifiers.clone()).unwrap_or_default(),
            None => self
                .builder
                .current()
                .node_unchecked(no)
                .map(|node| node.identifiers.to_vec())
                .unwrap_or_default(),
        };
        if before == after {
            return Ok(Vec::new());
        }
        let now = self.settings.clock.now();
        let mut moved = Vec::new();
        for gone in before.iter().filter(|claim| !after.contains(claim)) {
            let kept_otherwise = after.iter().any(|claim| claim.identifier == gone.identifier);
            if !kept_otherwise {
                let row = IdentifierRow {
                    identifier: gone.identifier.clone(),
                    entity: no,
                    exclusive: gone.exclusive,
                    since: now,
                    until: Some(now),
                };
                self.put_identifier(row)?;
                moved.push(gone.identifier.clone());
            }
        }
        for new in after.iter().filter(|claim| !before.contains(claim)) {
            let row = IdentifierRow {
                identifier: new.identifier.clone(),
                entity: no,
                exclusive: new.exclusive,
                since: now,
                until: None,
            };
            self.put_identifier(row)?;
            moved.push(new.identifier.clone());
        }
        for identifier in &moved {
            self.dirty.extend(
                self.builder
                    .current()
                    .holders(identifier)
                    .iter()
                    .map(|holder| holder.entity),
            );
            self.readdress(identifier, batch)?;
            self.wake_watchers(identifier.as_str(), batch);
        }
        Ok(moved)
    }

    fn put_identifier(&mut self, mut row: IdentifierRow) -> StoreResult<()> {
        // A row that ends keeps the time it began.
        if row.until.is_some()
            && let Some(held) = self
                .store
                .identifier(&row.identifier)?
                .into_iter()
                .find(|held| held.entity == row.entity)
        {
            row.since = held.since;
        }
        self.builder.put_identifier(&row);
        self.pending
            .commit
            .identifiers_put
            .retain(|put| put.identifier != row.identifier || put.entity != row.entity);
        self.pending.commit.identifiers_put.push(row);
        Ok(())
    }

    /// Claims addressed through an identifier count for its holder, or for nobody.
    fn readdress(&mut self, identifier: &Identifier, batch: &mut Batch) -> StoreResult<()> {
        let holder = self.holder(identifier);
        let mut keys = self.store.waiting(identifier)?;
        keys.extend(
            self.pending
                .commit
                .waiting_put
                .iter()
                .filter(|(by, _)| by == identifier)
                .map(|(_, key)| *key),
        );
        keys.sort();
        keys.dedup();
        for key in keys {
            let Some(stored) = self.claim(key)? else { continue };
            if stored.head.entity == holder || stored.subject != Subject::Identifier(identifier.clone()) {
                continue;
            }
            if let Some(before) = stored.head.entity {
                self.pending.note_entity_claim(before, key, false);
                self.pending.commit.entity_claims_removed.push((before, key));
                batch.queue.insert(before);
            }
            if let Some(after) = holder {
                self.pending.note_entity_claim(after, key, true);
                batch.queue.insert(after);
            }
            self.put_head(ClaimHead {
                entity: holder,
                ..stored.head
            });
        }
        self.pending.touched.clear();
        Ok(())
    }

    fn wake_watchers(&self, what: &str, batch: &mut Batch) {
        batch.queue.extend(self.watches.get(what).into_iter().flatten());
        // Entities of this very batch are in no index yet.
        for (no, stitched) in &batch.stitched {
            if stitched
                .as_ref()
                .is_some_and(|stitched| stitched.watches.iter().any(|watch| watch == what))
            {
                batch.queue.insert(*no);
            }
        }
    }

    /// What depends on an entity's being there, or on who owns it by itself, is stitched with it.
    ///
    /// Looks at the whole batch once its queue is empty: only then is it known who lives and who holds what. Returns
    /// what each entity of the batch now means to its heirs; true once nothing follows any more.
    pub(super) fn follow_standings(&self, batch: &mut Batch) -> HashMap<EntityNo, Option<Parent>> {
        let snapshot = self.builder.current();
        let mut standings = HashMap::with_capacity(batch.stitched.len());
        let mut follow: BTreeSet<EntityNo> = BTreeSet::new();
        for (no, stitched) in &batch.stitched {
            let node = snapshot.node_unchecked(*no);
            if node.is_some() != stitched.is_some()
                && let Some(entity) = snapshot.name(*no)
            {
                follow.extend(
                    self.watches
                        .get(&format!("name:{}", entity.name()))
                        .into_iter()
                        .flatten(),
                );
            }
            let before = snapshot.standing(*no);
            let world = Overlay { snapshot, batch };
            let after = stitched
                .as_ref()
                .map(|one| standing_of(one, &self.settings.owner_order, &world));
            if before != after {
                follow.extend(heirs_of(snapshot, *no));
            }
            standings.insert(*no, after);
        }
        batch
            .queue
            .extend(follow.into_iter().filter(|no| !batch.stitched.contains_key(no)));
        standings
    }
}

/// Entities whose owner may come from this one, by the snapshot.
fn heirs_of(snapshot: &Snapshot, no: EntityNo) -> BTreeSet<EntityNo> {
    let mut queue: VecDeque<(EntityNo, usize)> = VecDeque::from([(no, 0)]);
    let mut heirs = BTreeSet::new();
    while let Some((parent, depth)) = queue.pop_front() {
        for (_, child) in snapshot.incoming_unchecked(parent) {
            let Some(node) = snapshot.node_unchecked(child) else {
                continue;
            };
            if node.asks_parents
                && node.parents.contains(&parent)
                && heirs.insert(child)
                && depth + 1 < INHERIT_DEPTH_MAX
            {
                queue.push_back((child, depth + 1));
            }
        }
    }
    heirs
}
