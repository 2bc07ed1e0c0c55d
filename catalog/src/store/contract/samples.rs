//! Records to store: made of a few numbers and names, so that a clause says only what matters to it.

use std::num::NonZeroU32;
use std::ops::ControlFlow;

use bailiwick_schema::{
    Assertion, ContentHash, Cursor, EntityRef, Finding, Identifier, IdentifierClaim, Origin, Position, Proof, RunCause,
    RunCounts, RunId, RunRecord, RunStatus, ScopeId, Severity, SourceId, Subject, Timestamp,
};
use uuid::Uuid;

use crate::store::*;

pub(crate) const ALL: NonZeroU32 = NonZeroU32::MAX;

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

pub(crate) fn limit(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit).unwrap()
}

pub(crate) fn source(id: &str) -> SourceId {
    SourceId::parse(id).unwrap()
}

pub(crate) fn entity(name: &str) -> EntityRef {
    EntityRef::new("component", "default", name).unwrap()
}

pub(crate) fn identifier(text: &str) -> Identifier {
    Identifier::parse(text).unwrap()
}

/// A commit at the position after `head` with one change for each of `versions`.
pub(crate) fn commit(head: Position, versions: Vec<NewVersion>) -> Commit {
    let changes = versions
        .iter()
        .map(|new| LoggedChange {
            no: new.version.no,
            entity: new.version.entity.clone(),
            change: new.version.change,
        })
        .collect();
    let log = LoggedCommit {
        position: head.next(),
        at: at(head.0.cast_signed()),
        cause: CommitCause::Ingest,
        source: Some(source("code")),
        run: Some(RunId::new("code-1")),
        changes,
    };
    Commit {
        log: Some(log),
        versions,
        ..Commit::default()
    }
}

/// Appends at the head, whatever it is.
pub(crate) fn append(store: &dyn Store, fill: impl FnOnce(&mut Commit)) -> Position {
    let head = store.head().unwrap();
    let mut commit = commit(head, Vec::new());
    fill(&mut commit);
    store.append(head, commit).unwrap()
}

/// Appends versions at the head; `versions` gets the new position.
pub(crate) fn append_versions(store: &dyn Store, versions: impl FnOnce(Position) -> Vec<NewVersion>) -> Position {
    let head = store.head().unwrap();
    store.append(head, commit(head, versions(head.next()))).unwrap()
}

