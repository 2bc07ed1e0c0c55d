//! One source under the scheduler: its state, and the loop that runs it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bailiwick_schema::control::SourceStatus;
use bailiwick_schema::{AllowPolicy, Clock, ContentHash, RunCause, RunId, RunStatus, SourceId, Timestamp};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::run::{Began, begin};
use super::timing::{backoff, next_start};
use super::{Schedule, Surroundings};
use crate::kit::{Ingestor, chain};

/// Longest sleep before the clock is looked at again, so that a clock that was set or a machine that slept does no harm.
const NAP_MAX: Duration = Duration::from_secs(30);

/// A source with everything that the scheduler needs to run it.
#[derive(Clone)]
pub struct ScheduledSource {
    pub id: SourceId,
    pub source_type: &'static str,
    pub ingestor: Arc<dyn Ingestor>,
    /// Nothing: it runs only when woken or asked for.
    pub schedule: Option<Schedule>,
    pub allow: AllowPolicy,
    pub rank: i32,
    /// Longest duration of one run; nothing means no end.
    pub deadline: Option<Duration>,
    /// Hash of the options that change what is emitted.
    pub options_hash: ContentHash,
    pub run_at_start: bool,
}

/// A source and what is going on with it.
pub(super) struct SourceCell {
    pub(super) source: ScheduledSource,
    state: Mutex<State>,
    asked: Notify,
}

#[derive(Default)]
struct State {
    queued: Option<Asked>,
    running: Option<RunId>,
    next_run_at: Option<Timestamp>,
    failures: u32,
    /// Ids hold the time at which the run was asked for; they must differ even if the clock stands still.
    last_asked: Timestamp,
}

/// A run that was asked for and has not begun.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) id: RunId,
    pub(super) cause: RunCause,
}

impl SourceCell {
    pub(super) fn new(source: ScheduledSource) -> Self {
        Self {
            source,
            state: Mutex::default(),
            asked: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a run that begins after now, and returns its id: the one already waiting, or a new one.
    pub(super) fn ask(&self, cause: RunCause, now: Timestamp) -> RunId {
        let mut state = self.state();
        if let Some(asked) = &state.queued {
            return asked.id.clone();
        }
        state.last_asked = now.max(state.last_asked.plus(Duration::from_micros(1)));
        let id = RunId::at(&self.source.id, state.last_asked);
        state.queued = Some(Asked { id: id.clone(), cause });
        drop(state);
        self.asked.notify_one();
        id
    }

    pub(super) fn is_queued(&self, run: &RunId) -> bool {
        self.state().queued.as_ref().is_some_and(|asked| &asked.id == run)
    }

    pub(super) fn status(&self) -> SourceStatus {
        let state = self.state();
        let schedule = self.source.schedule.as_ref();
        SourceStatus {
            id: self.source.id.clone(),
            source_type: self.source.source_type.to_owned(),
            schedule: schedule.map(|schedule| schedule.expression().to_owned()),
            time_zone: schedule.map(|schedule| schedule.time_zone().to_owned()),
            next_run_at: state.next_run_at,
            running: state.running.clone(),
            queued: state.queued.as_ref().map(|asked| asked.id.clone()),
            failures: state.failures,
        }
    }

    /// Takes the waiting run over as the running one.
    fn begun(&self, run: &RunId) {
        let mut state = self.state();
        state.queued = None;
        state.running = Some(run.clone());
    }

    fn ended(&self, failed: Option<bool>) -> u32 {
        let mut state = self.state();
        state.running = None;
        match failed {
            Some(true) => state.failures = state.failures.saturating_add(1),
            Some(false) => state.failures = 0,
            None => {}
        }
        state.failures
    }
}

/// Runs a source until cancelled.
pub(super) async fn source_loop(
    cell: Arc<SourceCell>,
    surroundings: Surroundings,
    permits: Arc<Semaphore>,
    cancel: CancellationToken,
) {
    let clock = Arc::clone(&surroundings.clock);
    let mut not_before = clock.now();
    loop {
        let scheduled = next_scheduled(&cell, &*clock, not_before);
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            () = wait_for_ask(&cell) => {}
            () = wait_until(&*clock, scheduled) => {
                cell.ask(RunCause::Schedule, clock.now());
            }
        }
        let permit = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            permit = permits.acquire() => permit,
        };
        let failed = Box::pin(run_asked(&cell, &surroundings, &cancel)).await;
        drop(permit);
        let failures = cell.ended(failed);
        not_before = clock.now().plus(backoff(failures));
    }
}

/// Begins what was asked for and stays with it to its end. Tells whether it failed; nothing if that says nothing
/// about the source.
async fn run_asked(cell: &SourceCell, surroundings: &Surroundings, cancel: &CancellationToken) -> Option<bool> {
    let asked = cell.state().queued.clone()?;
    let source = &cell.source;
    let began = match begin(surroundings, source, &asked.id, asked.cause).await {
        Ok(began) => began,
        Err(failure) => {
            error!(source = %source.id, run = %asked.id, error = chain(&failure), "run could not begin");
            cell.state().queued = None;
            return Some(true);
        }
    };
    cell.begun(&asked.id);
    match finish(began, source, cancel).await {
        Some(RunStatus::Failed) | None => Some(true),
        Some(RunStatus::Cancelled) => None,
        Some(_) => Some(false),
    }
}

async fn finish(began: Began, source: &ScheduledSource, cancel: &CancellationToken) -> Option<RunStatus> {
    match began.run_to_end(cancel).await {
        Ok(row) => {
            let millis = row.ended_at.map(|end| end.since(row.started_at).as_millis());
            let status = row.status.as_str();
            let (changed, removed) = (row.counts.claims_changed, row.counts.claims_removed);
            match &row.error {
                Some(error) => warn!(source = %source.id, run = %row.id, status, millis, error, "run ended"),
                None => info!(source = %source.id, run = %row.id, status, millis, changed, removed, "run ended"),
            }
            Some(row.status)
        }
        Err(failure) => {
            error!(source = %source.id, error = chain(&failure), "run could not be ended");
            None
        }
    }
}

fn next_scheduled(cell: &SourceCell, clock: &dyn Clock, not_before: Timestamp) -> Option<Timestamp> {
    let schedule = cell.source.schedule.as_ref()?;
    let next = next_start(schedule, &cell.source.id, not_before.max(clock.now()));
    cell.state().next_run_at = next;
    next
}

async fn wait_for_ask(cell: &SourceCell) {
    loop {
        if cell.state().queued.is_some() {
            return;
        }
        cell.asked.notified().await;
    }
}

/// Waits until the clock shows `moment`; for ever if there is none.
async fn wait_until(clock: &dyn Clock, moment: Option<Timestamp>) {
    let Some(moment) = moment else {
        return std::future::pending().await;
    };
    loop {
        let left = moment.since(clock.now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(NAP_MAX)).await;
    }
}
