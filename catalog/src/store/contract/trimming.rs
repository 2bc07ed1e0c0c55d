//! Clauses on trimming: what is past its retention goes, what is known stays, whenever it is cut off.

use bailiwick_schema::{Event, Position, RunRecord, RunStatus, Timestamp};

use super::Home;
use super::samples::*;
use crate::store::keeping::{TRIM_BATCH_ROWS_MAX, TRIM_LOOKED_ROWS_MAX};
use crate::store::*;

/// Nothing is old enough.
fn never() -> Horizons {
    let long_ago = Timestamp::from_secs(0);
    Horizons {
        history: long_ago,
        events: long_ago,
        sweeps: long_ago,
        runs: long_ago,
        audit: long_ago,
    }
}

/// History ends with the commit at this position.
fn history_upto(position: u64) -> Horizons {
    Horizons {
        history: at(position.cast_signed() - 1),
        ..never()
    }
}

/// Trims to the end, and holds each batch to its bounds.
fn trim(store: &dyn Store, horizons: Horizons) -> Trimmed {
    let mut trimming = Trimming::new(horizons);
    while !trimming.is_done() {
        step(store, &mut trimming);
    }
    trimming.trimmed()
}

fn step(store: &dyn Store, trimming: &mut Trimming) {
    let before = store.counters();
    store.trim(trimming).unwrap();
    let cost = store.counters().since(&before);
    let removed: u64 = cost.tables.iter().map(|table| table.removed).sum();
    let looked: u64 = ["versions", "log", "events", "run_order", "audit"]
        .iter()
        .map(|table| cost.table(table).scanned)
        .sum();
    assert!(removed <= TRIM_BATCH_ROWS_MAX as u64, "{cost}");
    assert!(looked <= 2 * TRIM_LOOKED_ROWS_MAX as u64, "{cost}");
    assert!(cost.batches <= 1, "{cost}");
}

/// `commits` commits, each of which changes every one of `entities` entities.
fn history(store: &dyn Store, entities: u32, commits: u64) {
    append(store, |commit| {
        commit.identities = (0..entities)
            .map(|no| identity(no, &entity(&format!("e{no}")), true))
            .collect();
    });
    for _ in 1..commits {
        append_versions(store, |at| {
            (0..entities).map(|no| version(no, at, ChangeKind::Updated)).collect()
        });
    }
}

fn positions(store: &dyn Store, no: u32) -> Vec<u64> {
    let versions = store.versions(EntityNo(no), ALL).unwrap();
    for version in &versions {
        let body = store.body(EntityNo(no), version.position).unwrap();
        assert_eq!(body.is_some(), version.change != ChangeKind::Deleted);
    }
    versions.iter().map(|version| version.position.0).collect()
}

fn log(store: &dyn Store) -> Vec<u64> {
    let forwards: Vec<u64> = store
        .read_after(Position::ZERO, ALL)
        .unwrap()
        .iter()
        .map(|commit| commit.position.0)
        .collect();
    let mut backwards: Vec<u64> = store
        .read_before(Position(u64::MAX), ALL)
        .unwrap()
        .iter()
        .map(|commit| commit.position.0)
        .collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    forwards
}

pub(super) fn the_newest_version_at_or_before_the_horizon_stays<H: Home>(home: &H) {
    let store = home.open();
    let changes: [&[(u32, ChangeKind)]; 8] = [
        &[
            (0, ChangeKind::Created),
            (1, ChangeKind::Created),
            (2, ChangeKind::Created),
        ],
        &[(0, ChangeKind::Updated)],
        &[(2, ChangeKind::Deleted)],
        &[(0, ChangeKind::Updated), (1, ChangeKind::Updated)],
        &[(0, ChangeKind::Updated)],
        &[(2, ChangeKind::Created)],
        &[(0, ChangeKind::Updated)],
        &[(3, ChangeKind::Created)],
    ];
    for changed in changes {
        append_versions(&*store, |at| {
            changed.iter().map(|(no, change)| version(*no, at, *change)).collect()
        });
    }
    let live = all(|visit| store.live_versions(visit));
    let head = store.head().unwrap();

    let trimmed = trim(&*store, history_upto(5));
    assert_eq!((trimmed.commits, trimmed.versions, trimmed.batches), (5, 5, 1));
    assert_eq!(positions(&*store, 0), [7, 5]);
    assert_eq!(positions(&*store, 1), [4]);
    assert_eq!(
        positions(&*store, 2),
        [6, 3],
        "that it was gone at the horizon is known"
    );
    assert_eq!(positions(&*store, 3), [8]);
    assert_eq!(
        (log(&*store), store.log_begins().unwrap()),
        (vec![6, 7, 8], Position(6))
    );
    assert_eq!(all(|visit| store.live_versions(visit)), live);
    assert_eq!(store.head().unwrap(), head, "trimming moves no position");

    assert_eq!(
        trim(&*store, history_upto(5)),
        Trimmed::default(),
        "a second time nothing is left to do"
    );
    append(&*store, |_| ());
    assert_eq!(log(&*store), [6, 7, 8, 9]);
    assert_eq!(trim(&*store, history_upto(8)).versions, 2);
    assert_eq!((positions(&*store, 0), positions(&*store, 2)), (vec![7], vec![6]));
}

