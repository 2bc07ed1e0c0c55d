//! The engine without its thread, for simulations and tests: one request at a time, on the caller's thread.
//!
//! Invariants: it does what the running engine does with the same requests in the same order, except that nothing is
//! committed because time went by; [`InlineEngine::flush`] stands for that timer. Once the store has failed, every
//! later request is answered with `WritesStopped`, as a stopped engine answers, and the store has to be opened again.
//! Dropping it is a crash: whatever was planned and not committed is gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_schema::{
    Closing, Cursor, Delivery, Position, RunBegin, RunId, RunOutcome, RunRecord, Scope, ScopeClosed, ScopeOpened,
    ScopeTicket, Timestamp,
};
use tokio::sync::{mpsc, oneshot};

use super::{EngineSettings, EngineSink, OperateError, Outcome, Request, Shared, State, SweepDecision};
use crate::api::Catalog;
use crate::graph::Snapshot;
use crate::search::FollowerHandle;
use crate::store::{Store, StoreError};

/// An engine that works when it is asked to.
pub struct InlineEngine {
    state: State,
    shared: Arc<Shared>,
    stopped: bool,
}

impl InlineEngine {
    /// Loads the snapshot and settles what an earlier engine left open, as [`super::Engine::start`] does.
    /// Errors: the store cannot be read or written, or holds records that cannot be decoded.
    pub fn load(store: Arc<dyn Store>, settings: EngineSettings) -> Result<Self, StoreError> {
        let (state, shared) = State::load(store, settings)?;
        Ok(Self {
            state,
            shared,
            stopped: false,
        })
    }

    pub fn run_begin(&mut self, begin: RunBegin) -> Outcome<()> {
        self.ask(|reply| Request::RunBegin(begin, reply))
    }

    pub fn scope_open(&mut self, run: &RunId, scope: Scope, opened_at: Timestamp) -> Outcome<ScopeOpened> {
        self.ask(|reply| Request::ScopeOpen(run.clone(), scope, opened_at, reply))
    }

    pub fn deliver(&mut self, ticket: ScopeTicket, items: Vec<Delivery>) -> Outcome<()> {
        self.ask(|reply| Request::Deliver(ticket, items, reply))
    }

    pub fn checkpoint(&mut self, ticket: ScopeTicket, cursor: Cursor) -> Outcome<()> {
        self.ask(|reply| Request::Checkpoint(ticket, cursor, reply))
    }

    pub fn scope_close(&mut self, ticket: ScopeTicket, closing: Closing) -> Outcome<ScopeClosed> {
        self.ask(|reply| Request::ScopeClose(ticket, closing, reply))
    }

    pub fn run_end(&mut self, run: &RunId, outcome: RunOutcome, ended_at: Timestamp) -> Outcome<RunRecord> {
        self.ask(|reply| Request::RunEnd(run.clone(), outcome, ended_at, BTreeMap::new(), reply))
    }

    /// Approves or rejects the pending sweep of the scope with this number.
    pub fn decide_sweep(&mut self, id: &str, approve: bool, by: &str) -> Outcome<SweepDecision, OperateError> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.ask(|reply| Request::DecideSweep { id, approve, by, reply })
    }

    pub fn undo_sweep(&mut self, id: &str, by: &str) -> Outcome<SweepDecision, OperateError> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.ask(|reply| Request::UndoSweep { id, by, reply })
    }

    /// Commits what is planned, as the running engine does when nothing more comes for a moment.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.check()?;
        let outcome = self.state.flush();
        self.stopped = outcome.is_err();
        outcome
    }

    /// What readers see.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// The position that waiting readers were told last.
    pub fn position(&self) -> Position {
        *self.shared.positions.borrow()
    }

    /// Gives the newest snapshot, to a follower.
    pub fn snapshot_source(&self) -> Arc<dyn Fn() -> Arc<Snapshot> + Send + Sync> {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || shared.snapshot.load_full())
    }

    /// The readers' side. What operators do through it is answered with an error: there is no thread to carry it out.
    pub fn catalog(&self, follower: FollowerHandle) -> Catalog {
        let (requests, _) = mpsc::channel(1);
        let sink = EngineSink {
            requests,
            shared: Arc::clone(&self.shared),
        };
        let kinds = Arc::clone(&self.state.settings.kinds);
        Catalog::new(Arc::clone(&self.state.store), sink, follower, kinds)
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.stopped {
            Err(StoreError::WritesStopped)
        } else {
            Ok(())
        }
    }

    fn ask<T, E>(&mut self, request: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Request) -> Outcome<T, E> {
        self.check()?;
        let (reply, mut answer) = oneshot::channel();
        let handled = self.state.handle(request(reply));
        self.stopped = handled.is_err();
        handled?;
        Ok(answer.try_recv().expect("a request that was handled was answered"))
    }
}
