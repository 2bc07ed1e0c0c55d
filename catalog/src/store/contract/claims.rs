//! Clauses on claims, scopes and sweeps.

use bailiwick_schema::{Assertion, ContentHash, RunId, ScopeId, Subject};

use super::Home;
use super::samples::*;
use crate::store::*;

pub(super) fn sweep(no: u32, state: SweepState) -> SweepRecord {
    SweepRecord {
        scope: ScopeNo(no),
        state,
        proved_at: at(8),
        run: RunId::new("code-1"),
        missing: vec![key(no, "a", "x"), key(no, "b", "x")],
        retires: vec![ScopeId::new("old")],
    }
}

pub(super) fn applied(id: &str, secs: i64) -> AppliedSweep {
    AppliedSweep {
        id: id.into(),
        scope: ScopeNo(1),
        at: at(secs),
        by: "engine".into(),
        removed: 2,
    }
}

pub(super) fn a_claim_is_read_as_it_was_put<H: Home>(home: &H) {
    let store = home.open();
    let plain = claim(1, "a.yaml", "x", Some(3));
    let mut odd = claim(1, "", "y", None);
    odd.subject = Subject::Identifier(identifier("handle:h/@a\u{0}b"));
    odd.assertion = Assertion::Observes;
    odd.origin.path = "päth with\nline\u{0}".into();
    (odd.origin.line, odd.origin.url, odd.source_time) = (None, None, None);
    odd.body = Vec::new();
    let huge = StoredClaim {
        body: vec![b'x'; 3_000_000],
        ..claim(2, "huge.yaml", "z", Some(1))
    };
    append(&*store, |commit| {
        commit.claims_put.extend([huge.clone(), odd.clone(), plain.clone()])
    });
    for stored in [&plain, &odd, &huge] {
        assert_eq!(store.claim(stored.head.key).unwrap().as_ref(), Some(stored));
        assert_eq!(
            store.head_of_claim(stored.head.key).unwrap().as_ref(),
            Some(&stored.head)
        );
    }
    let mut sorted = vec![plain, odd, huge];
    sorted.sort_by_key(|claim| claim.head.key);
    assert_eq!(all(|visit| store.claims(visit)), sorted);
    assert_eq!(store.claim(key(1, "a.yaml", "other")).unwrap(), None);
    assert_eq!(store.head_of_claim(key(3, "a.yaml", "x")).unwrap(), None);
}

pub(super) fn claims_of_an_origin_lie_together<H: Home>(home: &H) {
    let store = home.open();
    let names = ["a", "b", "c", "d"];
    append(&*store, |commit| {
        for scope in 0..3 {
            for path in ["one.yaml", "two.yaml", ""] {
                commit
                    .claims_put
                    .extend(names.map(|name| claim(scope, path, name, None)));
            }
        }
    });
    let heads = store
        .heads_of_origin(ScopeNo(1), ClaimId::origin_prefix("two.yaml"))
        .unwrap();
    let mut expected = names.map(|name| key(1, "two.yaml", name));
    expected.sort_unstable();
    assert_eq!(heads.iter().map(|head| head.key).collect::<Vec<_>>(), expected);
    assert!(
        store
            .heads_of_origin(ScopeNo(1), ClaimId::origin_prefix("none"))
            .unwrap()
            .is_empty()
    );

    let of_scope = all(|visit| store.heads_of_scope(ScopeNo(1), visit));
    assert_eq!(of_scope.len(), 12);
    assert!(of_scope.is_sorted_by_key(|head| head.key) && of_scope.iter().all(|head| head.key.scope == ScopeNo(1)));
    let mut origins: Vec<[u8; 8]> = of_scope.iter().map(|head| head.key.id.origin()).collect();
    origins.dedup();
    assert_eq!(origins.len(), 3, "an origin is one stretch");
    assert!(all(|visit| store.heads_of_scope(ScopeNo(9), visit)).is_empty());
}

