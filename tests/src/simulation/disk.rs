//! A store whose medium fails when it is told to: the real layout over the engine in memory, behind a fault injector.
//!
//! What was written outlives every crash of the engine above, because all engines share the one [`Disk`]. A batch may
//! fail before it is written, or be written while the caller hears an error; a read may fail. It notes what each batch
//! wrote, so that cost can be counted.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bailiwick_catalog::store::keyvalue::{Batch, KeyRange, KeyValue, Order, ScanItem, Table, View};
use bailiwick_catalog::store::layout::KeyValueStore;
use bailiwick_catalog::store::memory::{MemoryEngine, MemoryView};
use bailiwick_catalog::store::{Store, StoreError, StoreResult};

type Bytes = Arc<[u8]>;

/// How a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteFault {
    /// Nothing of the batch is written.
    Before,
    /// The batch is written whole, and the caller hears an error.
    After,
}

/// How many rows a batch put into each table, and removed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchNote {
    pub put: [u32; Table::COUNT],
    pub removed: [u32; Table::COUNT],
}

impl BatchNote {
    pub(crate) fn put_into(&self, table: Table) -> u32 {
        self.put[table as usize]
    }

    /// The tables that it touched.
    pub(crate) fn tables(&self) -> Vec<Table> {
        let touched = |table: &Table| self.put[*table as usize] + self.removed[*table as usize] > 0;
        Table::ALL.iter().copied().filter(touched).collect()
    }
}

/// The medium.
#[derive(Default)]
pub(crate) struct Disk {
    memory: MemoryEngine,
    /// Reads until one fails; negative for never.
    reads_left: AtomicI64,
    faults: Mutex<Faults>,
}

#[derive(Default)]
struct Faults {
    write: Option<(u32, WriteFault)>,
    notes: Vec<BatchNote>,
    failed: u64,
}

impl Disk {
    pub(crate) fn new() -> Arc<Self> {
        let disk = Self::default();
        disk.reads_left.store(-1, Ordering::Relaxed);
        Arc::new(disk)
    }

    /// Opens the store as it lies there.
    pub(crate) fn open(self: &Arc<Self>) -> StoreResult<Arc<dyn Store>> {
        Ok(Arc::new(KeyValueStore::open(Faulty(Arc::clone(self)), "simulated")?))
    }

    /// Lets the write after `writes` further ones fail.
    pub(crate) fn fail_write(&self, writes: u32, how: WriteFault) {
        self.faults().write = Some((writes, how));
    }

    /// Lets the read after `reads` further ones fail.
    pub(crate) fn fail_read(&self, reads: u32) {
        self.reads_left.store(i64::from(reads), Ordering::Relaxed);
    }

    pub(crate) fn heal(&self) {
        self.reads_left.store(-1, Ordering::Relaxed);
        self.faults().write = None;
    }

    /// Reads without a fault: what looks at the store from outside must not use one up.
    pub(crate) fn undisturbed<T>(&self, read: impl FnOnce() -> T) -> T {
        let left = self.reads_left.swap(-1, Ordering::Relaxed);
        let seen = read();
        self.reads_left.store(left, Ordering::Relaxed);
        seen
    }

    /// What was written since the last call.
    pub(crate) fn take_notes(&self) -> Vec<BatchNote> {
        std::mem::take(&mut self.faults().notes)
    }

    /// Faults that came about.
    pub(crate) fn failed(&self) -> u64 {
        self.faults().failed
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> StoreResult<()> {
        if self.reads_left.load(Ordering::Relaxed) < 0 {
            return Ok(());
        }
        if self.reads_left.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Ok(());
        }
        // It fails once; what comes after a restart is read again.
        self.reads_left.store(-1, Ordering::Relaxed);
        self.faults().failed += 1;
        Err(fault("a sector cannot be read"))
    }

    fn apply(&self, batch: Batch<Bytes>) -> StoreResult<()> {
        let mut note = BatchNote {
            put: [0; Table::COUNT],
            removed: [0; Table::COUNT],
        };
        let mut same = Batch::new();
        for (table, key, value) in batch.into_writes() {
            match value {
                Some(value) => {
                    note.put[table as usize] += 1;
                    same.put(table, &key, value);
                }
                None => {
                    note.removed[table as usize] += 1;
                    same.remove(table, &key);
                }
            }
        }
        let mut faults = self.faults();
        let how = match &mut faults.write {
            Some((0, how)) => Some(*how),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if how.is_some() {
            faults.write = None;
            faults.failed += 1;
        }
        if how == Some(WriteFault::Before) {
            return Err(fault("the disk is full"));
        }
        self.memory.apply(same)?;
        faults.notes.push(note);
        match how {
            Some(_) => Err(fault("the cable was pulled")),
            None => Ok(()),
        }
    }
}

fn fault(what: &str) -> StoreError {
    StoreError::Engine(what.into())
}

/// The engine below the layout.
struct Faulty(Arc<Disk>);

struct FaultyView {
    memory: MemoryView,
    disk: Arc<Disk>,
}

impl KeyValue for Faulty {
    type Bytes = Bytes;
    type View<'e> = FaultyView;

    fn name(&self) -> &'static str {
        "simulated"
    }

    fn view(&self) -> FaultyView {
        FaultyView {
            memory: self.0.memory.view(),
            disk: Arc::clone(&self.0),
        }
    }

    fn apply(&self, batch: Batch<Bytes>) -> StoreResult<()> {
        self.0.apply(batch)
    }
}

impl View for FaultyView {
    type Bytes = Bytes;

    fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Bytes>> {
        self.disk.read()?;
        self.memory.get(table, key)
    }

    fn scan(&self, table: Table, range: KeyRange, order: Order) -> impl Iterator<Item = ScanItem<Bytes>> {
        let refused = self.disk.read().err().map(Err);
        refused.into_iter().chain(self.memory.scan(table, range, order))
    }
}
