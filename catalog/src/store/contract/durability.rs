//! Clauses on opening again, and tests of what each engine says when it cannot open or write.

use std::path::{Path, PathBuf};
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

fn fjall(path: &Path) -> StoreResult<std::sync::Arc<dyn Store>> {
    store_at::<FjallEngine>(path)
}

fn store_at<E: OnDisk>(path: &Path) -> StoreResult<std::sync::Arc<dyn Store>> {
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

    let cut_off = home.folder.path().join("cut_off");
    std::fs::create_dir(&cut_off).unwrap();
    std::fs::write(cut_off.join("lock"), b"").unwrap();
    unusable(&cut_off, "not set up to its end");

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
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}

#[test]
fn damaged_files_are_an_error_or_an_older_state_and_never_a_panic() {
    let home = FjallHome::fresh();
    let whole = home.folder.path().join("whole");
    let store = fjall(&whole).unwrap();
    for _ in 0..40 {
        append_versions(&*store, |at| {
            (0..20).map(|no| version(no, at, ChangeKind::Updated)).collect()
        });
    }
    drop(store);
    let engine = FjallEngine::open(&whole, &StoreOptions::default()).unwrap();
    engine.flush_for_test();
    drop(engine);
    append(&*fjall(&whole).unwrap(), |_| ());

    for file in files(&whole) {
        let bytes = std::fs::read(&file).unwrap();
        let mut flipped = bytes.clone();
        let middle = flipped.len() / 2;
        flipped.iter_mut().skip(middle).take(8).for_each(|byte| *byte ^= 0xff);
        let mutations = [
            Vec::new(),
            bytes[..bytes.len() / 2].to_vec(),
            flipped,
            vec![0xff; bytes.len()],
        ];
        for (number, mutated) in mutations.into_iter().enumerate() {
            let name = file.strip_prefix(&whole).unwrap();
            let path = home.folder.path().join(format!(
                "damaged_{number}_{}",
                name.display().to_string().replace('/', "_")
            ));
            copy(&whole, &path);
            std::fs::write(path.join(name), mutated).unwrap();
            let what = format!("{} {number}", name.display());
            match fjall(&path) {
                Err(StoreError::Unusable { reason, .. }) => {
                    assert!(reason.contains("name an empty folder"), "{reason}")
                }
                Err(StoreError::Corrupt { .. }) => (),
                Err(other) => panic!("{what}: {other:?}"),
                Ok(store) => {
                    let head = store.head().unwrap();
                    let mut newest = Position::ZERO;
                    let load = store.live_versions(&mut |version| {
                        newest = newest.max(version.position);
                        std::ops::ControlFlow::Continue(())
                    });
                    // Blocks are checked when they are read.
                    let damage_seen = matches!(load, Err(StoreError::Corrupt { .. }));
                    assert!(
                        damage_seen || head == Position(41) && newest == Position(40) || newest == head,
                        "{what}"
                    );
                }
            }
            std::fs::remove_dir_all(path).unwrap();
        }
    }
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
