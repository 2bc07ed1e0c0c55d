//! The engine without a disk: for tests, `validate` and trying things out. Everything is gone when it is dropped.
//!
//! The tables are persistent maps, so that a view is a handful of pointers and a reader may call back into the store
//! while a writer waits, as with the engines on disk (a guard held across a callback would deadlock there).

use std::sync::{Arc, PoisonError, RwLock};

use imbl::OrdMap;

use super::StoreResult;
use super::keyvalue::{Batch, KeyRange, KeyValue, Order, ScanItem, Table, View};

pub const NAME: &str = "memory";

type Bytes = Arc<[u8]>;
type Tables = [OrdMap<Bytes, Bytes>; Table::COUNT];

/// All tables in memory.
#[derive(Debug, Default)]
pub struct MemoryEngine {
    tables: RwLock<Arc<Tables>>,
}

impl MemoryEngine {
    pub fn new() -> Self {
        Self::default()
    }
}

impl KeyValue for MemoryEngine {
    type Bytes = Bytes;
    type View<'e> = MemoryView;

    fn name(&self) -> &'static str {
        NAME
    }

    fn view(&self) -> MemoryView {
        MemoryView {
            tables: Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    fn apply(&self, batch: Batch<Bytes>) -> StoreResult<()> {
        let mut guard = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        // Copied only while a view is held; then the maps share all but the nodes that change.
        let tables = Arc::make_mut(&mut guard);
        for (table, key, value) in batch.into_writes() {
            let rows = &mut tables[table as usize];
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }
}

/// The tables as they were when the view was made.
#[derive(Debug, Clone)]
pub struct MemoryView {
    tables: Arc<Tables>,
}

impl View for MemoryView {
    type Bytes = Bytes;

    fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Bytes>> {
        Ok(self.tables[table as usize].get(key).cloned())
    }

    fn scan(&self, table: Table, range: KeyRange, order: Order) -> impl Iterator<Item = ScanItem<Bytes>> {
        let rows = &self.tables[table as usize];
        let mut rows = range.bounds().map(|(from, to)| {
            let (from, to) = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
            rows.range::<_, [u8]>((from, to))
        });
        std::iter::from_fn(move || {
            let rows = rows.as_mut()?;
            let row = match order {
                Order::Ascending => rows.next(),
                Order::Descending => rows.next_back(),
            };
            row.map(|(key, value)| Ok((Arc::clone(key), Arc::clone(value))))
        })
    }
}
