//! What reading and writing cost, in rows: how it is shown that cost follows change (law 7) by counting, not by time.
//!
//! Every read goes through a [`CountedView`], every write through [`Counters::note_batch`]. Sums are added once a look-up,
//! once a scan and once a batch, without order between them: a reader of the counts sees each sooner or later.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::keyvalue::{Batch, KeyRange, Order, ScanItem, SharedBytes, Table, View};
use crate::store::{StoreCounters, StoreResult, TableCounters};

/// Counts since the store was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    tables: [OfTable; Table::COUNT],
    batches: AtomicU64,
    ledger_rows: AtomicU64,
}

#[derive(Debug, Default)]
struct OfTable {
    got: AtomicU64,
    scanned: AtomicU64,
    put: AtomicU64,
    removed: AtomicU64,
    bytes_written: AtomicU64,
}

impl Counters {
    /// Counts what a batch writes. Settles the batch, so that a row that it names twice is one row.
    pub(super) fn note_batch<B: SharedBytes>(&self, batch: &mut Batch<B>) {
        batch.settle();
        for (table, writes) in batch.writes() {
            if writes.is_empty() {
                continue;
            }
            let (mut put, mut removed, mut bytes) = (0, 0, 0);
            for (key, value) in writes {
                match value {
                    Some(value) => {
                        put += 1;
                        bytes += (key.len() + value.len()) as u64;
                    }
                    None => removed += 1,
                }
            }
            let counters = &self.tables[table as usize];
            add(&counters.put, put);
            add(&counters.removed, removed);
            add(&counters.bytes_written, bytes);
        }
        add(&self.batches, 1);
    }

    pub(super) fn note_ledger_rows(&self, rows: usize) {
        add(&self.ledger_rows, rows as u64);
    }

    pub(super) fn read(&self) -> StoreCounters {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tables = Table::ALL.iter().map(|table| {
            let counters = &self.tables[*table as usize];
            TableCounters {
                table: table.name(),
                got: load(&counters.got),
                scanned: load(&counters.scanned),
                put: load(&counters.put),
                removed: load(&counters.removed),
                bytes_written: load(&counters.bytes_written),
            }
        });
        StoreCounters {
            tables: tables.collect(),
            batches: load(&self.batches),
            ledger_rows: load(&self.ledger_rows),
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// A view that counts what is read from it.
pub(super) struct CountedView<'s, V> {
    view: V,
    counters: &'s Counters,
}

impl<'s, V> CountedView<'s, V> {
    pub(super) fn new(view: V, counters: &'s Counters) -> Self {
        Self { view, counters }
    }
}

impl<V: View> View for CountedView<'_, V> {
    type Bytes = V::Bytes;

    fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<V::Bytes>> {
        add(&self.counters.tables[table as usize].got, 1);
        self.view.get(table, key)
    }

    fn scan(&self, table: Table, range: KeyRange, order: Order) -> impl Iterator<Item = ScanItem<V::Bytes>> {
        CountedRows {
            rows: self.view.scan(table, range, order),
            read: 0,
            counter: &self.counters.tables[table as usize].scanned,
        }
    }
}

/// Rows of a scan; the sum is added when it ends.
struct CountedRows<'s, I> {
    rows: I,
    read: u64,
    counter: &'s AtomicU64,
}

impl<I: Iterator> Iterator for CountedRows<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let row = self.rows.next()?;
        self.read += 1;
        Some(row)
    }
}

impl<I> Drop for CountedRows<'_, I> {
    fn drop(&mut self) {
        add(self.counter, self.read);
    }
}
