//! One run of a source, from its ledger row's beginning to its end.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_schema::{RunBegin, RunCause, RunId, RunOutcome, RunRecord, SinkError};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{CANCEL_GRACE, ScheduledSource, Surroundings};
use crate::kit::{Emitter, IngestError, RunContext, chain, panic_message};

/// The catalog did not take the run itself. What the source could not do stands in the run's row instead.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the run could not begin")]
    Begin(#[source] SinkError),
    #[error("the run could not be ended")]
    End(#[source] SinkError),
}

/// Runs a source once, now, and returns the row of the run: for a pass without a server.
///
/// Cancellation through `cancel`: the run ends as cancelled, and its row says so.
pub async fn run_source(
    surroundings: &Surroundings,
    source: &ScheduledSource,
    cause: RunCause,
    cancel: &CancellationToken,
) -> Result<RunRecord, RunError> {
    let run = RunId::at(&source.id, surroundings.clock.now());
    let began = begin(surroundings, source, &run, cause).await?;
    began.run_to_end(cancel).await
}

/// A run whose row is written and whose source was not started yet.
pub(super) struct Began {
    surroundings: Surroundings,
    source: ScheduledSource,
    cx: RunContext,
}

pub(super) async fn begin(
    surroundings: &Surroundings,
    source: &ScheduledSource,
    run: &RunId,
    cause: RunCause,
) -> Result<Began, RunError> {
    let begin = RunBegin {
        id: run.clone(),
        source: source.id.clone(),
        source_type: source.source_type.to_owned(),
        cause,
        full: true,
        allow: source.allow.clone(),
        rank: source.rank,
        started_at: surroundings.clock.now(),
    };
    surroundings.sink.run_begin(begin).await.map_err(RunError::Begin)?;
    let mut cx = RunContext::new(
        source.id.clone(),
        source.source_type,
        run.clone(),
        Arc::clone(&surroundings.clock),
        surroundings.cache_dir.join(source.id.as_str()),
        source.options_hash,
    );
    cx.environment = Arc::clone(&surroundings.environment);
    Ok(Began {
        surroundings: surroundings.clone(),
        source: source.clone(),
        cx,
    })
}

/// Why a run was told to stop.
#[derive(Clone, Copy)]
enum Stop {
    Shutdown,
    Deadline(Duration),
}

impl Stop {
    fn outcome(self) -> RunOutcome {
        match self {
            Self::Shutdown => RunOutcome::Cancelled {
                message: "the program was told to stop".to_owned(),
            },
            Self::Deadline(deadline) => RunOutcome::Failed {
                message: format!(
                    "the run took longer than its deadline of {} s (deadline_secs) and was cancelled; what it had \
                     proved by then counts",
                    deadline.as_secs()
                ),
            },
        }
    }
}

impl Began {
    /// Lets the source work, ends the run however that went, and returns the run's row.
    pub(super) async fn run_to_end(self, cancel: &CancellationToken) -> Result<RunRecord, RunError> {
        let Self {
            surroundings,
            source,
            cx,
        } = self;
        let out = Emitter::new(Arc::clone(&surroundings.sink), &cx);
        let mut outcome = supervise(&source, &cx, &out, cancel).await;
        if let Err(error) = out.finish().await
            && outcome == RunOutcome::Finished
        {
            outcome = RunOutcome::Failed { message: chain(&error) };
        }
        let ended_at = surroundings.clock.now();
        surroundings
            .sink
            .run_end(&cx.run, outcome, ended_at, cx.telemetry())
            .await
            .map_err(RunError::End)
    }
}

/// Runs the source in a task of its own until it ends, panics, is cancelled or passes its deadline.
async fn supervise(source: &ScheduledSource, cx: &RunContext, out: &Emitter, cancel: &CancellationToken) -> RunOutcome {
    let span = tracing::info_span!("run", source = %cx.source, run = %cx.run);
    let ingest = {
        let (ingestor, cx, out) = (Arc::clone(&source.ingestor), cx.clone(), out.clone());
        async move { ingestor.ingest(&cx, &out).await }.instrument(span)
    };
    let mut task = AbortOnDrop(tokio::spawn(ingest));
    let stop = tokio::select! {
        biased;
        ended = &mut task.0 => return outcome_of(ended, None),
        () = cancel.cancelled() => Stop::Shutdown,
        deadline = passed(source.deadline) => Stop::Deadline(deadline),
    };
    cx.cancel.cancel();
    if let Ok(ended) = tokio::time::timeout(CANCEL_GRACE, &mut task.0).await {
        return outcome_of(ended, Some(stop));
    }
    task.0.abort();
    outcome_of((&mut task.0).await, Some(stop))
}

/// A task that does not outlive whoever waits for it.
struct AbortOnDrop(tokio::task::JoinHandle<Result<(), IngestError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn passed(deadline: Option<Duration>) -> Duration {
    let Some(deadline) = deadline else {
        return std::future::pending().await;
    };
    tokio::time::sleep(deadline).await;
    deadline
}

fn outcome_of(ended: Result<Result<(), IngestError>, JoinError>, stop: Option<Stop>) -> RunOutcome {
    match (ended, stop) {
        (Ok(Ok(())), _) => RunOutcome::Finished,
        (Err(error), _) if error.is_panic() => {
            let panic: Box<dyn Any + Send> = error.into_panic();
            RunOutcome::Failed {
                message: format!("the source panicked: {}", panic_message(&*panic)),
            }
        }
        (Ok(Err(_)) | Err(_), Some(stop)) => stop.outcome(),
        (Ok(Err(IngestError::Cancelled)) | Err(_), None) => RunOutcome::Cancelled {
            message: "the run was cancelled".to_owned(),
        },
        (Ok(Err(error)), None) => RunOutcome::Failed { message: chain(&error) },
    }
}
