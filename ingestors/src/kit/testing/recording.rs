//! A `Sink` in memory that applies the documented meaning of deliveries in the simplest way and records them all.
//!
//! It has no removal guard, no batches and no resolution: what a run proves missing is removed at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bailiwick_schema::{
    Claim, Closing, Cursor, Delivery, Event, Finding, Position, Proof, RunBegin, RunCounts, RunId, RunOutcome,
    RunRecord, RunStatus, Scope, ScopeClosed, ScopeId, ScopeOpened, ScopeTicket, Severity, Sink, SinkError, Timestamp,
};
use tokio_util::sync::CancellationToken;

/// Key of a held claim within its scope: origin path and subject.
type Key = (String, String);

/// How a scope was closed in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedScope {
    pub scope: ScopeId,
    pub closing: Closing,
    pub answer: ScopeClosed,
}

/// Everything that one run handed over.
#[derive(Debug, Clone)]
pub struct RecordedRun {
    pub begin: RunBegin,
    pub outcome: Option<RunOutcome>,
    pub telemetry: BTreeMap<String, u64>,
    pub deliveries: Vec<(ScopeId, Delivery)>,
    pub opened: Vec<(Scope, Timestamp)>,
    pub closed: Vec<ClosedScope>,
    pub checkpoints: Vec<(ScopeId, Cursor)>,
    /// Claims that were new or differed from the held one.
    pub claims_changed: u64,
    pub claims_removed: u64,
}

impl RecordedRun {
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.deliveries.iter().filter_map(|(_, item)| match item {
            Delivery::Claim(claim) => Some(&**claim),
            _ => None,
        })
    }

    /// Findings in the order of their delivery, those of unreadable origins included.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.deliveries.iter().filter_map(|(_, item)| match item {
            Delivery::Finding(finding) | Delivery::Unreadable { finding, .. } => Some(finding),
            _ => None,
        })
    }

    pub fn finding_codes(&self) -> Vec<String> {
        self.findings().map(|finding| finding.code.clone()).collect()
    }

    /// How the scope was closed, if it was.
    pub fn closing_of(&self, scope: &str) -> Option<&Closing> {
        let accepted = |closed: &&ClosedScope| closed.scope.as_str() == scope && closed.answer == ScopeClosed::Accepted;
        self.closed.iter().find(accepted).map(|closed| &closed.closing)
    }
}

#[derive(Debug, Default)]
struct Held {
    parent: Option<ScopeId>,
    claims: BTreeMap<Key, Claim>,
    stale_origins: BTreeSet<String>,
    cursor: Option<Cursor>,
    /// The cursor as the last proof left it; a checkpoint does not move it.
    proved: Option<Cursor>,
    members: Vec<ScopeId>,
}

#[derive(Debug, Default)]
struct Open {
    run: Option<RunId>,
    scope: Option<ScopeId>,
    seen: BTreeSet<Key>,
    origins_read: BTreeSet<String>,
    gone: BTreeSet<String>,
    gone_claims: BTreeSet<Key>,
    unreadable: BTreeSet<String>,
    members: Vec<ScopeId>,
}

#[derive(Default)]
struct State {
    runs: Vec<RecordedRun>,
    scopes: BTreeMap<ScopeId, Held>,
    open: BTreeMap<u64, Open>,
    events: BTreeMap<String, Event>,
    next_ticket: u64,
    calls: u64,
    cancel_at: Option<(u64, CancellationToken)>,
    stop_at: Option<u64>,
}

/// The recording sink. Interior state, so that it can be shared as the port is.
#[derive(Default)]
pub struct RecordingSink {
    state: Mutex<State>,
}

impl RecordingSink {
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fires the token at the n-th call from now on, counted from 1.
    pub fn cancel_at_call(&self, n: u64, token: CancellationToken) {
        let mut state = self.state();
        state.cancel_at = Some((state.calls + n, token));
    }

    /// Answers `Stopped` from the n-th call from now on, counted from 1.
    pub fn stop_at_call(&self, n: u64) {
        let mut state = self.state();
        state.stop_at = Some(state.calls + n);
    }

