//! Trimming a living catalog: what is served stays, what is past is told to be past.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{Clock, Closing, Position, Proof, Viewer};
use serde_json::{Value, json};

use super::home::{Home, component, cursor, declares, entity_ref, source, whole};
use crate::api::{CatalogError, ChangesQuery};
use crate::engine::EngineSettings;
use crate::fail_point::{FailPoint, FailPoints};
use crate::running::Running;
use crate::search::IndexLocation;
use crate::store::open::{EngineKind, StoreOptions, open};
use crate::trim::trim_if_due;
use crate::verify::{Part, VerifyReport};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn titled(name: &str, title: &str) -> bailiwick_schema::Delivery {
    declares(
        &format!("{name}.yaml"),
        &format!("component:default/{name}"),
        json!({"title": title}),
        json!({"type": "service", "lifecycle": "production", "owner": "pay"}),
    )
}

/// Two years: forty entities, a few of which change every month, one is removed in the first year.
async fn two_years(home: &Home) {
    let all = |first: usize| (first..40).map(|n| component(&format!("c{n}.yaml"), &format!("c{n}")));
    home.run("code", "repo", all(0).collect(), whole("0")).await;
    for month in 1..=24 {
        home.clock.advance(DAY * 30);
        let changed = ["c1", "c2"].map(|name| titled(name, &format!("of month {month}")));
        let items = all(if month >= 3 { 4 } else { 3 }).chain(changed).collect();
        home.run("code", "repo", items, whole(&month.to_string())).await;
    }
    // c0 was gone in the first month, c3 in the third.
    assert!(!home.lives("component:default/c0") && !home.lives("component:default/c3"));
}

fn exported(home: &Home) -> Vec<Value> {
    let mut entities = Vec::new();
    let mut visit = |value| {
        entities.push(value);
        ControlFlow::Continue(())
    };
    home.catalog.export(&Viewer::local(), false, &mut visit).unwrap();
    entities
}

fn versions(home: &Home, entity: &str) -> usize {
    let versions = home
        .catalog
        .versions(&Viewer::local(), &entity_ref(entity), 1_000)
        .unwrap();
    versions.len()
}

async fn trimming_changes_nothing_that_is_served_on(home: Home) {
    two_years(&home).await;
    // All that is compared but the number of rows.
    let sums = |report: VerifyReport| {
        let parts: Vec<_> = report
            .parts
            .into_iter()
            .filter(|part| part.part != Part::Rows)
            .collect();
        (report.entities_hash, report.index_sum, parts)
    };
    let (before, report) = (exported(&home), sums(home.verify().await));
    let head = home.catalog.head();
    assert_eq!(versions(&home, "component:default/c1"), 25);

    let trimmed = home.catalog.trim(&Viewer::local()).await.unwrap();
    // Of 24 months the last 14 begin within 400 days, and one version from before is kept.
    assert_eq!(versions(&home, "component:default/c1"), 15);
    assert_eq!(versions(&home, "component:default/c3"), 1, "that it went is known");
    assert_eq!(versions(&home, "component:default/c9"), 1);
    assert!(trimmed.commits >= 11 && trimmed.versions == 22, "{trimmed:?}");
    assert_eq!(home.catalog.head(), head, "trimming is no commit");
    assert_eq!(exported(&home), before);
    assert_eq!(sums(home.verify().await), report);

    let record = &home.catalog.audit(&Viewer::local(), 1).unwrap()[0];
    assert_eq!((record.action.as_str(), record.subject.as_str()), ("trim", "history"));
    let again = home.catalog.trim(&Viewer::local()).await.unwrap();
    assert_eq!(again, crate::store::Trimmed::default(), "a second time finds nothing");
}

#[tokio::test]
async fn trimming_changes_nothing_that_is_served() {
    trimming_changes_nothing_that_is_served_on(Home::memory()).await;
    let folder = tempfile::tempdir().unwrap();
    trimming_changes_nothing_that_is_served_on(Home::at(folder.path())).await;
}

