//! Committing: touched entities are stitched, ownership is decided, one commit is appended, a snapshot published.
//!
//! The builder is brought to the next state before the append, since stitching needs the batch's own identifiers and
//! entities; it is published only after the append, and a failed append ends the engine.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bailiwick_schema::{EntityRef, Identifier, IdentifierClaim, Subject};

use super::pending::{Pending, PendingClaim};
use super::state::State;
use crate::core::invariants;
use crate::core::own::{INHERIT_DEPTH_MAX, Parent, World, own};
use crate::core::stitch::{SourcedClaim, Stitched, stitch, version_hash};
use crate::graph::Snapshot;
use crate::store::{
    ChangeKind, ClaimHead, ClaimKey, CommitCause, EntityNo, EntityVersion, FindingOwner, IdentifierRow, LoggedChange,
    LoggedCommit, NewVersion, Ownership, StoreError, StoreResult, StoredClaim, StoredFinding, Summary,
};

/// How often one entity is stitched again within a commit because identifiers moved; then it stays as it is.
const RESTITCH_MAX: u32 = 8;

/// Ownership with the identifiers and names that it depends on.
type Decided = (Ownership, Vec<String>);

/// The batch under way.
#[derive(Default)]
struct Batch {
    stitched: BTreeMap<EntityNo, Option<Stitched>>,
    rounds: HashMap<EntityNo, u32>,
    queue: BTreeSet<EntityNo>,
}

impl State {
    /// Commits what is pending; nothing is written if there is nothing.
    pub(super) fn flush(&mut self) -> StoreResult<()> {
        if self.pending.is_empty() {
            self.pending.since = None;
            return Ok(());
        }
        self.last_at = self.settings.clock.now().max(self.last_at);
        let mut batch = Batch {
            queue: std::mem::take(&mut self.pending.touched),
            ..Batch::default()
        };
        loop {
            self.stitch_all(&mut batch)?;
            self.follow_standings(&mut batch);
            if batch.queue.is_empty() {
                break;
            }
        }
        let mut versions = self.decide_versions(&batch)?;
        for mut reissued in std::mem::take(&mut self.pending.reissued) {
            reissued.version.position = self.head.next();
            reissued.version.at = self.last_at;
            if !versions.iter().any(|new| new.version.no == reissued.version.no) {
                self.builder.put_version(&reissued.version);
                versions.push(reissued);
            }
        }
        let mut pending = std::mem::take(&mut self.pending);
        let run = pending.run.clone();
        let entity_changes = versions.len() as u64;
        self.finish_claims(&mut pending);
        let at = self.last_at;
        let position = self.head.next();
        let mut commit = pending.commit;
        commit.identities = pending.identities.into_values().collect();
        commit.versions = versions;
        for new in &commit.versions {
            debug_assert_eq!((new.version.position, new.version.at), (position, at));
            debug_assert_eq!(invariants::version_violation(new), None);
        }
        commit.log = Some(LoggedCommit {
            position,
            at,
            cause: pending.cause.unwrap_or(CommitCause::Ingest),
            source: pending.source,
            run: run.clone(),
            changes: commit
                .versions
                .iter()
                .map(|new| LoggedChange {
                    no: new.version.no,
                    entity: new.version.entity.clone(),
                    change: new.version.change,
                })
                .collect(),
        });
        let versions: Vec<EntityVersion> = commit.versions.iter().map(|new| new.version.clone()).collect();
        self.head = self.store.append(self.head, commit)?;
        self.stored_numbers = self.next_no;
        for version in &versions {
            self.remember(version);
        }
        let snapshot = self.builder.publish(self.head, at);
        self.shared.snapshot.store(std::sync::Arc::new(snapshot));
        self.shared.positions.send_replace(self.head);
        if let Some(run) = run.as_ref().and_then(|run| self.runs.get_mut(run)) {
            run.position = Some(self.head);
            run.counts.commits += 1;
            run.counts.entities_changed += entity_changes;
        }
        // The next batch goes on under the same heading until another run takes its turn.
        self.pending.run = pending.run;
        self.pending.source = self
            .pending
            .run
            .as_ref()
            .and_then(|run| Some(self.runs.get(run)?.begin.source.clone()));
        self.pending.cause = self.pending.run.is_some().then_some(CommitCause::Ingest);
        Ok(())
    }

