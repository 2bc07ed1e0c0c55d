//! The engine alone: the rows of a store, as the program wrote them, into an empty store of the same engine.
//!
//! As many atomic durable batches as a thousand entities each make, rows in the order of their keys, which is the order
//! that an engine likes best.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use fjall::{CompressionType, Database, Guard, Keyspace, KeyspaceCreateOptions, PersistMode};
use serde::{Deserialize, Serialize};
use sled::Transactional as _;
use sled::transaction::ConflictableTransactionError;

use crate::args::EngineArgs;
use crate::failure::{Outcome, While as _, fail};
use crate::server::disk_bytes;

/// Entities of a batch.
const BATCH_ENTITIES: usize = 1_000;
/// The cache of either engine, as the program configures it by default.
const CACHE_BYTES: u64 = 64 << 20;
/// The table that a start reads whole.
const CURRENT: &str = "current";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct EngineLimit {
    pub(crate) rows: u64,
    /// Keys and values.
    pub(crate) bytes: u64,
    /// All rows, durable batch by durable batch; reading them from the other store is not counted.
    pub(crate) load_secs: f64,
    /// The first percent of every table once more.
    pub(crate) change_secs: f64,
    /// Opening what was written.
    pub(crate) open_secs: f64,
    /// That, and reading every row of the table that a start reads.
    pub(crate) start_secs: f64,
    /// On disk, after a clean end.
    pub(crate) disk: u64,
}

/// A table, a key and a value.
type Row = (usize, Vec<u8>, Vec<u8>);
/// Keys and values of a table.
type Rows<'a> = Box<dyn Iterator<Item = Outcome<(Vec<u8>, Vec<u8>)>> + 'a>;

/// What a limit needs of an engine.
trait Raw: Sized {
    fn open(path: &Path, tables: &[String]) -> Outcome<Self>;
    fn tables(path: &Path) -> Outcome<Vec<String>>;
    /// Rows of a table in order.
    fn rows(&self, table: usize) -> Rows<'_>;
    /// Writes all or nothing, durable on return.
    fn write(&self, rows: Vec<Row>) -> Outcome<()>;
}

pub(super) fn measure(args: &EngineArgs) -> Outcome<EngineLimit> {
    match args.engine.as_str() {
        "fjall" => replay::<Fjall>(args),
        "sled" => replay::<Sled>(args),
        other => fail(format!("there is no limit for the engine `{other}`")),
    }
}

fn replay<E: Raw>(args: &EngineArgs) -> Outcome<EngineLimit> {
    let tables = E::tables(&args.store)?;
    let source = E::open(&args.store, &tables)?;
    let mut counts = Vec::new();
    for table in 0..tables.len() {
        let mut count = 0_usize;
        for row in source.rows(table) {
            row?;
            count += 1;
        }
        counts.push(count);
    }
    let batches = args.entities.div_ceil(BATCH_ENTITIES).max(1);
    let mut limit = EngineLimit::default();
    let target = E::open(&args.target, &tables)?;
    let mut readers: Vec<_> = (0..tables.len()).map(|table| source.rows(table)).collect();
    let mut first = Vec::new();
    let mut load = Duration::ZERO;
    for batch in 0..batches {
        let mut rows = Vec::new();
        for (table, reader) in readers.iter_mut().enumerate() {
            // Every batch takes its share of every table.
            let share = counts[table] * (batch + 1) / batches - counts[table] * batch / batches;
            for row in reader.take(share) {
                let (key, value) = row?;
                limit.rows += 1;
                limit.bytes += (key.len() + value.len()) as u64;
                rows.push((table, key, value));
            }
        }
        if batch * 100 < batches {
            first.push(rows.clone());
        }
        let began = Instant::now();
        target.write(rows)?;
        load += began.elapsed();
    }
    limit.load_secs = load.as_secs_f64();
    let share = first.iter().map(Vec::len).sum::<usize>().max(1);
    let began = Instant::now();
    for rows in first {
        target.write(rows)?;
    }
    // The first batches may be more than a percent of a small store.
    let percent = limit.rows as f64 / 100.0 / share as f64;
    limit.change_secs = began.elapsed().as_secs_f64() * percent.min(1.0);
    drop(readers);
    drop((source, target));
    let current = tables.iter().position(|name| name == CURRENT);
    let began = Instant::now();
    let opened = E::open(&args.target, &tables)?;
    limit.open_secs = began.elapsed().as_secs_f64();
    if let Some(current) = current {
        for row in opened.rows(current) {
            row?;
        }
    }
    limit.start_secs = began.elapsed().as_secs_f64();
    drop(opened);
    limit.disk = disk_bytes(&args.target);
    Ok(limit)
}