#[tokio::test]
async fn a_reader_beyond_the_horizon_is_told_so_and_never_given_less() {
    let home = Home::memory();
    two_years(&home).await;
    let viewer = Viewer::local();
    let changes = |after, entity: Option<&str>| {
        let query = ChangesQuery {
            after,
            entity: entity.map(entity_ref),
            limit: 1_000,
            ..ChangesQuery::default()
        };
        home.catalog.changes(&viewer, &query)
    };
    assert_eq!(home.catalog.log_begins().unwrap(), Position(1));
    let all = changes(Some(Position::ZERO), None).unwrap();
    home.catalog.trim(&viewer).await.unwrap();
    let begins = home.catalog.log_begins().unwrap();
    assert!(begins > Position(11), "{begins}");

    for (after, entity) in [(0, None), (begins.0 - 2, None), (0, Some("component:default/c1"))] {
        let error = changes(Some(Position(after)), entity).unwrap_err();
        assert!(
            matches!(error, CatalogError::Trimmed { after: of, begins: at } if of.0 == after && at == begins),
            "{error}"
        );
        assert!(error.to_string().contains("retention.history_days"), "{error}");
    }
    let kept = changes(Some(Position(begins.0 - 1)), None).unwrap();
    let expected: Vec<_> = all.into_iter().filter(|row| row.position >= begins).collect();
    assert_eq!(kept, expected);
    assert_eq!(changes(Some(Position(u64::MAX)), None).unwrap(), []);
    let newest_first = changes(None, Some("component:default/c1")).unwrap();
    assert_eq!(newest_first.len(), 14);
    assert!(newest_first.iter().all(|row| row.position >= begins));
}

#[tokio::test]
async fn a_removal_past_its_retention_can_no_longer_be_undone() {
    let home = Home::memory();
    two_years(&home).await;
    let applied = home.catalog.applied_sweeps(&Viewer::local()).unwrap();
    assert_eq!(applied.len(), 2);
    home.catalog.trim(&Viewer::local()).await.unwrap();
    assert_eq!(home.catalog.applied_sweeps(&Viewer::local()).unwrap(), []);
    let error = home
        .catalog
        .undo_sweep(&Viewer::local(), &applied[0].id)
        .await
        .unwrap_err();
    assert!(matches!(error, CatalogError::NotFound { .. }), "{error}");
    // The uid is kept for whatever returns, however long that takes.
    let identity = home
        .store
        .identity(&entity_ref("component:default/c3"))
        .unwrap()
        .unwrap();
    let delta = Closing::Delta {
        base: cursor("24"),
        proof: Proof::Version("25".to_owned()),
        cursor: cursor("25"),
    };
    home.run("code", "repo", vec![component("c3.yaml", "c3")], delta).await;
    assert_eq!(home.uid("component:default/c3"), identity.uid);
    home.verify().await;
}

#[tokio::test]
async fn an_event_past_its_retention_is_not_taken_again() {
    let home = Home::memory();
    let event = |id: &str, days: u32| bailiwick_schema::Event {
        id: id.to_owned(),
        kind: "deployment".to_owned(),
        subject: bailiwick_schema::Subject::Ref(entity_ref("component:default/c1")),
        at: home.clock.now().minus(DAY * days),
        data: json!({}),
    };
    let events = [event("old", 399), event("new", 1), event("ancient", 401)];
    let items = || {
        events
            .clone()
            .map(|event| bailiwick_schema::Delivery::Event(Box::new(event)))
            .to_vec()
    };
    let kept = || ["old", "new", "ancient"].map(|id| home.store.event(&source("code"), id).unwrap().is_some());
    let record = home.run("code", "repo", items(), Closing::Partial).await;
    assert_eq!((record.counts.events, kept()), (2, [true, true, false]));
    home.clock.advance(DAY * 3);
    assert_eq!(home.catalog.trim(&Viewer::local()).await.unwrap().events, 1);
    let record = home.run("code", "repo", items(), Closing::Partial).await;
    assert_eq!(
        (record.counts.events, record.counts.commits),
        (0, 0),
        "the same again is nothing new"
    );
    assert_eq!(kept(), [false, true, false]);
}

