//! Tests of the emitter against the recording sink.

use std::sync::Arc;

use bailiwick_schema::time::ManualClock;
use bailiwick_schema::{
    AllowPolicy, Claim, ClaimBody, Clock, Closing, ContentHash, EntityRef, Finding, Origin, Proof, RunBegin, RunCause,
    RunId, Scope, ScopeClosed, Severity, Sink, SourceId, Timestamp,
};

use super::limits::{BATCH_ITEMS_MAX, SCOPE_FINDINGS_MAX};
use super::testing::RecordingSink;
use super::{CredentialError, Emitter, Environment, IngestError, RunContext, TokenRef};

struct Bench {
    sink: Arc<RecordingSink>,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        Self {
            sink: Arc::new(RecordingSink::new()),
            clock,
        }
    }

    async fn run(&self, options: &str) -> (RunContext, Emitter) {
        self.clock.advance(std::time::Duration::from_secs(1));
        let source = SourceId::parse("bench").unwrap();
        let run = RunId::at(&source, self.clock.now());
        let hash = ContentHash::of(options.as_bytes());
        let clock: Arc<dyn Clock> = self.clock.clone();
        let cx = RunContext::new(source.clone(), "bench", run.clone(), clock, "cache".into(), hash);
        let begin = RunBegin {
            id: run,
            source,
            source_type: "bench".to_owned(),
            cause: RunCause::Operator,
            full: false,
            allow: AllowPolicy::all(),
            rank: 0,
            started_at: self.clock.now(),
        };
        self.sink.run_begin(begin).await.unwrap();
        let out = Emitter::new(self.sink.clone(), &cx);
        (cx, out)
    }
}

fn claim(name: &str) -> Claim {
    let entity = EntityRef::new("component", "default", name).unwrap();
    Claim::declares(entity, Origin::path(format!("{name}.yaml")), ClaimBody::default())
}

fn finding(n: u64) -> Finding {
    Finding::new("odd", Severity::Warning, format!("number {n}"))
}

