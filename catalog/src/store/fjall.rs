//! The default engine: fjall, one keyspace a table, on a folder of its own.
//!
//! Durable means `fdatasync` of the journal before `apply` returns. Calls block. A second process, a folder with other
//! things in it and a newer format are told apart when it opens; nothing of theirs is touched. Batches are numbered
//! (`guard`), and how many there are is noted beside, so that a journal without its end is not taken for a whole one;
//! small files that fjall trusts blindly are checked before it sees them (`folder`).
//!
//! Memory, beside the cache ([`StoreOptions::cache_bytes`]): write buffers of at most 4 x 16 MiB for the bulky tables
//! and 4 MiB for each other one that is written to, as much again while they are flushed, and together never more than
//! the journal holds (128 MiB). A quiet store holds its cache and little else.

mod folder;
mod guard;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::fjall::config::CompressionPolicy;
use ::fjall::{
    CompressionType, Database, Error, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Slice, Snapshot,
};

use super::caught::caught;
use super::keyvalue::{Batch, KeyRange, KeyValue, Order, ScanItem, Table, View};
use super::noted::{self, Note, Noted};
use super::space::Space;
use super::{StoreError, StoreOptions, StoreResult};
use crate::fail_point::{FailPoint, FailPoints};

pub(super) use folder::MARKERS;
use folder::{damaged, unusable};

pub const NAME: &str = "fjall";

/// Size of all journals at which the tables behind them are flushed, in bytes. Bounds the replay at a start.
pub const JOURNAL_BYTES_MAX: u64 = 128 << 20;

/// Write buffer of a table with a body or version in each row, in bytes.
pub const BULKY_BUFFER_BYTES: u64 = 16 << 20;

/// Write buffer of every other table, in bytes.
pub const SMALL_BUFFER_BYTES: u64 = 4 << 20;

/// Longest value, in bytes: what the engine's file format can hold.
pub const VALUE_BYTES_MAX: usize = u32::MAX as usize;

/// Bytes that a batch may take on disk, for each of its own: in a journal, and later in tables.
const WRITE_FACTOR: u64 = 2;

/// How often a close looks whether the last tables are written; ten seconds in all.
const SETTLE_LOOKS: u32 = 2_000;

/// Time between two looks.
const SETTLE_LOOK_EVERY: Duration = Duration::from_millis(5);

/// One: where there are several, the first hands compactions back to the queue without a pause while another is at
/// work, and so takes a core for itself (fjall 3.1.13, `worker_pool.rs`).
const WORKER_THREADS: usize = 1;

/// A fjall database and its keyspaces, in order of [`Table::ALL`].
pub struct FjallEngine {
    database: Database,
    keyspaces: Vec<Keyspace>,
    /// Numbers of the last batches.
    guard: Keyspace,
    written: Mutex<Written>,
    space: Space,
    fail_points: FailPoints,
}

/// What was made durable.
struct Written {
    batches: u64,
    noted: Noted,
}

impl std::fmt::Debug for FjallEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FjallEngine").finish_non_exhaustive()
    }
}

impl FjallEngine {
    /// Opens the folder, or makes it and sets it up. Its parent is made too.
    /// Errors: `Locked` if another process has it open, `Unusable` if it holds something else, `Damaged` if files are
    /// missing, changed or older than what was acknowledged, `Engine` for what the file system says.
    pub fn open(path: &Path, options: &StoreOptions) -> StoreResult<Self> {
        let noted = noted::read(path).map_err(engine)?;
        folder::prepare(path, noted)?;
        let opened = caught(|| Self::open_files(path, options, noted));
        opened.unwrap_or_else(|panic| Err(nonsense(path, &panic)))
    }

    fn open_files(path: &Path, options: &StoreOptions, noted: Option<Note>) -> StoreResult<Self> {
        let database = Database::builder(path)
            .cache_size(options.cache_bytes)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .open()
            .map_err(|error| open_error(path, error))?;
        let known = |name: &str| name == guard::NAME || Table::ALL.iter().any(|table| table.name() == name);
        if let Some(foreign) = database.list_keyspace_names().iter().find(|name| !known(name)) {
            let reason =
                format!("it is the database of another program (it has a table `{foreign}`); name another folder");
            return Err(unusable(path, reason));
        }
        if let Some(noted) = noted
            && database.keyspace_count() < noted.tables as usize
        {
            let missing = noted.tables as usize - database.keyspace_count();
            return Err(damaged(path, format!("{missing} of its tables are missing")));
        }
        let keyspaces = Table::ALL
            .iter()
            .map(|table| database.keyspace(table.name(), || table_options(*table)))
            .collect::<Result<_, _>>()
            .map_err(|error| open_error(path, error))?;
        let guard = database
            .keyspace(guard::NAME, || table_options(Table::Meta))
            .map_err(|error| open_error(path, error))?;
        let batches = guard::last(&guard, &database.snapshot())
            .map_err(|error| open_error(path, error))?
            .map_err(|reason| damaged(path, reason))?;
        if let Some(reason) = noted.and_then(|noted| noted.missing(batches)) {
            return Err(damaged(path, reason));
        }
        let noted = Noted::open(path, note(batches)).map_err(engine)?;
        Ok(Self {
            database,
            keyspaces,
            guard,
            written: Mutex::new(Written { batches, noted }),
            space: Space::new(path.to_owned(), options.min_free_bytes),
            fail_points: options.fail_points.clone(),
        })
    }