    /// Undoes [`Self::stop_at_call`].
    pub fn resume(&self) {
        self.state().stop_at = None;
    }

    /// How many calls the port has had.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The last run that began.
    ///
    /// # Panics
    /// If there was none.
    pub fn last_run(&self) -> RecordedRun {
        self.state().runs.last().cloned().expect("a run has begun")
    }

    pub fn runs(&self) -> Vec<RecordedRun> {
        self.state().runs.clone()
    }

    pub fn run(&self, id: &RunId) -> Option<RecordedRun> {
        self.state().runs.iter().find(|run| &run.begin.id == id).cloned()
    }

    /// All held claims as text, one line each: for comparing states.
    pub fn held(&self) -> Vec<String> {
        let state = self.state();
        let lines = state.scopes.iter().flat_map(|(scope, held)| {
            held.claims.iter().map(move |((origin, subject), claim)| {
                let (body, _) = claim.encode();
                format!("{scope} {origin} {subject} {}", String::from_utf8_lossy(&body))
            })
        });
        lines.collect()
    }

    /// The refs or identifiers of all held claims, sorted.
    pub fn subjects(&self) -> Vec<String> {
        let state = self.state();
        let mut subjects: Vec<String> = state
            .scopes
            .values()
            .flat_map(|held| held.claims.keys().map(|(_, subject)| subject.clone()))
            .collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }

    /// Origins whose claims are kept although they could not be read the last time.
    pub fn stale_origins(&self) -> Vec<String> {
        self.state()
            .scopes
            .values()
            .flat_map(|held| held.stale_origins.iter().cloned())
            .collect()
    }

    pub fn scopes(&self) -> Vec<String> {
        self.state().scopes.keys().map(ToString::to_string).collect()
    }

    pub fn cursor_of(&self, scope: &str) -> Option<Cursor> {
        self.state()
            .scopes
            .get(&ScopeId::new(scope))
            .and_then(|held| held.cursor.clone())
    }

    pub fn events(&self) -> Vec<Event> {
        self.state().events.values().cloned().collect()
    }
}

impl State {
    fn call(&mut self) -> Result<(), SinkError> {
        self.calls += 1;
        if let Some((at, token)) = &self.cancel_at
            && self.calls >= *at
        {
            token.cancel();
        }
        match self.stop_at {
            Some(at) if self.calls >= at => Err(SinkError::Stopped("told to stop by the test".to_owned())),
            _ => Ok(()),
        }
    }

    fn run_mut(&mut self, id: &RunId) -> Result<&mut RecordedRun, SinkError> {
        let run = self
            .runs
            .iter_mut()
            .find(|run| &run.begin.id == id && run.outcome.is_none());
        run.ok_or_else(|| SinkError::RunUnknown(id.clone()))
    }

    fn names_of(&self, ticket: ScopeTicket) -> Result<(RunId, ScopeId), SinkError> {
        let open = self.open.get(&ticket.0).ok_or(SinkError::ScopeUnknown)?;
        open.run.clone().zip(open.scope.clone()).ok_or(SinkError::ScopeUnknown)
    }

    fn take_in(&mut self, ticket: ScopeTicket, item: Delivery) -> Result<(), SinkError> {
        let (run, scope) = self.names_of(ticket)?;
        self.run_mut(&run)?.deliveries.push((scope.clone(), item.clone()));
        let open = self.open.entry(ticket.0).or_default();
        let held = self.scopes.entry(scope).or_default();
        let mut changed = false;
        match item {
            Delivery::Claim(claim) => {
                let key = (claim.origin.path.clone(), claim.subject.to_string());
                open.seen.insert(key.clone());
                changed = held
                    .claims
                    .get(&key)
                    .is_none_or(|old| old.encode().1 != claim.encode().1);
                held.claims.insert(key, *claim);
            }
            Delivery::Event(event) => {
                self.events.insert(event.id.clone(), *event);
            }
            Delivery::OriginRead(origin) => {
                open.origins_read.insert(origin);
            }
            Delivery::Gone(origin) => {
                open.gone.insert(origin);
            }
            Delivery::GoneClaim { origin, subject } => {
                open.gone_claims.insert((origin, subject.to_string()));
            }
            Delivery::Unreadable { origin, .. } => {
                open.unreadable.insert(origin);
            }
            Delivery::Finding(_) => {}
            Delivery::Member(member) => open.members.push(member),
        }
        if changed {
            self.run_mut(&run)?.claims_changed += 1;
        }
        Ok(())
    }

