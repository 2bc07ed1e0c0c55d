//! Clauses on opening again, and tests of what each engine says when it cannot open or write.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bailiwick_schema::Position;

use super::Home;
use super::homes::{DiskHome, FjallHome, OnDisk, on_disk};
use super::log::{everything, parts_present};
use super::samples::*;
use crate::store::fjall::FjallEngine;
use crate::store::keyvalue::{Batch, KeyValue, Table};
use crate::store::layout::KeyValueStore;
use crate::store::memory::MemoryEngine;
use crate::store::sled::SledEngine;
use crate::store::*;

pub(super) fn a_store_opened_again_is_the_same_store<H: Home>(home: &H) {
    let store = home.open();
    let lineage = store.lineage();
    store.append(Position::ZERO, everything(Position(1))).unwrap();
    store
        .ledger(LedgerWrite {
            runs: vec![run("a", "code", 1)],
            audit: vec![AuditRecord {
                at: at(1),
                who: "ana".into(),
                action: "one".into(),
                subject: String::new(),
                outcome: String::new(),
            }],
            ..LedgerWrite::default()
        })
        .unwrap();
    let (live, claims) = (
        all(|visit| store.live_versions(visit)),
        all(|visit| store.claims(visit)),
    );
    drop(store);
    let store = home.open();
    if !H::KEEPS {
        assert_ne!(store.lineage(), lineage);
        assert_eq!(store.head().unwrap(), Position::ZERO);
        return;
    }
    assert_eq!(store.lineage(), lineage);
    assert!(parts_present(&*store).into_iter().all(|present| present));
    assert_eq!(all(|visit| store.live_versions(visit)), live);
    assert_eq!(all(|visit| store.claims(visit)), claims);
    assert_eq!(store.next_entity_no().unwrap(), EntityNo(1));
    assert_eq!(store.runs(None, ALL).unwrap(), [run("a", "code", 1)]);
    let second = AuditRecord {
        action: "two".into(),
        ..store.audit(ALL).unwrap().remove(0)
    };
    store
        .ledger(LedgerWrite {
            audit: vec![second],
            ..LedgerWrite::default()
        })
        .unwrap();
    assert_eq!(store.audit(ALL).unwrap().len(), 2, "numbering goes on");
    assert_eq!(append(&*store, |_| ()), Position(2));
}

pub(super) fn cleared_findings_stay_cleared_after_opening_again<H: Home>(home: &H) {
    let owner = FindingOwner::Source(source("code"));
    let other = FindingOwner::Entity(EntityNo(1));
    let store = home.open();
    append(&*store, |commit| {
        commit.findings_put.extend([finding(&owner, "a"), finding(&other, "a")])
    });
    drop(store);
    if !H::KEEPS {
        return;
    }
    let store = home.open();
    append(&*store, |commit| commit.findings_cleared.push(owner.clone()));
    drop(store);
    assert_eq!(all(|visit| home.open().findings(visit)), [finding(&other, "a")]);
}

pub(super) fn fjall(path: &Path) -> StoreResult<std::sync::Arc<dyn Store>> {
    store_at::<FjallEngine>(path)
}

pub(super) fn store_at<E: OnDisk>(path: &Path) -> StoreResult<std::sync::Arc<dyn Store>> {
    open(E::KIND, path, StoreOptions::default())
}

on_disk! {
    a_store_that_is_open_is_locked,
    an_empty_folder_becomes_a_store,
    a_store_of_a_newer_format_is_not_opened,
    a_head_beside_its_log_is_corrupt,
}

fn a_store_that_is_open_is_locked<E: OnDisk>() {
    let home = DiskHome::<E>::fresh();
    let path = home.folder.path().join("s");
    let store = store_at::<E>(&path).unwrap();
    let error = store_at::<E>(&path).err().unwrap();
    assert!(
        matches!(&error, StoreError::Locked { path: locked } if locked == &path.display().to_string()),
        "{error}"
    );
    assert_eq!(error.retry(), Retry::Later);
    drop(store);
    store_at::<E>(&path).unwrap();
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let home = FjallHome::fresh();
    let unusable = |path: &Path, word: &str| {
        let error = fjall(path).err().unwrap();
        assert!(
            matches!(&error, StoreError::Unusable { reason, .. } if reason.contains(word)),
            "{error}"
        );
    };
    let photos = home.folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    std::fs::write(photos.join("cat.jpg"), b"cat").unwrap();
    unusable(&photos, "cat.jpg");
    assert_eq!(std::fs::read_dir(&photos).unwrap().count(), 1, "nothing was added");

    unusable(&photos.join("cat.jpg"), "it is a file");

    let other = home.folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("version"), b"3.2.1").unwrap();
    unusable(&other, "another format");

    let program = home.folder.path().join("program");
    let database = ::fjall::Database::builder(&program).open().unwrap();
    database
        .keyspace("songs", ::fjall::KeyspaceCreateOptions::default)
        .unwrap();
    drop(database);
    unusable(&program, "songs");

    let sleds = home.folder.path().join("sled");
    drop(store_at::<SledEngine>(&sleds).unwrap());
    unusable(&sleds, "store.engine: sled");
}

