//! The end of a run: due sweeps are judged together, applied or held, and the ledger's row is completed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bailiwick_schema::{
    Finding, Identifier, RunId, RunOutcome, RunRecord, RunStatus, ScopeId, Severity, SinkError, SourceId, Subject,
    Timestamp,
};

use super::Outcome;
use super::close::Replaced;
use super::pending::PendingClaim;
use super::state::{LOSS_WINDOW, OpenRun, State};
use crate::core::plan::{Removals, ScopeTotals, plan_removals};
use crate::store::{
    AppliedSweep, ClaimKey, CommitCause, EntityNo, EntityVersion, FindingOwner, LedgerWrite, ScopeNo, StoreResult,
    StoredClaim, SweepRecord, SweepState,
};

/// Who applied a sweep that the guard let pass; any other name is a person's.
pub(super) const BY_GUARD: &str = "guard";

impl State {
    pub(super) fn run_end(
        &mut self,
        run: &RunId,
        outcome: RunOutcome,
        ended_at: Timestamp,
        telemetry: BTreeMap<String, u64>,
    ) -> Outcome<RunRecord> {
        if !self.runs.contains_key(run) {
            return Ok(Err(SinkError::RunUnknown(run.clone())));
        }
        self.switch_to(run)?;
        let open: Vec<_> = self
            .tickets
            .iter()
            .filter(|(_, scope)| scope.run == *run)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in open {
            if let Some(mut scope) = self.tickets.remove(&ticket) {
                self.void_if_found(&scope);
                self.note_findings(&mut scope, Replaced::Mentioned)?;
            }
        }
        self.flush()?;
        self.settle(run)?;
        self.look_at_links()?;
        self.flush()?;
        let Some(open) = self.runs.remove(run) else {
            return Ok(Err(SinkError::RunUnknown(run.clone())));
        };
        self.pending.run = None;
        self.pending.source = None;
        self.pending.cause = None;
        let record = record_of(&open, &outcome, ended_at, telemetry);
        // As they are now: what came after the proof, of this run or of another, must not be undone.
        let scopes = open.ledger_scopes.iter().map(|no| self.scope(*no).clone()).collect();
        let meta = self.note_links_seen();
        self.store.ledger(LedgerWrite {
            runs: vec![record.clone()],
            scopes,
            meta,
            ..LedgerWrite::default()
        })?;
        self.forget_tombstones();
        Ok(Ok(record))
    }

    /// Judges every due sweep of the run's source, and the waiting ones of which something has moved.
    fn settle(&mut self, run: &RunId) -> StoreResult<()> {
        let Some(source) = self.runs.get(run).map(|run| run.begin.source.clone()) else {
            return Ok(());
        };
        let due: Vec<ScopeNo> = self
            .sweeps
            .values()
            .filter(|sweep| {
                !matches!(sweep.state, SweepState::Rejected { .. }) && self.scope(sweep.scope).source == source
            })
            .map(|sweep| sweep.scope)
            .collect();
        for no in due {
            let Some(sweep) = self.sweeps.get(&no).cloned() else {
                continue;
            };
            let claims = self.still_missing(&sweep)?;
            let counted = claims.iter().filter(|claim| !self.has_moved(run, claim)).count() as u64;
            if sweep.state != SweepState::Due && counted == claims.len() as u64 {
                continue;
            }
            let totals = self.totals(no)?;
            let marked = self.scope(no).next_sweep_pending;
            match plan_removals(counted, &totals, &self.settings.sweep_policy, marked) {
                Removals::Apply => {
                    self.apply_sweep(&sweep, claims, counted, BY_GUARD)?;
                }
                Removals::Hold { reason } => {
                    tracing::warn!(scope = %self.scope(no).id, %source, reason, "sweep held");
                    if let Some(run) = self.runs.get_mut(run) {
                        run.counts.claims_pending += claims.len() as u64;
                    }
                    let held = SweepRecord {
                        state: SweepState::Pending { reason },
                        ..sweep.clone()
                    };
                    if held != sweep {
                        self.put_sweep(held);
                    }
                }
            }
        }
        self.note_pending(&source)
    }

    /// One finding a source while any of its sweeps waits.
    pub(super) fn note_pending(&mut self, source: &SourceId) -> StoreResult<()> {
        let waiting: Vec<String> = self
            .sweeps
            .values()
            .filter(|sweep| {
                matches!(sweep.state, SweepState::Pending { .. }) && self.scope(sweep.scope).source == *source
            })
            .map(|sweep| format!("{} ({} claims)", self.scope(sweep.scope).id, sweep.missing.len()))
            .collect();
        let finding = (!waiting.is_empty()).then(|| {
            let message = format!(
                "sweeps wait for a decision: {}. Look at them with `bailiwick sweeps`, then approve or reject",
                waiting.join(", ")
            );
            Finding::new("sweep_pending", Severity::Warning, message)
        });
        self.set_source_finding(source, "sweep_pending", finding)
    }

