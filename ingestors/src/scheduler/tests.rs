//! Tests of the scheduler on paused time, against sources that do as they are told.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bailiwick_schema::{
    AllowPolicy, ContentHash, Control as _, ControlError, RunId, RunOutcome, Scope, SinkError, Timestamp,
};
use tokio::sync::{Notify, watch};

use super::*;
use crate::kit::testing::RecordingSink;
use crate::kit::{Emitter, IngestError, Ingestor, RunContext, Wake, Watcher};

/// A clock that follows tokio's time, so that paused tests move both.
struct TokioClock(tokio::time::Instant);

impl TokioClock {
    fn start() -> Timestamp {
        Timestamp::parse("2026-11-21T12:00:01Z").unwrap()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Self::start().plus(self.0.elapsed())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Succeed,
    Fail,
    Panic,
    /// Waits until cancelled, and says so.
    Obey,
    /// Waits for ever, deaf to cancellation.
    Ignore,
    /// Waits until the test lets it go.
    Hold,
}

struct Puppet {
    behaviour: watch::Sender<Behaviour>,
    release: Notify,
    started: AtomicU32,
    at_once: AtomicU32,
    most_at_once: AtomicU32,
    watched: Option<Arc<WatchedFlag>>,
}

impl Puppet {
    fn new(behaviour: Behaviour) -> Arc<Self> {
        Arc::new(Self {
            behaviour: watch::Sender::new(behaviour),
            release: Notify::new(),
            started: AtomicU32::new(0),
            at_once: AtomicU32::new(0),
            most_at_once: AtomicU32::new(0),
            watched: None,
        })
    }

    fn started(&self) -> u32 {
        self.started.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Ingestor for Puppet {
    async fn ingest(&self, cx: &RunContext, out: &Emitter) -> Result<(), IngestError> {
        self.started.fetch_add(1, Ordering::SeqCst);
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let _scope = out.open(Scope::root("all")).await?;
        cx.count("puppet.reads", 3);
        let behaviour = *self.behaviour.borrow();
        let result = match behaviour {
            Behaviour::Succeed => Ok(()),
            Behaviour::Fail => Err(IngestError::source("the far end hung up")),
            Behaviour::Panic => panic!("strings cut"),
            Behaviour::Obey => {
                cx.cancel.cancelled().await;
                Err(IngestError::Cancelled)
            }
            Behaviour::Ignore => std::future::pending().await,
            Behaviour::Hold => {
                self.release.notified().await;
                Ok(())
            }
        };
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        result
    }

    fn watcher(&self) -> Option<Arc<dyn Watcher>> {
        self.watched.clone().map(|flag| flag as Arc<dyn Watcher>)
    }
}

#[derive(Default)]
struct WatchedFlag(Notify);

#[async_trait]
impl Watcher for WatchedFlag {
    async fn watch(&self, wake: Arc<dyn Wake>, cancel: CancellationToken) {
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.0.notified() => wake.wake(),
            }
        }
    }
}

struct Bench {
    sink: Arc<RecordingSink>,
    surroundings: Surroundings,
}

impl Bench {
    fn new() -> Self {
        let sink = Arc::new(RecordingSink::new());
        let surroundings = Surroundings {
            sink: sink.clone(),
            clock: Arc::new(TokioClock(tokio::time::Instant::now())),
            environment: Arc::default(),
            cache_dir: "cache".into(),
        };
        Self { sink, surroundings }
    }

    fn start(&self, sources: Vec<ScheduledSource>) -> Scheduler {
        Scheduler::start(self.surroundings.clone(), sources)
    }

