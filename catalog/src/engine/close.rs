//! Closing scopes: what a proof means for what is held, and which sweep is due.

use std::collections::{BTreeSet, HashSet};

use bailiwick_schema::{Closing, Cursor, Finding, Proof, ScopeClosed, ScopeId, ScopeTicket, Severity, SinkError};

use super::Outcome;
use super::state::{OpenScope, State};
use crate::store::{
    ClaimHead, ClaimId, ClaimKey, FindingOwner, ScopeNo, ScopeRecord, StoreResult, StoredFinding, SweepRecord,
    SweepState,
};

impl State {
    pub(super) fn scope_close(&mut self, ticket: ScopeTicket, closing: Closing) -> Outcome<ScopeClosed> {
        let Some(mut scope) = self.tickets.remove(&ticket) else {
            return Ok(Err(SinkError::ScopeUnknown));
        };
        self.switch_to(&scope.run.clone())?;
        let record = self.scope(scope.no);
        let proved = record.proof.is_some() && record.cursor.is_some();
        // Its own content, committed already, voided the proof that its difference begins with.
        let begins_with_proof = proved || (scope.had_proof && scope.changed && !scope.spoilt);
        let refused = match &closing {
            Closing::Unchanged => !proved || scope.changed,
            Closing::Delta { base, .. } => {
                !begins_with_proof
                    || record.cursor.as_ref() != Some(base)
                    || self.splits_an_origin_with_findings(&scope)?
            }
            Closing::Complete { .. } | Closing::Partial => false,
        };
        if refused {
            scope.gone.clear();
            scope.gone_claims.clear();
            scope.read.clear();
            self.tickets.insert(ticket, scope);
            return Ok(Ok(ScopeClosed::BaseRefused));
        }
        match closing {
            Closing::Unchanged => {
                self.note_findings(&mut scope, Replaced::Mentioned)?;
                self.count(&scope, |counts| {
                    counts.scopes_proved += 1;
                    counts.scopes_unchanged += 1;
                });
            }
            Closing::Partial => {
                self.void_if_found(&scope);
                self.note_findings(&mut scope, Replaced::Mentioned)?;
            }
            Closing::Delta { base: _, proof, cursor } => {
                let missing = self.missing_of_delta(&mut scope)?;
                self.prove(&mut scope, proof, Some(cursor), missing, BTreeSet::new(), None)?;
                self.note_findings(&mut scope, Replaced::Mentioned)?;
            }
            Closing::Complete { proof, cursor } => self.complete(&mut scope, proof, cursor)?,
        }
        self.flush()?;
        Ok(Ok(ScopeClosed::Accepted))
    }

    /// What a reading without a proof found goes away with the next whole reading, so there has to be one.
    pub(super) fn void_if_found(&mut self, scope: &OpenScope) {
        if !scope.findings.is_empty() {
            self.void_proof(scope.no);
        }
    }