pub(super) fn the_head_of_the_log_stays_whatever_its_age<H: Home>(home: &H) {
    let store = home.open();
    assert_eq!(trim(&*store, history_upto(9)), Trimmed::default());
    assert_eq!(store.log_begins().unwrap(), Position(1));
    history(&*store, 2, 3);
    trim(&*store, history_upto(1_000));
    assert_eq!((log(&*store), positions(&*store, 1)), (vec![3], vec![3, 2]));
    drop(store);
    if H::KEEPS {
        let store = home.open();
        assert_eq!(
            (store.head().unwrap(), store.log_begins().unwrap()),
            (Position(3), Position(3))
        );
        assert_eq!(append(&*store, |_| ()), Position(4));
        assert_eq!(log(&*store), [3, 4]);
    }
}

pub(super) fn a_trimming_goes_in_batches_and_may_be_cut_off_at_any_of_them<H: Home>(home: &H) {
    let mut store = home.open();
    // Over two thousand versions, so that one batch ends within a commit.
    history(&*store, 150, 16);
    let horizons = history_upto(15);
    let mut cuts = 0;
    loop {
        let mut trimming = Trimming::new(horizons);
        step(&*store, &mut trimming);
        if trimming.is_done() {
            break;
        }
        cuts += 1;
        if H::KEEPS {
            drop(store);
            store = home.open();
        }
        // Half trimmed, what counts is there.
        assert_eq!(positions(&*store, 0)[..2], [16, 15]);
        assert!(cuts < 100, "a trimming that begins anew comes to an end");
    }
    assert!(cuts >= 4, "{cuts}");
    for no in 0..150 {
        assert_eq!(positions(&*store, no), [16, 15]);
    }
    assert_eq!(log(&*store), [16]);
    assert_eq!(trim(&*store, horizons), Trimmed::default());
}

pub(super) fn commits_go_on_between_the_batches_of_a_trimming<H: Home>(home: &H) {
    let store = home.open();
    history(&*store, 100, 20);
    let mut trimming = Trimming::new(history_upto(19));
    let mut commits = 0;
    while !trimming.is_done() {
        step(&*store, &mut trimming);
        append_versions(&*store, |at| vec![version(7, at, ChangeKind::Updated)]);
        commits += 1;
    }
    assert!(commits > 3, "{commits}");
    assert_eq!(store.head().unwrap(), Position(20 + commits));
    assert_eq!(positions(&*store, 7).len() as u64, 2 + commits);
    assert_eq!(positions(&*store, 8), [20, 19]);
    assert_eq!(log(&*store).len() as u64, 1 + commits);
}

pub(super) fn ends_of_identifiers_go_with_the_versions_that_held_them<H: Home>(home: &H) {
    let store = home.open();
    let held = "repo:github.com/acme/pay";
    let ended = |no, until| IdentifierRow {
        until: Some(at(until)),
        ..row(held, no)
    };
    // All versions name the identifier; 0 gave it up before the horizon, 1 after it, 2 holds it.
    for _ in 0..4 {
        append_versions(&*store, |at| {
            (0..3).map(|no| version(no, at, ChangeKind::Updated)).collect()
        });
    }
    append(&*store, |commit| {
        commit.identifiers_put = vec![ended(0, 2), ended(1, 90), row(held, 2)];
    });
    let trimmed = trim(&*store, history_upto(3));
    assert_eq!((trimmed.identifiers, trimmed.versions), (1, 6));
    let left: Vec<u32> = store
        .identifier(&identifier(held))
        .unwrap()
        .iter()
        .map(|row| row.entity.0)
        .collect();
    assert_eq!(left, [1, 2]);
}