    /// The claims of a sweep that are still held and were not renewed after its proof.
    pub(super) fn still_missing(&self, sweep: &SweepRecord) -> StoreResult<Vec<StoredClaim>> {
        let mut claims = Vec::with_capacity(sweep.missing.len());
        for key in &sweep.missing {
            if let Some(claim) = self.claim(*key)?
                && claim.head.requested_at <= sweep.proved_at
            {
                claims.push(claim);
            }
        }
        Ok(claims)
    }

    /// Whether the run declared the claim's entity from another scope: then it moved and is no removal.
    fn has_moved(&self, run: &RunId, claim: &StoredClaim) -> bool {
        let declared = || {
            let entity = claim.head.entity?;
            self.runs.get(run)?.declared.get(&entity)
        };
        declared().is_some_and(|(first, last)| *first != claim.head.key.scope || *last != claim.head.key.scope)
    }

    /// The swept scope and everything that encloses it, up to the source, in numbers.
    fn totals(&self, no: ScopeNo) -> StoreResult<Vec<ScopeTotals>> {
        let now = self.settings.clock.now();
        let source = self.scope(no).source.clone();
        let mut totals = Vec::new();
        let mut at = Some(no);
        while let Some(no) = at {
            let below: BTreeSet<ScopeNo> = self.with_descendants(no).into_iter().collect();
            totals.push(self.totals_of(self.scope(no).id.as_str(), &below, now));
            let parent = self.scope(no).parent.clone();
            at = parent.and_then(|parent| self.scope_nos.get(&(source.clone(), parent)).copied());
            if totals.len() > self.scopes.len() {
                break;
            }
        }
        let all: BTreeSet<ScopeNo> = self
            .scopes
            .iter()
            .filter(|scope| scope.source == source)
            .map(|scope| scope.no)
            .collect();
        totals.push(self.totals_of(&format!("source {source}"), &all, now));
        Ok(totals)
    }

    fn totals_of(&self, name: &str, scopes: &BTreeSet<ScopeNo>, now: Timestamp) -> ScopeTotals {
        ScopeTotals {
            name: name.to_owned(),
            held: scopes.iter().map(|no| self.scope(*no).claims).sum(),
            lost: self
                .losses
                .iter()
                .filter(|(at, no, _)| scopes.contains(no) && now.since(*at) < LOSS_WINDOW)
                .map(|(_, _, lost)| lost)
                .sum(),
        }
    }

    /// Removes the claims of a sweep and retires the scopes that it names. Returns the id under which it can be undone.
    pub(super) fn apply_sweep(
        &mut self,
        sweep: &SweepRecord,
        claims: Vec<StoredClaim>,
        counted: u64,
        by: &str,
    ) -> StoreResult<Option<String>> {
        self.drop_sweep(sweep.scope);
        let source = self.scope(sweep.scope).source.clone();
        for id in &sweep.retires {
            self.retire(&source, id)?;
        }
        let record = &mut self.scopes[sweep.scope.0 as usize];
        if record.next_sweep_pending {
            record.next_sweep_pending = false;
            self.put_scope(sweep.scope);
        }
        let removed = claims.len() as u64;
        let now = self.settings.clock.now();
        for claim in &claims {
            self.remove_claim(claim, sweep.proved_at, now);
        }
        if let Some(run) = self.pending.run.as_ref().and_then(|run| self.runs.get_mut(run)) {
            run.counts.claims_removed += removed;
        }
        self.pending.cause = Some(CommitCause::Sweep);
        let mut applied_id = None;
        if removed > 0 {
            let id = format!("{}-{:014x}", sweep.scope.0, now.micros());
            tracing::info!(scope = %self.scope(sweep.scope).id, %source, removed, sweep = %id, "swept");
            // What a person approved is no loss that the guard should fear.
            if by == BY_GUARD {
                self.losses.push((now, sweep.scope, counted));
            }
            let applied = AppliedSweep {
                id: id.clone(),
                scope: sweep.scope,
                at: now,
                by: by.to_owned(),
                removed: counted,
            };
            self.pending.commit.applied_sweeps.push((applied, claims));
            applied_id = Some(id);
        }
        self.flush()?;
        self.hand_over_uids()?;
        self.flush()?;
        Ok(applied_id)
    }

    fn retire(&mut self, source: &SourceId, id: &ScopeId) -> StoreResult<()> {
        let Some(no) = self.scope_nos.get(&(source.clone(), id.clone())).copied() else {
            return Ok(());
        };
        for below in self.with_descendants(no) {
            let owners: BTreeSet<FindingOwner> = self
                .store
                .findings_of_scope(below)?
                .into_iter()
                .map(|stored| stored.owner)
                .collect();
            self.pending.commit.findings_cleared.extend(owners);
            self.drop_sweep(below);
            let record = &mut self.scopes[below.0 as usize];
            record.retired = true;
            record.cursor = None;
            record.proof = None;
            self.put_scope(below);
        }
        Ok(())
    }

