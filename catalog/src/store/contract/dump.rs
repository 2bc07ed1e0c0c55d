//! Dumping and loading: whole, of one moment, and the same under every engine.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bailiwick_schema::Position;

use super::samples::*;
use super::{Home, golden};
use crate::store::keyvalue::Table;
use crate::store::*;

type Rows = Vec<(Table, Vec<u8>, Vec<u8>)>;

fn dumped(store: &dyn Store) -> (DumpHead, Rows) {
    let (mut head, mut rows) = (None, Vec::new());
    store
        .dump(&mut |dumped| {
            match dumped {
                Dumped::Head(found) => assert!(head.replace(found).is_none() && rows.is_empty(), "first, and once"),
                Dumped::Row { table, key, value } => rows.push((table, key.to_vec(), value.to_vec())),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    (head.unwrap(), rows)
}

fn filled(home: &impl Home) -> Arc<dyn Store> {
    let store = home.open();
    golden::fill(&*store);
    store
}

pub(crate) fn a_dump_shows_every_row_of_one_moment<H: Home>(home: &H) {
    let store = filled(home);
    let (head, rows) = dumped(&*store);
    assert_eq!((head.lineage, head.position), (store.lineage(), store.head().unwrap()));
    assert!(rows.is_sorted_by(|one, two| one < two), "by table and key");
    for table in Table::ALL {
        assert!(rows.iter().any(|(of, _, _)| of == table), "{}", table.name());
    }
    // A commit that comes while the dump goes on shows nowhere in it.
    let mut met = Vec::new();
    let mut appended = false;
    store
        .dump(&mut |dumped| {
            if let Dumped::Row { table, key, value } = dumped {
                met.push((table, key.to_vec(), value.to_vec()));
            }
            if !appended {
                appended = true;
                append_versions(&*store, |at| vec![version(7, at, ChangeKind::Created)]);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(met, rows);
    assert_eq!(dumped(&*store).0.position, Position(head.position.0 + 1));
}

pub(crate) fn a_dump_ends_when_it_is_told_to<H: Home>(home: &H) {
    let store = filled(home);
    let mut steps = 0;
    store
        .dump(&mut |_| {
            steps += 1;
            assert!(steps <= 3, "called again after the break");
            if steps == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    assert_eq!(steps, 3);
}

pub(crate) fn a_loaded_store_is_the_dumped_one_under_another_lineage<H: Home>(home: &H) {
    let store = filled(home);
    let (head, rows) = dumped(&*store);
    let engine: EngineKind = store.engine_name().parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Out of this engine and back into it; into memory stands for every other.
    for engine in [engine, EngineKind::Memory] {
        let path = folder.path().join(engine.as_str());
        let mut loading = load(engine, &path, &StoreOptions::default()).unwrap();
        for (table, key, value) in &rows {
            loading.put(*table, key, value).unwrap();
        }
        let loaded = loading.finish().unwrap();
        let (loaded_head, loaded_rows) = dumped(&*loaded);
        assert_eq!((loaded_head.format, loaded_head.position), (head.format, head.position));
        assert_ne!(loaded_head.lineage, head.lineage);
        assert_ne!(loaded_head.lineage, store.lineage());
        let content = |rows: &Rows| -> Rows {
            let mut rows = rows.clone();
            rows.retain(|(_, key, _)| key != b"lineage");
            rows
        };
        assert_eq!(content(&loaded_rows), content(&rows));
        append_versions(&*loaded, |at| vec![version(7, at, ChangeKind::Created)]);
        drop(loaded);
        refuses_what_is_there(engine, &path);
    }
}

fn refuses_what_is_there(engine: EngineKind, path: &Path) {
    if engine == EngineKind::Memory {
        return;
    }
    let error = load(engine, path, &StoreOptions::default()).err().unwrap();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
}
