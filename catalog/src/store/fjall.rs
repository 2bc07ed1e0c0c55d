//! The default engine: fjall, one keyspace a table, on a folder of its own.
//!
//! Durable means `fdatasync` of the journal before `apply` returns. Calls block. A second process, a folder with other
//! things in it and a newer format are told apart when it opens; nothing of theirs is touched.
//!
//! Memory, beside the cache ([`StoreOptions::cache_bytes`]): write buffers of at most 4 x 16 MiB for the bulky tables
//! and 4 MiB for each other one that is written to, as much again while they are flushed, and together never more than
//! the journal holds (128 MiB). A quiet store holds its cache and little else.

use std::path::Path;

use ::fjall::config::CompressionPolicy;
use ::fjall::{
    CompressionType, Database, Error, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Slice, Snapshot,
};

use super::keyvalue::{Batch, KeyRange, KeyValue, Order, ScanItem, Table, View};
use super::{StoreError, StoreOptions, StoreResult};
use crate::fail_point::{FailPoint, FailPoints};

pub const NAME: &str = "fjall";

/// Size of all journals at which the tables behind them are flushed, in bytes. Bounds the replay at a start.
pub const JOURNAL_BYTES_MAX: u64 = 128 << 20;

/// Write buffer of a table with a body or version in each row, in bytes.
pub const BULKY_BUFFER_BYTES: u64 = 16 << 20;

/// Write buffer of every other table, in bytes.
pub const SMALL_BUFFER_BYTES: u64 = 4 << 20;

/// Longest value, in bytes: what the engine's file format can hold.
pub const VALUE_BYTES_MAX: usize = u32::MAX as usize;

/// One flushes while the other compacts.
const WORKER_THREADS: usize = 2;

/// What may stand for a folder of this engine, should one of them be lost.
pub(super) const MARKERS: &[&str] = &[MARKER, "keyspaces"];

/// The file by which fjall knows its folders; written last when one is set up.
const MARKER: &str = "version";

/// A fjall database and its keyspaces, in order of [`Table::ALL`].
pub struct FjallEngine {
    database: Database,
    keyspaces: Vec<Keyspace>,
    fail_points: FailPoints,
}

impl std::fmt::Debug for FjallEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FjallEngine").finish_non_exhaustive()
    }
}

impl FjallEngine {
    /// Opens the folder, or makes it and sets it up. Its parent is made too.
    /// Errors: `Locked` if another process has it open, `Unusable` if it holds something else, `Engine` for what the
    /// file system says.
    pub fn open(path: &Path, options: &StoreOptions) -> StoreResult<Self> {
        check_folder(path)?;
        let database = Database::builder(path)
            .cache_size(options.cache_bytes)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .open()
            .map_err(|error| open_error(path, error))?;
        let known = |name: &str| Table::ALL.iter().any(|table| table.name() == name);
        if let Some(foreign) = database.list_keyspace_names().iter().find(|name| !known(name)) {
            let reason =
                format!("it is the database of another program (it has a table `{foreign}`); name another folder");
            return Err(unusable(path, reason));
        }
        let keyspaces = Table::ALL
            .iter()
            .map(|table| database.keyspace(table.name(), || table_options(*table)))
            .collect::<Result<_, _>>()
            .map_err(|error| open_error(path, error))?;
        Ok(Self {
            database,
            keyspaces,
            fail_points: options.fail_points.clone(),
        })
    }
}

#[cfg(test)]
impl FjallEngine {
    /// Moves what is in memory into table files.
    pub(crate) fn flush_for_test(&self) {
        for keyspace in &self.keyspaces {
            keyspace.rotate_memtable_and_wait().unwrap();
        }
    }
}

fn table_options(table: Table) -> KeyspaceCreateOptions {
    let bulky = matches!(
        table,
        Table::Current | Table::Versions | Table::Bodies | Table::ClaimBodies
    );
    KeyspaceCreateOptions::default()
        .max_memtable_size(if bulky { BULKY_BUFFER_BYTES } else { SMALL_BUFFER_BYTES })
        // The young levels too: a store of usual size never leaves them.
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
}

fn unusable(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::Unusable {
        path: path.display().to_string(),
        reason: reason.into(),
    }
}

