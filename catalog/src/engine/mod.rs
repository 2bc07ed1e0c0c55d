//! The engine: the shell around the pure core. One thread, one writer.
//!
//! Requests arrive over a bounded channel and are answered in order; that is the back-pressure. The engine loads what
//! the core needs, lets it decide, appends one commit, publishes the next snapshot and wakes the followers. An error
//! of the store stops it: nothing is acknowledged that was not written, readers keep the last snapshot, and every
//! later request is answered with the reason.

mod close;
mod commit;
mod deliver;
pub mod inline;
mod links;
mod operate;
mod pending;
mod room;
mod settle;
mod state;
mod stitching;
#[cfg(test)]
mod tests;
mod trim;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{
    Clock, Closing, Cursor, Delivery, Limit, OwnerMethod, Position, RunBegin, RunId, RunOutcome, RunRecord, Scope,
    ScopeClosed, ScopeOpened, ScopeTicket, Sink, SinkError, SourceId, Timestamp,
};
use tokio::sync::{mpsc, oneshot, watch};

pub use operate::SweepDecision;
pub(crate) use trim::TRIMMED_AT_KEY;

use crate::core::plan::SweepPolicy;
use crate::fail_point::FailPoints;
use crate::graph::Snapshot;
use crate::store::space::MIN_FREE_BYTES_DEFAULT;
use crate::store::{Retention, Store, StoreError, Trimming};
use state::State;

/// Requests that wait for the engine; a source that delivers more waits.
pub const REQUESTS_MAX: usize = 64;

/// Claims in one commit.
pub const COMMIT_CLAIMS_MAX: usize = 1_000;

/// Longest time that a planned claim waits for others before it is committed.
pub const COMMIT_WAIT_MAX: Duration = Duration::from_millis(50);

/// A delivery of so many items is one of a row: the source sends what it has once that is much.
const BULK_ITEMS_MIN: usize = 64;

/// Longest time that a durable commit waits to be shown while much is delivered: a snapshot that is shown cannot be
/// written to in place any more, which makes the next commit dearer.
pub const PUBLISH_WAIT_MAX: Duration = Duration::from_millis(250);

/// What a look-up of a held claim costs, in claims read by a scan.
const HELD_LOOK_UP_COST: u64 = 16;

/// The limits of the engine.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "engine_requests_max",
        value: REQUESTS_MAX as u64,
        unit: "requests",
        effect: "sources wait until the engine has caught up",
    },
    Limit {
        name: "commit_claims_max",
        value: COMMIT_CLAIMS_MAX as u64,
        unit: "claims",
        effect: "the rest goes into the next commit",
    },
    Limit {
        name: "commit_wait_ms_max",
        value: COMMIT_WAIT_MAX.as_millis() as u64,
        unit: "milliseconds",
        effect: "what is planned is committed",
    },
    Limit {
        name: "publish_wait_ms_max",
        value: PUBLISH_WAIT_MAX.as_millis() as u64,
        unit: "milliseconds",
        effect: "readers see what is durable, although more is being delivered",
    },
    Limit {
        name: "entity_restitch_max",
        value: stitching::RESTITCH_MAX as u64,
        unit: "times",
        effect: "the entity stays as it is until the next commit",
    },
    Limit {
        name: "owner_inherit_depth_max",
        value: crate::core::own::INHERIT_DEPTH_MAX as u64,
        unit: "parents",
        effect: "owners further up are not inherited",
    },
    Limit {
        name: "entity_findings_max",
        value: links::FINDINGS_PER_ENTITY_MAX as u64,
        unit: "findings",
        effect: "further findings about the same entity are left out",
    },
];

/// A configured source, as far as the engine has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSetting {
    pub id: SourceId,
    pub source_type: String,
    pub rank: i32,
    /// The id under which its claims were held before.
    pub previous_id: Option<SourceId>,
}

