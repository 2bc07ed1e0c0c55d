//! What sled alone needs: rails for each of its weaknesses.

use std::collections::BTreeMap;
use std::path::Path;

use bailiwick_schema::Position;

use super::Home;
use super::durability::{fjall, store_at};
use super::homes::{OnDisk, SledHome};
use super::samples::*;
use crate::store::keyvalue::{Batch, KeyRange, KeyValue, Order, Table, View};
use crate::store::noted::{self, Note, Noted};
use crate::store::sled::{SledEngine, SledView};
use crate::store::*;

#[test]
fn a_first_start_of_sled_that_was_cut_off_is_taken_up_again() {
    let home = SledHome::fresh();
    for (name, log, note) in [
        ("no log", None, None),
        ("an empty log", Some(b""), None),
        ("an empty note", Some(b""), Some(None)),
        (
            "a note of nothing",
            Some(b""),
            Some(Some(Note { batches: 0, tables: 3 })),
        ),
    ] {
        let path = home.folder.path().join(name);
        std::fs::create_dir_all(path.join("blobs")).unwrap();
        match note {
            None => (),
            Some(None) => std::fs::write(path.join(noted::FILE), b"").unwrap(),
            Some(Some(note)) => drop(Noted::open(&path, note).unwrap()),
        }
        std::fs::write(path.join("conf"), b"segment_size: 52").unwrap();
        if let Some(bytes) = log {
            std::fs::write(path.join("db"), bytes).unwrap();
        }
        assert_eq!(append(&*store_at::<SledEngine>(&path).unwrap(), |_| ()), Position(1));
        assert_eq!(store_at::<SledEngine>(&path).unwrap().head().unwrap(), Position(1));
        std::fs::write(path.join("db"), b"").unwrap();
        assert!(matches!(store_at::<SledEngine>(&path), Err(StoreError::Damaged { .. })));
    }
}

#[test]
fn a_snapshot_that_sled_had_not_finished_is_cleared_away() {
    let home = SledHome::fresh();
    let path = home.folder.path().join("half");
    assert_eq!(append(&*store_at::<SledEngine>(&path).unwrap(), |_| ()), Position(1));
    let half = path.join("snap.00000000000FFFFF.generating");
    std::fs::write(&half, b"half of").unwrap();
    assert_eq!(store_at::<SledEngine>(&path).unwrap().head().unwrap(), Position(1));
    assert!(!half.exists());
    // A store that is in use keeps what it is writing.
    let open = store_at::<SledEngine>(&path).unwrap();
    std::fs::write(&half, b"half of").unwrap();
    assert!(matches!(store_at::<SledEngine>(&path), Err(StoreError::Locked { .. })));
    assert!(half.exists());
    drop(open);
}

