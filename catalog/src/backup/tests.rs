//! Backups: whole ones come back, and everything else is told apart from them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::store::contract::golden;
use crate::store::contract::samples::{append_versions, version};
use crate::store::{ChangeKind, EngineKind, StoreOptions, load, open};

const ENGINES: [EngineKind; 2] = [EngineKind::Fjall, EngineKind::Sled];

fn settings() -> BackupSettings {
    BackupSettings {
        at: Timestamp::from_secs(1_800_000_000),
        fail_points: FailPoints::default(),
    }
}

/// A store in memory with a record of every kind.
fn full() -> Arc<dyn Store> {
    let store = open(EngineKind::Memory, Path::new(""), StoreOptions::default()).unwrap();
    golden::fill(&*store);
    store
}

fn bytes_of(store: &dyn Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(store, &settings(), &mut bytes, &mut |_| {}).unwrap();
    bytes
}

fn written(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("it.backup");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn refusal(bytes: &[u8]) -> ReadError {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), bytes);
    let checked = check(&path, &mut |_| {}).unwrap_err();
    let data = folder.path().join("d");
    let options = StoreOptions::default();
    restore(&path, EngineKind::Memory, &data, &options, &mut |_| {}).unwrap_err();
    assert!(!data.exists(), "nothing is made of a file that is not whole");
    match checked {
        BackupError::Read { source, .. } => source,
        other => panic!("{other}"),
    }
}

#[test]
fn a_backup_of_any_engine_restores_into_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let original = full();
    let mut file = folder.path().join("0.backup");
    let first = write_file(&*original, &settings(), &file, false, &mut |_| {}).unwrap();
    let again = bytes_of(&*original);
    assert_eq!(
        std::fs::read(&file).unwrap(),
        again,
        "the same content gives the same bytes"
    );
    for (number, engine) in ENGINES.iter().chain(ENGINES.iter().rev()).enumerate() {
        let data = folder.path().join(format!("d{number}"));
        let restored = restore(&file, *engine, &data, &StoreOptions::default(), &mut |_| {}).unwrap();
        assert_eq!(restored.trailer.rows, first.1.rows);
        assert_ne!(
            restored.lineage, restored.header.lineage,
            "followers of the old one begin anew"
        );
        let store = open(*engine, &data.join("store"), StoreOptions::default()).unwrap();
        assert_eq!(
            (store.lineage(), store.head().unwrap()),
            (restored.lineage, first.0.position)
        );
        file = folder.path().join(format!("{}.backup", number + 1));
        let (header, trailer) = write_file(&*store, &settings(), &file, false, &mut |_| {}).unwrap();
        assert_eq!(header.engine, engine.as_str());
        assert_eq!((trailer.rows, &trailer.tables), (first.1.rows, &first.1.tables));
    }
}

