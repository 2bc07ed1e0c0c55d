//! Taking deliveries: runs and scopes open, claims are compared with what is held.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use bailiwick_schema::{
    Assertion, Claim, ClaimBody, Cursor, Delivery, Finding, RunBegin, RunCounts, RunId, RunRecord, RunStatus, Scope,
    ScopeOpened, ScopeTicket, Severity, SinkError, Subject, Timestamp,
};

use foldhash::quality::RandomState;

use super::pending::PendingClaim;
use super::state::{HeldClaim, HeldClaims, OpenRun, OpenScope, State};
use super::{COMMIT_CLAIMS_MAX, Outcome, monotonic_now};
use crate::core::plan::{Held, Verdict, plan_claim};
use crate::store::{
    ClaimHead, ClaimId, ClaimKey, CommitCause, EntityNo, LedgerWrite, ScopeNo, StoreResult, StoredClaim,
};

impl State {
    pub(super) fn run_begin(&mut self, begin: RunBegin) -> Outcome<()> {
        let open = |run: &OpenRun| run.begin.source == begin.source && run.begin.full;
        if begin.full && self.runs.values().any(open) {
            return Ok(Err(SinkError::RunOpen(begin.source)));
        }
        self.flush()?;
        let record = RunRecord {
            id: begin.id.clone(),
            source: begin.source.clone(),
            source_type: begin.source_type.clone(),
            cause: begin.cause,
            status: RunStatus::Running,
            started_at: begin.started_at,
            ended_at: None,
            position: None,
            counts: RunCounts::default(),
            error: None,
            telemetry: BTreeMap::new(),
        };
        self.store.ledger(LedgerWrite {
            runs: vec![record],
            ..LedgerWrite::default()
        })?;
        let run = OpenRun {
            begin,
            counts: RunCounts::default(),
            position: None,
            declared: HashMap::default(),
            ledger_scopes: BTreeSet::new(),
        };
        self.runs.insert(run.begin.id.clone(), run);
        Ok(Ok(()))
    }

    pub(super) fn scope_open(&mut self, run: &RunId, scope: Scope, opened_at: Timestamp) -> Outcome<ScopeOpened> {
        let Some(open) = self.runs.get(run) else {
            return Ok(Err(SinkError::RunUnknown(run.clone())));
        };
        let begin = open.begin.clone();
        self.switch_to(run)?;
        let no = self.scope_no(&begin, &scope.id, scope.parent.as_ref());
        if self.tickets.values().any(|open| open.no == no && open.run == *run) {
            return Ok(Err(SinkError::ScopeOpen(scope.id)));
        }
        let record = &mut self.scopes[no.0 as usize];
        let changed = record.retired
            || record.parent != scope.parent
            || record.rank != begin.rank
            || record.source_type != begin.source_type;
        if changed {
            if record.retired {
                record.retired = false;
                record.cursor = None;
                record.proof = None;
            }
            record.parent = scope.parent;
            record.rank = begin.rank;
            record.source_type = begin.source_type;
            self.put_scope(no);
        }
        let (cursor, members) = (self.scope(no).cursor.clone(), self.scope(no).members.clone());
        let proved = self.scope(no).proof.is_some() && cursor.is_some();
        let spoilt = self.tickets.values().any(|other| other.no == no && other.changed);
        let ticket = self.new_ticket(OpenScope {
            run: run.clone(),
            no,
            opened_at,
            held: HeldClaims::default(),
            delivered: 0,
            gone: HashSet::new(),
            gone_claims: HashSet::new(),
            told: HashSet::default(),
            had_proof: proved,
            changed: false,
            spoilt,
            read: HashSet::new(),
            unreadable: HashSet::new(),
            members: BTreeSet::new(),
            findings: BTreeMap::new(),
        });
        if let Some(run) = self.runs.get_mut(run) {
            run.counts.scopes_opened += 1;
        }
        Ok(Ok(ScopeOpened {
            ticket,
            cursor,
            members,
        }))
    }

    /// One commit carries what one run brought: another run's turn commits what is there.
    pub(super) fn switch_to(&mut self, run: &RunId) -> StoreResult<()> {
        if self.pending.run.as_ref() != Some(run) {
            self.flush()?;
            self.pending.run = Some(run.clone());
            self.pending.source = self.runs.get(run).map(|run| run.begin.source.clone());
            self.pending.cause = Some(CommitCause::Ingest);
        }
        self.pending.since.get_or_insert_with(monotonic_now);
        Ok(())
    }

