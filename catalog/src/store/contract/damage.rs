//! Damaged stores: whatever happens to any kind of file, opening is refused or what is hit is reported, with what to do
//! about it; nothing panics, and nothing is empty or older without a word.
//!
//! Each damaged copy is opened in a process of its own, since a library whose thread dies takes others with it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bailiwick_schema::Position;

use super::homes::{OnDisk, on_disk};
use super::log::everything;
use super::samples::*;
use crate::store::dump::Dumped;
use crate::store::*;

/// Names the folder that the tests below, run as processes of their own, open and read.
const LOOK_AT: &str = "BAILIWICK_TEST_LOOK_AT";

/// Processes that look at the same time.
const WORKERS: usize = 4;

/// Places in the largest file at which a bit is flipped.
const FLIPS: usize = 24;

/// Commits of each of the two lives of the store that is damaged.
const COMMITS: usize = 12;

fn open_at(engine: EngineKind, path: &Path) -> StoreResult<std::sync::Arc<dyn Store>> {
    open(engine, path, StoreOptions::default())
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect();
    files.sort();
    files
}

/// Copies a folder; long runs of zeros stay holes.
fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        std::fs::write(&target, &bytes[..end]).unwrap();
        let target = std::fs::OpenOptions::new().write(true).open(target).unwrap();
        target.set_len(bytes.len() as u64).unwrap();
    }
    for folder in ["keyspaces", "blobs"] {
        if from.join(folder).is_dir() {
            std::fs::create_dir_all(to.join(folder)).unwrap();
        }
    }
}

/// All rows as one text, or the error that reading them ended with.
fn content(store: &dyn Store) -> StoreResult<String> {
    use std::fmt::Write;
    let mut text = String::new();
    store.dump(&mut |step| {
        if let Dumped::Row { table, key, value } = step {
            writeln!(text, "{} {} {}", table.name(), key.escape_ascii(), value.escape_ascii()).unwrap();
        }
        ControlFlow::Continue(())
    })?;
    Ok(text)
}

/// A store that has everything, was closed and opened, and went on. Gives its rows.
fn live_twice<E: OnDisk>(path: &Path) -> String {
    let mut rows = String::new();
    for life in 0..2 {
        let store = open_at(E::KIND, path).unwrap();
        if life == 0 {
            store.append(Position::ZERO, everything(Position(1))).unwrap();
        }
        for _ in 0..COMMITS {
            append_versions(&*store, |at| {
                (0..20).map(|no| version(no, at, ChangeKind::Updated)).collect()
            });
        }
        let ledger = LedgerWrite {
            runs: vec![run("a", "code", life)],
            ..LedgerWrite::default()
        };
        store.ledger(ledger).unwrap();
        rows = content(&*store).unwrap();
        drop(store);
        if life == 0 {
            E::at(path).unwrap().spread_for_test();
        }
    }
    rows
}

type Damage = (&'static str, fn(&[u8]) -> Option<Vec<u8>>);

fn flipped(bytes: &[u8], at: usize) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    *bytes.get_mut(at)? ^= 0x10;
    Some(bytes)
}

/// Where the bytes end that are not only room for more.
fn end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// What may happen to a file; no bytes mean that it is gone.
const DAMAGES: &[Damage] = &[
    ("is missing", |_| None),
    ("is empty", |_| Some(Vec::new())),
    ("is cut in the middle", |bytes| Some(bytes[..end(bytes) / 2].to_vec())),
    ("lost its end", |bytes| {
        Some(bytes[..end(bytes).saturating_sub(7)].to_vec())
    }),
    ("is all ones", |bytes| Some(vec![0xff; end(bytes)])),
    ("is all zeros", |bytes| Some(vec![0; bytes.len()])),
    ("is another's", |_| Some(b"%PDF-1.7 nothing of ours\n".repeat(200))),
    ("has a bit flipped at its beginning", |bytes| flipped(bytes, 0)),
    ("has a bit flipped in a header", |bytes| flipped(bytes, 21)),
    ("has a bit flipped at a third", |bytes| flipped(bytes, end(bytes) / 3)),
    ("has a bit flipped in the middle", |bytes| {
        flipped(bytes, end(bytes) / 2)
    }),
    ("has a bit flipped at its end", |bytes| {
        flipped(bytes, end(bytes).saturating_sub(2))
    }),
    ("has a hole", |bytes| {
        let (mut bytes, end) = (bytes.to_vec(), end(bytes));
        bytes[end / 4..end / 2].fill(0);
        Some(bytes)
    }),
];

