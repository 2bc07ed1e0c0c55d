//! Engines below the layout: they agree with a sorted map, survive a kill, and decoders survive any bytes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use bailiwick_schema::Position;
use proptest::prelude::*;

use super::homes::{OnDisk, on_disk};
use super::samples::*;
use crate::store::fjall::FjallEngine;
use crate::store::keyvalue::{Batch, KeyRange, KeyValue, Order, Table, View};
use crate::store::layout::codec::Decoder;
use crate::store::memory::MemoryEngine;
use crate::store::sled::SledEngine;
use crate::store::*;

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn rows<E: KeyValue>(engine: &E, table: Table, range: KeyRange, order: Order) -> Rows {
    let view = engine.view();
    let rows = view
        .scan(table, range, order)
        .map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())));
    rows.collect::<StoreResult<_>>().unwrap()
}

/// Table, key, and the value to put; nothing removes the key.
type Write = (u8, Vec<u8>, Option<Vec<u8>>);

fn applied<E: KeyValue>(engine: &E, writes: &[Write]) {
    let mut batch = Batch::new();
    for (table, key, value) in writes {
        let table = Table::ALL[usize::from(*table)];
        match value {
            Some(value) => batch.put(table, key, value.as_slice().into()),
            None => batch.remove(table, key),
        }
    }
    engine.apply(batch).unwrap();
}

fn agrees<E: KeyValue>(engine: &E, model: &[BTreeMap<Vec<u8>, Vec<u8>>; 2], ranges: &[KeyRange]) {
    for (index, model) in model.iter().enumerate() {
        let table = Table::ALL[index];
        for range in ranges.iter().cloned().chain([KeyRange::all()]) {
            let inside = |key: &Vec<u8>| *key >= range.from && range.to.as_ref().is_none_or(|to| key < to);
            let mut expected: Rows = model
                .iter()
                .filter(|(key, _)| inside(key))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            assert_eq!(rows(engine, table, range.clone(), Order::Ascending), expected);
            expected.reverse();
            assert_eq!(rows(engine, table, range, Order::Descending), expected);
        }
        for key in model.keys() {
            assert_eq!(
                engine.view().get(table, key).unwrap().as_deref(),
                model.get(key).map(Vec::as_slice)
            );
        }
    }
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xff)], 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn engines_agree_with_a_sorted_map(
        batches in prop::collection::vec(
            prop::collection::vec((0..2_u8, key(), prop::option::of(prop::collection::vec(any::<u8>(), 0..40))), 0..12),
            0..6,
        ),
        ends in prop::collection::vec((key(), prop::option::of(key())), 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (in_fjall, in_sled) = (folder.path().join("fjall"), folder.path().join("sled"));
        let memory = MemoryEngine::new();
        let (fjall, sled) = (FjallEngine::at(&in_fjall).unwrap(), SledEngine::at(&in_sled).unwrap());
        let mut model: [BTreeMap<_, _>; 2] = Default::default();
        let ranges: Vec<KeyRange> = ends.into_iter().map(|(from, to)| KeyRange { from, to }).collect();
        for batch in &batches {
            applied(&memory, batch);
            applied(&fjall, batch);
            applied(&sled, batch);
            for (table, key, value) in batch {
                match value {
                    Some(value) => model[usize::from(*table)].insert(key.clone(), value.clone()),
                    None => model[usize::from(*table)].remove(key),
                };
            }
        }
        agrees(&memory, &model, &ranges);
        agrees(&fjall, &model, &ranges);
        agrees(&sled, &model, &ranges);
        drop((fjall, sled));
        agrees(&FjallEngine::at(&in_fjall).unwrap(), &model, &ranges);
        agrees(&SledEngine::at(&in_sled).unwrap(), &model, &ranges);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80), format: bool) {
        if format && let Some(first) = bytes.first_mut() {
            *first = crate::store::layout::codec::VALUE_FORMAT;
        }
        let key = key_of_claim();
        let decoder = || Decoder::new(&bytes, || "it".to_owned());
        let _ = decoder().map(|decoder| decoder.record::<EntityVersion>());
        let _ = decoder().map(|decoder| decoder.record::<ScopeRecord>());
        let _ = decoder().map(|decoder| decoder.record::<SweepRecord>());
        let _ = decoder().map(|decoder| decoder.record::<LoggedCommit>());
        let _ = decoder().map(|decoder| decoder.record::<StoredFinding>());
        let _ = decoder().map(|decoder| decoder.claim(key));
        let _ = decoder().map(|decoder| decoder.event());
        let _ = decoder().map(|decoder| decoder.run());
    }
}