struct Fjall {
    database: Database,
    keyspaces: Vec<Keyspace>,
}

fn database(path: &Path) -> Outcome<Database> {
    Database::builder(path)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(128 << 20)
        .open()
        .while_doing(format!("opening {}", path.display()))
}

impl Raw for Fjall {
    fn open(path: &Path, tables: &[String]) -> Outcome<Self> {
        let database = database(path)?;
        let options = || {
            KeyspaceCreateOptions::default()
                .data_block_compression_policy(fjall::config::CompressionPolicy::all(CompressionType::Lz4))
        };
        let keyspaces = tables.iter().map(|name| database.keyspace(name, options));
        let keyspaces = keyspaces.collect::<Result<_, _>>().while_doing("opening a table")?;
        Ok(Self { database, keyspaces })
    }

    fn tables(path: &Path) -> Outcome<Vec<String>> {
        let names = database(path)?.list_keyspace_names();
        Ok(names.iter().map(|name| name.to_string()).collect())
    }

    fn rows(&self, table: usize) -> Rows<'_> {
        let read = |row: Guard| {
            let (key, value) = row.into_inner().while_doing("reading a store")?;
            Ok((key.to_vec(), value.to_vec()))
        };
        Box::new(self.keyspaces[table].iter().map(read))
    }

    fn write(&self, rows: Vec<Row>) -> Outcome<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (table, key, value) in rows {
            batch.insert(&self.keyspaces[table], key, value);
        }
        batch.commit().while_doing("writing a store")
    }
}

/// sled with what durability takes: one transaction over all trees, its own flush, and the log synced beside it.
struct Sled {
    trees: Vec<sled::Tree>,
    log: File,
    database: sled::Db,
}

/// The tree that sled makes for itself.
const SLEDS_OWN: &[u8] = b"__sled__default";

fn sled_database(path: &Path) -> Outcome<sled::Db> {
    let config = sled::Config::new()
        .path(path)
        .flush_every_ms(None)
        .cache_capacity(CACHE_BYTES);
    config.open().while_doing(format!("opening {}", path.display()))
}

impl Raw for Sled {
    fn open(path: &Path, tables: &[String]) -> Outcome<Self> {
        let database = sled_database(path)?;
        let trees = tables.iter().map(|name| database.open_tree(name));
        Ok(Self {
            trees: trees.collect::<Result<_, _>>().while_doing("opening a table")?,
            log: File::open(path.join("db")).while_doing("opening the log")?,
            database,
        })
    }

    fn tables(path: &Path) -> Outcome<Vec<String>> {
        let names = sled_database(path)?.tree_names();
        let own = names.iter().filter(|name| &***name != SLEDS_OWN);
        Ok(own.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    fn rows(&self, table: usize) -> Rows<'_> {
        let rows = self.trees[table].iter();
        Box::new(rows.map(|row| {
            let (key, value) = row.while_doing("reading a store")?;
            Ok((key.to_vec(), value.to_vec()))
        }))
    }

    fn write(&self, rows: Vec<Row>) -> Outcome<()> {
        let mut batches = vec![sled::Batch::default(); self.trees.len()];
        for (table, key, value) in rows {
            batches[table].insert(key, value);
        }
        let written = self.trees.as_slice().transaction(|trees| {
            for (tree, batch) in trees.iter().zip(&batches) {
                tree.apply_batch(batch)?;
            }
            Ok::<(), ConflictableTransactionError<()>>(())
        });
        if written.is_err() {
            return fail("writing a store: sled refused a transaction");
        }
        self.database.flush().while_doing("writing a store")?;
        self.log.sync_data().while_doing("writing a store")
    }
}

/// For the tests: a store of an engine with rows in two tables.
#[cfg(test)]
pub(super) fn store_for_test(engine: &str, path: &Path, rows: u32) {
    fn fill<E: Raw>(path: &Path, rows: u32) {
        let store = E::open(path, &[CURRENT.to_owned(), "bodies".to_owned()]).unwrap();
        let row = |table, no: u32| (table, no.to_be_bytes().to_vec(), vec![b'x'; 100]);
        store
            .write((0..rows).flat_map(|no| [row(0, no), row(1, no)]).collect())
            .unwrap();
    }
    match engine {
        "sled" => fill::<Sled>(path, rows),
        _ => fill::<Fjall>(path, rows),
    }
}