#[test]
fn sled_leaves_a_folder_with_other_things_alone() {
    let home = SledHome::fresh();
    let unusable = |path: &Path, word: &str| {
        let error = store_at::<SledEngine>(path).err().unwrap();
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

    let fjalls = home.folder.path().join("fjall");
    drop(fjall(&fjalls).unwrap());
    unusable(&fjalls, "store.engine: fjall");

    let program = home.folder.path().join("program");
    drop(::sled::open(&program).unwrap().open_tree("songs").unwrap());
    unusable(&program, "songs");
}

#[test]
fn rows_that_sled_lost_without_a_word_are_missed() {
    let home = SledHome::fresh();
    let path = home.folder.path().join("s");
    let store = store_at::<SledEngine>(&path).unwrap();
    append_versions(&*store, |at| {
        (0..3).map(|no| version(no, at, ChangeKind::Created)).collect()
    });
    drop(store);
    let tampered = |what: &str, tamper: &dyn Fn(&::sled::Tree)| {
        let database = ::sled::open(&path).unwrap();
        let tree = database.open_tree(Table::Bodies.name()).unwrap();
        let before: Vec<_> = tree.iter().map(Result::unwrap).collect();
        tamper(&tree);
        drop((tree, database));
        let error = store_at::<SledEngine>(&path).err().expect(what);
        assert!(
            matches!(&error, StoreError::Damaged { reason, .. } if reason.contains("`bodies`")),
            "{what}: {error}"
        );
        let database = ::sled::open(&path).unwrap();
        let tree = database.open_tree(Table::Bodies.name()).unwrap();
        tree.clear().unwrap();
        for (key, value) in before {
            tree.insert(key, value).unwrap();
        }
    };
    tampered("a row is gone", &|tree| drop(tree.pop_max().unwrap()));
    tampered("a row is old", &|tree| {
        let (key, mut value) = tree.first().unwrap().unwrap();
        *value.last_mut().unwrap() ^= 1;
        tree.insert(key, value).unwrap();
    });
    tampered("a row is too many", &|tree| drop(tree.insert(b"x", b"\0y").unwrap()));
    tampered("a row is nonsense", &|tree| {
        let (key, _) = tree.first().unwrap().unwrap();
        tree.insert(key, b"\x09").unwrap();
    });
    assert_eq!(store_at::<SledEngine>(&path).unwrap().head().unwrap(), Position(1));
}

#[test]
fn long_values_leave_no_files_beside_sleds_log() {
    let home = SledHome::fresh();
    let path = home.folder.path().join("s");
    let lengths = [0, 1, 6_143, 6_144, 6_145, 20_000, 300_000, 3_000_000];
    let value = |length: usize, seed: usize| -> Vec<u8> {
        (0..length)
            .map(|at| u8::try_from((at * 31 + seed) % 251).unwrap())
            .collect()
    };
    let check = |engine: &SledEngine, seed: usize| {
        let view = engine.view();
        for (no, length) in lengths.iter().enumerate() {
            let found = view.get(Table::Bodies, &[u8::try_from(no).unwrap()]).unwrap();
            assert_eq!(found.as_deref(), Some(value(*length, seed).as_slice()));
        }
        assert_eq!(std::fs::read_dir(path.join("blobs")).unwrap().count(), 0);
    };
    let engine = SledEngine::at(&path).unwrap();
    for seed in 0..3 {
        let mut batch = Batch::new();
        for (no, length) in lengths.iter().enumerate() {
            batch.put(
                Table::Bodies,
                &[u8::try_from(no).unwrap()],
                value(*length, seed).as_slice().into(),
            );
        }
        // Leaves are as long as they get: many long rows side by side.
        for no in 0..200_u8 {
            batch.put(Table::ClaimBodies, &[7, no], value(6_143, seed).as_slice().into());
        }
        engine.apply(batch).unwrap();
        check(&engine, seed);
    }
    drop(engine);
    let engine = SledEngine::at(&path).unwrap();
    check(&engine, 2);
    let mut batch = Batch::new();
    for no in 0..lengths.len() {
        batch.remove(Table::Bodies, &[u8::try_from(no).unwrap()]);
    }
    engine.apply(batch).unwrap();
    drop(engine);
    let database = ::sled::open(&path).unwrap();
    assert!(
        database.open_tree("bailiwick_parts").unwrap().is_empty(),
        "parts go with their rows"
    );
}

#[test]
fn extreme_keys_are_kept_by_sled_too() {
    let home = SledHome::fresh();
    let path = home.folder.path().join("s");
    let key = |no: u16| [no.to_be_bytes().to_vec(), vec![b'k'; 16_000]].concat();
    let engine = SledEngine::at(&path).unwrap();
    for first in (0..600).step_by(100) {
        let mut batch = Batch::new();
        for no in first..first + 100 {
            batch.put(Table::Events, &key(no), [7; 50][..].into());
        }
        engine.apply(batch).unwrap();
    }
    drop(engine);
    let engine = SledEngine::at(&path).unwrap();
    let view = engine.view();
    assert!((0..600).all(|no| view.get(Table::Events, &key(no)).unwrap().is_some()));
}

#[test]
fn a_view_that_needs_too_much_ends_and_holds_up_nobody() {
    const PAST_BYTES: usize = 1 << 20;
    let home = SledHome::fresh();
    let engine = SledEngine::at(&home.folder.path().join("s")).unwrap();
    let engine = engine.with_past_for_test(PAST_BYTES);
    let put = |seed: u8| {
        let mut batch = Batch::new();
        for no in 0..100_u8 {
            batch.put(Table::Bodies, &[no], vec![seed; 4_000].as_slice().into());
        }
        engine.apply(batch).unwrap();
    };
    let seed_of = |view: &SledView<'_>| view.get(Table::Bodies, &[3]).map(|row| row.unwrap()[0]);
    put(0);
    let old = engine.view();
    for seed in 1..=20 {
        put(seed);
    }
    assert_eq!(
        seed_of(&old).unwrap(),
        0,
        "what is overwritten again and again is kept once"
    );
    let mut views = Vec::new();
    for seed in 21..=26 {
        views.push(engine.view());
        put(seed);
    }
    let expired = |row: Option<StoreError>| matches!(row, Some(StoreError::Expired { bytes_max }) if bytes_max == PAST_BYTES as u64);
    assert!(expired(seed_of(&old).err()), "each state in between took its part");
    let first = old
        .scan(Table::Bodies, KeyRange::all(), Order::Ascending)
        .next()
        .unwrap();
    assert!(expired(first.err()));
    assert_eq!(seed_of(views.last().unwrap()).unwrap(), 25);
    assert_eq!(seed_of(&engine.view()).unwrap(), 26);
}

#[test]
fn scans_of_old_states_are_those_of_the_time_in_both_orders() {
    let home = SledHome::fresh();
    let engine = SledEngine::at(&home.folder.path().join("s")).unwrap();
    let mut model = BTreeMap::new();
    let mut states = Vec::new();
    let mut random = 7_u32;
    let mut next = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % below
    };
    for _ in 0..30 {
        let mut batch = Batch::new();
        for _ in 0..next(400) {
            let key = next(3_000).to_be_bytes();
            if next(3) == 0 {
                batch.remove(Table::Log, &key);
                model.remove(&key);
            } else {
                let value = next(u32::MAX).to_be_bytes();
                batch.put(Table::Log, &key, value[..].into());
                model.insert(key, value);
            }
        }
        engine.apply(batch).unwrap();
        if next(2) == 0 {
            states.push((engine.view(), model.clone()));
        }
        if states.len() > 5 {
            states.remove(next(5) as usize);
        }
        for (view, model) in &states {
            let (from, to) = (next(3_000), next(3_000));
            let range = KeyRange {
                from: from.to_be_bytes().to_vec(),
                to: Some(to.to_be_bytes().to_vec()),
            };
            let expected: Vec<_> = model
                .iter()
                .filter(|(key, _)| **key >= from.to_be_bytes() && **key < to.to_be_bytes())
                .map(|(key, value)| (key.to_vec(), value.to_vec()))
                .collect();
            let found = |order| -> Vec<(Vec<u8>, Vec<u8>)> {
                let rows = view.scan(Table::Log, range.clone(), order);
                rows.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap())
                    .collect()
            };
            assert_eq!(found(Order::Ascending), expected);
            let mut backwards = found(Order::Descending);
            backwards.reverse();
            assert_eq!(backwards, expected);
        }
    }
}

#[test]
fn a_refused_batch_shows_nowhere_and_everything_ends_with_its_reason() {
    let home = SledHome::fresh();
    let path = home.folder.path().join("s");
    let engine = SledEngine::at(&path).unwrap();
    let put = |value: u8| {
        let mut batch = Batch::new();
        batch.put(Table::Log, b"k", [value][..].into());
        engine.apply(batch)
    };
    put(1).unwrap();
    let view = engine.view();
    engine.fail_sync_for_test();
    let error = put(2).unwrap_err();
    assert!(matches!(error, StoreError::Engine(_)), "{error:?}");
    let closed = |error: StoreError| matches!(error, StoreError::Closed { reason } if reason.contains("sync refused"));
    assert!(closed(view.get(Table::Log, b"k").unwrap_err()));
    assert!(closed(engine.view().get(Table::Log, b"k").unwrap_err()));
    assert!(closed(put(3).unwrap_err()));
    drop(view);
    drop(engine);
    let found = SledEngine::at(&path)
        .unwrap()
        .view()
        .get(Table::Log, b"k")
        .unwrap()
        .unwrap();
    assert!(*found == [1] || *found == [2], "whole or not at all: {found:?}");
}
