//! Clauses on findings and events.

use bailiwick_schema::{Event, Subject};
use serde_json::json;

use super::Home;
use super::samples::*;
use crate::store::*;

pub(super) fn event(id: &str) -> Event {
    Event {
        id: id.into(),
        kind: "deployment".into(),
        subject: Subject::Identifier(identifier("repo:github.com/acme/pay")),
        at: at(1),
        data: json!({"n": 1, "list": [null, 1.5, "é\u{0}"], "big": u64::MAX}),
    }
}

fn owners() -> [FindingOwner; 7] {
    let origin = |scope, path| FindingOwner::Origin {
        scope: ScopeNo(scope),
        origin: ClaimId::origin_prefix(path),
    };
    let mut owners = [
        origin(1, "a.yaml"),
        origin(1, ""),
        origin(2, "a.yaml"),
        FindingOwner::Entity(EntityNo(1)),
        FindingOwner::Source(source("code")),
        FindingOwner::Source(source("code2")),
        FindingOwner::Links(EntityNo(1)),
    ];
    owners.sort();
    owners
}

pub(super) fn findings_are_ordered_by_owner_and_kept_once<H: Home>(home: &H) {
    let store = home.open();
    for _ in 0..2 {
        append(&*store, |commit| {
            for owner in owners().iter().rev() {
                commit
                    .findings_put
                    .extend(["b", "a", "b"].map(|code| finding(owner, code)));
            }
        });
    }
    let stored = all(|visit| store.findings(visit));
    let mut expected: Vec<_> = owners()
        .iter()
        .flat_map(|owner| ["a", "b"].map(|code| finding(owner, code)))
        .collect();
    expected.sort_by_key(|finding| (finding.owner.clone(), finding.id()));
    assert_eq!(stored, expected);
    assert_eq!(store.findings_of(&owners()[0]).unwrap(), expected[..2]);
}

pub(super) fn clearing_findings_of_one_owner_leaves_the_others<H: Home>(home: &H) {
    let store = home.open();
    append(&*store, |commit| {
        commit.findings_put.extend(
            owners()
                .iter()
                .flat_map(|owner| ["a", "b"].map(|code| finding(owner, code))),
        );
    });
    for (cleared, owner) in owners().iter().enumerate() {
        append(&*store, |commit| commit.findings_cleared.push(owner.clone()));
        let left: Vec<usize> = owners()
            .iter()
            .map(|owner| store.findings_of(owner).unwrap().len())
            .collect();
        let expected: Vec<usize> = (0..owners().len())
            .map(|index| if index <= cleared { 0 } else { 2 })
            .collect();
        assert_eq!(left, expected);
    }
    append(&*store, |commit| commit.findings_cleared.extend(owners()));
    append(&*store, |commit| {
        commit.findings_put.push(finding(&owners()[3], "again"))
    });
    append(&*store, |commit| commit.findings_cleared.push(owners()[3].clone()));
    assert!(all(|visit| store.findings(visit)).is_empty());
}

pub(super) fn findings_of_a_scope_are_those_of_its_origins<H: Home>(home: &H) {
    let store = home.open();
    append(&*store, |commit| {
        commit
            .findings_put
            .extend(owners().iter().map(|owner| finding(owner, "a")))
    });
    let of_scope = |no| {
        let owners = owners().into_iter();
        let own = owners.filter(|owner| matches!(owner, FindingOwner::Origin { scope, .. } if *scope == ScopeNo(no)));
        own.map(|owner| finding(&owner, "a")).collect::<Vec<_>>()
    };
    assert_eq!(of_scope(1).len(), 2);
    for no in 0..4 {
        assert_eq!(store.findings_of_scope(ScopeNo(no)).unwrap(), of_scope(no));
    }
}

pub(super) fn findings_cleared_and_put_in_one_commit_are_the_new_ones<H: Home>(home: &H) {
    let store = home.open();
    let owner = &owners()[2];
    append(&*store, |commit| {
        commit.findings_put.extend(["a", "b"].map(|code| finding(owner, code)))
    });
    let later = StoredFinding {
        first_seen: at(77),
        ..finding(owner, "b")
    };
    append(&*store, |commit| {
        commit.findings_cleared.push(owner.clone());
        commit.findings_put.extend([later.clone(), finding(owner, "c")]);
    });
    let mut expected = vec![later, finding(owner, "c")];
    expected.sort_by_key(StoredFinding::id);
    assert_eq!(store.findings_of(owner).unwrap(), expected);
    append(&*store, |commit| commit.findings_cleared.push(owner.clone()));
    assert!(store.findings_of(owner).unwrap().is_empty());
}

pub(super) fn an_event_delivered_twice_is_one<H: Home>(home: &H) {
    let store = home.open();
    let later = Event {
        at: at(9),
        ..event("e")
    };
    append(&*store, |commit| {
        commit
            .events_put
            .extend([(source("code"), event("e")), (source("code"), later.clone())]);
    });
    assert_eq!(store.event(&source("code"), "e").unwrap(), Some(later));
    assert_eq!(store.event(&source("code"), "").unwrap(), None);
}

pub(super) fn events_of_two_sources_stay_apart<H: Home>(home: &H) {
    let store = home.open();
    let long = "x".repeat(100_000);
    let ids = ["", "e", "e\u{0}", "e\u{0}\u{1}", long.as_str()];
    append(&*store, |commit| {
        commit.events_put.extend(ids.map(|id| (source("code"), event(id))))
    });
    for id in ids {
        assert_eq!(store.event(&source("code"), id).unwrap(), Some(event(id)));
        assert_eq!(store.event(&source("cod"), id).unwrap(), None);
    }
    assert_eq!(store.event(&source("code"), &format!("{long}x")).unwrap(), None);
}