pub(crate) fn version(no: u32, position: Position, change: ChangeKind) -> NewVersion {
    let name = format!("e{no}");
    let body = match change {
        ChangeKind::Deleted => Vec::new(),
        _ => format!(r#"{{"kind":"Component","name":"{name}","at":{position}}}"#).into_bytes(),
    };
    let version = EntityVersion {
        no: EntityNo(no),
        position,
        entity: entity(&name),
        uid: Uuid::from_u128(u128::from(no)),
        at: at(position.0.cast_signed()),
        change,
        hash: ContentHash::of(&body),
        summary: Summary {
            kind: "Component".into(),
            namespace: "default".into(),
            name,
            title: Some("Straße 🦀".into()),
            entity_type: None,
            lifecycle: Some("production".into()),
            tags: vec!["a".into(), String::new()],
            labels: vec![("team".into(), "pay".into())],
        },
        relations: vec![Relation {
            relation: "partOf".into(),
            target: entity("whole"),
        }],
        ownership: Ownership {
            owners: vec![EntityRef::parse("group:pay").unwrap()],
            evidence: vec![EvidenceItem {
                method: "explicit".into(),
                who: vec!["pay".into()],
                owners: vec![EntityRef::parse("group:pay").unwrap()],
                detail: "spec.owner".into(),
                source: Some("code".into()),
                origin: None,
                standing: "decisive".into(),
            }],
            asks_parents: true,
        },
        identifiers: vec![IdentifierClaim {
            identifier: identifier("repo:github.com/acme/pay"),
            exclusive: true,
        }],
        inherits_from: vec![EntityRef::parse("system:pay").unwrap()],
        continues: Some(entity("before")),
        watches: vec!["name:pay".into()],
    };
    NewVersion { version, body }
}

pub(crate) fn identity(no: u32, entity: &EntityRef, live: bool) -> EntityIdentity {
    EntityIdentity {
        no: EntityNo(no),
        entity: entity.clone(),
        uid: Uuid::from_u128(u128::from(no)),
        live,
    }
}

pub(crate) fn key(scope: u32, path: &str, name: &str) -> ClaimKey {
    ClaimKey {
        scope: ScopeNo(scope),
        id: ClaimId::new(path, &Subject::Ref(entity(name))),
    }
}

pub(crate) fn claim(scope: u32, path: &str, name: &str, counts_for: Option<u32>) -> StoredClaim {
    let body = format!(r#"{{"entity":{{"name":"{name}"}}}}"#).into_bytes();
    StoredClaim {
        head: ClaimHead {
            key: key(scope, path, name),
            hash: ContentHash::of(&body),
            entity: counts_for.map(EntityNo),
            requested_at: at(7),
            stale: false,
        },
        subject: Subject::Ref(entity(name)),
        assertion: Assertion::Declares,
        origin: Origin {
            line: Some(3),
            url: Some("https://host/x".into()),
            version: None,
            ..Origin::path(path)
        },
        source_time: Some(at(-9)),
        since: at(5),
        body,
    }
}

pub(crate) fn row(text: &str, no: u32) -> IdentifierRow {
    IdentifierRow {
        identifier: identifier(text),
        entity: EntityNo(no),
        exclusive: true,
        since: at(1),
        until: None,
    }
}

pub(crate) fn finding(owner: &FindingOwner, code: &str) -> StoredFinding {
    StoredFinding {
        owner: owner.clone(),
        source: Some(source("code")),
        scope: Some(ScopeId::new("repository:x")),
        first_seen: at(2),
        finding: Finding::new(
            code,
            Severity::Warning,
            "something is not as it should be; write it differently",
        )
        .at("a/catalog-info.yaml", Some(3), None)
        .about(entity("x")),
    }
}

pub(crate) fn scope(no: u32, source_id: &str) -> ScopeRecord {
    ScopeRecord {
        no: ScopeNo(no),
        source: source(source_id),
        source_type: "git".into(),
        rank: -3,
        id: ScopeId::new(format!("repository:{no}")),
        parent: Some(ScopeId::new("all")),
        cursor: Some(Cursor {
            value: "abc".into(),
            options: ContentHash::of(b"options"),
        }),
        proof: Some(Proof::Version("abc".into())),
        proved_at: Some(at(3)),
        members: vec![ScopeId::new("m")],
        claims: 12,
        next_sweep_pending: true,
        retired: false,
    }
}

pub(crate) fn run(id: &str, source_id: &str, started: i64) -> RunRecord {
    RunRecord {
        id: RunId::new(id),
        source: source(source_id),
        source_type: "git".into(),
        cause: RunCause::Schedule,
        status: RunStatus::Running,
        started_at: at(started),
        ended_at: None,
        position: Some(Position(4)),
        counts: RunCounts {
            claims_delivered: 9,
            ..RunCounts::default()
        },
        error: Some("no".into()),
        telemetry: [("git.blobs_read".to_owned(), 5)].into(),
    }
}

/// Everything that a scan hands over.
pub(crate) fn all<T>(scan: impl FnOnce(Visit<'_, T>) -> StoreResult<()>) -> Vec<T> {
    let mut items = Vec::new();
    scan(&mut |item| {
        items.push(item);
        ControlFlow::Continue(())
    })
    .unwrap();
    items
}

/// The first `count` items of a scan, which must not go on after that.
pub(crate) fn first<T>(count: usize, scan: impl FnOnce(Visit<'_, T>) -> StoreResult<()>) -> Vec<T> {
    let mut items = Vec::new();
    scan(&mut |item| {
        assert!(items.len() < count, "called again after the break");
        items.push(item);
        if items.len() == count {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    items
}
