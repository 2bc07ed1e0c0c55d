//! The second engine: sled 0.34, one tree a table, on a folder of its own.
//!
//! It is fast and was shown to be careless; these rails make it keep the promises of [`KeyValue`] (docs/adr/0007-sled-behind-rails.md):
//!
//! - **Durable.** sled's `flush` syncs no file; after it the log is synced through a handle of our own, and so are files
//!   in `blobs/`, which splitting long rows (`rows`) keeps empty.
//! - **Atomic.** One transaction over all trees for each batch.
//! - **Standing views.** sled has no snapshots; each batch leaves behind what its rows were (`past`). Views hold no
//!   lock, so that neither a long scan nor a callback that reads or writes can hold up the writer.
//! - **Nothing refused is seen.** A batch is part of what new views show only once it is durable. After any error sled is
//!   used no more: what it would answer is anybody's guess. Reads and writes say so until the store is opened again.
//! - **Never full.** With a full disk sled cannot even be opened, so that [`space`](super::space) is watched.
//! - **Never silently older.** A sum over each table's rows is compared at each start (`sums`), the number of batches
//!   with the one `noted` beside. This reads every row once.
//! - **Never a panic.** Every call into sled is wrapped.

mod check;
mod folder;
mod past;
mod rows;
mod sums;
mod transact;
mod view;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ::sled::{Db, IVec, Tree};

use super::caught::caught;
use super::fjall::VALUE_BYTES_MAX;
use super::keyvalue::{Batch, KeyValue, Table};
use super::noted::{self, Note, Noted};
use super::space::Space;
use super::{StoreError, StoreOptions, StoreResult};
use crate::fail_point::{FailPoint, FailPoints};
use folder::{damaged, is_damage, unusable};
use past::Past;
use rows::Unread;
use sums::Sum;
use transact::{Writes, transact};

pub(super) use folder::MARKERS;
pub use past::PAST_BYTES_MAX;
pub use rows::PIECE_BYTES_MAX;
pub use view::SledView;

pub const NAME: &str = "sled";

/// The tree with the parts of long rows.
const PARTS: &str = "bailiwick_parts";
/// The tree with the number of batches and the sums of the tables.
const GUARD: &str = "bailiwick_guard";
/// Under this key lies the number of batches, beside the sums under the names of the tables.
const BATCHES: &str = "batches";
/// A tree that sled always makes.
const SLEDS_OWN: &str = "__sled__default";

/// Bytes that a batch may take in sled's log, for each of its own: it writes leaves anew.
const WRITE_FACTOR: u64 = 4;

/// sled's trees: those of the tables in order of [`Table::ALL`], then [`PARTS`] and [`GUARD`].
struct Trees {
    all: Vec<Tree>,
    /// Held to the end: what sled does when it is closed hangs on it.
    db: Db,
}

impl Trees {
    fn of(&self, table: Table) -> &Tree {
        &self.all[table as usize]
    }

    fn parts(&self) -> &Tree {
        &self.all[Table::COUNT]
    }

    fn guard(&self) -> &Tree {
        &self.all[Table::COUNT + 1]
    }
}

/// Locked for reading by each call into sled, for writing while a batch changes the trees.
struct Gate {
    /// Or why sled is used no more.
    trees: Result<Trees, String>,
    past: Past,
}

/// What writing needs to know without reading.
struct Writer {
    batches: u64,
    sums: [Sum; Table::COUNT],
    noted: Noted,
    /// A second handle to sled's log, for syncing it.
    log: File,
}

/// A sled database.
pub struct SledEngine {
    path: PathBuf,
    gate: RwLock<Gate>,
    /// The state that new views show; the trees may be one batch ahead. Moves while `gate` is locked for writing.
    shown: AtomicU64,
    /// How many views look at which state. Taken after `gate`, never before it.
    views: Mutex<BTreeMap<u64, usize>>,
    writer: Mutex<Writer>,
    space: Space,
    past_bytes_max: usize,
    fail_points: FailPoints,
    #[cfg(test)]
    sync_fails: std::sync::atomic::AtomicBool,
}

impl std::fmt::Debug for SledEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledEngine").finish_non_exhaustive()
    }
}