    /// Waits until the condition holds; paused time runs on while nothing else does.
    async fn until(&self, what: &str, condition: impl Fn(&RecordingSink) -> bool) {
        for _ in 0..100_000 {
            if condition(&self.sink) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never came: {what}");
    }

    async fn until_ended(&self, run: &RunId) -> RunOutcome {
        let ended = |sink: &RecordingSink| sink.run(run).and_then(|run| run.outcome);
        self.until("the end of the run", |sink| ended(sink).is_some()).await;
        ended(&self.sink).unwrap()
    }
}

fn source(id: &str, puppet: &Arc<Puppet>) -> ScheduledSource {
    ScheduledSource {
        id: SourceId::parse(id).unwrap(),
        source_type: "puppet",
        ingestor: puppet.clone(),
        schedule: None,
        allow: AllowPolicy::all(),
        rank: 0,
        deadline: None,
        options_hash: ContentHash::default(),
        run_at_start: false,
    }
}

fn every(expression: &str) -> Option<Schedule> {
    Some(Schedule::parse(expression, "UTC").unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_source_runs_at_its_times_with_little_jitter() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Succeed);
    let scheduler = bench.start(vec![ScheduledSource {
        schedule: every("*/10 * * * *"),
        ..source("s", &puppet)
    }]);
    bench.until("three runs", |sink| sink.runs().len() == 3).await;
    for (run, minute) in bench.sink.runs().iter().zip([10, 20, 30]) {
        let due = Timestamp::parse(&format!("2026-11-21T12:{minute}:00Z")).unwrap();
        assert!(run.begin.started_at >= due && run.begin.started_at.since(due) <= Duration::from_secs(31));
        assert_eq!(run.begin.cause, RunCause::Schedule);
        assert!(run.begin.full);
    }
    let status = scheduler.sources().await.remove(0);
    assert_eq!(
        (status.schedule.as_deref(), status.time_zone.as_deref()),
        (Some("*/10 * * * *"), Some("UTC"))
    );
    assert!(status.next_run_at.unwrap() >= Timestamp::parse("2026-11-21T12:40:00Z").unwrap());
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_may_run_when_the_program_starts() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Succeed);
    let scheduler = bench.start(vec![ScheduledSource {
        run_at_start: true,
        ..source("s", &puppet)
    }]);
    bench
        .until("the first run", |sink| {
            sink.runs().first().is_some_and(|run| run.outcome.is_some())
        })
        .await;
    let run = bench.sink.last_run();
    assert_eq!(
        (run.begin.cause, run.outcome),
        (RunCause::Startup, Some(RunOutcome::Finished))
    );
    assert_eq!(run.telemetry.get("puppet.reads"), Some(&3));
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn asking_while_it_runs_queues_exactly_one_more() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Hold);
    let scheduler = bench.start(vec![source("s", &puppet)]);
    let first = scheduler.trigger("s").await.unwrap();
    bench.until("the start", |_| puppet.started() == 1).await;
    assert!(!scheduler.is_queued(&first).await);
    let second = scheduler.trigger("s").await.unwrap();
    assert_ne!(first, second);
    assert_eq!(scheduler.trigger("s").await.unwrap(), second);
    assert!(scheduler.is_queued(&second).await);
    let status = scheduler.sources().await.remove(0);
    assert_eq!(
        (status.running, status.queued),
        (Some(first.clone()), Some(second.clone()))
    );
    puppet.release.notify_one();
    assert_eq!(bench.until_ended(&first).await, RunOutcome::Finished);
    bench.until("the second start", |_| puppet.started() == 2).await;
    puppet.release.notify_one();
    assert_eq!(bench.until_ended(&second).await, RunOutcome::Finished);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(puppet.started(), 2);
    assert_eq!(puppet.most_at_once.load(Ordering::SeqCst), 1);
    assert_eq!(bench.sink.last_run().begin.cause, RunCause::Operator);
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_source_skips_the_times_it_missed() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Hold);
    let scheduler = bench.start(vec![ScheduledSource {
        schedule: every("* * * * *"),
        ..source("s", &puppet)
    }]);
    bench.until("the start", |_| puppet.started() == 1).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(puppet.started(), 1);
    puppet.behaviour.send_replace(Behaviour::Succeed);
    puppet.release.notify_one();
    tokio::time::sleep(Duration::from_secs(180)).await;
    assert!((2..=4).contains(&puppet.started()), "{} starts", puppet.started());
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn failures_hold_scheduled_runs_back_but_not_the_operator() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Fail);
    let scheduler = bench.start(vec![ScheduledSource {
        schedule: every("* * * * *"),
        ..source("s", &puppet)
    }]);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    // Held back for 1, 2, 4, 8, 16 and 32 minutes.
    assert!((5..=7).contains(&puppet.started()), "{} starts", puppet.started());
    let status = scheduler.sources().await.remove(0);
    assert_eq!(status.failures, puppet.started());
    let message = bench.sink.last_run().outcome;
    assert_eq!(
        message,
        Some(RunOutcome::Failed {
            message: "the far end hung up".to_owned()
        })
    );
    puppet.behaviour.send_replace(Behaviour::Succeed);
    let run = scheduler.trigger("s").await.unwrap();
    let asked_at = bench.surroundings.clock.now();
    assert_eq!(bench.until_ended(&run).await, RunOutcome::Finished);
    assert!(bench.surroundings.clock.now().since(asked_at) < Duration::from_secs(1));
    assert_eq!(scheduler.sources().await.remove(0).failures, 0);
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_run_and_nothing_else() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Panic);
    let scheduler = bench.start(vec![source("s", &puppet)]);
    let run = scheduler.trigger("s").await.unwrap();
    let outcome = bench.until_ended(&run).await;
    assert_eq!(
        outcome,
        RunOutcome::Failed {
            message: "the source panicked: strings cut".to_owned()
        }
    );
    puppet.behaviour.send_replace(Behaviour::Succeed);
    let run = scheduler.trigger("s").await.unwrap();
    assert_eq!(bench.until_ended(&run).await, RunOutcome::Finished);
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_cancels_a_run_and_says_so() {
    for behaviour in [Behaviour::Obey, Behaviour::Ignore] {
        let bench = Bench::new();
        let puppet = Puppet::new(behaviour);
        let deadline = Some(Duration::from_secs(60));
        let scheduler = bench.start(vec![ScheduledSource {
            deadline,
            ..source("s", &puppet)
        }]);
        let run = scheduler.trigger("s").await.unwrap();
        let RunOutcome::Failed { message } = bench.until_ended(&run).await else {
            panic!("a failure")
        };
        assert!(message.contains("its deadline of 60 s (deadline_secs)"), "{message}");
        scheduler.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_every_run_as_cancelled() {
    let bench = Bench::new();
    let (obedient, deaf) = (Puppet::new(Behaviour::Obey), Puppet::new(Behaviour::Ignore));
    let scheduler = bench.start(vec![source("a", &obedient), source("b", &deaf)]);
    let runs = [
        scheduler.trigger("a").await.unwrap(),
        scheduler.trigger("b").await.unwrap(),
    ];
    bench
        .until("both starts", |_| obedient.started() + deaf.started() == 2)
        .await;
    let before = bench.surroundings.clock.now();
    scheduler.shutdown().await;
    assert!(bench.surroundings.clock.now().since(before) <= SHUTDOWN_MAX);
    for run in runs {
        let outcome = bench.sink.run(&run).unwrap().outcome;
        assert!(matches!(outcome, Some(RunOutcome::Cancelled { .. })), "{outcome:?}");
    }
    assert_eq!(scheduler.trigger("a").await, Err(ControlError::ShuttingDown));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_source_is_answered_with_the_known_ones() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Succeed);
    let scheduler = bench.start(vec![source("code", &puppet), source("org", &puppet)]);
    let error = scheduler.trigger("cod").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no source `cod`; configured are: code, org");
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_watcher_wakes_its_source() {
    let bench = Bench::new();
    let flag = Arc::new(WatchedFlag::default());
    let mut puppet = Puppet::new(Behaviour::Succeed);
    Arc::get_mut(&mut puppet).unwrap().watched = Some(flag.clone());
    let scheduler = bench.start(vec![source("s", &puppet)]);
    flag.0.notify_one();
    bench
        .until("a run", |sink| {
            sink.runs().first().is_some_and(|run| run.outcome.is_some())
        })
        .await;
    assert_eq!(bench.sink.last_run().begin.cause, RunCause::Event);
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_of_sources_run_at_once() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Hold);
    let count = u32::try_from(RUNS_AT_ONCE_MAX).unwrap() + 3;
    let scheduler = bench.start((0..count).map(|n| source(&format!("s{n}"), &puppet)).collect());
    for n in 0..count {
        scheduler.trigger(&format!("s{n}")).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(puppet.started() as usize, RUNS_AT_ONCE_MAX);
    for _ in 0..count {
        puppet.release.notify_one();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    bench
        .until("all runs", |sink| {
            sink.runs().iter().filter(|run| run.outcome.is_some()).count() == count as usize
        })
        .await;
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_stopped_does_not_stop_the_scheduler() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Succeed);
    let scheduler = bench.start(vec![source("s", &puppet)]);
    bench.sink.stop_at_call(1);
    scheduler.trigger("s").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(scheduler.sources().await.remove(0).failures, 1);
    bench.sink.resume();
    let run = scheduler.trigger("s").await.unwrap();
    assert_eq!(bench.until_ended(&run).await, RunOutcome::Finished);
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn one_pass_without_a_server_returns_the_row() {
    let bench = Bench::new();
    let puppet = Puppet::new(Behaviour::Succeed);
    let cancel = CancellationToken::new();
    let row = run_source(&bench.surroundings, &source("s", &puppet), RunCause::Operator, &cancel)
        .await
        .unwrap();
    assert_eq!(row.error, None);
    cancel.cancel();
    puppet.behaviour.send_replace(Behaviour::Obey);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let row = run_source(&bench.surroundings, &source("s", &puppet), RunCause::Operator, &cancel)
        .await
        .unwrap();
    assert_eq!(row.error.as_deref(), Some("the program was told to stop"));
    bench.sink.stop_at_call(1);
    let error = run_source(&bench.surroundings, &source("s", &puppet), RunCause::Operator, &cancel)
        .await
        .unwrap_err();
    assert!(matches!(error, RunError::Begin(SinkError::Stopped(_))));
}