    pub(super) fn deliver(&mut self, ticket: ScopeTicket, items: Vec<Delivery>) -> Outcome<()> {
        // Taken out while it is worked on, so that planning may borrow the rest.
        let Some(mut scope) = self.tickets.remove(&ticket) else {
            return Ok(Err(SinkError::ScopeUnknown));
        };
        let outcome = self.deliver_into(&mut scope, items);
        self.tickets.insert(ticket, scope);
        outcome.map(Ok)
    }

    fn deliver_into(&mut self, scope: &mut OpenScope, items: Vec<Delivery>) -> StoreResult<()> {
        self.switch_to(&scope.run.clone())?;
        if !scope.held.is_all && self.is_worth_loading(scope, items.len()) {
            self.load_all_held(scope)?;
        }
        for item in items {
            match item {
                Delivery::Claim(claim) => {
                    self.plan(scope, *claim)?;
                    if self.pending.claims.len() >= COMMIT_CLAIMS_MAX {
                        self.flush()?;
                        self.switch_to(&scope.run.clone())?;
                    }
                }
                Delivery::Event(event) => self.take_event(scope, *event)?,
                Delivery::OriginRead(origin) => drop(scope.read.insert(ClaimId::origin_prefix(&origin))),
                Delivery::Gone(origin) => drop(scope.gone.insert(ClaimId::origin_prefix(&origin))),
                Delivery::GoneClaim { origin, subject } => {
                    scope.gone_claims.insert(ClaimId::new(&origin, &subject));
                }
                Delivery::Unreadable { origin, finding } => {
                    scope.unreadable.insert(ClaimId::origin_prefix(&origin));
                    take_finding(scope, ClaimId::origin_prefix(&origin), finding);
                }
                Delivery::Finding(finding) => {
                    let origin = ClaimId::origin_prefix(finding.file.as_deref().unwrap_or(""));
                    take_finding(scope, origin, finding);
                }
                Delivery::Member(member) => drop(scope.members.insert(member)),
            }
        }
        Ok(())
    }

    /// Whether most of what a scope holds will be asked for: one scan is then cheaper than a look-up for each claim.
    fn is_worth_loading(&self, scope: &OpenScope, more: usize) -> bool {
        let asked = scope.delivered.saturating_add(more as u64);
        asked.saturating_mul(self.settings.held_look_up_cost) > self.scope(scope.no).claims
    }

    /// Everything that a scope holds, as the commit under construction has it.
    pub(super) fn load_held(&self, no: ScopeNo) -> StoreResult<HashMap<ClaimId, HeldClaim, RandomState>> {
        let mut held = HashMap::default();
        self.store.heads_of_scope(no, &mut |head| {
            held.insert(head.key.id, HeldClaim::of(&head));
            ControlFlow::Continue(())
        })?;
        for (key, claim) in self.pending.claims.iter().filter(|(key, _)| key.scope == no) {
            match claim {
                PendingClaim::Removed(_) => drop(held.remove(&key.id)),
                PendingClaim::Put(StoredClaim { head, .. }, _) | PendingClaim::Head(head) => {
                    held.insert(key.id, HeldClaim::of(head));
                }
            }
        }
        Ok(held)
    }

    /// Brings in what nobody asked for yet; what is known stays, with all that was heard of it since.
    pub(super) fn load_all_held(&self, scope: &mut OpenScope) -> StoreResult<()> {
        if !scope.held.is_all {
            let known = std::mem::take(&mut scope.held.known);
            scope.held.known = if self.scope(scope.no).claims == 0 {
                HashMap::default()
            } else {
                self.load_held(scope.no)?
            };
            scope.held.known.extend(known);
            scope.held.is_all = true;
        }
        Ok(())
    }

    /// Brings in all claims of an origin.
    pub(super) fn load_held_of_origin(&self, scope: &mut OpenScope, origin: [u8; 8]) -> StoreResult<()> {
        if scope.held.is_all {
            return Ok(());
        }
        let stored = self
            .store
            .heads_of_origin(scope.no, origin)?
            .into_iter()
            .map(|head| head.key);
        let pending = self.pending.claims.keys().copied();
        let here = pending.filter(|key| key.scope == scope.no && key.id.origin() == origin);
        for key in stored.chain(here).collect::<BTreeSet<_>>() {
            self.held(scope, key)?;
        }
        Ok(())
    }

    /// What is held of one claim.
    pub(super) fn held(&self, scope: &mut OpenScope, key: ClaimKey) -> StoreResult<Option<HeldClaim>> {
        if let Some(known) = scope.held.known.get(&key.id) {
            return Ok(Some(*known));
        }
        if scope.held.is_all {
            return Ok(None);
        }
        let held = self.head_of(key)?.map(|head| HeldClaim::of(&head));
        scope.held.known.extend(held.map(|held| (key.id, held)));
        Ok(held)
    }