#[tokio::test]
async fn only_operators_trim() {
    let home = Home::memory();
    let viewer = Viewer::token("reader", Vec::new(), false);
    let error = home.catalog.trim(&viewer).await.unwrap_err();
    assert!(matches!(error, CatalogError::NotAllowed { .. }), "{error}");
}

#[tokio::test]
async fn a_catalog_is_trimmed_once_a_day_by_its_clock() {
    let home = Home::memory();
    two_years(&home).await;
    let look = async || trim_if_due(&home.catalog, &*home.clock).await.unwrap();
    assert!(look().await.is_some_and(|trimmed| trimmed.commits > 10), "it never was");
    home.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(look().await, None, "the day is not over");
    home.clock.advance(Duration::from_secs(1));
    assert!(look().await.is_some());
    assert_eq!(look().await, None, "a clock that stands still brings no new day");
}

#[tokio::test]
async fn an_index_older_than_the_log_is_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::memory();
    two_years(&home).await;
    home.stop();
    let start = |index: IndexLocation| {
        let clock: Arc<dyn Clock> = Arc::clone(&home.clock) as Arc<dyn Clock>;
        let settings = EngineSettings::new(Arc::new(KindSet::builtin()), clock);
        Running::over(Arc::clone(&home.store), index, settings).unwrap()
    };
    let on_disk = || IndexLocation::Folder(folder.path().join("index"));
    // The index on disk follows up to here, then another one does.
    start(on_disk()).stop();
    let other = Home::over(Arc::clone(&home.store), None);
    other.clock.advance(DAY * 800);
    other
        .run("code", "repo", vec![titled("c5", "doubloons")], Closing::Partial)
        .await;
    other
        .run("code", "repo", vec![titled("c6", "doubloons")], Closing::Partial)
        .await;
    other.clock.advance(DAY * 800);
    other.catalog.trim(&Viewer::local()).await.unwrap();
    assert_eq!(other.catalog.log_begins().unwrap(), other.catalog.head());
    drop(other);

    let running = start(on_disk());
    let catalog = running.catalog();
    catalog.wait_for(catalog.head(), Duration::from_secs(30)).await.unwrap();
    let report = catalog.verify(&bailiwick_schema::OwnerMethod::ALL, &|_, _| {}).unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
    assert_eq!(report.documents, 38);
    running.stop();
}

#[tokio::test]
async fn a_trimming_that_is_left_in_the_middle_is_finished_by_the_next() {
    let store = open(EngineKind::Memory, Path::new(""), StoreOptions::default()).unwrap();
    let reached = Arc::new(AtomicUsize::new(0));
    let home = Home::over(Arc::clone(&store), None);
    let many = |title: &str| (0..600).map(|n| titled(&format!("m{n}"), title)).collect::<Vec<_>>();
    for year in 0..5 {
        home.run("code", "repo", many(&format!("year {year}")), whole(&year.to_string()))
            .await;
        home.clock.advance(DAY * 365);
    }
    let before = exported(&home);
    let clock = Arc::clone(&home.clock);
    drop(home);

    let counting = Arc::clone(&reached);
    let mut settings = EngineSettings::new(Arc::new(KindSet::builtin()), clock as Arc<dyn Clock>);
    settings.fail_points = FailPoints::new(move |point| {
        if point == FailPoint::Trimming {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    let running = Running::over(Arc::clone(&store), IndexLocation::Memory, settings).unwrap();
    let catalog = running.catalog();
    let viewer = Viewer::local();
    let two_batches = async {
        while reached.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = two_batches => {}
        trimmed = catalog.trim(&viewer) => panic!("it goes in more than two batches: {trimmed:?}"),
    }
    catalog.trim(&viewer).await.unwrap();
    assert!(reached.load(Ordering::SeqCst) >= 4);
    let entity = entity_ref("component:default/m7");
    assert_eq!(catalog.versions(&viewer, &entity, 100).unwrap().len(), 2);
    let mut after = Vec::new();
    catalog
        .export(&viewer, false, &mut |value| {
            after.push(value);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(after, before);
    running.stop();
}