    /// Writes a batch and makes it durable.
    fn commit(&self, writes: ::fjall::OwnedWriteBatch) -> Result<(), Error> {
        if self.fail_points.has_listener() {
            // Handed over and synced in two steps, for tests only: in between, the journal's file ends somewhere within
            // the batch. An engine whose own call does both does the same: the half step, the point, the sync.
            writes.durability(None).commit()?;
            self.fail_points.reach(FailPoint::BatchHalfWritten);
            return self.database.persist(PersistMode::SyncData);
        }
        writes.commit()
    }
}

impl Drop for FjallEngine {
    fn drop(&mut self) {
        let written = self.written.get_mut().unwrap_or_else(PoisonError::into_inner);
        written.noted.sync();
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

fn note(batches: u64) -> Note {
    Note {
        batches,
        // The guard's too.
        tables: u32::try_from(Table::COUNT + 1).expect("there are a few tables"),
    }
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
        error if is_damage(&error) => damaged(path, format!("its files are not what was written ({error})")),
        error => failed(error),
    }
}

fn nonsense(path: &Path, panic: &str) -> StoreError {
    damaged(path, format!("fjall cannot make sense of its files ({panic})"))
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
fn read_error(table: Table, error: Result<Error, String>) -> StoreError {
    let damage = match error {
        Ok(error) if !is_damage(&error) => return failed(error),
        Ok(error) => error.to_string(),
        Err(panic) => format!("fjall stopped with: {panic}"),
    };
    StoreError::Corrupt {
        what: format!("table `{}`, whose files are damaged ({damage})", table.name()),
    }
}

/// An error of a read or write, in words that say what to do about it.
fn failed(error: Error) -> StoreError {
    let text = match &error {
        // What its own threads met shows only in this.
        Error::Poisoned => "work in its background failed: see whether the disk is full or failing, and restart",
        error if is_full(error) => "no space left on the disk: make room and restart",
        _ => return engine(error),
    };
    engine(std::io::Error::other(format!("{text} ({error})")))
}

fn is_full(error: &Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{QuotaExceeded, StorageFull};
            return matches!(io.kind(), StorageFull | QuotaExceeded);
        }
        source = error.source();
    }
    false
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

    fn room(&self, bytes: u64) -> StoreResult<()> {
        self.space.check(bytes.saturating_mul(WRITE_FACTOR))
    }

    /// What lies in memory moves into table files, so that the next opening does not read it out of the journal row by
    /// row. What fails or takes too long stays in the journal, where it is durable.
    #[expect(
        clippy::disallowed_methods,
        reason = "the engine tells nobody when a table is written; it is asked a bounded number of times"
    )]
    fn settle(&self) {
        // On a disk that is nearly full, the journal is the better place.
        if self.room(JOURNAL_BYTES_MAX).is_err() {
            return;
        }
        let all = || self.keyspaces.iter().chain([&self.guard]);
        let rotated = caught(|| all().try_for_each(|keyspace| keyspace.rotate_memtable().map(drop)));
        let waits = || all().any(|keyspace| keyspace.sealed_memtable_count() > 0);
        for _ in 0..SETTLE_LOOKS {
            if !matches!(rotated, Ok(Ok(()))) || !waits() {
                break;
            }
            std::thread::sleep(SETTLE_LOOK_EVERY);
        }
        // Journals are taken away when a table is asked to move, whether or not there is anything in it.
        if let Some(keyspace) = self.keyspaces.first() {
            drop(caught(|| keyspace.rotate_memtable()));
        }
    }

    fn apply(&self, batch: Batch<Slice>) -> StoreResult<()> {
        let mut written = self.written.lock().map_err(|_| StoreError::WritesStopped)?;
        let batches = written.batches + 1;
        let mut writes = ::fjall::OwnedWriteBatch::with_capacity(self.database.clone(), batch.len() + 1)
            .durability(Some(PersistMode::SyncData));
        let mut bytes = 0_u64;
        for (table, key, value) in batch.into_writes() {
            let keyspace = &self.keyspaces[table as usize];
            bytes += (key.len() + value.as_ref().map_or(0, |value| value.len())) as u64;
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
        self.space.check(bytes.saturating_mul(WRITE_FACTOR))?;
        let (key, value) = guard::row(batches);
        writes.insert(&self.guard, key, value);
        caught(|| self.commit(writes))
            .map_err(|panic| engine(std::io::Error::other(format!("fjall stopped with: {panic}"))))?
            .map_err(failed)?;
        written.batches = batches;
        written.noted.note(note(batches));
        Ok(())
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
        match caught(|| self.snapshot.get(&self.keyspaces[table as usize], key)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(read_error(table, Ok(error))),
            Err(panic) => Err(read_error(table, Err(panic))),
        }
    }

    fn scan(&self, table: Table, range: KeyRange, order: Order) -> impl Iterator<Item = ScanItem<Slice>> {
        let keyspace = &self.keyspaces[table as usize];
        let mut rows = range.bounds().map(|bounds| self.snapshot.range(keyspace, bounds));
        std::iter::from_fn(move || {
            let scan = rows.as_mut()?;
            let row = caught(|| {
                let row = match order {
                    Order::Ascending => scan.next(),
                    Order::Descending => scan.next_back(),
                };
                row.map(::fjall::Guard::into_inner)
            });
            match row {
                Ok(None) => None,
                Ok(Some(Ok(row))) => Some(Ok(row)),
                Ok(Some(Err(error))) => Some(Err(read_error(table, Ok(error)))),
                Err(panic) => {
                    // Nobody knows what the scan would go on with.
                    rows = None;
                    Some(Err(read_error(table, Err(panic))))
                }
            }
        })
    }
}