fn key_of_claim() -> ClaimKey {
    super::samples::key(1, "a", "x")
}

#[test]
fn a_view_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    fn check<E: KeyValue>(engine: &E) {
        applied(engine, &[(0, vec![1], Some(vec![1])), (1, vec![1], Some(vec![1]))]);
        let view = engine.view();
        let mut scan = view.scan(Table::ALL[0], KeyRange::all(), Order::Ascending);
        applied(
            engine,
            &[
                (0, vec![0], Some(vec![2])),
                (0, vec![1], None),
                (0, vec![2], Some(vec![2])),
            ],
        );
        applied(engine, &[(1, vec![1], Some(vec![2]))]);
        assert_eq!(scan.next().unwrap().unwrap().0.to_vec(), [1]);
        assert!(scan.next().is_none());
        assert_eq!(view.get(Table::ALL[1], &[1]).unwrap().unwrap().to_vec(), [1]);
        drop(scan);
        assert_eq!(engine.view().get(Table::ALL[1], &[1]).unwrap().unwrap().to_vec(), [2]);
    }
    check(&FjallEngine::at(&folder.path().join("fjall")).unwrap());
    check(&SledEngine::at(&folder.path().join("sled")).unwrap());
    check(&MemoryEngine::new());
}

/// Names the folder in which the test below, run as a process of its own, writes until it is killed.
const WRITE_INTO: &str = "BAILIWICK_TEST_WRITE_INTO";

/// Entities in each commit of the writer.
const WRITTEN: u32 = 20;

fn write_until_killed(engine: EngineKind, path: &Path) {
    let store = open(engine, path, StoreOptions::default()).unwrap();
    loop {
        let position = append_versions(&*store, |at| {
            (0..WRITTEN).map(|no| version(no, at, ChangeKind::Updated)).collect()
        });
        // Past the test harness, which would keep it.
        std::io::Write::write_all(&mut std::io::stdout(), format!("acknowledged {position}\n").as_bytes()).unwrap();
    }
}

on_disk! { what_was_acknowledged_survives_a_kill_and_is_whole, }

#[expect(clippy::disallowed_methods, reason = "only another process can be killed")]
fn what_was_acknowledged_survives_a_kill_and_is_whole<E: OnDisk>() {
    const ROUNDS: u64 = 4;
    if let Some(path) = std::env::var_os(WRITE_INTO) {
        return write_until_killed(E::KIND, Path::new(&path));
    }
    let this = format!(
        "store::contract::engines::{}::what_was_acknowledged_survives_a_kill_and_is_whole",
        E::KIND
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let mut head = Position::ZERO;
    for round in 1..=ROUNDS {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &this, "--nocapture"])
            .env(WRITE_INTO, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let acknowledged = lines
            .filter_map(|line| line.unwrap().strip_prefix("acknowledged ")?.parse::<u64>().ok())
            .nth(usize::try_from(7 * round).unwrap())
            .expect("the writer writes until it is killed");
        writer.kill().unwrap();
        writer.wait().unwrap();

        let store = open(E::KIND, &path, StoreOptions::default()).unwrap();
        let now = store.head().unwrap();
        assert!(
            now.0 >= acknowledged && acknowledged > head.0,
            "{head}, {acknowledged}, {now}"
        );
        head = now;
        let live = all(|visit| store.live_versions(visit));
        assert_eq!(live.len(), WRITTEN as usize);
        assert!(live.iter().all(|version| version.position == head));
        let log = store.read_after(Position::ZERO, ALL).unwrap();
        assert!(
            log.iter()
                .zip(1..)
                .all(|(commit, position)| commit.position.0 == position)
        );
        assert_eq!(log.len() as u64, head.0);
        assert_eq!(store.versions(EntityNo(0), ALL).unwrap().len() as u64, head.0);
        assert!(store.body(EntityNo(WRITTEN - 1), head).unwrap().is_some());
    }
}