/// Opens a folder, reads it whole, and says in one line what came of it.
fn look(engine: EngineKind, path: &Path, rows: &Path) {
    let outcome = match open_at(engine, path) {
        Err(error @ (StoreError::Damaged { .. } | StoreError::Unusable { .. } | StoreError::Corrupt { .. })) => {
            format!("refused: {error}")
        }
        Err(error) => format!("wrong error: {error:?}"),
        Ok(store) => match content(&*store) {
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Damaged { .. })) => format!("reported: {error}"),
            Err(error) => format!("wrong error: {error:?}"),
            Ok(text) if text == std::fs::read_to_string(rows).unwrap() => "whole".to_owned(),
            Ok(text) => format!("silently another: {} rows, {:?}", text.lines().count(), store.head()),
        },
    };
    println!("outcome {outcome}");
}

on_disk! { damage_is_refused_or_reported, }

fn damage_is_refused_or_reported<E: OnDisk>() {
    if let Some(path) = std::env::var_os(LOOK_AT) {
        let path = Path::new(&path);
        return look(E::KIND, path, &path.with_file_name("rows"));
    }
    let this = format!("store::contract::damage::{}::damage_is_refused_or_reported", E::KIND);
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("whole");
    let rows = live_twice::<E>(&whole);
    std::fs::write(home.path().join("rows"), rows).unwrap();

    let looks = Mutex::new(looks(&whole));
    let told = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let path = home.path().join(format!("damaged_{worker}"));
            let (looks, told, whole, this) = (&looks, &told, &whole, &this);
            scope.spawn(move || {
                while let Some((file, what, damage)) = { looks.lock().unwrap().pop() } {
                    let outcome = damaged_look(whole, &path, &file, damage, this);
                    let what = format!("{} {what}", file.strip_prefix(whole).unwrap().display());
                    println!("{what}: {outcome}");
                    let good = outcome == "whole"
                        || (outcome.starts_with("refused") || outcome.starts_with("reported"))
                            && (outcome.contains("restore") || outcome.contains("name an"));
                    assert!(good, "{what}: {outcome}");
                    told.fetch_add(usize::from(outcome != "whole"), Ordering::SeqCst);
                }
            });
        }
    });
    assert!(told.into_inner() > 20, "damage shows");
}

/// A file, what happens to it in words, and in bytes.
type Look = (PathBuf, String, Box<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send>);

/// What to look at: all that may happen, to the first file of a kind; one thing to each other one; and flipped bits all
/// over the largest.
fn looks(whole: &Path) -> Vec<Look> {
    let mut looks: Vec<Look> = Vec::new();
    let mut kinds = BTreeSet::new();
    let length = |file: &PathBuf| end(&std::fs::read(file).unwrap());
    let files = files(whole);
    for (number, file) in files.iter().enumerate() {
        let mut kind = String::new();
        for letter in file.strip_prefix(whole).unwrap().display().to_string().chars() {
            let letter = if letter.is_ascii_digit() { '0' } else { letter };
            if letter != '0' || !kind.ends_with('0') {
                kind.push(letter);
            }
        }
        let first = kinds.insert(kind);
        for (index, (what, damage)) in DAMAGES.iter().enumerate() {
            if first || number % DAMAGES.len() == index {
                looks.push((file.clone(), (*what).to_owned(), Box::new(damage)));
            }
        }
    }
    let largest = files.into_iter().max_by_key(length).unwrap();
    for step in 0..FLIPS {
        let flip = move |bytes: &[u8]| flipped(bytes, end(bytes) * (2 * step + 1) / (2 * FLIPS));
        let what = format!("has a bit flipped at {step} of {FLIPS}");
        looks.push((largest.clone(), what, Box::new(flip)));
    }
    looks
}

/// Damages one file of a copy and looks at it from another process, which must not panic.
#[expect(clippy::disallowed_methods, reason = "each look is a process of its own")]
fn damaged_look(
    whole: &Path,
    path: &Path,
    file: &Path,
    damage: impl Fn(&[u8]) -> Option<Vec<u8>>,
    this: &str,
) -> String {
    copy(whole, path);
    let target = path.join(file.strip_prefix(whole).unwrap());
    match damage(&std::fs::read(file).unwrap()) {
        Some(bytes) => std::fs::write(target, bytes).unwrap(),
        None => std::fs::remove_file(target).unwrap(),
    }
    let look = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this, "--nocapture"])
        .env(LOOK_AT, path)
        .output()
        .unwrap();
    std::fs::remove_dir_all(path).unwrap();
    let said = String::from_utf8_lossy(&look.stdout);
    let loud = String::from_utf8_lossy(&look.stderr);
    assert!(!loud.contains("panicked"), "{}: {said}\n{loud}", file.display());
    let outcome = said.lines().find_map(|line| Some(line.split_once("outcome ")?.1));
    outcome
        .unwrap_or_else(|| panic!("{}: no outcome\n{said}\n{loud}", file.display()))
        .to_owned()
}