#[test]
fn a_backup_while_commits_come_is_of_one_position() {
    let folder = tempfile::tempdir().unwrap();
    for engine in ENGINES {
        let path = folder.path().join(engine.as_str());
        let store = open(engine, &path, StoreOptions::default()).unwrap();
        let put = |store: &dyn Store| {
            append_versions(store, |at| {
                (0..40).map(|no| version(no, at, ChangeKind::Updated)).collect()
            })
        };
        let before = put(&*store);
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let writer = {
            let (store, done) = (Arc::clone(&store), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut commits = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    put(&*store);
                    commits += 1;
                }
                commits
            })
        };
        let mut positions = Vec::new();
        while positions.len() < 5 {
            let bytes = bytes_of(&*store);
            let file = written(folder.path(), &bytes);
            let data = folder.path().join(format!("{engine}-{}", positions.len()));
            let restored = restore(&file, engine, &data, &StoreOptions::default(), &mut |_| {}).unwrap();
            let copy = open(engine, &data.join("store"), StoreOptions::default()).unwrap();
            let mut live = 0;
            copy.live_versions(&mut |version| {
                assert_eq!(version.position, restored.position, "every row is of the same commit");
                live += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(live, 40);
            positions.push(restored.position);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let commits = writer.join().unwrap();
        assert!(
            commits > 0 && positions.is_sorted() && positions[0] >= before,
            "{commits}, {positions:?}"
        );
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_says_so() {
    let bytes = bytes_of(&*full());
    assert!(matches!(refusal(&[]), ReadError::Empty));
    for length in 1..bytes.len() {
        match refusal(&bytes[..length]) {
            ReadError::CutOff { at, .. } => assert_eq!(at, length as u64),
            other => panic!("cut off at {length}: {other}"),
        }
    }
    let longer = [&bytes[..], b"\n"].concat();
    assert!(matches!(refusal(&longer), ReadError::Overlong { .. }));
    let twice = [&bytes[..], &bytes[..]].concat();
    assert!(matches!(refusal(&twice), ReadError::Overlong { .. }));
}

#[test]
fn a_flipped_bit_anywhere_is_damage_and_never_a_backup() {
    let bytes = bytes_of(&*full());
    let mut flipped = bytes.clone();
    for at in 0..bytes.len() {
        flipped[at] ^= 1 << (at % 8);
        match refusal(&flipped) {
            ReadError::Foreign => assert!(at < 8, "{at}"),
            ReadError::Damaged { .. } => assert!(at >= 8, "{at}"),
            other => panic!("flipped at {at}: {other}"),
        }
        flipped[at] = bytes[at];
    }
}

#[test]
fn blocks_that_are_missing_doubled_or_exchanged_are_damage() {
    let bytes = bytes_of(&*full());
    let mut frames = Vec::new();
    let mut at = format::START_BYTES;
    while at < bytes.len() {
        let packed = u32::from_be_bytes(bytes[at + 5..at + 9].try_into().unwrap()) as usize;
        frames.push(&bytes[at..at + format::FRAME_BYTES + packed]);
        at += format::FRAME_BYTES + packed;
    }
    let of = |frames: &[&[u8]]| [&bytes[..format::START_BYTES], &frames.concat()].concat();
    assert_eq!(of(&frames), bytes);
    for at in 0..frames.len() {
        let mut other = frames.clone();
        other.remove(at);
        let missing = refusal(&of(&other));
        assert!(
            matches!(missing, ReadError::Damaged { .. }) || at == frames.len() - 1,
            "without {at}: {missing}"
        );
        other.insert(at, frames[at]);
        other.insert(at, frames[at]);
        assert!(
            matches!(
                refusal(&of(&other)),
                ReadError::Damaged { .. } | ReadError::Overlong { .. }
            ),
            "twice {at}"
        );
    }
    let mut other = frames.clone();
    other.swap(2, 3);
    assert!(matches!(refusal(&of(&other)), ReadError::Damaged { .. }));
}

#[test]
fn foreign_files_and_newer_formats_are_named_for_what_they_are() {
    for foreign in [
        &b"{\"kind\":\"Component\"}\n"[..],
        b"PK\x03\x04",
        b"\x89PNG\r\n\x1a\n",
        &[0; 4096],
    ] {
        assert!(matches!(refusal(foreign), ReadError::Foreign));
    }
    let mut newer = bytes_of(&*full());
    newer[8..16].copy_from_slice(&[0, 0, 0, 2, 0xff, 0xff, 0xff, 0xfd]);
    let error = refusal(&newer);
    assert!(matches!(error, ReadError::Newer { found: 2 }), "{error}");
}

#[test]
fn rows_of_a_newer_store_are_refused_before_anything_is_made() {
    let header = Header {
        written_by: "bailiwick 9.9.9".into(),
        store_format: FORMAT_VERSION + 1,
        engine: "fjall".into(),
        lineage: uuid::Uuid::nil(),
        position: bailiwick_schema::Position(3),
        at: Timestamp::ZERO,
    };
    let writer = BackupWriter::begin(Vec::new(), &header).unwrap();
    let (bytes, _) = writer.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &bytes);
    let data = folder.path().join("d");
    let error = restore(&path, EngineKind::Fjall, &data, &StoreOptions::default(), &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, BackupError::NewerRows { written_by, .. } if written_by == "bailiwick 9.9.9"),
        "{error}"
    );
    assert!(!data.exists());

    let mut writer = BackupWriter::begin(Vec::new(), &header).unwrap();
    writer.row("constellations", b"k", b"v").unwrap();
    let (bytes, _) = writer.finish().unwrap();
    let error = refusal(&bytes);
    assert!(
        matches!(&error, ReadError::UnknownTable { table, .. } if table == "constellations"),
        "{error}"
    );
}

#[test]
fn a_target_that_is_not_empty_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), &bytes_of(&*full()));
    let data = folder.path().join("d");
    std::fs::create_dir_all(data.join("index")).unwrap();
    std::fs::write(data.join("notes.txt"), "mine").unwrap();
    let options = StoreOptions::default();
    let error = restore(&file, EngineKind::Fjall, &data, &options, &mut |_| {}).unwrap_err();
    assert!(error.to_string().ends_with("holds `index`, `notes.txt`"), "{error}");
    for number in 0..9 {
        std::fs::write(data.join(format!("{number}")), "").unwrap();
    }
    let error = restore(&file, EngineKind::Fjall, &data, &options, &mut |_| {}).unwrap_err();
    assert!(error.to_string().ends_with("`4` and 6 more things"), "{error}");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 11);
    let error = restore(&file, EngineKind::Fjall, &data.join("notes.txt"), &options, &mut |_| {}).unwrap_err();
    assert!(matches!(error, BackupError::NoFolder { .. }), "{error}");
}

