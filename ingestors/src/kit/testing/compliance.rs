//! What every source must hold, whatever it reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use bailiwick_schema::time::ManualClock;
use bailiwick_schema::{
    AllowPolicy, Clock, Closing, ContentHash, RunBegin, RunCause, RunId, RunOutcome, RunRecord, Sink, SourceId,
    Timestamp,
};
use tokio_util::sync::CancellationToken;

use super::RecordingSink;

use crate::kit::{Emitter, Environment, IngestError, Ingestor, RunContext, chain};

/// A source with something to read, for the suite.
#[async_trait]
pub trait Fixture: Send + Sync {
    fn source_type(&self) -> &'static str;
    fn ingestor(&self) -> Arc<dyn Ingestor>;
    /// Where the source may keep its cache.
    fn cache_dir(&self) -> PathBuf;
    /// Makes part of the source unreadable, and nothing gone.
    async fn break_a_part(&self);
    /// A secret that the source is given; it must turn up nowhere.
    fn canary(&self) -> Option<String> {
        None
    }
    fn environment(&self) -> Environment {
        Environment::default()
    }
}

/// Runs an ingestor once against a sink, the way the scheduler does, and returns the run's row.
pub async fn run_once(
    fixture: &dyn Fixture,
    sink: &Arc<RecordingSink>,
    options: &str,
    cancel: CancellationToken,
) -> RunRecord {
    let source = SourceId::parse("fixture").expect("a well-formed id");
    let number = sink.runs().len() as u64;
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(
        1_800_000_000 + i64::try_from(number).unwrap_or(0),
    )));
    let run = RunId::at(&source, clock.now());
    let options_hash = ContentHash::of(options.as_bytes());
    let now: Arc<dyn Clock> = clock.clone();
    let mut cx = RunContext::new(
        source.clone(),
        fixture.source_type(),
        run.clone(),
        now,
        fixture.cache_dir(),
        options_hash,
    );
    cx.cancel = cancel;
    cx.environment = Arc::new(fixture.environment());
    let begin = RunBegin {
        id: run.clone(),
        source,
        source_type: fixture.source_type().to_owned(),
        cause: RunCause::Operator,
        full: true,
        allow: AllowPolicy::all(),
        rank: 0,
        started_at: clock.now(),
    };
    sink.run_begin(begin).await.expect("the run begins");
    let port: Arc<dyn Sink> = sink.clone();
    let out = Emitter::new(port, &cx);
    let result = fixture.ingestor().ingest(&cx, &out).await;
    let outcome = match result {
        Ok(()) => RunOutcome::Finished,
        Err(IngestError::Cancelled) => RunOutcome::Cancelled {
            message: "cancelled".to_owned(),
        },
        Err(error) => RunOutcome::Failed { message: chain(&error) },
    };
    let _ = out.finish().await;
    sink.resume();
    sink.run_end(&run, outcome, clock.now(), cx.telemetry())
        .await
        .expect("the run ends")
}

async fn full_run(fixture: &dyn Fixture, sink: &Arc<RecordingSink>) -> RunRecord {
    run_once(fixture, sink, "options", CancellationToken::new()).await
}

#[doc(hidden)]
pub async fn second_run_changes_nothing(fixture: &dyn Fixture) {
    let sink = Arc::new(RecordingSink::new());
    full_run(fixture, &sink).await;
    let held = sink.held();
    assert!(!held.is_empty(), "the fixture has something to read");
    let row = full_run(fixture, &sink).await;
    let run = sink.last_run();
    assert_eq!(row.error, None);
    assert_eq!(run.claims().count(), 0, "an unchanged source emits no claim");
    assert_eq!((run.claims_changed, run.claims_removed), (0, 0));
    assert!(
        run.closed.iter().any(|closed| closed.closing == Closing::Unchanged),
        "an unchanged scope is closed as unchanged: {:?}",
        run.closed
    );
    assert_eq!(sink.held(), held);
}

#[doc(hidden)]
pub async fn partial_run_removes_nothing(fixture: &dyn Fixture) {
    let sink = Arc::new(RecordingSink::new());
    full_run(fixture, &sink).await;
    let subjects = sink.subjects();
    fixture.break_a_part().await;
    full_run(fixture, &sink).await;
    let run = sink.last_run();
    assert_eq!(run.claims_removed, 0, "what cannot be read is not gone");
    assert!(
        run.findings().next().is_some() || run.outcome != Some(RunOutcome::Finished),
        "and somebody hears of it"
    );
    assert_eq!(sink.subjects(), subjects);
}

