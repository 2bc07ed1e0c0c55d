//! Data sets as every version left them: they load for ever.
//!
//! A folder beside this file is named after a version and holds a catalog that it wrote: a backup, the data directories
//! of both engines, and what that catalog exports. `checksums.txt` knows every file: nothing that is there is ever
//! changed. A version that has no folder yet gets one by
//! `BAILIWICK_WRITE_STORED=1 cargo test -p bailiwick-catalog stored`, which writes over nothing; while a version is not
//! released (no heading in CHANGELOG.md), its folder may be removed by hand to be written again.

mod history;
mod tar;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{Clock, ContentHash, OwnerMethod, Timestamp, Viewer, canonical};

use crate::backup::{BackupSettings, check, restore, write_file};
use crate::engine::EngineSettings;
use crate::running::{Placement, Running};
use crate::store::keyvalue::Table;
use crate::store::{EngineKind, StoreOptions, open};

const ENGINES: [EngineKind; 2] = [EngineKind::Fjall, EngineKind::Sled];

/// All files of a version together, in bytes.
const BYTES_MAX: u64 = 200 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/contract/stored")
}

/// The versions that have a folder.
fn versions() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap().map(Result::unwrap);
    let mut versions: Vec<String> = entries
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    versions.sort();
    versions
}

fn opened(engine: EngineKind, data_dir: &Path, clock: Arc<dyn Clock>) -> Running {
    let placement = Placement {
        engine,
        data_dir: data_dir.to_owned(),
        store: StoreOptions::default(),
    };
    Running::open(&placement, EngineSettings::new(Arc::new(KindSet::builtin()), clock)).unwrap()
}

/// What a catalog exports, uids and positions included, one entity a line.
fn exported(running: &Running) -> String {
    let mut text = Vec::new();
    let catalog = running.catalog();
    catalog
        .export(&Viewer::local(), false, &mut |value| {
            canonical::write(&value, &mut text);
            text.push(b'\n');
            ControlFlow::Continue(())
        })
        .unwrap();
    String::from_utf8(text).unwrap()
}