impl SledEngine {
    /// Opens the folder, or makes it and sets it up. Its parent is made too. Reads sled's log and then every row.
    /// Errors: `Locked` if another process has it open, `Unusable` if it holds something else, `Damaged` if rows are
    /// missing or not what was stored, `Engine` for what the file system says.
    pub fn open(path: &Path, options: &StoreOptions) -> StoreResult<Self> {
        folder::prepare(path)?;
        let noted = noted::read(path).map_err(engine)?;
        let db = folder::open(path, options)?;
        let trees = caught(|| open_trees(path, db)).unwrap_or_else(|panic| Err(nonsense(path, &panic)))?;
        let (batches, sums) = check::check(path, &trees)?;
        if let Some(reason) = noted.and_then(|noted| noted.missing(batches)) {
            return Err(damaged(path, reason));
        }
        let log = File::open(path.join(folder::LOG)).map_err(engine)?;
        let noted = Noted::open(path, note(batches)).map_err(engine)?;
        folder::sync_names(path).map_err(engine)?;
        Ok(Self {
            path: path.to_owned(),
            gate: RwLock::new(Gate {
                trees: Ok(trees),
                past: Past::default(),
            }),
            shown: AtomicU64::new(0),
            views: Mutex::default(),
            writer: Mutex::new(Writer {
                batches,
                sums,
                noted,
                log,
            }),
            space: Space::new(path.to_owned(), options.min_free_bytes),
            past_bytes_max: PAST_BYTES_MAX,
            fail_points: options.fail_points.clone(),
            #[cfg(test)]
            sync_fails: false.into(),
        })
    }

    fn read_gate(&self) -> RwLockReadGuard<'_, Gate> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_gate(&self) -> RwLockWriteGuard<'_, Gate> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> u64 {
        self.shown.load(Ordering::Acquire)
    }

    fn views(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the use of sled because of an error, which is handed back.
    fn close(&self, gate: &mut Gate, error: StoreError) -> StoreError {
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            reason = format!("{reason}: {cause}");
            source = cause.source();
        }
        tracing::error!(path = %self.path.display(), error = %reason, "sled failed and is used no more");
        if gate.trees.is_ok()
            && let Ok(trees) = std::mem::replace(&mut gate.trees, Err(reason))
        {
            // sled flushes when it is dropped, which may fail once more.
            let _ = caught(|| drop(trees));
        }
        error
    }

    /// Forgets what no view needs any more.
    fn settle(&self, gate: &mut Gate) {
        let views = self.views();
        gate.past
            .settle(views.keys().copied(), self.shown(), self.past_bytes_max);
    }

    /// Makes what was flushed survive a power cut.
    fn make_durable(&self, trees: &Trees, log: &File) -> StoreResult<()> {
        caught(|| trees.db.flush())
            .map_err(|panic| panicked(&panic))?
            .map_err(failed)?;
        #[cfg(test)]
        if self.sync_fails.load(Ordering::SeqCst) {
            return Err(engine(std::io::Error::other("sync refused")));
        }
        log.sync_data().map_err(io_failed)?;
        folder::sync_blobs(&self.path).map_err(io_failed)
    }
}

#[cfg(test)]
impl SledEngine {
    pub(crate) fn with_past_for_test(self, bytes_max: usize) -> Self {
        let mut engine = self;
        engine.past_bytes_max = bytes_max;
        engine
    }

    /// From now on nothing can be made durable.
    pub(crate) fn fail_sync_for_test(&self) {
        self.sync_fails.store(true, Ordering::SeqCst);
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        let gate = self.gate.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Ok(trees) = std::mem::replace(&mut gate.trees, Err("it was closed".to_owned()))
            && let Err(panic) = caught(|| drop(trees))
        {
            tracing::error!(%panic, "sled failed when it was closed");
        }
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        writer.noted.sync();
        folder::wait_for_release(&writer.log);
    }
}

fn note(batches: u64) -> Note {
    Note {
        batches,
        tables: u32::try_from(Table::COUNT).expect("there are a few tables"),
    }
}

fn open_trees(path: &Path, db: Db) -> StoreResult<Trees> {
    let ours = Table::ALL
        .iter()
        .map(|table| table.name())
        .chain([PARTS, GUARD])
        .collect::<Vec<_>>();
    let known = |name: &[u8]| name == SLEDS_OWN.as_bytes() || ours.iter().any(|our| our.as_bytes() == name);
    if let Some(foreign) = db.tree_names().iter().find(|name| !known(name)) {
        let reason = format!(
            "it is the database of another program (it has a tree `{}`); name another folder",
            foreign.escape_ascii()
        );
        return Err(unusable(path, reason));
    }
    let all = ours
        .iter()
        .map(|name| db.open_tree(name))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    Ok(Trees { all, db })
}