    fn remove_claim(&mut self, claim: &StoredClaim, proved_at: Timestamp, now: Timestamp) {
        let key = claim.head.key;
        if let Some(entity) = claim.head.entity {
            self.pending.note_entity_claim(entity, key, false);
        }
        if let Subject::Identifier(identifier) = &claim.subject {
            let identifier: Identifier = identifier.clone();
            self.pending
                .commit
                .waiting_put
                .retain(|put| *put != (identifier.clone(), key));
            self.pending.commit.waiting_removed.push((identifier, key));
        }
        self.pending
            .claims
            .insert(key, PendingClaim::Removed(claim.head.entity));
        self.tombstones.insert(key, (proved_at, now));
        self.forget_in_open_scopes(key);
        let record = &mut self.scopes[key.scope.0 as usize];
        record.claims = record.claims.saturating_sub(1);
        self.put_scope(key.scope);
        super::add_claims(&self.shared, 0, 1);
    }

    /// Entities that moved take the uid of what they were, once that is gone.
    fn hand_over_uids(&mut self) -> StoreResult<()> {
        let moved: Vec<(EntityNo, EntityNo)> = self
            .continuers
            .iter()
            .filter_map(|(before, after)| {
                let snapshot = self.builder.current();
                let before = snapshot.number(before)?;
                let gone = snapshot.node_unchecked(before).is_none();
                let lives = snapshot.node_unchecked(*after).is_some();
                (gone && lives && before != *after).then_some((before, *after))
            })
            .collect();
        for (before, after) in moved {
            let (mut old, mut new) = (self.identity(before)?, self.identity(after)?);
            self.continuers.remove(&old.entity);
            std::mem::swap(&mut old.uid, &mut new.uid);
            let uid = new.uid;
            tracing::info!(from = %old.entity, to = %new.entity, "the moved entity keeps its uid");
            self.pending.identities.insert(before, old);
            self.pending.identities.insert(after, new);
            self.reissue(after, uid)?;
        }
        Ok(())
    }

    /// Writes the newest version of an entity again under another uid.
    fn reissue(&mut self, no: EntityNo, uid: uuid::Uuid) -> StoreResult<()> {
        let Some(node) = self.builder.current().node_unchecked(no).cloned() else {
            return Ok(());
        };
        let (Some(version), Some(body)) = (
            self.store.version(no, node.position)?,
            self.store.body(no, node.position)?,
        ) else {
            return Ok(());
        };
        let version = EntityVersion {
            uid,
            change: crate::store::ChangeKind::Updated,
            position: self.head.next(),
            ..version
        };
        self.pending.reissued.push(crate::store::NewVersion { version, body });
        Ok(())
    }

    /// Tombstones matter to runs that were open when the claim went.
    fn forget_tombstones(&mut self) {
        let oldest = self.runs.values().map(|run| run.begin.started_at).min();
        match oldest {
            None => self.tombstones.clear(),
            Some(oldest) => self.tombstones.retain(|_, (_, removed_at)| *removed_at >= oldest),
        }
    }

    /// Brings removed claims back, as they were.
    pub(super) fn reinstate(&mut self, claims: Vec<StoredClaim>) -> StoreResult<u64> {
        let mut count = 0;
        for mut claim in claims {
            let key: ClaimKey = claim.head.key;
            if self.claim(key)?.is_some() {
                continue;
            }
            self.tombstones.remove(&key);
            claim.head.entity = self.subject(&claim.subject.clone())?;
            let record = &mut self.scopes[key.scope.0 as usize];
            record.retired = false;
            let body = Arc::clone(&self.sourced(claim.clone())?.body);
            self.put_claim(claim, body, true);
            self.void_proof(key.scope);
            count += 1;
        }
        Ok(count)
    }
}

fn record_of(open: &OpenRun, outcome: &RunOutcome, ended_at: Timestamp, telemetry: BTreeMap<String, u64>) -> RunRecord {
    let all_proved = open.counts.scopes_proved >= open.counts.scopes_opened;
    let (status, error) = match outcome {
        RunOutcome::Finished if all_proved => (RunStatus::Succeeded, None),
        RunOutcome::Finished => (RunStatus::Partial, None),
        RunOutcome::Failed { message } => (RunStatus::Failed, Some(message.clone())),
        RunOutcome::Cancelled { message } => (RunStatus::Cancelled, Some(message.clone())),
    };
    RunRecord {
        id: open.begin.id.clone(),
        source: open.begin.source.clone(),
        source_type: open.begin.source_type.clone(),
        cause: open.begin.cause,
        status,
        started_at: open.begin.started_at,
        ended_at: Some(ended_at),
        position: open.position,
        counts: open.counts,
        error,
        telemetry,
    }
}