/// Opens what an earlier version wrote, verifies it and holds its export against the one that was checked in.
async fn holds(engine: EngineKind, data_dir: &Path, expected: &str, what: &str) {
    let running = opened(engine, data_dir, history::TickingClock::new());
    let catalog = running.catalog();
    catalog.wait_for(catalog.head(), Duration::from_secs(60)).await.unwrap();
    let report = catalog.verify(&OwnerMethod::ALL, &|_, _| {}).unwrap();
    assert_eq!(report.differences, Vec::<String>::new(), "{what}");
    let text = exported(&running);
    let at = text.lines().zip(expected.lines()).position(|(one, two)| one != two);
    assert!(text == expected, "{what}: the export differs, first in line {at:?}");
    // It is a catalog like any other: what is stored can be stored again.
    catalog
        .note_act(&Viewer::local(), "verify", "catalog", "agrees")
        .await
        .unwrap();
    tokio::task::spawn_blocking(move || running.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_any_version_stored_loads_for_ever() {
    let versions = versions();
    assert!(
        versions.iter().any(|version| version == env!("CARGO_PKG_VERSION")),
        "this version has no data set; write one with BAILIWICK_WRITE_STORED=1 cargo test -p bailiwick-catalog stored"
    );
    for version in versions {
        let stored = folder().join(&version);
        let expected = std::fs::read_to_string(stored.join("export.ndjson")).unwrap();
        let backup = stored.join("catalog.backup");
        check(&backup, &mut |_| {}).unwrap();
        let temp = tempfile::tempdir().unwrap();
        for engine in ENGINES {
            let data = temp.path().join(format!("restored-{engine}"));
            restore(&backup, engine, &data, &StoreOptions::default(), &mut |_| {}).unwrap();
            holds(engine, &data, &expected, &format!("backup of {version} in {engine}")).await;
            let data = temp.path().join(format!("unpacked-{engine}"));
            let packed = std::fs::read(stored.join(format!("{engine}.tar.gz"))).unwrap();
            tar::unpack(&packed, &data);
            holds(engine, &data, &expected, &format!("folder of {version} of {engine}")).await;
        }
    }
}

#[test]
fn a_stored_data_set_has_a_row_in_every_table_and_is_never_changed() {
    let mut sums = BTreeMap::new();
    for version in versions() {
        let stored = folder().join(&version);
        let mut bytes = 0;
        for entry in std::fs::read_dir(&stored).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let file = std::fs::read(stored.join(&name)).unwrap();
            bytes += file.len() as u64;
            sums.insert(format!("{version}/{name}"), ContentHash::of(&file).to_string());
        }
        assert!(bytes <= BYTES_MAX, "{version} has {bytes} bytes");
        let (_, trailer) = check(&stored.join("catalog.backup"), &mut |_| {}).unwrap();
        if version == env!("CARGO_PKG_VERSION") {
            for table in Table::ALL {
                assert!(
                    trailer.tables.contains_key(table.name()),
                    "{version} has no row in `{}`",
                    table.name()
                );
            }
        }
    }
    let lines: String = sums.iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect();
    let kept = std::fs::read_to_string(folder().join("checksums.txt")).unwrap_or_default();
    assert_eq!(lines, kept, "a data set that was written once stays as it is");
}

/// Writes the data set of this version where that is asked for, and refuses to do so where there is one.
#[tokio::test(flavor = "multi_thread")]
async fn the_data_set_of_a_version_is_written_once() {
    #[expect(clippy::disallowed_methods, reason = "the test is told by its environment to write")]
    let asked = std::env::var("BAILIWICK_WRITE_STORED").is_ok();
    let version = env!("CARGO_PKG_VERSION");
    let stored = folder().join(version);
    if !asked {
        return;
    }
    let changelog = std::fs::read_to_string(folder().join("../../../../../CHANGELOG.md")).unwrap();
    assert!(
        !changelog.contains(&format!("## [{version}]")),
        "{version} is released: what it stores is known and stays; raise the version first"
    );
    assert!(
        !stored.exists(),
        "{version} has a data set; remove its folder and its lines in checksums.txt first, while nobody uses it"
    );
    let temp = tempfile::tempdir().unwrap();
    let first = temp.path().join("first");
    let clock = history::TickingClock::new();
    let running = opened(EngineKind::Fjall, &first, Arc::clone(&clock) as _);
    history::live_through(&running, &*clock).await;
    let export = exported(&running);
    tokio::task::spawn_blocking(move || running.stop()).await.unwrap();

    let backup = temp.path().join("catalog.backup");
    let settings = BackupSettings {
        at: Timestamp::from_secs(1_795_100_000),
        ..BackupSettings::default()
    };
    {
        let store = open(EngineKind::Fjall, &first.join("store"), StoreOptions::default()).unwrap();
        write_file(&*store, &settings, &backup, false, &mut |_| {}).unwrap();
    }
    std::fs::create_dir_all(&stored).unwrap();
    for engine in ENGINES {
        // What was lived through lies in the one engine; the other gets it from the backup.
        let data = match engine {
            EngineKind::Fjall => first.clone(),
            engine => {
                let data = temp.path().join(engine.as_str());
                restore(&backup, engine, &data, &StoreOptions::default(), &mut |_| {}).unwrap();
                data
            }
        };
        // The index is no part of what is kept.
        let _ = std::fs::remove_dir_all(data.join("index"));
        std::fs::write(stored.join(format!("{engine}.tar.gz")), tar::pack(&data)).unwrap();
    }
    std::fs::copy(&backup, stored.join("catalog.backup")).unwrap();
    std::fs::write(stored.join("export.ndjson"), export).unwrap();
    let mut sums: BTreeMap<String, String> = std::fs::read_to_string(folder().join("checksums.txt"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, path)| (path.to_owned(), sum.to_owned()))
        .collect();
    for entry in std::fs::read_dir(&stored).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let sum = ContentHash::of(&std::fs::read(stored.join(&name)).unwrap()).to_string();
        sums.insert(format!("{version}/{name}"), sum);
    }
    let lines: String = sums.iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect();
    std::fs::write(folder().join("checksums.txt"), lines).unwrap();
}