/// Refuses what fjall would mix its files with.
fn check_folder(path: &Path) -> StoreResult<()> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(unusable(path, "it is a file; name a folder"));
        }
        Err(error) => return Err(engine(error)),
    };
    if path.join(MARKER).try_exists().map_err(engine)? {
        return Ok(());
    }
    let mut unfinished = false;
    for entry in entries {
        let name = entry.map_err(engine)?.file_name();
        match name.to_str() {
            Some("lock" | "keyspaces" | "0.jnl") => unfinished = true,
            _ => {
                let reason = format!(
                    "it holds other things, such as `{}`; name an empty folder or a new one",
                    name.display()
                );
                return Err(unusable(path, reason));
            }
        }
    }
    if unfinished {
        // Either a first start was cut off, with nothing stored yet, or one is under way this moment.
        return Err(unusable(
            path,
            "it was not set up to its end; stop what uses it, delete the folder and start again",
        ));
    }
    Ok(())
}

fn open_error(path: &Path, error: Error) -> StoreError {
    match error {
        Error::Locked => StoreError::Locked {
            path: path.display().to_string(),
        },
        Error::InvalidVersion(_) => unusable(
            path,
            "its files are of another format or of another program; start the version that wrote it, or name an empty \
             folder and ingest again",
        ),
        error if is_damage(&error) => unusable(
            path,
            format!("its files are damaged ({error}); restore a copy, or name an empty folder and ingest again"),
        ),
        other => engine(other),
    }
}

/// Whether an error of opening or reading speaks of the files' content: everything but what the file system refuses for reasons
/// of its own (permissions, space, a failing disk).
fn is_damage(error: &Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return matches!(io.kind(), InvalidData | InvalidInput | NotFound | UnexpectedEof);
        }
        source = error.source();
    }
    true
}

/// Blocks carry checksums and are checked when they are read.
fn read_error(table: Table, error: Error) -> StoreError {
    if is_damage(&error) {
        StoreError::Corrupt {
            what: format!("table `{}`, whose files are damaged ({error})", table.name()),
        }
    } else {
        engine(error)
    }
}

fn engine(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Engine(Box::new(error))
}

impl KeyValue for FjallEngine {
    type Bytes = Slice;
    type View<'e> = FjallView<'e>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn view(&self) -> FjallView<'_> {
        FjallView {
            snapshot: self.database.snapshot(),
            keyspaces: &self.keyspaces,
        }
    }

    fn apply(&self, batch: Batch<Slice>) -> StoreResult<()> {
        let mut writes = ::fjall::OwnedWriteBatch::with_capacity(self.database.clone(), batch.len())
            .durability(Some(PersistMode::SyncData));
        for (table, key, value) in batch.into_writes() {
            let keyspace = &self.keyspaces[table as usize];
            match value {
                Some(value) if value.len() > VALUE_BYTES_MAX => {
                    let reason = format!(
                        "a value of table `{}` has {} bytes, more than store_value_bytes_max ({VALUE_BYTES_MAX})",
                        table.name(),
                        value.len()
                    );
                    return Err(StoreError::Refused { reason });
                }
                Some(value) => writes.insert(keyspace, key, value),
                None => writes.remove(keyspace, key),
            }
        }
        if self.fail_points.has_listener() {
            // Handed over and synced in two steps, for tests only: in between, the journal's file ends somewhere within
            // the batch. An engine whose own call does both does the same: the half step, the point, the sync.
            writes.durability(None).commit().map_err(engine)?;
            self.fail_points.reach(FailPoint::BatchHalfWritten);
            return self.database.persist(PersistMode::SyncData).map_err(engine);
        }
        writes.commit().map_err(engine)
    }
}

/// A snapshot over all keyspaces.
pub struct FjallView<'e> {
    snapshot: Snapshot,
    keyspaces: &'e [Keyspace],
}

impl View for FjallView<'_> {
    type Bytes = Slice;

    fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Slice>> {
        self.snapshot
            .get(&self.keyspaces[table as usize], key)
            .map_err(|error| read_error(table, error))
    }

    fn scan(&self, table: Table, range: KeyRange, order: Order) -> impl Iterator<Item = ScanItem<Slice>> {
        let keyspace = &self.keyspaces[table as usize];
        let mut rows = range.bounds().map(|bounds| self.snapshot.range(keyspace, bounds));
        std::iter::from_fn(move || {
            let rows = rows.as_mut()?;
            let row = match order {
                Order::Ascending => rows.next(),
                Order::Descending => rows.next_back(),
            };
            row.map(|row| row.into_inner().map_err(|error| read_error(table, error)))
        })
    }
}