#[doc(hidden)]
pub async fn other_options_read_everything_again(fixture: &dyn Fixture) {
    let sink = Arc::new(RecordingSink::new());
    full_run(fixture, &sink).await;
    let first = sink.last_run().claims().count();
    let held = sink.held();
    run_once(fixture, &sink, "other options", CancellationToken::new()).await;
    let run = sink.last_run();
    assert_eq!(
        run.claims().count(),
        first,
        "a cursor of other options is worth nothing"
    );
    assert_eq!(run.claims_removed, 0);
    assert_eq!(sink.held(), held);
}

/// Cancels, and in a second round stops the sink, at each call that a run makes.
#[doc(hidden)]
pub async fn cancelled_run_proves_nothing_that_is_not_whole(fixture: &dyn Fixture) {
    let reference = Arc::new(RecordingSink::new());
    full_run(fixture, &reference).await;
    let whole = by_scope(&reference.held());
    let calls = reference.calls();
    for n in 2..=calls {
        for stop in [false, true] {
            let sink = Arc::new(RecordingSink::new());
            let cancel = CancellationToken::new();
            if stop {
                sink.stop_at_call(n);
            } else {
                sink.cancel_at_call(n, cancel.clone());
            }
            run_once(fixture, &sink, "options", cancel).await;
            let seen = by_scope(&sink.held());
            for closed in sink.last_run().closed {
                if matches!(closed.closing, Closing::Complete { .. }) {
                    let scope = closed.scope.as_str();
                    assert_eq!(
                        seen.get(scope),
                        whole.get(scope),
                        "`{scope}` was proved before it was whole (call {n})"
                    );
                }
            }
            // Afterwards an undisturbed run makes it whole.
            full_run(fixture, &sink).await;
            assert_eq!(by_scope(&sink.held()), whole, "after a run that ended at call {n}");
        }
    }
    // Beside held content, a run that is cut off removes nothing either.
    for n in 2..=calls {
        let cancel = CancellationToken::new();
        let sink = Arc::new(RecordingSink::new());
        full_run(fixture, &sink).await;
        sink.cancel_at_call(n, cancel.clone());
        run_once(fixture, &sink, "other options", cancel).await;
        assert_eq!(sink.last_run().claims_removed, 0, "cut off at call {n}");
        assert_eq!(by_scope(&sink.held()), whole);
    }
}

fn by_scope(held: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut scopes = BTreeMap::<String, Vec<String>>::new();
    for line in held {
        let scope = line.split(' ').next().unwrap_or_default();
        scopes.entry(scope.to_owned()).or_default().push(line.clone());
    }
    scopes
}

#[doc(hidden)]
pub async fn no_secret_in_any_log_line_or_delivery(fixture: &dyn Fixture) {
    let Some(canary) = fixture.canary() else { return };
    let log = capture_log();
    let sink = Arc::new(RecordingSink::new());
    let first = full_run(fixture, &sink).await;
    fixture.break_a_part().await;
    let second = full_run(fixture, &sink).await;
    for row in [first, second] {
        assert!(!format!("{row:?}").contains(&canary), "the run's row holds the secret");
    }
    for run in sink.runs() {
        assert!(!format!("{run:?}").contains(&canary), "a delivery holds the secret");
    }
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    let leaked = log.iter().find(|line| line.contains(&canary));
    assert_eq!(leaked, None, "a log line holds the secret");
}

/// Collects every log line of the process from the first call on; all threads, all levels.
fn capture_log() -> Arc<Mutex<Vec<String>>> {
    static LINES: OnceLock<Arc<Mutex<Vec<String>>>> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        let lines = Arc::new(Mutex::new(Vec::new()));
        // Another subscriber of the test binary may have come first; then there is nothing to capture.
        let _ = tracing::subscriber::set_global_default(Capture(Arc::clone(&lines)));
        lines
    });
    Arc::clone(lines)
}

struct Capture(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Capture {
    fn keep(&self, line: Line) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }
}

impl tracing::Subscriber for Capture {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut line = Line(span.metadata().name().to_owned());
        span.record(&mut line);
        self.keep(line);
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        let mut line = Line("record".to_owned());
        values.record(&mut line);
        self.keep(line);
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.keep(line);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