#[tokio::test]
async fn a_full_batch_is_handed_over_before_the_scope_closes() {
    let bench = Bench::new();
    let (_cx, out) = bench.run("a").await;
    let mut scope = out.open(Scope::root("all")).await.unwrap();
    for n in 0..BATCH_ITEMS_MAX {
        assert_eq!(bench.sink.last_run().claims().count(), 0);
        scope.claim(claim(&format!("c{n}"))).await.unwrap();
    }
    while bench.sink.last_run().claims().count() < BATCH_ITEMS_MAX {
        // It is on its way; the scope is still open.
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn big_items_are_handed_over_early() {
    let bench = Bench::new();
    let (_cx, out) = bench.run("a").await;
    let mut scope = out.open(Scope::root("all")).await.unwrap();
    let mut big = claim("big");
    big.body
        .entity
        .insert("spec".to_owned(), "x".repeat(super::limits::BATCH_BYTES_MAX).into());
    scope.claim(big).await.unwrap();
    while bench.sink.last_run().claims().count() < 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dropped_handle_proves_nothing_and_loses_nothing() {
    let bench = Bench::new();
    let (cx, out) = bench.run("a").await;
    let mut scope = out.open(Scope::root("all")).await.unwrap();
    scope.claim(claim("a")).await.unwrap();
    scope.claim(claim("b")).await.unwrap();
    scope
        .complete(Proof::Version("1".to_owned()), cx.cursor("1"))
        .await
        .unwrap();

    let (_cx, out) = bench.run("a").await;
    let mut scope = out.open(Scope::root("all")).await.unwrap();
    scope.claim(claim("c")).await.unwrap();
    drop(scope);
    assert_eq!(bench.sink.last_run().claims().count(), 0, "still buffered");
    out.finish().await.unwrap();
    assert_eq!(
        bench.sink.subjects(),
        ["component:default/a", "component:default/b", "component:default/c"]
    );
    assert!(bench.sink.last_run().closed.is_empty());
}

#[tokio::test]
async fn a_cursor_of_other_options_is_not_shown() {
    let bench = Bench::new();
    let (cx, out) = bench.run("a").await;
    let scope = out.open(Scope::root("all")).await.unwrap();
    scope
        .complete(Proof::Version("1".to_owned()), cx.cursor("1"))
        .await
        .unwrap();

    let (cx, out) = bench.run("a").await;
    let scope = out.open(Scope::root("all")).await.unwrap();
    assert_eq!(scope.cursor(), Some(&cx.cursor("1")));
    let (_cx, out) = bench.run("b").await;
    let scope = out.open(Scope::root("all")).await.unwrap();
    assert_eq!(scope.cursor(), None);
}

#[tokio::test]
async fn a_checkpoint_is_no_ground_for_unchanged() {
    let bench = Bench::new();
    let (cx, out) = bench.run("a").await;
    let mut scope = out.open(Scope::root("all")).await.unwrap();
    scope.claim(claim("a")).await.unwrap();
    scope.checkpoint(cx.cursor("half")).await.unwrap();
    assert_eq!(
        bench.sink.subjects(),
        ["component:default/a"],
        "a checkpoint hands over what came before it"
    );
    drop(scope);

    let (cx, out) = bench.run("a").await;
    let mut scope = out.open(Scope::root("all")).await.unwrap();
    assert_eq!(scope.cursor(), Some(&cx.cursor("half")));
    assert_eq!(scope.complete_unchanged().await.unwrap(), ScopeClosed::BaseRefused);
    assert_eq!(scope.cursor(), None, "as if freshly opened");
    scope
        .complete(Proof::Version("1".to_owned()), cx.cursor("1"))
        .await
        .unwrap();
    assert_eq!(bench.sink.subjects(), Vec::<String>::new());
}

#[tokio::test]
async fn findings_beyond_the_limit_are_counted() {
    let bench = Bench::new();
    let (_cx, out) = bench.run("a").await;
    let mut scope = out.open(Scope::root("all")).await.unwrap();
    for n in 0..SCOPE_FINDINGS_MAX + 7 {
        scope.finding(finding(n)).await.unwrap();
    }
    scope.unreadable("one.yaml", finding(0)).await.unwrap();
    scope.unreadable("one.yaml", finding(1)).await.unwrap();
    scope.complete(Proof::Listing, None).await.unwrap();
    let run = bench.sink.last_run();
    assert_eq!(
        run.findings().count() as u64,
        SCOPE_FINDINGS_MAX + 2,
        "all admitted, one unreadable, one notice"
    );
    let notice = run.findings().last().unwrap();
    assert_eq!(notice.code, "findings_cut");
    assert!(notice.message.starts_with("8 more findings"), "{}", notice.message);
}

#[tokio::test]
async fn after_a_failed_delivery_the_scope_cannot_be_completed() {
    let bench = Bench::new();
    let (cx, out) = bench.run("a").await;
    let mut scope = out.open(Scope::root("all")).await.unwrap();
    scope.claim(claim("a")).await.unwrap();
    bench.sink.stop_at_call(1);
    let error = scope.checkpoint(cx.cursor("1")).await.unwrap_err();
    assert!(matches!(error, IngestError::Sink(_)), "{error}");
    bench.sink.resume();
    let error = scope.complete(Proof::Listing, None).await.unwrap_err();
    assert!(matches!(error, IngestError::Interrupted), "{error}");
}

#[tokio::test]
async fn a_delivery_that_was_dropped_half_way_spoils_the_proof() {
    let bench = Bench::new();
    let (cx, out) = bench.run("a").await;
    let mut scope = out.open(Scope::root("all")).await.unwrap();
    scope.claim(claim("a")).await.unwrap();
    {
        let mut checkpoint = Box::pin(scope.checkpoint(cx.cursor("1")));
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(checkpoint.as_mut().poll(context))).await;
        assert!(polled.is_pending(), "the sink yields once");
    }
    let error = scope.complete(Proof::Listing, None).await.unwrap_err();
    assert!(matches!(error, IngestError::Interrupted), "{error}");
    assert!(bench.sink.last_run().closed.is_empty());
}

#[tokio::test]
async fn a_listing_retires_what_it_no_longer_names() {
    let bench = Bench::new();
    let members = ["x", "y"];
    for round in 0..2 {
        let (cx, out) = bench.run("a").await;
        let mut listing = out.open(Scope::root("list")).await.unwrap();
        for name in &members[round..] {
            let scope = Scope::below(listing.id(), format!("item:{name}"));
            listing.member(scope.id.clone()).await.unwrap();
            let mut scope = out.open(scope).await.unwrap();
            scope.claim(claim(name)).await.unwrap();
            scope
                .complete(Proof::Version("1".to_owned()), cx.cursor("1"))
                .await
                .unwrap();
        }
        listing.complete(Proof::Listing, None).await.unwrap();
    }
    assert_eq!(bench.sink.subjects(), ["component:default/y"]);
    assert!(matches!(
        bench.sink.last_run().closing_of("list"),
        Some(Closing::Complete { .. })
    ));
}

#[tokio::test]
async fn a_panic_on_the_blocking_pool_is_an_error() {
    let bench = Bench::new();
    let (cx, _out) = bench.run("a").await;
    let result: Result<(), _> = cx.blocking(|| panic!("boom")).await;
    assert!(matches!(result, Err(IngestError::Panicked(message)) if message == "boom"));
}

#[test]
fn a_token_is_read_where_the_options_point() {
    let environment = Environment::from([("TOKEN", " s3cret \n"), ("EMPTY", "  ")]);
    assert!(!format!("{environment:?}").contains("s3cret"));
    let env = |name: &str| {
        TokenRef::from_options(Some(name), None)
            .unwrap()
            .unwrap()
            .resolve(&environment)
    };
    assert_eq!(env("TOKEN").unwrap().expose(), "s3cret");
    assert_eq!(
        env("EMPTY").unwrap_err(),
        CredentialError::EmptyVariable("EMPTY".to_owned())
    );
    assert_eq!(env("NONE").unwrap_err(), CredentialError::NotSet("NONE".to_owned()));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let file = || {
        TokenRef::from_options(None, Some(&path))
            .unwrap()
            .unwrap()
            .resolve(&environment)
    };
    assert!(matches!(file().unwrap_err(), CredentialError::Unreadable { .. }));
    std::fs::write(&path, "s3cret\n").unwrap();
    assert_eq!(file().unwrap().expose(), "s3cret");
    std::fs::write(&path, "\n").unwrap();
    assert!(matches!(file().unwrap_err(), CredentialError::EmptyFile { .. }));
    std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
    assert!(matches!(file().unwrap_err(), CredentialError::TooLong { .. }));
    assert_eq!(
        TokenRef::from_options(Some("A"), Some(&path)).unwrap_err(),
        CredentialError::Both
    );
}

#[test]
fn waits_are_bounded_and_differ_between_seeds() {
    let waits = |seed: &str| {
        let mut backoff = super::Backoff::new(&[seed]);
        (0..50).map(|_| backoff.next_wait()).collect::<Vec<_>>()
    };
    let (one, two) = (waits("one"), waits("two"));
    assert_ne!(one, two);
    assert_eq!(one, waits("one"));
    assert!(
        one.iter()
            .chain(&two)
            .all(|wait| (super::limits::RETRY_WAIT_MIN..=super::limits::RETRY_WAIT_MAX).contains(wait))
    );
    assert!(one[0] <= super::limits::RETRY_WAIT_MIN * 3);
}

#[tokio::test(start_paused = true)]
async fn passing_faults_are_tried_again_and_others_are_not() {
    let bench = Bench::new();
    let (cx, _out) = bench.run("a").await;
    let attempts = std::cell::Cell::new(0_u32);
    let count = || attempts.set(attempts.get() + 1);
    let result = super::retry(&cx, "fetch", || async {
        count();
        if attempts.get() < 3 {
            Err(IngestError::passing("busy"))
        } else {
            Ok(attempts.get())
        }
    });
    assert_eq!(result.await.unwrap(), 3);
    assert_eq!(cx.telemetry().get("kit.retries"), Some(&2));
    attempts.set(0);
    let result: Result<(), _> = super::retry(&cx, "fetch", || async {
        count();
        Err(IngestError::passing("busy"))
    })
    .await;
    assert_eq!(
        (result.unwrap_err().to_string().as_str(), attempts.get()),
        ("busy", super::limits::ATTEMPTS_MAX)
    );
    attempts.set(0);
    let result: Result<(), _> = super::retry(&cx, "fetch", || async {
        count();
        Err(IngestError::permanent("no rights"))
    })
    .await;
    assert_eq!((result.is_err(), attempts.get()), (true, 1));
    cx.cancel.cancel();
    let result = super::retry(&cx, "fetch", || async { Ok(()) }).await;
    assert!(matches!(result, Err(IngestError::Cancelled)));
}