    fn close(&mut self, ticket: ScopeTicket, closing: &Closing) -> Result<ScopeClosed, SinkError> {
        let (run, scope) = self.names_of(ticket)?;
        let held = self.scopes.entry(scope.clone()).or_default();
        let refused = match closing {
            Closing::Unchanged => held.proved.is_none() || held.proved != held.cursor,
            Closing::Delta { base, .. } => held.proved.as_ref() != Some(base),
            Closing::Complete { .. } | Closing::Partial => false,
        };
        if refused {
            self.open.insert(
                ticket.0,
                Open {
                    run: Some(run),
                    scope: Some(scope),
                    ..Open::default()
                },
            );
            return Ok(ScopeClosed::BaseRefused);
        }
        let open = self.open.remove(&ticket.0).ok_or(SinkError::ScopeUnknown)?;
        let mut removed = 0;
        let mut remove_where = |held: &mut Held, missing: &dyn Fn(&Key) -> bool| {
            let before = held.claims.len();
            held.claims.retain(|key, _| !missing(key));
            removed += (before - held.claims.len()) as u64;
        };
        let unseen = |key: &Key| !open.seen.contains(key) && !open.unreadable.contains(&key.0);
        remove_where(held, &|key| open.gone.contains(&key.0));
        let mut empty_unproved = false;
        match closing {
            Closing::Complete { proof, cursor } => {
                let empty = open.seen.is_empty() && open.unreadable.is_empty() && open.members.is_empty();
                let had = !held.claims.is_empty() || !held.members.is_empty();
                empty_unproved = *proof == Proof::Listing && empty && had;
                if !empty_unproved {
                    remove_where(held, &unseen);
                    held.stale_origins.clone_from(&open.unreadable);
                    held.cursor.clone_from(cursor);
                    held.proved.clone_from(cursor);
                    held.members.clone_from(&open.members);
                }
            }
            Closing::Delta { cursor, .. } => {
                let named = |key: &Key| open.origins_read.contains(&key.0) || open.gone_claims.contains(key);
                remove_where(held, &|key| named(key) && unseen(key));
                held.stale_origins.retain(|origin| !open.origins_read.contains(origin));
                held.stale_origins.extend(open.unreadable.iter().cloned());
                held.cursor = Some(cursor.clone());
                held.proved = Some(cursor.clone());
            }
            Closing::Unchanged | Closing::Partial => {}
        }
        if empty_unproved {
            let finding = Finding::new(
                "empty_unproved",
                Severity::Warning,
                format!("scope `{scope}` came back empty"),
            );
            self.run_mut(&run)?
                .deliveries
                .push((scope.clone(), Delivery::Finding(finding)));
        } else if matches!(closing, Closing::Complete { .. }) {
            removed += self.retire_all_but(&scope, &open.members);
        }
        self.run_mut(&run)?.claims_removed += removed;
        Ok(ScopeClosed::Accepted)
    }

    /// Retires the scopes below a proved listing that it no longer names, and returns how many claims they held.
    fn retire_all_but(&mut self, listing: &ScopeId, members: &[ScopeId]) -> u64 {
        let retired: Vec<ScopeId> = self
            .scopes
            .iter()
            .filter(|(id, held)| held.parent.as_ref() == Some(listing) && !members.contains(id))
            .map(|(id, _)| id.clone())
            .collect();
        let mut removed = 0;
        for id in retired {
            removed += self.scopes.remove(&id).map_or(0, |held| held.claims.len() as u64);
            removed += self.retire_all_but(&id, &[]);
        }
        removed
    }
}

