//! Clauses on the log: one writer, gapless positions, whole commits.

use std::sync::atomic::{AtomicBool, Ordering};

use bailiwick_schema::Position;

use super::Home;
use super::samples::*;
use crate::store::*;

pub(super) fn an_empty_log_has_no_head_and_no_commits<H: Home>(home: &H) {
    let store = home.open();
    assert_eq!(store.head().unwrap(), Position::ZERO);
    assert_eq!(store.read_after(Position::ZERO, ALL).unwrap(), []);
    assert_eq!(store.read_after(Position(u64::MAX), ALL).unwrap(), []);
    assert_eq!(store.read_before(Position::ZERO, ALL).unwrap(), []);
    assert_eq!(store.read_before(Position(u64::MAX), ALL).unwrap(), []);
    assert_eq!(store.next_entity_no().unwrap(), EntityNo(0));
    assert!(all(|visit| store.live_versions(visit)).is_empty());
}

pub(super) fn positions_have_no_gaps<H: Home>(home: &H) {
    let store = home.open();
    for position in 1..=300 {
        assert_eq!(append(&*store, |_| ()), Position(position));
        assert_eq!(store.head().unwrap(), Position(position));
    }
    let positions: Vec<u64> = store
        .read_after(Position::ZERO, ALL)
        .unwrap()
        .iter()
        .map(|c| c.position.0)
        .collect();
    assert_eq!(positions, (1..=300).collect::<Vec<_>>());
}

pub(super) fn a_stale_writer_is_refused<H: Home>(home: &H) {
    let store = home.open();
    append(&*store, |_| ());
    for expected in [Position::ZERO, Position(2), Position(u64::MAX - 1)] {
        let mut late = commit(expected, Vec::new());
        late.identities.push(identity(0, &entity("late"), true));
        let error = store.append(expected, late).unwrap_err();
        assert!(
            matches!(error, StoreError::HeadMoved { expected: e, actual: Position(1) } if e == expected),
            "{error}"
        );
        assert_eq!(error.retry(), Retry::Never);
    }
    assert_eq!(store.identity(&entity("late")).unwrap(), None);
    assert_eq!(store.head().unwrap(), Position(1));
    append(&*store, |_| ());
}

pub(super) fn a_commit_that_contradicts_itself_is_refused<H: Home>(home: &H) {
    let store = home.open();
    let head = Position::ZERO;
    let no_log = Commit {
        log: None,
        ..commit(head, Vec::new())
    };
    let other_log = commit(Position(4), Vec::new());
    let other_version = commit(head, vec![version(0, Position(2), ChangeKind::Created)]);
    for wrong in [no_log, other_log, other_version] {
        let error = store.append(head, wrong).unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    }
    assert_eq!(store.head().unwrap(), Position::ZERO);
    assert!(all(|visit| store.live_versions(visit)).is_empty());
    assert_eq!(append(&*store, |_| ()), Position(1), "a refusal does not stop writing");
}

/// All parts of a commit, and what shows that each is there.
pub(super) fn everything(position: Position) -> Commit {
    let mut commit = commit(
        Position(position.0 - 1),
        vec![version(0, position, ChangeKind::Created)],
    );
    let owner = FindingOwner::Entity(EntityNo(0));
    commit.identities.push(identity(0, &entity("e0"), true));
    commit.claims_put.push(claim(1, "a.yaml", "e0", Some(0)));
    commit
        .waiting_put
        .push((identifier("email:a@b.c"), key(1, "a.yaml", "e0")));
    commit.identifiers_put.push(row("repo:github.com/acme/pay", 0));
    commit.findings_put.push(finding(&owner, "code"));
    commit.scopes_put.push(scope(1, "code"));
    commit.sweeps_put.push(super::claims::sweep(1, SweepState::Due));
    commit
        .applied_sweeps
        .push((super::claims::applied("s1", 4), vec![claim(1, "b.yaml", "e9", None)]));
    commit.events_put.push((source("code"), super::findings::event("e")));
    commit.meta_put.push(("kinds".into(), vec![1, 2, 3]));
    commit
}