    fn plan(&mut self, scope: &mut OpenScope, mut claim: Claim) -> StoreResult<()> {
        let Some(run) = self.runs.get_mut(&scope.run) else {
            return Ok(());
        };
        run.counts.claims_delivered += 1;
        scope.delivered += 1;
        let id = ClaimId::new(&claim.origin.path, &claim.subject);
        scope.told.insert(id.origin());
        if claim.assertion == Assertion::Declares
            && let Subject::Ref(entity) = &claim.subject
            && let Some(code) = run.begin.allow.refusal(entity.kind(), entity.namespace())
        {
            let message = format!(
                "source `{}` may not declare `{entity}`; add its kind or namespace to `allow` of the source, or remove \
                 the document",
                run.begin.source
            );
            let finding = Finding::new(code, Severity::Error, message)
                .at(claim.origin.path.clone(), claim.origin.line, None)
                .about(entity.clone());
            take_finding(scope, ClaimId::origin_prefix(&claim.origin.path), finding);
            return Ok(());
        }
        let key = ClaimKey { scope: scope.no, id };
        let requested_at = claim.requested_at.unwrap_or(scope.opened_at);
        let (body, hash) = claim.take_encoded();
        let held = self.held(scope, key)?;
        let compared = held.map(|held| Held {
            hash: held.hash,
            requested_at: held.requested_at,
            stale: held.stale,
        });
        let tombstone = self.tombstones.get(&key).map(|(requested, _)| *requested);
        let verdict = plan_claim(compared, tombstone, hash, requested_at);
        if verdict == Verdict::Late {
            // Held by a newer request: it is there, so it is not missing.
            if let Some(held) = scope.held.known.get_mut(&key.id) {
                held.seen = true;
            }
            return Ok(());
        }
        // Whoever holds an identifier may have changed since the claim was held.
        let entity = match (&held, &claim.subject) {
            (Some(held), Subject::Ref(_)) if held.entity.is_some() => held.entity,
            _ => self.subject(&claim.subject)?,
        };
        if claim.assertion == Assertion::Declares
            && let Some(entity) = entity
            && let Some(run) = self.runs.get_mut(&scope.run)
        {
            run.declared
                .entry(entity)
                .and_modify(|(_, last)| *last = key.scope)
                .or_insert((key.scope, key.scope));
        }
        let seen = HeldClaim {
            hash,
            entity,
            requested_at,
            stale: false,
            seen: true,
        };
        if let Some(held) = scope.held.known.insert(key.id, seen)
            && verdict != Verdict::Put
        {
            // What is stored keeps the time of the request that said so first.
            let kept = HeldClaim {
                requested_at: held.requested_at.max(requested_at),
                ..seen
            };
            scope.held.known.insert(key.id, kept);
        }
        self.confirm_elsewhere(scope.no, key, seen, verdict == Verdict::Put);
        if verdict == Verdict::Put {
            scope.changed = true;
            self.pending.unproved.insert(scope.no);
        }
        self.no_longer_missing(key);
        match verdict {
            Verdict::Late | Verdict::Same => {}
            Verdict::Fresh => {
                let head = ClaimHead {
                    key,
                    hash,
                    entity,
                    requested_at: held.map_or(requested_at, |held| held.requested_at.max(requested_at)),
                    stale: false,
                };
                self.put_head(head);
            }
            Verdict::Put => {
                let head = ClaimHead {
                    key,
                    hash,
                    entity,
                    requested_at,
                    stale: false,
                };
                let stored = StoredClaim {
                    head,
                    subject: claim.subject,
                    assertion: claim.assertion,
                    origin: claim.origin,
                    source_time: claim.source_time,
                    since: requested_at,
                    body,
                };
                self.put_claim(stored, Arc::new(claim.body), held.is_none());
                if let Some(run) = self.runs.get_mut(&scope.run) {
                    run.counts.claims_changed += 1;
                }
            }
        }
        Ok(())
    }

    /// The entity that a subject is, allotting a number to a new ref.
    pub(super) fn subject(&mut self, subject: &Subject) -> StoreResult<Option<EntityNo>> {
        match subject {
            Subject::Ref(entity) => self.number(entity).map(Some),
            Subject::Identifier(identifier) => Ok(self.holder(identifier)),
        }
    }

