//! Measures the store alone: durable appends of whole entities, the load of a start, scans and point reads.
//!
//! `cargo run --release -p bailiwick-catalog --example store_bench -- [fjall|sled|memory] [entities]`. Writes into a
//! temporary folder, which it removes. Results of record stand in `docs/benchmarks.md`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measuring program prints, reads the clock, and stops when something fails"
)]

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bailiwick_catalog::store::*;
use bailiwick_schema::{
    Assertion, ContentHash, EntityRef, Identifier, IdentifierClaim, Origin, Position, SourceId, Subject, Timestamp,
};
use uuid::Uuid;

/// Entities in one commit.
const COMMIT_ENTITIES: u32 = 1_000;
/// Relations of an entity.
const RELATIONS: u32 = 8;
/// Bytes of a claim's body, and of an entity's.
const BODY_BYTES: usize = 1_300;
/// Point reads that are timed.
const READS: u32 = 100_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let engine: EngineKind = arguments.next().as_deref().unwrap_or("fjall").parse().unwrap();
    let entities: u32 = arguments.next().map_or(100_000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut store = open(engine, &path, StoreOptions::default()).unwrap();
    println!("{engine}, {entities} entities with {RELATIONS} relations, {COMMIT_ENTITIES} a commit");

    let body = body();
    let mut times = Vec::new();
    for first in (0..entities).step_by(COMMIT_ENTITIES as usize) {
        let head = store.head().unwrap();
        let commit = commit(first, head, &body);
        let started = Instant::now();
        store.append(head, commit).unwrap();
        times.push(started.elapsed());
    }
    report("append", &mut times);
    let total: Duration = times.iter().sum();
    println!("{:>28} entities/s", (f64::from(entities) / total.as_secs_f64()).round());

    if engine != EngineKind::Memory {
        drop(store);
        store = timed("open again", || open(engine, &path, StoreOptions::default()).unwrap());
    }
    for _ in 0..2 {
        let mut loaded = 0_usize;
        timed("load of the live versions", || {
            store
                .live_versions(&mut |version| count(&mut loaded, version.relations.len()))
                .unwrap();
        });
        assert_eq!(loaded, (entities * RELATIONS) as usize);
    }
    timed("heads of all claims", || {
        store
            .heads_of_scope(ScopeNo(0), &mut |_| ControlFlow::Continue(()))
            .unwrap();
    });
    let mut random = 1_u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        EntityNo((random >> 8) % entities)
    };
    let mut times = Vec::new();
    for _ in 0..READS {
        let no = next();
        let started = Instant::now();
        assert!(
            store
                .body(no, Position(u64::from(no.0 / COMMIT_ENTITIES) + 1))
                .unwrap()
                .is_some()
        );
        times.push(started.elapsed());
    }
    report("body by position", &mut times);
    let mut times = Vec::new();
    for _ in 0..READS {
        let entity = entity(next().0);
        let started = Instant::now();
        assert!(store.identity(&entity).unwrap().is_some());
        times.push(started.elapsed());
    }
    report("identity by ref", &mut times);
    println!("{:>28} MiB in files", size(&path) >> 20);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        for line in status
            .lines()
            .filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon"))
        {
            println!("{line}");
        }
    }
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    println!("{what:>28} {:?}", started.elapsed());
    result
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!("{what:>28} p50 {:?}, p99 {:?}, max {:?}", at(50), at(99), at(100));
}

fn count(sum: &mut usize, by: usize) -> ControlFlow<()> {
    *sum += by;
    ControlFlow::Continue(())
}

fn size(path: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// JSON-like text that compresses about as well as real bodies.
fn body() -> Vec<u8> {
    let mut body = Vec::with_capacity(BODY_BYTES);
    let mut field = 0_u64;
    while body.len() < BODY_BYTES {
        let value = ContentHash::of(&field.to_le_bytes());
        body.extend_from_slice(format!(r#""field_{field}":"value {}","#, value.low_u64()).as_bytes());
        field += 1;
    }
    body.truncate(BODY_BYTES);
    body
}

fn entity(no: u32) -> EntityRef {
    EntityRef::new("component", "default", &format!("service-number-{no}")).unwrap()
}

fn commit(first: u32, head: Position, body: &[u8]) -> Commit {
    let position = head.next();
    let at = Timestamp::from_secs(1_700_000_000);
    let mut commit = Commit::default();
    let mut changes = Vec::new();
    for no in first..first + COMMIT_ENTITIES {
        let entity = entity(no);
        let mut body = body.to_vec();
        body[..16].copy_from_slice(format!("{no:016}").as_bytes());
        let uid = Uuid::from_u128(u128::from(no));
        let subject = Subject::Ref(entity.clone());
        let origin = Origin {
            line: Some(1),
            ..Origin::path(format!("services/{no}/catalog-info.yaml"))
        };
        let key = ClaimKey {
            scope: ScopeNo(0),
            id: ClaimId::new(&origin.path, &subject),
        };
        let hash = ContentHash::of(&body);
        let identifier = Identifier::new("repo", &format!("github.com/acme/service-{no}")).unwrap();
        let owner = EntityRef::parse("group:default/payments").unwrap();
        changes.push(LoggedChange {
            no: EntityNo(no),
            entity: entity.clone(),
            change: ChangeKind::Created,
        });
        commit.identities.push(EntityIdentity {
            no: EntityNo(no),
            entity: entity.clone(),
            uid,
            live: true,
        });
        commit.identifiers_put.push(IdentifierRow {
            identifier: identifier.clone(),
            entity: EntityNo(no),
            exclusive: true,
            since: at,
            until: None,
        });
        commit.claims_put.push(StoredClaim {
            head: ClaimHead {
                key,
                hash,
                entity: Some(EntityNo(no)),
                requested_at: at,
                stale: false,
            },
            subject,
            assertion: Assertion::Declares,
            origin,
            source_time: None,
            since: at,
            body: body.clone(),
        });
        commit.findings_cleared.push(FindingOwner::Entity(EntityNo(no)));
        let version = EntityVersion {
            no: EntityNo(no),
            position,
            entity,
            uid,
            at,
            change: ChangeKind::Created,
            hash,
            summary: Summary {
                kind: "Component".into(),
                namespace: "default".into(),
                name: format!("service-number-{no}"),
                title: Some(format!("Service number {no}")),
                entity_type: Some("service".into()),
                lifecycle: Some("production".into()),
                tags: vec!["java".into(), "payments".into()],
                labels: Vec::new(),
            },
            relations: (0..RELATIONS)
                .map(|relation| Relation {
                    relation: "dependsOn".into(),
                    target: self::entity(no.wrapping_mul(31).wrapping_add(relation) % 100_000),
                })
                .collect(),
            ownership: Ownership {
                owners: vec![owner.clone()],
                evidence: vec![EvidenceItem {
                    method: "explicit".into(),
                    who: vec!["group:default/payments".into()],
                    owners: vec![owner],
                    detail: "spec.owner in catalog-info.yaml".into(),
                    source: Some("code".into()),
                    origin: None,
                    standing: "decisive".into(),
                }],
                ..Ownership::default()
            },
            identifiers: vec![IdentifierClaim {
                identifier,
                exclusive: true,
            }],
            inherits_from: Vec::new(),
            continues: None,
            watches: Vec::new(),
        };
        commit.versions.push(NewVersion { version, body });
    }
    let source = Some(SourceId::parse("code").unwrap());
    commit.log = Some(LoggedCommit {
        position,
        at,
        cause: CommitCause::Ingest,
        source,
        run: None,
        changes,
    });
    commit
}
