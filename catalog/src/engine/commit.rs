//! Committing: touched entities are stitched, ownership is decided, one commit is appended, a snapshot published.
//!
//! The builder is brought to the next state before the append, since stitching needs the batch's own identifiers and
//! entities; it is published only after the append, and a failed append ends the engine.

use std::collections::HashMap;

use bailiwick_schema::EntityRef;
use uuid::Uuid;

use super::pending::{Pending, PendingClaim};
use super::state::State;
use super::stitching::Batch;
use super::world::{Overlay, Settled};
use super::{PUBLISH_WAIT_MAX, monotonic_now};
use crate::core::invariants;
use crate::core::own::{Parent, own};
use crate::core::stitch::{Stitched, version_hash};
use crate::fail_point::FailPoint;
use crate::store::{
    ChangeKind, CommitCause, EntityNo, EntityVersion, FindingOwner, LoggedChange, LoggedCommit, NewVersion, Ownership,
    StoreResult, StoredFinding, Summary,
};

/// Ownership with the identifiers and names that it depends on.
type Decided = (Ownership, Vec<String>);

impl State {
    /// Commits what is pending; nothing is written if there is nothing.
    pub(super) fn flush(&mut self) -> StoreResult<()> {
        if self.pending.is_empty() {
            self.pending.since = None;
            return Ok(());
        }
        self.await_room()?;
        self.settings.fail_points.reach(FailPoint::ClaimsPlanned);
        // In the same commit: a reading that ends half-way leaves content of which the old proof knows nothing.
        for scope in std::mem::take(&mut self.pending.unproved) {
            if self.scopes[scope.0 as usize].proof.take().is_some() {
                self.put_scope(scope);
            }
        }
        for scope in std::mem::take(&mut self.pending.touched_scopes) {
            self.put_scope(scope);
        }
        self.last_at = self.settings.clock.now().max(self.last_at);
        let mut batch = Batch {
            queue: std::mem::take(&mut self.pending.touched),
            ..Batch::default()
        };
        let standings = loop {
            self.stitch_all(&mut batch)?;
            let standings = self.follow_standings(&mut batch);
            if batch.queue.is_empty() {
                break standings;
            }
        };
        let mut versions = self.decide_versions(batch, standings)?;
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
        for new in &commit.versions {
            self.remember(&new.version);
        }
        self.settings.fail_points.reach(FailPoint::BeforeDurableWrite);
        self.head = self.store.append(self.head, commit)?;
        self.settings.fail_points.reach(FailPoint::AfterDurableWrite);
        self.stored_numbers = self.next_no;
        super::add_to(&self.shared.counters.versions_written, entity_changes);
        if let Some(run) = run.as_ref().and_then(|run| self.runs.get_mut(run)) {
            run.position = Some(self.head);
            run.counts.commits += 1;
            run.counts.entities_changed += entity_changes;
        }
        self.unpublished_since.get_or_insert_with(monotonic_now);
        self.publish_if_due();
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

    /// Shows readers what is durable, at once unless more is coming.
    pub(super) fn publish_if_due(&mut self) {
        let Some(since) = self.unpublished_since else { return };
        if self.in_bulk && monotonic_now().duration_since(since) < PUBLISH_WAIT_MAX {
            return;
        }
        self.unpublished_since = None;
        self.settings.fail_points.reach(FailPoint::BeforePublish);
        let snapshot = self.builder.publish(self.head, self.last_at);
        self.shared.snapshot.store(std::sync::Arc::new(snapshot));
        self.shared.positions.send_replace(self.head);
        self.settings.fail_points.reach(FailPoint::AfterPublish);
    }

    /// Decides ownership for everything stitched and makes versions of what differs.
    fn decide_versions(
        &mut self,
        batch: Batch,
        standings: HashMap<EntityNo, Option<Parent>>,
    ) -> StoreResult<Vec<NewVersion>> {
        let decided: Vec<Option<Decided>> = {
            let world = Settled {
                overlay: Overlay {
                    snapshot: self.builder.current(),
                    batch: &batch,
                },
                standings,
            };
            batch
                .stitched
                .values()
                .map(|stitched| {
                    let stitched = stitched.as_ref()?;
                    let order = &self.settings.owner_order;
                    Some(own(&stitched.evidence, &stitched.inherits_from, order, &world))
                })
                .collect()
        };
        for owner in decided.iter().flatten().flat_map(|(ownership, _)| &ownership.owners) {
            self.number(owner)?;
        }
        let mut versions = Vec::with_capacity(decided.len());
        for ((no, stitched), ownership) in batch.stitched.into_iter().zip(decided) {
            self.note_entity_findings(no, stitched.as_ref())?;
            versions.extend(self.version(no, stitched, ownership)?);
        }
        for new in &versions {
            self.builder.put_version(&new.version);
        }
        Ok(versions)
    }

    fn version(
        &mut self,
        no: EntityNo,
        stitched: Option<Stitched>,
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
        let hash = version_hash(&stitched, &ownership, &watches);
        if node.as_ref().is_some_and(|node| node.hash == hash) {
            return Ok(None);
        }
        let (entity, uid) = match &node {
            Some(node) => (node.entity.clone(), node.uid),
            None => self.revive(no)?,
        };
        let version = EntityVersion {
            no,
            position: self.head.next(),
            entity,
            uid,
            at: self.last_at,
            change: if node.is_some() {
                ChangeKind::Updated
            } else {
                ChangeKind::Created
            },
            hash,
            summary: stitched.summary,
            relations: stitched.relations,
            ownership,
            identifiers: stitched.identifiers,
            inherits_from: stitched.inherits_from,
            continues: stitched.continues,
            watches,
        };
        Ok(Some(NewVersion {
            version,
            body: stitched.body,
        }))
    }

    /// Makes an entity live that was not, and gives its ref and uid.
    fn revive(&mut self, no: EntityNo) -> StoreResult<(EntityRef, Uuid)> {
        let mut identity = self.identity(no)?;
        let known = (identity.entity.clone(), identity.uid);
        if !identity.live {
            identity.live = true;
            self.pending.identities.insert(no, identity);
        }
        Ok(known)
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
                PendingClaim::Put(stored, _) => pending.commit.claims_put.push(stored),
                PendingClaim::Head(head) => pending.commit.heads_put.push(head),
                PendingClaim::Removed(entity) => pending.commit.claims_removed.push((key, entity)),
            }
        }
        pending.commit.claims_put.sort_by_key(|claim| claim.head.key);
        pending.commit.heads_put.sort_by_key(|head| head.key);
        pending.commit.claims_removed.sort();
    }
}