#[test]
fn a_first_start_of_fjall_that_was_cut_off_is_taken_up_again() {
    let home = FjallHome::fresh();
    let made = |name: &str, keyspaces: bool, journal: Option<&[u8]>| {
        let path = home.folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("lock"), b"").unwrap();
        if keyspaces {
            std::fs::create_dir(path.join("keyspaces")).unwrap();
        }
        if let Some(bytes) = journal {
            std::fs::write(path.join("0.jnl"), bytes).unwrap();
        }
        path
    };
    let marked = |name: &str, marker: &[u8]| {
        let path = made(name, true, Some(&[0; 200_000]));
        std::fs::write(path.join("version"), marker).unwrap();
        path
    };
    for path in [
        marked("with an empty marker", b""),
        marked("with half a marker", b"FJL"),
        made("locked", false, None),
        made("begun", true, None),
        made("with a journal", true, Some(&[0; 200_000])),
    ] {
        let held = std::fs::File::open(path.join("lock")).unwrap();
        held.lock().unwrap();
        assert!(
            matches!(fjall(&path), Err(StoreError::Locked { .. })),
            "it may be under way"
        );
        drop(held);
        assert_eq!(append(&*fjall(&path).unwrap(), |_| ()), Position(1));
        assert_eq!(fjall(&path).unwrap().head().unwrap(), Position(1));
    }
    let mut journal = vec![0; 200_000];
    journal[150_000] = 1;
    let path = made("not nothing", true, Some(&journal));
    assert!(matches!(fjall(&path), Err(StoreError::Damaged { .. })));
    assert_eq!(
        std::fs::read(path.join("0.jnl")).unwrap(),
        journal,
        "nothing was removed"
    );
    let path = made("with data", true, None);
    std::fs::create_dir(path.join("keyspaces/1")).unwrap();
    assert!(matches!(fjall(&path), Err(StoreError::Damaged { .. })));
}

#[test]
fn an_engine_is_known_by_its_files() {
    let home = FjallHome::fresh();
    let path = |name: &str| home.folder.path().join(name);
    drop(fjall(&path("one")).unwrap());
    drop(store_at::<SledEngine>(&path("other")).unwrap());
    assert_eq!(engine_of(&path("one")), Some(EngineKind::Fjall));
    assert_eq!(engine_of(&path("other")), Some(EngineKind::Sled));
    assert_eq!(engine_of(&path("none")), None);
    assert_eq!(engine_of(home.folder.path()), None);
}

fn an_empty_folder_becomes_a_store<E: OnDisk>() {
    let home = DiskHome::<E>::fresh();
    assert_eq!(
        store_at::<E>(home.folder.path()).unwrap().head().unwrap(),
        Position::ZERO
    );
}

fn a_store_of_a_newer_format_is_not_opened<E: OnDisk>() {
    let home = DiskHome::<E>::fresh();
    let path = home.folder.path().join("s");
    drop(store_at::<E>(&path).unwrap());
    let engine = E::at(&path).unwrap();
    let mut batch = Batch::new();
    batch.put(Table::Meta, b"format_version", [0, 0, 0, 9][..].into());
    engine.apply(batch).unwrap();
    drop(engine);
    let error = store_at::<E>(&path).err().unwrap();
    assert!(
        matches!(&error, StoreError::Unusable { reason, .. } if reason.contains("format is 9")),
        "{error}"
    );
}

#[test]
fn rows_without_a_format_are_corrupt() {
    let engine = MemoryEngine::new();
    let mut batch = Batch::new();
    batch.put(Table::Scopes, b"k", b"v"[..].into());
    engine.apply(batch).unwrap();
    assert!(matches!(
        KeyValueStore::open(engine, "x"),
        Err(StoreError::Corrupt { .. })
    ));
}

