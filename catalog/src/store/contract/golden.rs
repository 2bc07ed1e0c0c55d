//! The stored bytes of every table, for records of every kind and every variant of an enum.
//!
//! A difference here is another format. If it is meant: while no release has stored the old one, accept the snapshot
//! (`INSTA_UPDATE=always`); afterwards raise `VALUE_FORMAT` or `FORMAT_VERSION` and read the old one too.

use std::fmt::Write;

use bailiwick_schema::{Assertion, Position, Proof, Subject};

use super::log::everything;
use super::samples::*;
use crate::store::keyvalue::{KeyRange, KeyValue, Order, Table, View};
use crate::store::layout::KeyValueStore;
use crate::store::memory::MemoryEngine;
use crate::store::*;

fn full_store() -> KeyValueStore<MemoryEngine> {
    let store = KeyValueStore::open(MemoryEngine::new(), "golden").unwrap();
    fill(&store);
    store
}

/// Puts a record of every kind into an empty store.
pub(crate) fn fill(store: &dyn Store) {
    store.append(Position::ZERO, everything(Position(1))).unwrap();
    append(store, |commit| {
        let log = commit.log.as_mut().unwrap();
        (log.cause, log.source, log.run) = (CommitCause::Sweep, None, None);
        log.changes.push(LoggedChange {
            no: EntityNo(0),
            entity: entity("e0"),
            change: ChangeKind::Updated,
        });
        commit.versions.push(version(0, Position(2), ChangeKind::Updated));
        let mut observed = claim(2, "b.yaml", "e0", None);
        observed.subject = Subject::Identifier(identifier("email:a@b.c"));
        (observed.assertion, observed.head.stale) = (Assertion::Observes, true);
        (observed.source_time, observed.origin.line) = (None, None);
        commit.claims_put.push(observed);
        commit.scopes_put.push(ScopeRecord {
            parent: None,
            cursor: None,
            proof: Some(Proof::Listing),
            proved_at: None,
            retired: true,
            ..scope(2, "code")
        });
        commit.sweeps_put.push(super::claims::sweep(
            2,
            SweepState::Pending {
                reason: "half of it".into(),
            },
        ));
        commit.sweeps_put.push(super::claims::sweep(
            3,
            SweepState::Rejected {
                by: "ana".into(),
                at: at(3),
            },
        ));
    });
    append(store, |commit| {
        commit.log.as_mut().unwrap().cause = CommitCause::Rules;
        commit.versions.push(version(0, Position(3), ChangeKind::Deleted));
        commit.identities.push(identity(0, &entity("e0"), false));
        commit.identifiers_put.push(IdentifierRow {
            until: Some(at(9)),
            exclusive: false,
            ..row("host:a", 0)
        });
    });
    append(store, |commit| {
        commit.log.as_mut().unwrap().cause = CommitCause::Operator;
        commit.versions.push(version(1, Position(4), ChangeKind::Created));
        let owners = [
            FindingOwner::Origin {
                scope: ScopeNo(1),
                origin: ClaimId::origin_prefix("a.yaml"),
            },
            FindingOwner::Source(source("code")),
            FindingOwner::Links(EntityNo(0)),
        ];
        commit
            .findings_put
            .extend(owners.iter().map(|owner| finding(owner, "code")));
    });
    let audit = AuditRecord {
        at: at(1),
        who: "ana".into(),
        action: "decide_sweep".into(),
        subject: "repository:x".into(),
        outcome: "applied".into(),
    };
    let write = LedgerWrite {
        runs: vec![run("code-1", "code", 1)],
        scopes: vec![scope(4, "org")],
        audit: vec![audit],
        meta: vec![("hash".into(), vec![0, 255])],
    };
    store.ledger(write).unwrap();
}

#[test]
fn the_stored_bytes_are_those_of_the_format() {
    let store = full_store();
    let view = store.engine_for_test().view();
    let mut dump = String::new();
    for table in Table::ALL {
        writeln!(dump, "{}", table.name()).unwrap();
        let rows = view.scan(*table, KeyRange::all(), Order::Ascending).map(Result::unwrap);
        let mut empty = true;
        for (key, value) in rows {
            empty = false;
            // The lineage alone is random.
            let value = if &*key == b"lineage" { b"...".as_slice() } else { &value };
            writeln!(dump, "  {} = {}", key.escape_ascii(), value.escape_ascii()).unwrap();
        }
        assert!(!empty, "table {} has no golden row", table.name());
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("format_1", dump);
    });
}