    /// Stitches the queue until nothing more follows from it.
    fn stitch_all(&mut self, batch: &mut Batch) -> StoreResult<()> {
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
            let entity = self.identity(no)?.entity;
            let claims = self.claims_of(no)?;
            let kinds = std::sync::Arc::clone(&self.settings.kinds);
            let stitched = {
                let snapshot = self.builder.current();
                let resolve =
                    |identifier: &Identifier| snapshot.holder(identifier).and_then(|no| snapshot.name(no).cloned());
                stitch(&entity, claims, &kinds, &resolve)
            };
            self.follow_identifiers(no, stitched.as_ref(), batch)?;
            if let Some(stitched) = &stitched {
                for relation in &stitched.relations {
                    self.number(&relation.target)?;
                }
                for parent in &stitched.inherits_from {
                    self.number(parent)?;
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
        keys.into_iter()
            .filter_map(|key| self.claim(key).transpose())
            .map(|claim| self.sourced(claim?))
            .collect()
    }

    /// A claim as the commit under construction has it.
    pub(super) fn claim(&self, key: ClaimKey) -> StoreResult<Option<StoredClaim>> {
        match self.pending.claims.get(&key) {
            Some(PendingClaim::Removed(_)) => Ok(None),
            Some(PendingClaim::Put(stored)) => Ok(Some(stored.clone())),
            Some(PendingClaim::Head(head)) => Ok(self.store.claim(key)?.map(|stored| StoredClaim {
                head: head.clone(),
                ..stored
            })),
            None => self.store.claim(key),
        }
    }

    pub(super) fn sourced(&self, stored: StoredClaim) -> StoreResult<SourcedClaim> {
        let body = serde_json::from_slice(&stored.body).map_err(|_| StoreError::Corrupt {
            what: format!("the claim of {} in scope {}", stored.subject, stored.head.key.scope.0),
        })?;
        let scope = self.scope(stored.head.key.scope);
        Ok(SourcedClaim {
            source: scope.source.clone(),
            source_type: scope.source_type.clone(),
            rank: scope.rank,
            scope: scope.id.clone(),
            stored,
            body,
        })
    }

    /// Who alone holds an identifier, as the batch has it so far.
    pub(super) fn holder(&self, identifier: &Identifier) -> Option<EntityNo> {
        self.builder.current().holder(identifier)
    }

    /// Brings the identifier rows to what the entity now holds, and follows what hangs on those that moved.
    fn follow_identifiers(&mut self, no: EntityNo, stitched: Option<&Stitched>, batch: &mut Batch) -> StoreResult<()> {
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
            return Ok(());
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
        for identifier in moved {
            self.dirty.extend(
                self.builder
                    .current()
                    .holders(&identifier)
                    .iter()
                    .map(|holder| holder.entity),
            );
            self.readdress(&identifier, batch)?;
            self.wake_watchers(identifier.as_str(), batch);
        }
        Ok(())
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
    /// Looks at the whole batch once its queue is empty: only then is it known who lives and who holds what.
    fn follow_standings(&self, batch: &mut Batch) {
        let snapshot = self.builder.current();
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
            let names = |numbers: &[EntityNo]| -> Vec<EntityRef> {
                numbers.iter().filter_map(|no| snapshot.name(*no).cloned()).collect()
            };
            let before = node.map(|node| Parent {
                own_owners: if node.asks_parents {
                    Vec::new()
                } else {
                    names(&node.owners)
                },
                parents: names(&node.parents),
            });
            let world = Overlay { snapshot, batch };
            let after = stitched
                .as_ref()
                .map(|one| standing_of(one, &self.settings.owner_order, &world));
            if before != after {
                follow.extend(heirs_of(snapshot, *no));
            }
        }
        batch
            .queue
            .extend(follow.into_iter().filter(|no| !batch.stitched.contains_key(no)));
    }

    /// Decides ownership for everything stitched and makes versions of what differs.
    fn decide_versions(&mut self, batch: &Batch) -> StoreResult<Vec<NewVersion>> {
        let mut decided: Vec<(EntityNo, Option<Decided>)> = Vec::with_capacity(batch.stitched.len());
        {
            let standings: HashMap<EntityRef, Option<Parent>> = {
                let world = Overlay {
                    snapshot: self.builder.current(),
                    batch,
                };
                batch
                    .stitched
                    .iter()
                    .filter_map(|(no, stitched)| {
                        let name = self.builder.current().name(*no)?.clone();
                        let standing = stitched
                            .as_ref()
                            .map(|one| standing_of(one, &self.settings.owner_order, &world));
                        Some((name, standing))
                    })
                    .collect()
            };
            let world = Settled {
                overlay: Overlay {
                    snapshot: self.builder.current(),
                    batch,
                },
                standings,
            };
            for (no, stitched) in &batch.stitched {
                let ownership = stitched.as_ref().map(|stitched| {
                    own(
                        &stitched.evidence,
                        &stitched.inherits_from,
                        &self.settings.owner_order,
                        &world,
                    )
                });
                decided.push((*no, ownership));
            }
        }
        for (_, ownership) in &decided {
            for owner in ownership.iter().flat_map(|(ownership, _)| &ownership.owners) {
                self.number(&owner.clone())?;
            }
        }
        let mut versions = Vec::new();
        for (no, ownership) in decided {
            let stitched = batch.stitched.get(&no).and_then(Option::as_ref);
            let version = self.version(no, stitched, ownership)?;
            self.note_entity_findings(no, stitched)?;
            versions.extend(version);
        }
        for new in &versions {
            self.builder.put_version(&new.version);
        }
        Ok(versions)
    }

    fn version(
        &mut self,
        no: EntityNo,
        stitched: Option<&Stitched>,
        ownership: Option<Decided>,
    ) -> StoreResult<Option<NewVersion>> {
        let node = self.builder.current().node_unchecked(no).cloned();
        let (Some(stitched), Some((ownership, mut watches))) = (stitched, ownership) else {
            let Some(node) = node else { return Ok(None) };
            let mut identity = self.identity(no)?;
            identity.live = false;
            let version = EntityVersion {
                no,
                position: self.head.next(),
                entity: identity.entity.clone(),
                uid: node.uid,
                at: self.last_at,
                change: ChangeKind::Deleted,
                hash: bailiwick_schema::ContentHash::default(),
                summary: Summary {
                    kind: node.kind.to_string(),
                    namespace: node.namespace.to_string(),
                    name: node.name.to_string(),
                    ..Summary::default()
                },
                relations: Vec::new(),
                ownership: Ownership::default(),
                identifiers: Vec::new(),
                inherits_from: Vec::new(),
                continues: None,
                watches: Vec::new(),
            };
            self.pending.identities.insert(no, identity);
            return Ok(Some(NewVersion {
                version,
                body: Vec::new(),
            }));
        };
        watches.extend(stitched.watches.iter().cloned());
        watches.sort();
        watches.dedup();
        let hash = version_hash(stitched, &ownership, &watches);
        if node.as_ref().is_some_and(|node| node.hash == hash) {
            return Ok(None);
        }
        let mut identity = self.identity(no)?;
        if !identity.live {
            identity.live = true;
            self.pending.identities.insert(no, identity.clone());
        }
        let version = EntityVersion {
            no,
            position: self.head.next(),
            entity: identity.entity.clone(),
            uid: identity.uid,
            at: self.last_at,
            change: if node.is_some() {
                ChangeKind::Updated
            } else {
                ChangeKind::Created
            },
            hash,
            summary: stitched.summary.clone(),
            relations: stitched.relations.clone(),
            ownership,
            identifiers: stitched.identifiers.clone(),
            inherits_from: stitched.inherits_from.clone(),
            continues: stitched.continues.clone(),
            watches,
        };
        Ok(Some(NewVersion {
            version,
            body: stitched.body.clone(),
        }))
    }

    /// What the engine keeps in memory of a version.
    fn remember(&mut self, version: &EntityVersion) {
        for watch in self.watches_of.remove(&version.no).unwrap_or_default() {
            if let Some(watchers) = self.watches.get_mut(&watch) {
                watchers.remove(&version.no);
                if watchers.is_empty() {
                    self.watches.remove(&watch);
                }
            }
        }
        for watch in &version.watches {
            self.watches.entry(watch.clone()).or_default().insert(version.no);
        }
        if !version.watches.is_empty() {
            self.watches_of.insert(version.no, version.watches.clone());
        }
        if let Some(before) = &version.continues {
            self.continuers.insert(before.clone(), version.no);
        }
        self.dirty.insert(version.no);
        if version.change != ChangeKind::Updated {
            // Those who point at it may dangle now, or no longer.
            self.dirty.extend(
                self.builder
                    .current()
                    .incoming_unchecked(version.no)
                    .map(|(_, from)| from),
            );
        }
    }

    fn note_entity_findings(&mut self, no: EntityNo, stitched: Option<&Stitched>) -> StoreResult<()> {
        let found = stitched.map_or(&[][..], |stitched| &stitched.findings);
        if found.is_empty() && !self.with_findings.contains(&no) {
            return Ok(());
        }
        let owner = FindingOwner::Entity(no);
        let now = self.settings.clock.now();
        let findings = found.iter().map(|(source, scope, finding)| StoredFinding {
            owner: owner.clone(),
            source: source.clone(),
            scope: scope.clone(),
            first_seen: now,
            finding: finding.clone(),
        });
        let known = self.replace_findings(owner.clone(), findings.collect())?;
        if known {
            self.with_findings.insert(no);
        } else {
            self.with_findings.remove(&no);
        }
        Ok(())
    }

    /// Replaces an owner's findings where they differ; says whether there are any.
    pub(super) fn replace_findings(&mut self, owner: FindingOwner, mut after: Vec<StoredFinding>) -> StoreResult<bool> {
        let mut before = self.store.findings_of(&owner)?;
        for stored in &mut after {
            if let Some(known) = before.iter().find(|known| known.finding == stored.finding) {
                stored.first_seen = known.first_seen;
            }
        }
        before.sort_by_key(StoredFinding::id);
        after.sort_by_key(StoredFinding::id);
        after.dedup();
        let any = !after.is_empty();
        if before != after {
            self.pending.commit.findings_put.retain(|put| put.owner != owner);
            self.pending.commit.findings_cleared.push(owner);
            self.pending.commit.findings_put.extend(after);
        }
        Ok(any)
    }

    /// Turns the overlay of claims into the commit's rows.
    fn finish_claims(&self, pending: &mut Pending) {
        for (key, claim) in std::mem::take(&mut pending.claims) {
            match claim {
                PendingClaim::Put(stored) => pending.commit.claims_put.push(stored),
                PendingClaim::Head(head) => pending.commit.heads_put.push(head),
                PendingClaim::Removed(entity) => pending.commit.claims_removed.push((key, entity)),
            }
        }
        pending.commit.claims_put.sort_by_key(|claim| claim.head.key);
        pending.commit.heads_put.sort_by_key(|head| head.key);
        pending.commit.claims_removed.sort();
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

/// What an entity means to those that inherit from it.
fn standing_of(stitched: &Stitched, order: &[bailiwick_schema::OwnerMethod], world: &dyn World) -> Parent {
    let stronger: Vec<_> = order
        .iter()
        .copied()
        .take_while(|method| *method != bailiwick_schema::OwnerMethod::Inherited)
        .collect();
    let (ownership, _) = own(&stitched.evidence, &[], &stronger, world);
    Parent {
        own_owners: ownership.owners,
        parents: stitched.inherits_from.clone(),
    }
}

/// The world as the batch has it: what was stitched counts before what the snapshot says.
struct Overlay<'a> {
    snapshot: &'a Snapshot,
    batch: &'a Batch,
}

impl World for Overlay<'_> {
    fn lives(&self, entity: &EntityRef) -> bool {
        let Some(no) = self.snapshot.number(entity) else {
            return false;
        };
        match self.batch.stitched.get(&no) {
            Some(stitched) => stitched.is_some(),
            None => self.snapshot.node_unchecked(no).is_some(),
        }
    }

    fn holder(&self, identifier: &Identifier) -> Option<EntityRef> {
        self.snapshot.name(self.snapshot.holder(identifier)?).cloned()
    }

    fn parent(&self, entity: &EntityRef) -> Option<Parent> {
        let no = self.snapshot.number(entity)?;
        let node = self.snapshot.node_unchecked(no)?;
        let names = |numbers: &[EntityNo]| {
            numbers
                .iter()
                .filter_map(|no| self.snapshot.name(*no).cloned())
                .collect()
        };
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
}

struct Settled<'a> {
    overlay: Overlay<'a>,
    standings: HashMap<EntityRef, Option<Parent>>,
}

impl World for Settled<'_> {
    fn lives(&self, entity: &EntityRef) -> bool {
        self.overlay.lives(entity)
    }

    fn holder(&self, identifier: &Identifier) -> Option<EntityRef> {
        self.overlay.holder(identifier)
    }

    fn parent(&self, entity: &EntityRef) -> Option<Parent> {
        match self.standings.get(entity) {
            Some(standing) => standing.clone(),
            None => self.overlay.parent(entity),
        }
    }
}