/// What the engine needs besides the store.
#[derive(Clone)]
pub struct EngineSettings {
    pub kinds: Arc<KindSet>,
    pub clock: Arc<dyn Clock>,
    /// Nothing where no configuration is at hand: then no source counts as retired.
    pub sources: Option<Vec<SourceSetting>>,
    pub sweep_policy: SweepPolicy,
    pub owner_order: Vec<OwnerMethod>,
    pub retention: Retention,
    pub fail_points: FailPoints,
    /// What to do when the disk is full: wait for room, as a server does, or stop, as one does who was only asked once.
    pub waits_for_room: bool,
    /// Free space that the search index leaves, in bytes; the store has its own in its options.
    pub min_free_bytes: u64,
    /// How many held claims a scan reads in the time of one look-up: the claims of a scope are looked up one by one
    /// until that would cost more. 0 never scans before a whole reading ends.
    pub held_look_up_cost: u64,
}

impl EngineSettings {
    /// The defaults over a clock.
    pub fn new(kinds: Arc<KindSet>, clock: Arc<dyn Clock>) -> Self {
        Self {
            kinds,
            clock,
            sources: None,
            sweep_policy: SweepPolicy::default(),
            owner_order: OwnerMethod::ALL.to_vec(),
            retention: Retention::default(),
            fail_points: FailPoints::default(),
            waits_for_room: false,
            min_free_bytes: MIN_FREE_BYTES_DEFAULT,
            held_look_up_cost: HELD_LOOK_UP_COST,
        }
    }
}

/// What the engine shares with readers.
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) positions: watch::Sender<Position>,
    pub(crate) failed: Mutex<Option<String>>,
    /// Why nothing is written for the time being.
    pub(crate) waiting: Mutex<Option<String>>,
    /// Somebody waits for the engine's end.
    pub(crate) is_stopping: AtomicBool,
    /// Claims held, for status and metrics.
    pub(crate) claims: AtomicU64,
    pub(crate) counters: EngineCounters,
    /// A trimming is under way.
    pub(crate) trimming: AtomicBool,
}

/// What the engine has done since it was started.
#[derive(Debug, Default)]
pub(crate) struct EngineCounters {
    /// Folds of claims into an entity, also those that came to what was there.
    pub(crate) entities_stitched: AtomicU64,
    pub(crate) versions_written: AtomicU64,
}

impl Shared {
    pub(crate) fn failure(&self) -> Option<String> {
        self.failed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Why the engine waits; nothing while it works.
    pub(crate) fn waiting(&self) -> Option<String> {
        self.waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    fn fail(&self, reason: String) {
        *self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(reason);
    }
}

type Reply<T> = oneshot::Sender<Result<T, SinkError>>;

pub(crate) enum Request {
    RunBegin(RunBegin, Reply<()>),
    ScopeOpen(RunId, Scope, Timestamp, Reply<ScopeOpened>),
    Deliver(ScopeTicket, Vec<Delivery>, Reply<()>),
    Checkpoint(ScopeTicket, Cursor, Reply<()>),
    ScopeClose(ScopeTicket, Closing, Reply<ScopeClosed>),
    RunEnd(RunId, RunOutcome, Timestamp, BTreeMap<String, u64>, Reply<RunRecord>),
    DecideSweep {
        id: String,
        approve: bool,
        by: String,
        reply: oneshot::Sender<Result<SweepDecision, OperateError>>,
    },
    UndoSweep {
        id: String,
        by: String,
        reply: oneshot::Sender<Result<SweepDecision, OperateError>>,
    },
    /// One batch of a trimming, the first one without it.
    Trim {
        trimming: Option<Box<Trimming>>,
        reply: oneshot::Sender<Result<Box<Trimming>, OperateError>>,
    },
    /// An operator's act that is carried out elsewhere, for the audit log.
    NoteAct {
        by: String,
        action: &'static str,
        subject: String,
        outcome: String,
        reply: oneshot::Sender<Result<(), OperateError>>,
    },
    Stop,
}

/// Why an operator's request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    #[error("there is no {what} `{id}`")]
    NotFound { what: &'static str, id: String },
    #[error("{0}")]
    Refused(String),
    #[error("the catalog engine has stopped: {0}")]
    Stopped(String),
}

/// The running engine. Stop it with [`Engine::stop`]; dropping it stops it too, without waiting.
pub struct Engine {
    requests: mpsc::Sender<Request>,
    thread: Option<JoinHandle<()>>,
    pub(crate) shared: Arc<Shared>,
}

/// The engine's side of the port; cheap to clone.
#[derive(Clone)]
pub struct EngineSink {
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) shared: Arc<Shared>,
}

impl Engine {
    /// Loads the snapshot, settles what an earlier process left open, and starts the engine's thread.
    ///
    /// Errors: the store cannot be read, or holds records that cannot be decoded.
    pub fn start(store: Arc<dyn Store>, settings: EngineSettings) -> Result<Self, StoreError> {
        let (state, shared) = State::load(store, settings)?;
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || serve(state, inbox, &for_thread))
            .map_err(|error| StoreError::Engine(Box::new(error)))?;
        Ok(Self {
            requests,
            thread: Some(thread),
            shared,
        })
    }

