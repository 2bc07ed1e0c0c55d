//! A view of one state: the trees with the past put over them.
//!
//! Each read takes the gate for itself and lets go of it before anything is handed out. A scan reads stretches of rows,
//! small ones first, since most scans are short.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::TryLockError;

use ::sled::IVec;

use super::super::caught::caught;
use super::super::keyvalue::{KeyBounds, KeyRange, Order, ScanItem, Table, View};
use super::super::{StoreError, StoreResult};
use super::rows::{self, Unread};
use super::{Gate, SledEngine, closed, panicked, unread};

/// Rows in the first stretch of a scan.
const STRETCH_ROWS_FIRST: usize = 16;
/// Rows in a stretch of a long scan.
const STRETCH_ROWS_LONG: usize = 512;
/// Bytes of a stretch: it ends behind the row that passes this.
const STRETCH_BYTES: usize = 1 << 20;

/// Rows by key.
type Rows = Vec<(IVec, IVec)>;

/// The tables as they were when the view was made.
#[derive(Debug)]
pub struct SledView<'e> {
    engine: &'e SledEngine,
    state: u64,
}

impl<'e> SledView<'e> {
    pub(super) fn new(engine: &'e SledEngine, state: u64) -> Self {
        Self { engine, state }
    }

    /// Reads behind the gate. An error ends the use of sled.
    fn read<T>(&self, table: Table, read: impl FnOnce(&Gate) -> StoreResult<Result<T, Unread>>) -> StoreResult<T> {
        let gate = self.engine.read_gate();
        if !gate.past.reaches(self.state) {
            return Err(StoreError::Expired {
                bytes_max: self.engine.past_bytes_max as u64,
            });
        }
        let outcome = caught(|| read(&gate));
        drop(gate);
        let error = match outcome {
            Ok(Ok(Ok(value))) => return Ok(value),
            Ok(Err(refused)) => return Err(refused),
            Ok(Ok(Err(error))) => unread(table, error),
            Err(panic) => panicked(&panic),
        };
        Err(self.engine.close(&mut self.engine.write_gate(), error))
    }

    /// The next rows of a range, in the order of the scan, and what is left of the range.
    fn stretch(
        &self,
        table: Table,
        range: &KeyBounds,
        order: Order,
        rows_max: usize,
    ) -> StoreResult<(Rows, Option<KeyBounds>)> {
        self.read(table, |gate| {
            let trees = gate.trees.as_ref().map_err(|reason| closed(reason))?;
            Ok((|| {
                let slices = (range.0.as_ref().map(Vec::as_slice), range.1.as_ref().map(Vec::as_slice));
                let mut rows_of_tree = trees.of(table).range::<&[u8], _>(slices);
                let mut rows = Vec::new();
                let mut bytes = 0;
                let mut ended = false;
                while rows.len() < rows_max && bytes < STRETCH_BYTES {
                    let row = match order {
                        Order::Ascending => rows_of_tree.next(),
                        Order::Descending => rows_of_tree.next_back(),
                    };
                    let Some(row) = row else {
                        ended = true;
                        break;
                    };
                    let (key, packed) = row?;
                    let value = rows::value(trees.parts(), table, &key, &packed)?;
                    bytes += key.len() + value.len();
                    rows.push((key, value));
                }
                let left = rows.last().filter(|_| !ended).map(|(last, _)| match order {
                    Order::Ascending => (Bound::Excluded(last.to_vec()), range.1.clone()),
                    Order::Descending => (range.0.clone(), Bound::Excluded(last.to_vec())),
                });
                if gate.past.touches(self.state, table) {
                    let seen = match (&left, order) {
                        (None, _) => range.clone(),
                        (Some((last, _)), Order::Ascending) => (range.0.clone(), included(last)),
                        (Some((_, last)), Order::Descending) => (included(last), range.1.clone()),
                    };
                    let mut sorted: BTreeMap<IVec, IVec> = rows.into_iter().collect();
                    gate.past.put_over(self.state, table, &seen, &mut sorted);
                    rows = sorted.into_iter().collect();
                    if order == Order::Descending {
                        rows.reverse();
                    }
                }
                Ok((rows, left))
            })())
        })
    }
}

fn included(bound: &Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => Bound::Included(key.clone()),
        Bound::Unbounded => Bound::Unbounded,
    }
}

impl Drop for SledView<'_> {
    fn drop(&mut self) {
        let mut views = self.engine.views();
        if let Some(count) = views.get_mut(&self.state) {
            *count -= 1;
            if *count > 0 {
                return;
            }
            views.remove(&self.state);
        }
        drop(views);
        if self.state == self.engine.shown() {
            return;
        }
        // What was kept for this view alone goes now or with the next batch.
        let gate = match self.engine.gate.try_write() {
            Ok(gate) => Some(gate),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(mut gate) = gate {
            self.engine.settle(&mut gate);
        }
    }
}

impl View for SledView<'_> {
    type Bytes = IVec;

    fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<IVec>> {
        self.read(table, |gate| {
            let trees = gate.trees.as_ref().map_err(|reason| closed(reason))?;
            if let Some(before) = gate.past.get(self.state, table, key) {
                return Ok(Ok(before));
            }
            Ok((|| match trees.of(table).get(key)? {
                Some(packed) => Ok(Some(rows::value(trees.parts(), table, key, &packed)?)),
                None => Ok(None),
            })())
        })
    }

    fn scan(&self, table: Table, range: KeyRange, order: Order) -> impl Iterator<Item = ScanItem<IVec>> {
        let mut left = range.bounds();
        let mut rows = VecDeque::new();
        let mut rows_max = STRETCH_ROWS_FIRST;
        std::iter::from_fn(move || {
            loop {
                if let Some(row) = rows.pop_front() {
                    return Some(Ok(row));
                }
                let range = left.take()?;
                match self.stretch(table, &range, order, rows_max) {
                    Ok((next, rest)) => {
                        rows.extend(next);
                        left = rest;
                    }
                    Err(error) => return Some(Err(error)),
                }
                rows_max = (rows_max * 4).min(STRETCH_ROWS_LONG);
            }
        })
    }
}
