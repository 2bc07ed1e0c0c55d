//! Clauses on entities: versions, identities, identifiers.

use bailiwick_schema::{EntityRef, Position};

use super::Home;
use super::samples::*;
use crate::store::*;

pub(super) fn the_newest_version_of_each_live_entity_is_loaded_once<H: Home>(home: &H) {
    use ChangeKind::{Created, Deleted, Updated};
    let store = home.open();
    append_versions(&*store, |at| [2, 0, 1, 300].map(|no| version(no, at, Created)).into());
    append_versions(&*store, |at| vec![version(1, at, Updated), version(2, at, Deleted)]);
    append_versions(&*store, |at| vec![version(1, at, Updated)]);
    let live: Vec<(u32, u64)> = all(|visit| store.live_versions(visit))
        .iter()
        .map(|v| (v.no.0, v.position.0))
        .collect();
    assert_eq!(live, [(0, 1), (1, 3), (300, 1)]);

    append_versions(&*store, |at| vec![version(2, at, Created)]);
    let live = all(|visit| store.live_versions(visit));
    assert_eq!(live.len(), 4);
    assert_eq!(live[2], version(2, Position(4), Created).version);
}

pub(super) fn versions_come_newest_first_and_bodies_by_position<H: Home>(home: &H) {
    let store = home.open();
    for _ in 0..5 {
        append_versions(&*store, |at| {
            (0..3).map(|no| version(no, at, ChangeKind::Updated)).collect()
        });
    }
    let positions = |no, limit| {
        store
            .versions(EntityNo(no), limit)
            .unwrap()
            .iter()
            .map(|v| v.position.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(positions(1, ALL), [5, 4, 3, 2, 1]);
    assert_eq!(positions(1, limit(2)), [5, 4]);
    assert_eq!(positions(9, ALL), [0; 0]);
    let expected = version(1, Position(3), ChangeKind::Updated);
    assert_eq!(store.version(EntityNo(1), Position(3)).unwrap(), Some(expected.version));
    assert_eq!(store.body(EntityNo(1), Position(3)).unwrap(), Some(expected.body));
    assert_eq!(store.version(EntityNo(1), Position(6)).unwrap(), None);
    assert_eq!(store.body(EntityNo(1), Position(6)).unwrap(), None);
}

pub(super) fn a_deletion_has_no_body<H: Home>(home: &H) {
    let store = home.open();
    append_versions(&*store, |at| vec![version(0, at, ChangeKind::Created)]);
    append_versions(&*store, |at| vec![version(0, at, ChangeKind::Deleted)]);
    assert_eq!(store.body(EntityNo(0), Position(2)).unwrap(), None);
    assert!(store.body(EntityNo(0), Position(1)).unwrap().is_some(), "history stays");
    assert_eq!(store.versions(EntityNo(0), ALL).unwrap().len(), 2);
}

pub(super) fn a_scan_ends_when_it_is_told_to<H: Home>(home: &H) {
    let store = home.open();
    append(&*store, |commit| {
        let position = commit.log.as_ref().unwrap().position;
        for no in 0..20 {
            commit.versions.push(version(no, position, ChangeKind::Created));
            commit.claims_put.push(claim(0, &no.to_string(), "x", Some(no)));
            commit.identifiers_put.push(row(&format!("host:h{no}"), no));
            commit
                .findings_put
                .push(finding(&FindingOwner::Entity(EntityNo(no)), "code"));
        }
    });
    assert_eq!(first(3, |visit| store.live_versions(visit)).len(), 3);
    assert_eq!(first(1, |visit| store.heads_of_scope(ScopeNo(0), visit)).len(), 1);
    assert_eq!(first(2, |visit| store.claims(visit)).len(), 2);
    assert_eq!(first(5, |visit| store.identifiers(visit)).len(), 5);
    assert_eq!(first(19, |visit| store.findings(visit)).len(), 19);
}

pub(super) fn a_retired_entity_keeps_its_identity<H: Home>(home: &H) {
    let store = home.open();
    let entity = entity("gone");
    append(&*store, |commit| commit.identities.push(identity(4, &entity, true)));
    append(&*store, |commit| commit.identities.push(identity(4, &entity, false)));
    let kept = store.identity(&entity).unwrap().unwrap();
    assert_eq!(kept, identity(4, &entity, false));
    assert_eq!(store.identity_by_no(EntityNo(4)).unwrap(), Some(kept));
    append(&*store, |commit| commit.identities.push(identity(4, &entity, true)));
    assert!(store.identity(&entity).unwrap().unwrap().live);
    assert_eq!(store.identity_by_no(EntityNo(3)).unwrap(), None);
}

pub(super) fn every_identity_is_listed_by_number<H: Home>(home: &H) {
    let store = home.open();
    let identities = [0, 2, 300].map(|no| identity(no, &entity(&format!("e{no}")), no != 2));
    append(&*store, |commit| {
        commit.identities.extend(identities.iter().rev().cloned())
    });
    assert_eq!(all(|visit| store.identities(visit)), identities);
    assert_eq!(first(1, |visit| store.identities(visit)), identities[..1]);
}

pub(super) fn entity_numbers_go_on_after_the_highest<H: Home>(home: &H) {
    let store = home.open();
    append(&*store, |commit| {
        commit
            .identities
            .extend([2, 0, 1].map(|no| identity(no, &entity(&format!("e{no}")), true)));
    });
    assert_eq!(store.next_entity_no().unwrap(), EntityNo(3));
    append(&*store, |commit| {
        commit.identities.push(identity(1, &entity("e1"), false))
    });
    assert_eq!(store.next_entity_no().unwrap(), EntityNo(3));
    append(&*store, |commit| {
        commit.identities.push(identity(u32::MAX, &entity("last"), true))
    });
    assert!(
        matches!(store.next_entity_no(), Err(StoreError::Refused { .. })),
        "numbers are never used twice"
    );
}

pub(super) fn an_identifier_has_a_row_for_each_holder<H: Home>(home: &H) {
    let store = home.open();
    let text = "repo:github.com/acme/pay";
    append(&*store, |commit| {
        commit.identifiers_put.extend([row(text, 7), row(text, 3)])
    });
    let past = IdentifierRow {
        until: Some(at(9)),
        ..row(text, 7)
    };
    append(&*store, |commit| commit.identifiers_put.push(past.clone()));
    assert_eq!(
        store.identifier(&identifier(text)).unwrap(),
        [row(text, 3), past.clone()]
    );
    append(&*store, |commit| {
        commit.identifiers_removed.push((identifier(text), EntityNo(3)))
    });
    assert_eq!(store.identifier(&identifier(text)).unwrap(), [past]);
    assert_eq!(store.identifier(&identifier("repo:github.com/acme/pa")).unwrap(), []);
}

pub(super) fn identifiers_are_ordered_and_none_is_the_beginning_of_another<H: Home>(home: &H) {
    let store = home.open();
    let long = format!("x:{}", "é".repeat(1_020));
    let mut texts = vec![
        "x:a",
        "x:a b",
        "x:a\u{0}",
        "x:a\u{0}b",
        "x:a\u{1}",
        "x:ab",
        "x:🦀",
        "a:x",
        long.as_str(),
    ];
    append(&*store, |commit| {
        commit
            .identifiers_put
            .extend(texts.iter().zip(0..).map(|(text, no)| row(text, no)))
    });
    for (text, no) in texts.iter().zip(0..) {
        assert_eq!(
            store.identifier(&identifier(text)).unwrap(),
            [row(text, no)],
            "{text:?}"
        );
    }
    // The identifier's own reading trims: compare what was stored.
    let stored: Vec<String> = all(|visit| store.identifiers(visit))
        .iter()
        .map(|row| row.identifier.as_str().to_owned())
        .collect();
    texts.sort_unstable();
    assert_eq!(stored, texts);
}

pub(super) fn odd_refs_stay_apart<H: Home>(home: &H) {
    let store = home.open();
    let long = format!("component:{}/{}", "n".repeat(250), "ö".repeat(120));
    let texts = [
        "component:a/b",
        "component:a/b/c",
        "component:a/b:c",
        "component:a/b c",
        "component:a/ß",
        "x:🦀/a",
        &long,
    ];
    let refs: Vec<EntityRef> = texts.iter().map(|text| EntityRef::parse(text).unwrap()).collect();
    append(&*store, |commit| {
        commit
            .identities
            .extend(refs.iter().zip(0..).map(|(entity, no)| identity(no, entity, true)));
    });
    for (entity, no) in refs.iter().zip(0..) {
        assert_eq!(
            store.identity(entity).unwrap(),
            Some(identity(no, entity, true)),
            "{entity}"
        );
    }
    assert_eq!(
        store
            .identity(&EntityRef::parse("component:a/").unwrap_or_else(|_| entity("none")))
            .unwrap(),
        None
    );
}