pub(super) fn a_head_changes_without_its_body<H: Home>(home: &H) {
    let store = home.open();
    let mut stored = claim(1, "a.yaml", "x", Some(3));
    append(&*store, |commit| commit.claims_put.push(stored.clone()));
    stored.head = ClaimHead {
        entity: Some(EntityNo(8)),
        requested_at: at(99),
        stale: true,
        hash: ContentHash::of(b"other"),
        ..stored.head
    };
    append(&*store, |commit| {
        commit.heads_put.push(stored.head.clone());
        commit.entity_claims_removed.push((EntityNo(3), stored.head.key));
    });
    assert_eq!(store.claim(stored.head.key).unwrap(), Some(stored.clone()));
    assert_eq!(store.claims_of_entity(EntityNo(3)).unwrap(), []);
    assert_eq!(store.claims_of_entity(EntityNo(8)).unwrap(), [stored.head.key]);
}

pub(super) fn claims_of_an_entity_follow_its_heads<H: Home>(home: &H) {
    let store = home.open();
    append(&*store, |commit| {
        commit
            .claims_put
            .extend((0..9).map(|scope| claim(scope, "a.yaml", "x", Some(scope % 3))));
        commit.claims_put.push(claim(9, "a.yaml", "x", None));
    });
    let keys = |scopes: &[u32]| {
        scopes
            .iter()
            .map(|scope| key(*scope, "a.yaml", "x"))
            .collect::<Vec<_>>()
    };
    assert_eq!(store.claims_of_entity(EntityNo(1)).unwrap(), keys(&[1, 4, 7]));
    append(&*store, |commit| {
        commit.claims_removed.push((key(4, "a.yaml", "x"), Some(EntityNo(1))))
    });
    assert_eq!(store.claims_of_entity(EntityNo(1)).unwrap(), keys(&[1, 7]));
    assert_eq!(store.claims_of_entity(EntityNo(2)).unwrap(), keys(&[2, 5, 8]));
    assert_eq!(store.claims_of_entity(EntityNo(u32::MAX)).unwrap(), []);
}

pub(super) fn a_removed_claim_leaves_nothing<H: Home>(home: &H) {
    let store = home.open();
    let stored = claim(1, "a.yaml", "x", Some(3));
    append(&*store, |commit| commit.claims_put.push(stored.clone()));
    append(&*store, |commit| {
        commit.claims_removed.push((stored.head.key, Some(EntityNo(3))))
    });
    assert_eq!(store.claim(stored.head.key).unwrap(), None);
    assert!(all(|visit| store.claims(visit)).is_empty());
    assert!(store.claims_of_entity(EntityNo(3)).unwrap().is_empty());
    append(&*store, |commit| commit.claims_removed.push((stored.head.key, None)));
    append(&*store, |commit| commit.claims_put.push(stored.clone()));
    assert_eq!(store.claim(stored.head.key).unwrap(), Some(stored));
}

pub(super) fn a_row_that_is_removed_and_put_stays<H: Home>(home: &H) {
    let store = home.open();
    let old = claim(1, "a.yaml", "x", Some(3));
    let new = StoredClaim {
        body: b"{}".to_vec(),
        ..old.clone()
    };
    let (key, text) = (old.head.key, identifier("host:a"));
    append(&*store, |commit| {
        commit.claims_put.push(old);
        commit.waiting_put.push((text.clone(), key));
        commit.identifiers_put.push(row("host:a", 1));
        commit.sweeps_put.push(sweep(1, SweepState::Due));
    });
    append(&*store, |commit| {
        commit.claims_removed.push((key, Some(EntityNo(3))));
        commit.claims_put.push(new.clone());
        commit.waiting_removed.push((text.clone(), key));
        commit.waiting_put.push((text.clone(), key));
        commit.identifiers_removed.push((text.clone(), EntityNo(1)));
        commit.identifiers_put.push(row("host:a", 1));
        commit.sweeps_removed.push(ScopeNo(1));
        commit.sweeps_put.push(sweep(1, SweepState::Due));
    });
    assert_eq!(store.claim(key).unwrap(), Some(new));
    assert_eq!(store.claims_of_entity(EntityNo(3)).unwrap(), [key]);
    assert_eq!(store.waiting(&text).unwrap(), [key]);
    assert_eq!(store.identifier(&text).unwrap().len(), 1);
    assert_eq!(store.sweeps().unwrap().len(), 1);
}