    pub fn sink(&self) -> EngineSink {
        EngineSink {
            requests: self.requests.clone(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Commits what was planned, ends the thread and waits for it. Call it from a blocking context.
    pub fn stop(mut self) {
        self.stop_now();
    }

    fn stop_now(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        let mut request = Request::Stop;
        // The channel may be full; the engine empties it.
        while let Err(mpsc::error::TrySendError::Full(back)) = self.requests.try_send(request) {
            request = back;
            std::thread::yield_now();
        }
        if thread.join().is_err() {
            tracing::error!("the engine's thread panicked");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop_now();
    }
}

/// The engine's loop: take a request, then whatever else is there, commit when the batch is full or nothing more
/// comes for a moment.
fn serve(mut state: State, mut inbox: mpsc::Receiver<Request>, shared: &Shared) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            shared.fail(format!("cannot start the engine's timer: {error}"));
            return;
        }
    };
    state.waits_for_room = state.settings.waits_for_room;
    loop {
        let request = match state.waiting_since() {
            None => runtime.block_on(inbox.recv()),
            Some(since) => {
                let left = COMMIT_WAIT_MAX.saturating_sub(since.elapsed());
                match runtime.block_on(async { tokio::time::timeout(left, inbox.recv()).await }) {
                    Ok(request) => request,
                    Err(_) => {
                        state.in_bulk = false;
                        if let Err(error) = state.flush() {
                            stop_with(&mut inbox, shared, &state, &error);
                            return;
                        }
                        state.publish_if_due();
                        continue;
                    }
                }
            }
        };
        let outcome = match request {
            None | Some(Request::Stop) => {
                state.in_bulk = false;
                if let Err(error) = state.flush() {
                    stop_with(&mut inbox, shared, &state, &error);
                    return;
                }
                state.publish_if_due();
                shared.fail("it was stopped".to_owned());
                return;
            }
            Some(request) => {
                state.in_bulk = matches!(&request, Request::Deliver(_, items, _) if items.len() >= BULK_ITEMS_MIN);
                if !state.in_bulk {
                    state.publish_if_due();
                }
                state.await_room().and_then(|()| state.handle(request))
            }
        };
        if let Err(error) = outcome {
            stop_with(&mut inbox, shared, &state, &error);
            return;
        }
    }
}

/// Prints an error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn stop_with(inbox: &mut mpsc::Receiver<Request>, shared: &Shared, state: &State, error: &StoreError) {
    let reason = state.why_it_failed(error);
    tracing::error!(error = %reason, "the engine stops: its store failed");
    shared.fail(reason);
    shared.set_waiting(None);
    // Whoever waits for an answer gets an error when its sender is dropped.
    inbox.close();
    while inbox.try_recv().is_ok() {}
}

