//! Clauses on what has no position: runs, audit, named values.

use bailiwick_schema::{Position, RunId, RunRecord, RunStatus};

use super::Home;
use super::samples::*;
use crate::store::*;

fn put(store: &dyn Store, runs: Vec<RunRecord>) {
    store
        .ledger(LedgerWrite {
            runs,
            ..LedgerWrite::default()
        })
        .unwrap();
}

fn ids(store: &dyn Store, of: Option<&str>, count: u32) -> Vec<String> {
    let of = of.map(source);
    store
        .runs(of.as_ref(), limit(count))
        .unwrap()
        .iter()
        .map(|run| run.id.to_string())
        .collect()
}

pub(super) fn runs_come_newest_first_and_by_source<H: Home>(home: &H) {
    let store = home.open();
    put(
        &*store,
        vec![run("b", "code", 2), run("a", "code", 1), run("d", "org", 4)],
    );
    put(&*store, vec![run("c", "org", 3), run("z", "code2", -1_800_000_000)]);
    assert_eq!(ids(&*store, None, 9), ["d", "c", "b", "a", "z"]);
    assert_eq!(ids(&*store, None, 2), ["d", "c"]);
    assert_eq!(ids(&*store, Some("code"), 9), ["b", "a"]);
    assert_eq!(ids(&*store, Some("org"), 1), ["d"]);
    assert_eq!(ids(&*store, Some("none"), 9), [""; 0]);
    assert_eq!(store.run(&RunId::new("c")).unwrap(), Some(run("c", "org", 3)));
    assert_eq!(store.run(&RunId::new("")).unwrap(), None);
}

pub(super) fn a_run_that_moves_has_one_place<H: Home>(home: &H) {
    let store = home.open();
    put(&*store, vec![run("a", "code", 1), run("b", "code", 2)]);
    let ended = RunRecord {
        status: RunStatus::Succeeded,
        ended_at: Some(at(9)),
        ..run("a", "code", 5)
    };
    put(&*store, vec![run("a", "code", 3), ended.clone()]);
    assert_eq!(ids(&*store, None, 9), ["a", "b"]);
    assert_eq!(ids(&*store, Some("code"), 9), ["a", "b"]);
    assert_eq!(store.run(&RunId::new("a")).unwrap(), Some(ended));
    put(&*store, vec![run("a", "org", 5)]);
    assert_eq!(ids(&*store, Some("code"), 9), ["b"]);
}

pub(super) fn audit_records_come_in_the_order_of_writing<H: Home>(home: &H) {
    let store = home.open();
    let record = |action: &str, secs| AuditRecord {
        at: at(secs),
        who: "ana".into(),
        action: action.into(),
        subject: "s".into(),
        outcome: "done".into(),
    };
    let put = |audit| {
        store
            .ledger(LedgerWrite {
                audit,
                ..LedgerWrite::default()
            })
            .unwrap()
    };
    put(vec![record("one", 1), record("two", 1)]);
    put(vec![record("three", -5)]);
    let actions = |count| {
        store
            .audit(limit(count))
            .unwrap()
            .into_iter()
            .map(|row| row.action)
            .collect::<Vec<_>>()
    };
    assert_eq!(actions(9), ["three", "two", "one"]);
    assert_eq!(actions(1), ["three"]);
    assert_eq!(store.audit(limit(1)).unwrap(), [record("three", -5)]);
}

pub(super) fn the_ledger_moves_no_head<H: Home>(home: &H) {
    let store = home.open();
    store.ledger(LedgerWrite::default()).unwrap();
    put(&*store, vec![run("a", "code", 1)]);
    assert_eq!(store.head().unwrap(), Position::ZERO);
    assert_eq!(append(&*store, |_| ()), Position(1));
}

pub(super) fn named_values_are_kept_from_both_sides<H: Home>(home: &H) {
    let store = home.open();
    append(&*store, |commit| {
        commit
            .meta_put
            .extend([("a".into(), vec![1]), ("head".into(), Vec::new())])
    });
    store
        .ledger(LedgerWrite {
            meta: vec![("a".into(), vec![0, 255])],
            ..LedgerWrite::default()
        })
        .unwrap();
    assert_eq!(store.meta("a").unwrap(), Some(vec![0, 255]));
    assert_eq!(
        store.meta("head").unwrap(),
        Some(Vec::new()),
        "names of the store itself are another matter"
    );
    assert_eq!(store.meta("lineage").unwrap(), None);
    assert_eq!(store.head().unwrap(), Position(1));
}