    /// Whether a difference tells of single claims of an origin that has findings: which of them go with what changed
    /// only a reading of the whole origin can tell.
    fn splits_an_origin_with_findings(&self, scope: &OpenScope) -> StoreResult<bool> {
        let told = scope
            .told
            .iter()
            .copied()
            .chain(scope.gone_claims.iter().map(ClaimId::origin));
        let whole = [&scope.read, &scope.gone, &scope.unreadable];
        let split: BTreeSet<[u8; 8]> = told
            .filter(|origin| !whole.iter().any(|set| set.contains(origin)))
            .collect();
        for origin in split {
            let owner = FindingOwner::Origin {
                scope: scope.no,
                origin,
            };
            if scope.findings.contains_key(&origin) || !self.store.findings_of(&owner)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn complete(&mut self, scope: &mut OpenScope, proof: Proof, cursor: Option<Cursor>) -> StoreResult<()> {
        self.load_all_held(scope)?;
        let record = self.scope(scope.no);
        let held_before = record.claims > 0 || !record.members.is_empty();
        let empty = scope.delivered == 0 && scope.members.is_empty() && scope.unreadable.is_empty();
        if empty && held_before && proof == Proof::Listing {
            let message = format!(
                "{} came back empty although it held content, and the answer names no version that proves it; \
                 nothing is removed",
                record.id
            );
            let finding = Finding::new("empty_unproved", Severity::Warning, message);
            scope
                .findings
                .entry(crate::store::ClaimId::origin_prefix(""))
                .or_default()
                .push(finding);
            self.void_if_found(scope);
            return self.note_findings(scope, Replaced::Mentioned);
        }
        let retires: BTreeSet<ScopeId> = record
            .members
            .iter()
            .filter(|member| !scope.members.contains(*member))
            .cloned()
            .collect();
        let missing = self.missing_of_complete(scope)?;
        let members: Vec<ScopeId> = scope.members.iter().cloned().collect();
        self.prove(scope, proof, cursor, missing, retires, Some(members))?;
        self.note_findings(scope, Replaced::All)
    }

    /// What a whole reading did not show: held, not delivered, not unreadable, and not newer than the opening.
    fn missing_of_complete(&mut self, scope: &mut OpenScope) -> StoreResult<BTreeSet<ClaimKey>> {
        let mut missing = BTreeSet::new();
        let mut stale = Vec::new();
        for (id, held) in &scope.held.known {
            if held.seen || held.requested_at > scope.opened_at {
                continue;
            }
            let key = ClaimKey {
                scope: scope.no,
                id: *id,
            };
            if scope.unreadable.contains(&id.origin()) {
                stale.push(key);
            } else {
                missing.insert(key);
            }
        }
        self.mark_stale(stale)?;
        Ok(missing)
    }

    /// What a reading of some origins did not show any more.
    fn missing_of_delta(&mut self, scope: &mut OpenScope) -> StoreResult<BTreeSet<ClaimKey>> {
        // What an earlier sweep waits to remove is still missing unless it was delivered.
        let waiting = self.sweeps.get(&scope.no).map(|sweep| sweep.missing.iter().copied());
        let mut missing: BTreeSet<ClaimKey> = waiting.into_iter().flatten().collect();
        let named = scope.gone.iter().chain(&scope.read).chain(&scope.unreadable);
        for origin in named.copied().collect::<BTreeSet<_>>() {
            self.load_held_of_origin(scope, origin)?;
        }
        for id in scope.gone_claims.clone() {
            self.held(scope, ClaimKey { scope: scope.no, id })?;
        }
        let mut stale = Vec::new();
        for (id, held) in &scope.held.known {
            if held.seen || held.requested_at > scope.opened_at {
                continue;
            }
            let (key, origin) = (
                ClaimKey {
                    scope: scope.no,
                    id: *id,
                },
                id.origin(),
            );
            if scope.unreadable.contains(&origin) {
                stale.push(key);
            } else if scope.gone.contains(&origin) || scope.read.contains(&origin) || scope.gone_claims.contains(id) {
                missing.insert(key);
            }
        }
        self.mark_stale(stale)?;
        Ok(missing)
    }

    fn mark_stale(&mut self, claims: Vec<ClaimKey>) -> StoreResult<()> {
        for key in claims {
            self.no_longer_missing(key);
            if let Some(head) = self.head_of(key)?
                && !head.stale
            {
                self.put_head(ClaimHead { stale: true, ..head });
                for open in self.tickets.values_mut().filter(|open| open.no == key.scope) {
                    if let Some(held) = open.held.known.get_mut(&key.id) {
                        held.stale = true;
                    }
                }
            }
        }
        Ok(())
    }

    /// Moves the scope to its new proof and records the sweep that the end of the run will settle.
    fn prove(
        &mut self,
        scope: &mut OpenScope,
        proof: Proof,
        cursor: Option<Cursor>,
        missing: BTreeSet<ClaimKey>,
        retires: BTreeSet<ScopeId>,
        members: Option<Vec<ScopeId>>,
    ) -> StoreResult<()> {
        let mut missing = missing;
        let mut retires = retires;
        let waiting = self.sweeps.get(&scope.no).map(|sweep| sweep.retires.clone());
        let waiting = waiting.unwrap_or_default().into_iter();
        if members.is_some() {
            // Scopes that an earlier, still waiting proof no longer named, and this one does not name either.
            retires.extend(waiting.filter(|id| !scope.members.contains(id)));
            for id in &retires {
                missing.extend(self.claims_below(scope, id)?);
            }
        } else {
            // A delta says nothing of them: they go on to wait.
            retires.extend(waiting);
        }
        self.due_sweep(scope, missing, retires);
        let record = &mut self.scopes[scope.no.0 as usize];
        let before: ScopeRecord = record.clone();
        if let Some(members) = members {
            record.members = members;
        }
        record.cursor = cursor;
        record.proof = (!scope.spoilt).then_some(proof);
        self.pending.unproved.remove(&scope.no);
        if *record != before {
            record.proved_at = Some(scope.opened_at);
            // The cursor travels with what was read under it; where nothing was, with the run's ledger row.
            if self.pending.is_empty() {
                if let Some(run) = self.runs.get_mut(&scope.run) {
                    run.ledger_scopes.insert(scope.no);
                }
            } else {
                self.put_scope(scope.no);
            }
        }
        self.count(scope, |counts| counts.scopes_proved += 1);
        Ok(())
    }

    /// Keys of all claims in a scope that is no longer listed, and below it, as far as they are not newer.
    fn claims_below(&mut self, scope: &OpenScope, id: &ScopeId) -> StoreResult<Vec<ClaimKey>> {
        let source = self.scope(scope.no).source.clone();
        let Some(no) = self.scope_nos.get(&(source, id.clone())).copied() else {
            return Ok(Vec::new());
        };
        let mut keys = Vec::new();
        for below in self.with_descendants(no) {
            let held = self.load_held(below)?.into_iter();
            let old = held.filter(|(_, held)| held.requested_at <= scope.opened_at);
            keys.extend(old.map(|(id, _)| ClaimKey { scope: below, id }));
        }
        Ok(keys)
    }

    fn due_sweep(&mut self, scope: &OpenScope, missing: BTreeSet<ClaimKey>, retires: BTreeSet<ScopeId>) {
        let missing: Vec<ClaimKey> = missing.into_iter().collect();
        let retires: Vec<ScopeId> = retires.into_iter().collect();
        let held = self.sweeps.get(&scope.no);
        if missing.is_empty() && retires.is_empty() {
            if held.is_some() {
                self.drop_sweep(scope.no);
            }
            return;
        }
        // The same set again: a pending sweep stays pending, a rejected one stays quiet.
        if held.is_some_and(|held| held.missing == missing && held.retires == retires) {
            return;
        }
        self.put_sweep(SweepRecord {
            scope: scope.no,
            state: SweepState::Due,
            proved_at: scope.opened_at,
            run: scope.run.clone(),
            missing,
            retires,
        });
    }

    pub(super) fn put_sweep(&mut self, sweep: SweepRecord) {
        if let Some(before) = self.sweeps.get(&sweep.scope) {
            for key in &before.missing {
                self.sweep_keys.remove(&(*key, sweep.scope));
            }
        }
        self.sweep_keys
            .extend(sweep.missing.iter().map(|key| (*key, sweep.scope)));
        self.sweeps.insert(sweep.scope, sweep.clone());
        self.put_sweep_record(sweep);
    }

    pub(super) fn put_sweep_record(&mut self, sweep: SweepRecord) {
        self.pending.commit.sweeps_removed.retain(|no| *no != sweep.scope);
        self.pending.commit.sweeps_put.retain(|put| put.scope != sweep.scope);
        self.pending.commit.sweeps_put.push(sweep);
    }

    pub(super) fn drop_sweep(&mut self, no: ScopeNo) {
        if let Some(before) = self.sweeps.remove(&no) {
            for key in &before.missing {
                self.sweep_keys.remove(&(*key, no));
            }
            self.pending.commit.sweeps_put.retain(|put| put.scope != no);
            self.pending.commit.sweeps_removed.push(no);
        }
    }

    fn count(&mut self, scope: &OpenScope, change: impl FnOnce(&mut bailiwick_schema::RunCounts)) {
        if let Some(run) = self.runs.get_mut(&scope.run) {
            change(&mut run.counts);
        }
    }

    /// Stores what was found while reading the scope, where it differs from what is stored.
    pub(super) fn note_findings(&mut self, scope: &mut OpenScope, replaced: Replaced) -> StoreResult<()> {
        let now = self.settings.clock.now();
        let record = self.scope(scope.no).clone();
        let mut held: std::collections::BTreeMap<[u8; 8], Vec<StoredFinding>> = std::collections::BTreeMap::new();
        for stored in self.store.findings_of_scope(scope.no)? {
            if let FindingOwner::Origin { origin, .. } = stored.owner {
                held.entry(origin).or_default().push(stored);
            }
        }
        let mut total = 0;
        let mentioned: HashSet<[u8; 8]> = scope
            .findings
            .keys()
            .chain(&scope.gone)
            .chain(&scope.read)
            .chain(&scope.unreadable)
            .copied()
            .chain(std::iter::once(crate::store::ClaimId::origin_prefix("")))
            .collect();
        let origins: BTreeSet<[u8; 8]> = match replaced {
            Replaced::All => held.keys().chain(scope.findings.keys()).copied().collect(),
            Replaced::Mentioned => mentioned.into_iter().collect(),
        };
        for origin in origins {
            let owner = FindingOwner::Origin {
                scope: scope.no,
                origin,
            };
            let before = held.remove(&origin).unwrap_or_default();
            let mut after: Vec<StoredFinding> = scope
                .findings
                .remove(&origin)
                .unwrap_or_default()
                .into_iter()
                .map(|finding| StoredFinding {
                    owner: owner.clone(),
                    source: Some(record.source.clone()),
                    scope: Some(record.id.clone()),
                    first_seen: now,
                    finding,
                })
                .collect();
            for stored in &mut after {
                if let Some(known) = before.iter().find(|known| known.finding == stored.finding) {
                    stored.first_seen = known.first_seen;
                }
            }
            after.sort_by_key(StoredFinding::id);
            after.dedup();
            total += after.len() as u64;
            let mut before = before;
            before.sort_by_key(StoredFinding::id);
            if before != after {
                self.pending.commit.findings_cleared.push(owner);
                self.pending.commit.findings_put.extend(after);
            }
        }
        self.count(scope, |counts| counts.findings += total);
        Ok(())
    }
}

/// Which stored findings of a scope a reading replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaced {
    All,
    /// Those of the origins that it mentioned, and of the scope as such.
    Mentioned,
}