impl State {
    fn handle(&mut self, request: Request) -> Result<(), StoreError> {
        match request {
            Request::RunBegin(begin, reply) => answer(reply, self.run_begin(begin)),
            Request::ScopeOpen(run, scope, at, reply) => answer(reply, self.scope_open(&run, scope, at)),
            Request::Deliver(ticket, items, reply) => answer(reply, self.deliver(ticket, items)),
            Request::Checkpoint(ticket, cursor, reply) => answer(reply, self.checkpoint(ticket, cursor)),
            Request::ScopeClose(ticket, closing, reply) => answer(reply, self.scope_close(ticket, closing)),
            Request::RunEnd(run, outcome, at, telemetry, reply) => {
                answer(reply, self.run_end(&run, outcome, at, telemetry))
            }
            Request::DecideSweep { id, approve, by, reply } => answer(reply, self.decide_sweep(&id, approve, &by)),
            Request::UndoSweep { id, by, reply } => answer(reply, self.undo_sweep(&id, &by)),
            Request::Trim { trimming, reply } => answer(reply, self.trim(trimming)),
            Request::NoteAct {
                by,
                action,
                subject,
                outcome,
                reply,
            } => {
                self.audit(&by, action, &subject, outcome)?;
                answer(reply, Ok(Ok(())))
            }
            Request::Stop => Ok(()),
        }
    }
}

/// A result in two layers: the store's failure ends the engine, the caller's mistake goes back to the caller.
pub type Outcome<T, E = SinkError> = Result<Result<T, E>, StoreError>;

fn answer<T, E>(reply: oneshot::Sender<Result<T, E>>, outcome: Outcome<T, E>) -> Result<(), StoreError> {
    let answer = outcome?;
    // A caller that went away does not wait for its answer.
    let _ = reply.send(answer);
    Ok(())
}

impl EngineSink {
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, SinkError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || SinkError::Stopped(self.shared.failure().unwrap_or_else(|| "it was stopped".to_owned()));
        self.requests.send(request(reply)).await.map_err(|_| stopped())?;
        match answer.await {
            Ok(answer) => answer,
            Err(_) => {
                // The reason is told before the door is closed, and after this request was dropped.
                self.requests.closed().await;
                Err(stopped())
            }
        }
    }
}

#[async_trait]
impl Sink for EngineSink {
    async fn run_begin(&self, run: RunBegin) -> Result<(), SinkError> {
        self.ask(|reply| Request::RunBegin(run, reply)).await
    }

    async fn scope_open(&self, run: &RunId, scope: Scope, opened_at: Timestamp) -> Result<ScopeOpened, SinkError> {
        self.ask(|reply| Request::ScopeOpen(run.clone(), scope, opened_at, reply))
            .await
    }

    async fn deliver(&self, ticket: ScopeTicket, items: Vec<Delivery>) -> Result<(), SinkError> {
        self.ask(|reply| Request::Deliver(ticket, items, reply)).await
    }

    async fn checkpoint(&self, ticket: ScopeTicket, cursor: Cursor) -> Result<(), SinkError> {
        self.ask(|reply| Request::Checkpoint(ticket, cursor, reply)).await
    }

    async fn scope_close(&self, ticket: ScopeTicket, closing: Closing) -> Result<ScopeClosed, SinkError> {
        self.ask(|reply| Request::ScopeClose(ticket, closing, reply)).await
    }

    async fn run_end(
        &self,
        run: &RunId,
        outcome: RunOutcome,
        ended_at: Timestamp,
        telemetry: BTreeMap<String, u64>,
    ) -> Result<RunRecord, SinkError> {
        self.ask(|reply| Request::RunEnd(run.clone(), outcome, ended_at, telemetry, reply))
            .await
    }

    async fn head(&self) -> Result<Position, SinkError> {
        Ok(*self.shared.positions.borrow())
    }
}

/// The monotonic clock, read in this one place: only to bound how long a batch waits.
#[expect(
    clippy::disallowed_methods,
    reason = "the batch's waiting time is not data; nothing stored depends on it"
)]
fn monotonic_now() -> Instant {
    Instant::now()
}

fn add_to(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// Counts for status.
pub(crate) fn add_claims(shared: &Shared, put: u64, removed: u64) {
    shared.claims.fetch_add(put, Ordering::Relaxed);
    shared.claims.fetch_sub(removed, Ordering::Relaxed);
}
