//! Runs sources when they are due, when something woke them and when somebody asks.
//!
//! Invariants: a source has never two full runs at once; what asks for a run while one is going on gets exactly one
//! more, whose id is known at once; every task is owned here and has ended when [`Scheduler::shutdown`] returns; a
//! panic in a source ends its run as failed and nothing else.
//!
//! It knows neither what a source reads nor what becomes of it.

mod control;
mod run;
mod schedule;
mod source;
mod timing;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bailiwick_schema::{Clock, Limit, RunCause, Sink, SourceId};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::kit::Environment;
use source::SourceCell;

pub use run::{RunError, run_source};
pub use schedule::{CRON_BYTES_MAX, Schedule, ScheduleError};
pub use source::ScheduledSource;

/// Most sources that are read at the same time; further ones wait their turn.
pub const RUNS_AT_ONCE_MAX: usize = 4;

/// How long a cancelled run may take to end by itself before its task is aborted.
pub const CANCEL_GRACE: Duration = Duration::from_secs(4);

/// How long [`Scheduler::shutdown`] waits for everything.
pub const SHUTDOWN_MAX: Duration = Duration::from_secs(7);

/// The limits of the scheduler for the program's table.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "runs_at_once_max",
        value: RUNS_AT_ONCE_MAX as u64,
        unit: "runs",
        effect: "further runs wait",
    },
    Limit {
        name: "cancel_grace_secs",
        value: CANCEL_GRACE.as_secs(),
        unit: "seconds",
        effect: "the task of the run is aborted",
    },
    Limit {
        name: "shutdown_secs_max",
        value: SHUTDOWN_MAX.as_secs(),
        unit: "seconds",
        effect: "tasks are aborted",
    },
    Limit {
        name: "cron_bytes_max",
        value: CRON_BYTES_MAX as u64,
        unit: "bytes",
        effect: "the schedule is refused",
    },
    Limit {
        name: "backoff_secs_max",
        value: timing::BACKOFF_MAX.as_secs(),
        unit: "seconds",
        effect: "the next scheduled run after failures waits no longer",
    },
    Limit {
        name: "schedule_jitter_secs_max",
        value: timing::JITTER_MAX.as_secs(),
        unit: "seconds",
        effect: "a scheduled run starts no later than this after its time",
    },
];

/// What runs need from the outside.
#[derive(Clone)]
pub struct Surroundings {
    pub sink: Arc<dyn Sink>,
    pub clock: Arc<dyn Clock>,
    pub environment: Arc<Environment>,
    /// The folder below which each source has its cache.
    pub cache_dir: PathBuf,
}

/// Owns the tasks of all sources. Dropped without [`Scheduler::shutdown`], it cancels them and does not wait.
pub struct Scheduler {
    clock: Arc<dyn Clock>,
    cells: BTreeMap<SourceId, Arc<SourceCell>>,
    cancel: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Scheduler {
    /// Starts a task for each source, and one for each watcher. Needs a tokio runtime.
    ///
    /// Of two sources with the same id the later is kept; the configuration refuses that before.
    pub fn start(surroundings: Surroundings, sources: Vec<ScheduledSource>) -> Self {
        let cancel = CancellationToken::new();
        let permits = Arc::new(Semaphore::new(RUNS_AT_ONCE_MAX));
        let cells: BTreeMap<SourceId, Arc<SourceCell>> = sources
            .into_iter()
            .map(|source| (source.id.clone(), Arc::new(SourceCell::new(source))))
            .collect();
        let mut tasks = Vec::new();
        for cell in cells.values() {
            if cell.source.run_at_start {
                cell.ask(RunCause::Startup, surroundings.clock.now());
            }
            let looping = source::source_loop(
                Arc::clone(cell),
                surroundings.clone(),
                Arc::clone(&permits),
                cancel.child_token(),
            );
            tasks.push(tokio::spawn(looping));
            if let Some(watcher) = cell.source.ingestor.watcher() {
                let wake = Arc::new(control::SourceWake::new(
                    Arc::clone(cell),
                    Arc::clone(&surroundings.clock),
                ));
                let cancel = cancel.child_token();
                tasks.push(tokio::spawn(async move { watcher.watch(wake, cancel).await }));
            }
        }
        Self {
            clock: surroundings.clock,
            cells,
            cancel,
            tasks: Mutex::new(tasks),
        }
    }

    /// Cancels every run, waits until all tasks have ended, at most [`SHUTDOWN_MAX`], and aborts what has not.
    ///
    /// Runs that had begun are ended as cancelled; runs that waited for their start never begin.
    pub async fn shutdown(&self) {
        self.cancel.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = tokio::time::Instant::now() + SHUTDOWN_MAX;
        for mut task in tasks {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                warn!("a task of the scheduler did not end in time and is aborted");
                task.abort();
                let _ = task.await;
            }
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[cfg(test)]
mod tests;