#[test]
fn an_interrupted_restore_is_told_at_the_next_start_and_done_over_by_the_next_restore() {
    let folder = tempfile::tempdir().unwrap();
    let original = full();
    let file = written(folder.path(), &bytes_of(&*original));
    let data = folder.path().join("d");
    // What a process that is killed in the middle leaves behind.
    let restoring = data.join("store.restoring");
    let mut half = load(EngineKind::Fjall, &restoring, &StoreOptions::default()).unwrap();
    let mut rows = 0;
    original
        .dump(&mut |dumped| {
            if let Dumped::Row { table, key, value } = dumped {
                half.put(table, key, value).unwrap();
                rows += 1;
            }
            if rows < 20 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })
        .unwrap();
    drop(half);
    let error = check_not_interrupted(&data).unwrap_err();
    assert!(error.to_string().contains("restore it again"), "{error}");
    let options = StoreOptions::default();
    restore(&file, EngineKind::Fjall, &data, &options, &mut |_| {}).unwrap();
    check_not_interrupted(&data).unwrap();
    assert!(!restoring.exists());
    let store = open(EngineKind::Fjall, &data.join("store"), options).unwrap();
    assert_eq!(store.head().unwrap(), original.head().unwrap());
}

#[test]
fn half_a_load_is_not_opened_even_where_it_has_the_name_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let original = full();
    for engine in ENGINES {
        let path = folder.path().join(engine.as_str());
        let mut half = load(engine, &path, &StoreOptions::default()).unwrap();
        let big = vec![7; 5 << 20];
        original
            .dump(&mut |dumped| {
                if let Dumped::Row { table, key, value } = dumped {
                    half.put(table, key, value).unwrap();
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        // Enough for a batch.
        half.put(crate::store::keyvalue::Table::Values, b"big", &big).unwrap();
        drop(half);
        let error = open(engine, &path, StoreOptions::default()).err().unwrap();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }
}

#[test]
fn a_file_appears_whole_or_not_at_all_and_replaces_nothing_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.backup");
    let partial = folder.path().join(".it.backup.partial");
    let mut file = PartialFile::create(&path, false).unwrap();
    file.write_all(b"half").unwrap();
    assert!(partial.exists() && !path.exists());
    let busy = PartialFile::create(&path, false).unwrap_err();
    assert!(matches!(busy, BackupError::Busy { .. }), "{busy}");
    drop(file);
    assert!(!partial.exists() && !path.exists(), "what is given up leaves nothing");

    let store = full();
    write_file(&*store, &settings(), &path, false, &mut |_| {}).unwrap();
    let kept = std::fs::read(&path).unwrap();
    let device = std::path::PathBuf::from("/dev/null");
    for (target, replace) in [(&path, false), (&folder.path().to_owned(), true), (&device, true)] {
        let error = write_file(&*store, &settings(), target, replace, &mut |_| {}).unwrap_err();
        assert!(
            matches!(
                error,
                BackupError::Exists { .. } | BackupError::Folder { .. } | BackupError::Device { .. }
            ),
            "{error}"
        );
    }
    assert_eq!(std::fs::read(&path).unwrap(), kept);

    // What a killed process left is written over; what is somebody's own is not.
    std::fs::write(&partial, &kept[..40]).unwrap();
    append_versions(&*store, |at| vec![version(7, at, ChangeKind::Created)]);
    write_file(&*store, &settings(), &path, true, &mut |_| {}).unwrap();
    assert_ne!(std::fs::read(&path).unwrap(), kept);
    std::fs::write(&partial, "a letter").unwrap();
    let error = write_file(&*store, &settings(), &path, true, &mut |_| {}).unwrap_err();
    assert!(matches!(error, BackupError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read(&partial).unwrap(), b"a letter");
}

#[test]
fn what_is_received_gets_its_name_only_if_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.backup");
    let bytes = bytes_of(&*full());
    let mut file = PartialFile::create(&path, false).unwrap();
    file.write_all(&bytes[..bytes.len() - 1]).unwrap();
    let error = keep_received(file, &path, &mut |_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            BackupError::Read {
                source: ReadError::CutOff { .. },
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let mut file = PartialFile::create(&path, false).unwrap();
    file.write_all(&bytes).unwrap();
    keep_received(file, &path, &mut |_| {}).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn an_output_that_takes_no_more_ends_the_backup() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let store = full();
    let length = bytes_of(&*store).len();
    for room in [0, 20, 300, length - 1] {
        let error = write(&*store, &settings(), Full(room), &mut |_| {}).unwrap_err();
        assert!(
            matches!(&error, BackupError::Send(why) if why.kind() == io::ErrorKind::StorageFull),
            "{error}"
        );
    }
    write(&*store, &settings(), Full(length), &mut |_| {}).unwrap();
}

#[test]
fn progress_and_the_fail_point_come_with_every_block() {
    let heard = Arc::new(Mutex::new(0_u64));
    let hearing = Arc::clone(&heard);
    let settings = BackupSettings {
        fail_points: FailPoints::new(move |point| {
            assert_eq!(point, FailPoint::Backup);
            *hearing.lock().unwrap() += 1;
        }),
        ..settings()
    };
    let mut steps = 0;
    let (_, trailer) = write(&*full(), &settings, Vec::new(), &mut |_| steps += 1).unwrap();
    // The last block is written with the trailer.
    assert_eq!(
        (*heard.lock().unwrap(), steps),
        (trailer.blocks - 1, trailer.blocks - 1)
    );
    assert!(steps > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_make_the_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), signed: bool) {
        if signed {
            bytes.splice(0..0, format::start_bytes());
        }
        let _ = reader::BackupReader::open(&bytes[..]).map(|reader| reader.read::<ReadError>(&mut |_| {}, |_, _, _| Ok(())));
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn rows_of_any_size_come_back(
        rows in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), 0_usize..1_500_000), 0..5),
    ) {
        let header = Header {
            written_by: String::new(),
            store_format: 1,
            engine: String::new(),
            lineage: uuid::Uuid::nil(),
            position: bailiwick_schema::Position(1),
            at: Timestamp::ZERO,
        };
        let mut writer = BackupWriter::begin(Vec::new(), &header).unwrap();
        let value = |length: usize| vec![(length % 251) as u8; length];
        for (key, length) in &rows {
            writer.row("log", key, &value(*length)).unwrap();
        }
        let (bytes, trailer) = writer.finish().unwrap();
        prop_assert_eq!(trailer.rows, rows.len() as u64);
        let mut read = Vec::new();
        let reader = reader::BackupReader::open(&bytes[..]).unwrap();
        reader.read::<ReadError>(&mut |_| {}, |_, key, value| { read.push((key.to_vec(), value.to_vec())); Ok(()) }).unwrap();
        let expected: Vec<_> = rows.iter().map(|(key, length)| (key.clone(), value(*length))).collect();
        prop_assert_eq!(read, expected);
    }
}