pub(super) fn parts_present(store: &dyn Store) -> Vec<bool> {
    let owner = FindingOwner::Entity(EntityNo(0));
    vec![
        store.head().unwrap() == Position(1),
        store.read_after(Position::ZERO, ALL).unwrap().len() == 1,
        all(|visit| store.live_versions(visit)).len() == 1,
        store.version(EntityNo(0), Position(1)).unwrap().is_some(),
        store.body(EntityNo(0), Position(1)).unwrap().is_some(),
        store.identity(&entity("e0")).unwrap().is_some(),
        store.identity_by_no(EntityNo(0)).unwrap().is_some(),
        store.claim(key(1, "a.yaml", "e0")).unwrap().is_some(),
        store.head_of_claim(key(1, "a.yaml", "e0")).unwrap().is_some(),
        all(|visit| store.claims(visit)).len() == 1,
        store.claims_of_entity(EntityNo(0)).unwrap().len() == 1,
        store.waiting(&identifier("email:a@b.c")).unwrap().len() == 1,
        store.identifier(&identifier("repo:github.com/acme/pay")).unwrap().len() == 1,
        store.findings_of(&owner).unwrap().len() == 1,
        store.scopes().unwrap().len() == 1,
        store.sweeps().unwrap().len() == 1,
        store.applied_sweeps().unwrap().len() == 1,
        store.applied_sweep_claims("s1").unwrap().len() == 1,
        store.event(&source("code"), "e").unwrap().is_some(),
        store.meta("kinds").unwrap().is_some(),
    ]
}

pub(super) fn an_append_is_whole_or_absent<H: Home>(home: &H) {
    let store = home.open();
    let absent = vec![false; parts_present(&*store).len()];
    assert_eq!(parts_present(&*store), absent);
    assert!(store.append(Position(3), everything(Position(4))).is_err());
    assert_eq!(parts_present(&*store), absent);
    store.append(Position::ZERO, everything(Position(1))).unwrap();
    assert_eq!(parts_present(&*store), vec![true; absent.len()]);
}

pub(super) fn commits_are_read_from_both_ends_until_the_limit<H: Home>(home: &H) {
    let store = home.open();
    // Three changes each, but none in the fourth.
    for position in 1..=6_u32 {
        append_versions(&*store, |at| match position {
            4 => Vec::new(),
            _ => (0..3).map(|no| version(no, at, ChangeKind::Updated)).collect(),
        });
    }
    let positions = |commits: Vec<LoggedCommit>| commits.iter().map(|commit| commit.position.0).collect::<Vec<_>>();
    let after = |position, limit_| positions(store.read_after(Position(position), limit(limit_)).unwrap());
    let before = |position, limit_| positions(store.read_before(Position(position), limit(limit_)).unwrap());
    assert_eq!(after(0, 1), [1]);
    assert_eq!(after(0, 3), [1]);
    assert_eq!(after(0, 4), [1, 2]);
    assert_eq!(after(2, 4), [3, 4], "a commit without changes counts as one");
    assert_eq!(after(6, 9), [0; 0]);
    assert_eq!(before(7, 1), [6]);
    assert_eq!(before(6, 4), [5, 4]);
    assert_eq!(before(1, 9), [0; 0]);
    let whole = store.read_after(Position(4), ALL).unwrap();
    assert_eq!(whole.len(), 2);
    assert_eq!(whole[0].changes.len(), 3);
    assert_eq!(
        whole[0],
        commit(
            Position(4),
            (0..3).map(|no| version(no, Position(5), ChangeKind::Updated)).collect()
        )
        .log
        .unwrap()
    );
}

pub(super) fn a_reader_never_sees_half_a_commit<H: Home>(home: &H) {
    const ENTITIES: u32 = 50;
    let store = home.open();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut scans = 0;
            while !done.load(Ordering::Acquire) || scans == 0 {
                let head = store.head().unwrap();
                let live = all(|visit| store.live_versions(visit));
                if let Some(first) = live.first() {
                    assert_eq!(live.len(), ENTITIES as usize);
                    assert!(live.iter().all(|version| version.position == first.position));
                    assert!(
                        first.position >= head,
                        "the head was {head}, the state is of {}",
                        first.position
                    );
                    scans += 1;
                }
            }
        });
        for _ in 0..60 {
            append_versions(&*store, |at| {
                (0..ENTITIES).map(|no| version(no, at, ChangeKind::Updated)).collect()
            });
        }
        done.store(true, Ordering::Release);
        reader.join().unwrap();
    });
}