fn a_head_beside_its_log_is_corrupt<E: OnDisk>() {
    let home = DiskHome::<E>::fresh();
    let path = home.folder.path().join("s");
    append(&*store_at::<E>(&path).unwrap(), |_| ());
    let engine = E::at(&path).unwrap();
    let mut batch = Batch::new();
    batch.put(Table::Meta, b"head", 7_u64.to_be_bytes()[..].into());
    engine.apply(batch).unwrap();
    drop(engine);
    assert!(matches!(store_at::<E>(&path), Err(StoreError::Corrupt { .. })));
}

#[test]
fn garbage_in_a_row_is_an_error_that_names_it() {
    let engine = MemoryEngine::new();
    let mut batch = Batch::new();
    batch.put(Table::Meta, b"format_version", [0, 0, 0, 1][..].into());
    batch.put(Table::Meta, b"lineage", [7; 16][..].into());
    batch.put(Table::Meta, b"head", 0_u64.to_be_bytes()[..].into());
    batch.put(Table::Current, &[0, 0, 0, 1], [1, 0xff, 0xff, 0xff][..].into());
    batch.put(Table::ClaimHeads, b"short", [1][..].into());
    batch.put(Table::Scopes, &[0, 0, 0, 1], [9, 1, 2][..].into());
    batch.put(Table::Sweeps, &[0, 0, 0, 1], [][..].into());
    engine.apply(batch).unwrap();
    let store = KeyValueStore::open(engine, "x").unwrap();
    let go_on = |_| std::ops::ControlFlow::Continue(());
    let errors = [
        store.live_versions(&mut { go_on }).unwrap_err(),
        store.claims(&mut |_| std::ops::ControlFlow::Continue(())).unwrap_err(),
        store.scopes().unwrap_err(),
        store.sweeps().unwrap_err(),
    ];
    let texts = errors.map(|error| {
        assert!(matches!(error, StoreError::Corrupt { .. }));
        error.to_string()
    });
    assert!(
        texts[0].contains("00000001") && texts[2].contains("unknown value format 9"),
        "{texts:?}"
    );
}

/// An engine whose writes fail when told to.
#[derive(Default)]
struct FailingEngine {
    inner: MemoryEngine,
    fails: std::sync::Arc<AtomicBool>,
}

impl KeyValue for FailingEngine {
    type Bytes = <MemoryEngine as KeyValue>::Bytes;
    type View<'e> = <MemoryEngine as KeyValue>::View<'e>;

    fn name(&self) -> &'static str {
        "failing"
    }

    fn view(&self) -> Self::View<'_> {
        self.inner.view()
    }

    fn apply(&self, batch: Batch<Self::Bytes>) -> StoreResult<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Engine("no space left".into()));
        }
        self.inner.apply(batch)
    }
}

#[test]
fn after_a_failed_write_nothing_is_written_and_reads_go_on() {
    let engine = FailingEngine::default();
    let fails = std::sync::Arc::clone(&engine.fails);
    let store = KeyValueStore::open(engine, "x").unwrap();
    store.append(Position::ZERO, everything(Position(1))).unwrap();
    fails.store(true, Ordering::SeqCst);
    assert!(matches!(
        store.append(Position(1), commit(Position(1), Vec::new())),
        Err(StoreError::Engine(_))
    ));
    fails.store(false, Ordering::SeqCst);
    let error = store.append(Position(1), commit(Position(1), Vec::new())).unwrap_err();
    assert!(matches!(error, StoreError::WritesStopped), "{error}");
    assert_eq!(error.retry(), Retry::Later);
    let ledger = LedgerWrite {
        runs: vec![run("a", "code", 1)],
        ..LedgerWrite::default()
    };
    assert!(matches!(store.ledger(ledger), Err(StoreError::WritesStopped)));
    assert_eq!(store.head().unwrap(), Position(1));
    assert!(parts_present(&store).into_iter().all(|present| present));
}

#[test]
fn an_unknown_engine_answers_with_the_known_ones() {
    let error = "rocks\u{0}".parse::<EngineKind>().unwrap_err().to_string();
    assert_eq!(
        error,
        r"there is no store engine `rocks\u{0}`; known are memory, fjall, sled"
    );
    for kind in EngineKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert_eq!(
        open(EngineKind::Memory, Path::new(""), StoreOptions::default())
            .unwrap()
            .engine_name(),
        "memory"
    );
}