    pub(super) fn put_claim(&mut self, stored: StoredClaim, body: Arc<ClaimBody>, new: bool) {
        let key = stored.head.key;
        if let Subject::Identifier(identifier) = &stored.subject
            && new
        {
            self.pending.commit.waiting_put.push((identifier.clone(), key));
        }
        if let Some(entity) = stored.head.entity {
            self.pending.note_entity_claim(entity, key, true);
        }
        if new {
            self.scopes[key.scope.0 as usize].claims += 1;
            self.pending.touched_scopes.insert(key.scope);
            super::add_claims(&self.shared, 1, 0);
        }
        self.pending.claims.insert(key, PendingClaim::Put(stored, body));
    }

    /// Gives a held claim another head; its body stays.
    pub(super) fn put_head(&mut self, head: ClaimHead) {
        match self.pending.claims.get_mut(&head.key) {
            Some(PendingClaim::Put(stored, _)) => stored.head = head,
            _ => drop(self.pending.claims.insert(head.key, PendingClaim::Head(head))),
        }
    }

    /// What one run brings or confirms, every other run that has the scope open knows from then on: it is not missing
    /// from a scope that was opened before, and an older claim does not replace it.
    fn confirm_elsewhere(&mut self, no: ScopeNo, key: ClaimKey, brought: HeldClaim, is_new: bool) {
        for other in self.tickets.values_mut().filter(|other| other.no == no) {
            other.spoilt |= is_new;
            let confirmed = brought.requested_at >= other.opened_at;
            let held = other
                .held
                .known
                .entry(key.id)
                .or_insert(HeldClaim { seen: false, ..brought });
            *held = HeldClaim {
                requested_at: held.requested_at.max(brought.requested_at),
                seen: held.seen || confirmed,
                ..brought
            };
        }
    }

    /// A claim that was removed is held in no open scope any more.
    pub(super) fn forget_in_open_scopes(&mut self, key: ClaimKey) {
        for open in self.tickets.values_mut().filter(|open| open.no == key.scope) {
            open.held.known.remove(&key.id);
        }
    }

    /// The head of a claim as the commit under construction has it.
    pub(super) fn head_of(&self, key: ClaimKey) -> StoreResult<Option<ClaimHead>> {
        match self.pending.claims.get(&key) {
            Some(PendingClaim::Removed(_)) => Ok(None),
            Some(PendingClaim::Put(StoredClaim { head, .. }, _) | PendingClaim::Head(head)) => Ok(Some(head.clone())),
            None => self.store.head_of_claim(key),
        }
    }

    /// A sweep that still waits loses what is delivered again.
    pub(super) fn no_longer_missing(&mut self, key: ClaimKey) {
        let every = (key, ScopeNo(0))..=(key, ScopeNo(u32::MAX));
        let missed: Vec<ScopeNo> = self.sweep_keys.range(every).map(|(_, at)| *at).collect();
        for at in missed {
            self.sweep_keys.remove(&(key, at));
            let Some(sweep) = self.sweeps.get_mut(&at) else {
                continue;
            };
            sweep.missing.retain(|missing| *missing != key);
            if sweep.missing.is_empty() {
                self.sweeps.remove(&at);
                self.pending.commit.sweeps_put.retain(|sweep| sweep.scope != at);
                self.pending.commit.sweeps_removed.push(at);
            } else {
                let sweep = sweep.clone();
                self.put_sweep_record(sweep);
            }
        }
    }

    fn take_event(&mut self, scope: &OpenScope, event: bailiwick_schema::Event) -> StoreResult<()> {
        // Trimmed already, or due to be: a source that shows it again must not bring it back each time.
        if event.at <= self.settings.retention.horizons(self.settings.clock.now()).events {
            return Ok(());
        }
        let Some(run) = self.runs.get_mut(&scope.run) else {
            return Ok(());
        };
        if self.store.event(&run.begin.source, &event.id)?.as_ref() == Some(&event) {
            return Ok(());
        }
        run.counts.events += 1;
        self.pending.commit.events_put.push((run.begin.source.clone(), event));
        Ok(())
    }

    pub(super) fn checkpoint(&mut self, ticket: ScopeTicket, cursor: Cursor) -> Outcome<()> {
        let Some(scope) = self.tickets.get(&ticket) else {
            return Ok(Err(SinkError::ScopeUnknown));
        };
        let (no, run) = (scope.no, scope.run.clone());
        self.switch_to(&run)?;
        let record = &mut self.scopes[no.0 as usize];
        record.cursor = Some(cursor);
        // A checkpoint is no proof: what the cursor stands on is only part of the scope.
        record.proof = None;
        self.put_scope(no);
        self.flush()?;
        Ok(Ok(()))
    }
}

fn take_finding(scope: &mut OpenScope, origin: [u8; 8], finding: Finding) {
    scope.findings.entry(origin).or_default().push(finding);
}