impl KeyValue for SledEngine {
    type Bytes = IVec;
    type View<'e> = SledView<'e>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn view(&self) -> SledView<'_> {
        let gate = self.read_gate();
        let state = self.shown();
        *self.views().entry(state).or_default() += 1;
        drop(gate);
        SledView::new(self, state)
    }

    fn room(&self, bytes: u64) -> StoreResult<()> {
        self.space.check(bytes.saturating_mul(WRITE_FACTOR))
    }

    fn apply(&self, batch: Batch<IVec>) -> StoreResult<()> {
        let mut writer = self.writer.lock().map_err(|_| StoreError::WritesStopped)?;
        let writer = &mut *writer;
        let writes: Writes = batch.into_writes().collect();
        let bytes = size_of_writes(&writes)?;
        self.space.check(bytes.saturating_mul(WRITE_FACTOR))?;
        let batches = writer.batches + 1;

        let mut gate = self.write_gate();
        let trees = gate.trees.as_ref().map_err(|reason| closed(reason))?;
        let changed = caught(|| transact(trees, &writes, &writer.sums, batches));
        let changed = match changed.unwrap_or_else(|panic| Err(panicked(&panic))) {
            Ok(changed) => changed,
            Err(error) => return Err(self.close(&mut gate, error)),
        };
        gate.past.push(self.shown(), changed.before);
        drop(gate);

        // Readers go on beside this; they do not see the batch yet.
        let gate = self.read_gate();
        let trees = gate.trees.as_ref().map_err(|reason| closed(reason))?;
        self.fail_points.reach(FailPoint::BatchHalfWritten);
        let durable = self.make_durable(trees, &writer.log);
        drop(gate);

        let mut gate = self.write_gate();
        if let Err(error) = durable {
            return Err(self.close(&mut gate, error));
        }
        writer.batches = batches;
        writer.sums = changed.sums;
        writer.noted.note(note(batches));
        self.shown.fetch_add(1, Ordering::AcqRel);
        self.settle(&mut gate);
        Ok(())
    }
}

/// Bytes of a batch. Errors: `Refused` for a value that is too long.
fn size_of_writes(writes: &Writes) -> StoreResult<u64> {
    let mut bytes = 0_u64;
    for (table, key, value) in writes {
        let length = value.as_ref().map_or(0, |value| value.len());
        if length > VALUE_BYTES_MAX {
            let reason = format!(
                "a value of table `{}` has {length} bytes, more than store_value_bytes_max ({VALUE_BYTES_MAX})",
                table.name(),
            );
            return Err(StoreError::Refused { reason });
        }
        bytes += (key.len() + length) as u64;
    }
    Ok(bytes)
}

fn engine(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Engine(Box::new(error))
}

fn closed(reason: &str) -> StoreError {
    StoreError::Closed {
        reason: reason.to_owned(),
    }
}

fn panicked(panic: &str) -> StoreError {
    StoreError::Corrupt {
        what: format!("a page, whose file is damaged (sled stopped with: {panic})"),
    }
}

fn nonsense(path: &Path, panic: &str) -> StoreError {
    damaged(path, format!("sled cannot make sense of its files ({panic})"))
}

/// An error of sled while it is open.
fn failed(error: ::sled::Error) -> StoreError {
    if is_damage(&error) {
        return StoreError::Corrupt {
            what: format!("a page, whose file is damaged ({error})"),
        };
    }
    match error {
        ::sled::Error::Io(error) => io_failed(error),
        other => engine(other),
    }
}

/// An error of a file, in words that say what to do about it.
fn io_failed(error: std::io::Error) -> StoreError {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded) {
        let text = format!("no space left on the disk: make room and restart ({error})");
        return engine(std::io::Error::new(error.kind(), text));
    }
    engine(error)
}

fn unread(table: Table, unread: Unread) -> StoreError {
    match unread {
        Unread::Sled(error) => failed(error),
        Unread::NoRow(reason) => StoreError::Corrupt {
            what: format!("a row of table `{}`: {reason}", table.name()),
        },
    }
}

fn unread_at_open(path: &Path, table: Table, unread: Unread) -> StoreError {
    match unread {
        Unread::Sled(error) if !is_damage(&error) => failed(error),
        Unread::Sled(error) => damaged(path, format!("its table `{}` cannot be read ({error})", table.name())),
        Unread::NoRow(reason) => damaged(path, format!("in its table `{}` {reason}", table.name())),
    }
}