#[async_trait]
impl Sink for RecordingSink {
    async fn run_begin(&self, run: RunBegin) -> Result<(), SinkError> {
        let mut state = self.state();
        state.call()?;
        let busy =
            |other: &RecordedRun| other.outcome.is_none() && other.begin.full && other.begin.source == run.source;
        if run.full && state.runs.iter().any(busy) {
            return Err(SinkError::RunOpen(run.source));
        }
        state.runs.push(RecordedRun {
            begin: run,
            outcome: None,
            telemetry: BTreeMap::new(),
            deliveries: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            checkpoints: Vec::new(),
            claims_changed: 0,
            claims_removed: 0,
        });
        Ok(())
    }

    async fn scope_open(&self, run: &RunId, scope: Scope, opened_at: Timestamp) -> Result<ScopeOpened, SinkError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.call()?;
        if state
            .open
            .values()
            .any(|open| open.run.as_ref() == Some(run) && open.scope.as_ref() == Some(&scope.id))
        {
            return Err(SinkError::ScopeOpen(scope.id));
        }
        state.run_mut(run)?.opened.push((scope.clone(), opened_at));
        state.next_ticket += 1;
        let ticket = ScopeTicket(state.next_ticket);
        let open = Open {
            run: Some(run.clone()),
            scope: Some(scope.id.clone()),
            ..Open::default()
        };
        state.open.insert(ticket.0, open);
        let held = state.scopes.entry(scope.id).or_default();
        held.parent = scope.parent;
        Ok(ScopeOpened {
            ticket,
            cursor: held.cursor.clone(),
            members: held.members.clone(),
        })
    }

    async fn deliver(&self, ticket: ScopeTicket, items: Vec<Delivery>) -> Result<(), SinkError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.call()?;
        items.into_iter().try_for_each(|item| state.take_in(ticket, item))
    }

    async fn checkpoint(&self, ticket: ScopeTicket, cursor: Cursor) -> Result<(), SinkError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.call()?;
        let (run, scope) = state.names_of(ticket)?;
        state.run_mut(&run)?.checkpoints.push((scope.clone(), cursor.clone()));
        state.scopes.entry(scope).or_default().cursor = Some(cursor);
        Ok(())
    }

    async fn scope_close(&self, ticket: ScopeTicket, closing: Closing) -> Result<ScopeClosed, SinkError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.call()?;
        let (run, scope) = state.names_of(ticket)?;
        let answer = state.close(ticket, &closing)?;
        state.run_mut(&run)?.closed.push(ClosedScope {
            scope,
            closing,
            answer: answer.clone(),
        });
        Ok(answer)
    }

    async fn run_end(
        &self,
        run: &RunId,
        outcome: RunOutcome,
        ended_at: Timestamp,
        telemetry: BTreeMap<String, u64>,
    ) -> Result<RunRecord, SinkError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.call()?;
        let partial = state.open.values().any(|open| open.run.as_ref() == Some(run));
        state.open.retain(|_, open| open.run.as_ref() != Some(run));
        let recorded = state.run_mut(run)?;
        recorded.outcome = Some(outcome.clone());
        recorded.telemetry.clone_from(&telemetry);
        let (status, error) = match outcome {
            RunOutcome::Finished if partial => (RunStatus::Partial, None),
            RunOutcome::Finished => (RunStatus::Succeeded, None),
            RunOutcome::Failed { message } => (RunStatus::Failed, Some(message)),
            RunOutcome::Cancelled { message } => (RunStatus::Cancelled, Some(message)),
        };
        let counts = RunCounts {
            claims_changed: recorded.claims_changed,
            claims_removed: recorded.claims_removed,
            ..RunCounts::default()
        };
        Ok(RunRecord {
            id: run.clone(),
            source: recorded.begin.source.clone(),
            source_type: recorded.begin.source_type.clone(),
            cause: recorded.begin.cause,
            status,
            started_at: recorded.begin.started_at,
            ended_at: Some(ended_at),
            position: None,
            counts,
            error,
            telemetry,
        })
    }

    async fn head(&self) -> Result<Position, SinkError> {
        Ok(Position::ZERO)
    }
}