pub(super) fn waiting_claims_are_found_by_identifier<H: Home>(home: &H) {
    let store = home.open();
    let (one, other) = (identifier("host:a"), identifier("host:ab"));
    let keys = [key(1, "a", "x"), key(2, "a", "x")];
    append(&*store, |commit| {
        commit
            .waiting_put
            .extend([(one.clone(), keys[1]), (one.clone(), keys[0]), (other.clone(), keys[0])]);
    });
    assert_eq!(store.waiting(&one).unwrap(), keys);
    assert_eq!(store.waiting(&other).unwrap(), keys[..1]);
    append(&*store, |commit| commit.waiting_removed.push((one.clone(), keys[0])));
    assert_eq!(store.waiting(&one).unwrap(), keys[1..]);
    assert_eq!(store.waiting(&identifier("host:b")).unwrap(), []);
}

pub(super) fn scopes_and_sweeps_are_replaced_whole<H: Home>(home: &H) {
    let store = home.open();
    append(&*store, |commit| {
        commit.scopes_put.extend([scope(300, "code"), scope(2, "org")]);
        commit
            .sweeps_put
            .extend([sweep(300, SweepState::Due), sweep(2, SweepState::Due)]);
    });
    let bare = ScopeRecord {
        parent: None,
        cursor: None,
        proof: None,
        proved_at: None,
        members: vec![],
        ..scope(2, "org")
    };
    let pending = sweep(
        2,
        SweepState::Pending {
            reason: "half of it".into(),
        },
    );
    let rejected = sweep(
        300,
        SweepState::Rejected {
            by: "ana".into(),
            at: at(3),
        },
    );
    append(&*store, |commit| {
        commit.scopes_put.push(bare.clone());
        commit.sweeps_put.extend([pending.clone(), rejected.clone()]);
    });
    assert_eq!(store.scopes().unwrap(), [bare, scope(300, "code")]);
    assert_eq!(store.sweeps().unwrap(), [pending.clone(), rejected]);
    append(&*store, |commit| commit.sweeps_removed.push(ScopeNo(300)));
    assert_eq!(store.sweeps().unwrap(), [pending]);
    store
        .ledger(LedgerWrite {
            scopes: vec![scope(2, "org")],
            ..LedgerWrite::default()
        })
        .unwrap();
    assert_eq!(store.scopes().unwrap()[0], scope(2, "org"));
}

pub(super) fn an_applied_sweep_gives_its_claims_back<H: Home>(home: &H) {
    let store = home.open();
    let mut claims: Vec<StoredClaim> = ["a", "b", "c"].map(|path| claim(1, path, "x", Some(5))).into();
    claims.sort_by_key(|claim| claim.head.key);
    append(&*store, |commit| commit.claims_put.extend(claims.clone()));
    append(&*store, |commit| {
        commit
            .claims_removed
            .extend(claims.iter().map(|claim| (claim.head.key, claim.head.entity)));
        commit.applied_sweeps.push((applied("s", 10), claims.clone()));
        commit
            .applied_sweeps
            .push((applied("s2", -10), vec![claim(2, "d", "x", None)]));
    });
    append(&*store, |commit| {
        commit.applied_sweeps.push((applied("older", 3), Vec::new()))
    });
    assert!(all(|visit| store.claims(visit)).is_empty());
    let ids: Vec<String> = store
        .applied_sweeps()
        .unwrap()
        .into_iter()
        .map(|sweep| sweep.id)
        .collect();
    assert_eq!(ids, ["s", "older", "s2"]);
    assert_eq!(store.applied_sweeps().unwrap()[0], applied("s", 10));

    let back = store.applied_sweep_claims("s").unwrap();
    assert_eq!(back, claims);
    assert_eq!(store.applied_sweep_claims("").unwrap(), []);
    append(&*store, |commit| commit.claims_put.extend(back));
    assert_eq!(all(|visit| store.claims(visit)), claims);
    assert_eq!(store.claims_of_entity(EntityNo(5)).unwrap().len(), 3);
}