pub(super) fn events_go_by_their_own_time<H: Home>(home: &H) {
    let store = home.open();
    let of = |id: String, secs: i64| Event {
        at: at(secs),
        ..super::findings::event(&id)
    };
    let count = TRIM_LOOKED_ROWS_MAX as i64 + 500;
    append(&*store, |commit| {
        let events = (0..count).map(|n| (source("code"), of(format!("{n:05}"), n)));
        commit.events_put.extend(events);
        commit.events_put.push((source("other"), of("late".into(), count)));
    });
    let horizons = Horizons {
        events: at(count - 10),
        ..never()
    };
    let trimmed = trim(&*store, horizons);
    assert_eq!(trimmed.events as i64, count - 9);
    assert!(trimmed.batches >= 3, "{trimmed:?}");
    for (id, source_id, is_there) in [
        ("00000", "code", false),
        ("02490", "code", false),
        ("02491", "code", true),
        ("late", "other", true),
    ] {
        assert_eq!(store.event(&source(source_id), id).unwrap().is_some(), is_there, "{id}");
    }
}

pub(super) fn a_sweep_goes_whole_or_can_be_undone_whole<H: Home>(home: &H) {
    let store = home.open();
    let many: Vec<StoredClaim> = (0..1_500).map(|n| claim(1, &format!("{n}.yaml"), "x", None)).collect();
    for (id, secs, count) in [("a", 5, 3), ("old", 4, 1_500), ("kept", 90, 700), ("older", 3, 2)] {
        append(&*store, |commit| {
            commit.applied_sweeps = vec![(super::claims::applied(id, secs), many[..count].to_vec())];
        });
    }
    let horizons = Horizons {
        sweeps: at(5),
        ..never()
    };
    let mut trimming = Trimming::new(horizons);
    while !trimming.is_done() {
        step(&*store, &mut trimming);
        let known: Vec<String> = store
            .applied_sweeps()
            .unwrap()
            .into_iter()
            .map(|sweep| sweep.id)
            .collect();
        assert_eq!(known, ["kept"], "what goes in parts is not offered to be undone");
        assert_eq!(store.applied_sweep_claims("kept").unwrap().len(), 700);
    }
    let trimmed = trimming.trimmed();
    assert_eq!((trimmed.sweeps, trimmed.sweep_claims), (3, 1_505));
    for id in ["a", "old", "older"] {
        assert_eq!(store.applied_sweep_claims(id).unwrap(), []);
    }
}

pub(super) fn runs_go_once_they_have_ended_but_for_the_last_of_each_source<H: Home>(home: &H) {
    let store = home.open();
    let ended = |id: &str, source_id: &str, started: i64, ended: i64| RunRecord {
        status: RunStatus::Succeeded,
        ended_at: Some(at(ended)),
        ..run(id, source_id, started)
    };
    let runs = vec![
        ended("a", "code", 1, 2),
        ended("b", "code", 3, 4),
        ended("c", "code", 50, 51),
        ended("d", "quiet", 2, 3),
        ended("e", "quiet", 4, 5),
        run("watching", "cluster", 1),
        ended("long", "code", 5, 60),
        ended("f", "cluster", 6, 7),
        ended("g", "cluster", 7, 8),
    ];
    store
        .ledger(LedgerWrite {
            runs,
            ..LedgerWrite::default()
        })
        .unwrap();
    let horizons = Horizons {
        runs: at(10),
        ..never()
    };
    assert_eq!(trim(&*store, horizons).runs, 4);
    let left = |of: Option<&str>| -> Vec<String> {
        let of = of.map(source);
        let runs = store.runs(of.as_ref(), ALL).unwrap();
        runs.iter().map(|run| run.id.to_string()).collect()
    };
    assert_eq!(left(None), ["c", "g", "long", "e", "watching"]);
    assert_eq!(
        (left(Some("code")), left(Some("quiet"))),
        (vec!["c".into(), "long".into()], vec!["e".into()])
    );
    assert_eq!(trim(&*store, horizons).runs, 0);
}

pub(super) fn audit_records_go_and_their_numbers_go_on<H: Home>(home: &H) {
    let mut store = home.open();
    let record = |secs: i64| AuditRecord {
        at: at(secs),
        who: "ann".into(),
        action: "trigger_run".into(),
        subject: "code".into(),
        outcome: secs.to_string(),
    };
    let write = |store: &dyn Store, records: Vec<AuditRecord>| {
        let write = LedgerWrite {
            audit: records,
            ..LedgerWrite::default()
        };
        store.ledger(write).unwrap();
    };
    write(&*store, (0..1_200).map(record).collect());
    let horizons = |secs| Horizons {
        audit: at(secs),
        ..never()
    };
    assert_eq!(trim(&*store, horizons(1_149)).audit_records, 1_150);
    assert_eq!(store.audit(ALL).unwrap().len(), 50);
    assert_eq!(trim(&*store, horizons(9_999)).audit_records, 49, "the last one stays");
    if H::KEEPS {
        drop(store);
        store = home.open();
    }
    write(&*store, vec![record(1_200)]);
    let left: Vec<String> = store
        .audit(ALL)
        .unwrap()
        .into_iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(left, ["1200", "1199"]);
}
