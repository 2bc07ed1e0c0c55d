//! All rows out of one view, and into an empty engine.
//!
//! Loading writes the rows of `meta` last and in one batch: an engine that has other rows and not these is refused when
//! it is opened, so that half a load is never taken for a store.

use std::sync::Arc;

use bailiwick_schema::Position;
use uuid::Uuid;

use super::{FORMAT_VERSION, KeyValueStore, META_FORMAT, META_HEAD, META_LINEAGE, fixed, meta};
use crate::store::dump::{Dump, DumpHead, Dumped, Load, VisitDump, VisitRow};
use crate::store::keyvalue::{Batch, KeyRange, KeyValue, Order, Table, View};
use crate::store::{Store, StoreError, StoreResult};

/// Bytes of rows in one batch of a load, about.
const LOAD_BATCH_BYTES: usize = 4 << 20;

/// What a row costs beside its bytes while it is written, in bytes, about: tables with tiny rows would make huge batches.
const LOAD_ROW_BYTES: usize = 512;

impl<E: KeyValue> Dump for KeyValueStore<E> {
    fn dump(&self, visit: VisitDump<'_>) -> StoreResult<()> {
        let view = self.view();
        let head = DumpHead {
            format: meta(&view, META_FORMAT, "the store's format version").map(u32::from_be_bytes)?,
            lineage: meta(&view, META_LINEAGE, "the store's lineage").map(Uuid::from_bytes)?,
            position: meta(&view, META_HEAD, "the log's head").map(|head| Position(u64::from_be_bytes(head)))?,
        };
        if visit(Dumped::Head(head)).is_break() {
            return Ok(());
        }
        for &table in Table::ALL {
            for row in view.scan(table, KeyRange::all(), Order::Ascending) {
                let (key, value) = row?;
                let row = Dumped::Row {
                    table,
                    key: &key,
                    value: &value,
                };
                if visit(row).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn dump_table(&self, table: Table, visit: VisitRow<'_>) -> StoreResult<()> {
        let view = self.view();
        for row in view.scan(table, KeyRange::all(), Order::Ascending) {
            let (key, value) = row?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// A load into an engine that holds nothing yet.
pub(crate) struct Loader<E: KeyValue> {
    engine: E,
    /// For errors only.
    path: String,
    batch: Batch<E::Bytes>,
    batch_bytes: usize,
    /// Rows of `meta`, kept back.
    meta: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<E: KeyValue> Loader<E> {
    /// Errors: `Unusable` if the engine holds anything.
    pub(crate) fn over(engine: E, path: String) -> StoreResult<Self> {
        let view = engine.view();
        for &table in Table::ALL {
            if super::first_row(&view, table)?.is_some() {
                let reason = format!("it is not empty: table `{}` has rows", table.name());
                return Err(StoreError::Unusable { path, reason });
            }
        }
        drop(view);
        Ok(Self {
            engine,
            path,
            batch: Batch::new(),
            batch_bytes: 0,
            meta: Vec::new(),
        })
    }

    fn flush(&mut self) -> StoreResult<()> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.engine.apply(batch)
    }
}

impl<E: KeyValue> Load for Loader<E> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> StoreResult<()> {
        if table == Table::Meta {
            self.meta.push((key.to_vec(), value.to_vec()));
            return Ok(());
        }
        self.batch.put(table, key, E::Bytes::from(value));
        self.batch_bytes += key.len() + value.len() + LOAD_ROW_BYTES;
        if self.batch_bytes >= LOAD_BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> StoreResult<Arc<dyn Store>> {
        self.flush()?;
        let format = self.meta.iter().rfind(|(key, _)| key == META_FORMAT);
        let format = format.ok_or_else(|| StoreError::Corrupt {
            what: "the store's format version".into(),
        })?;
        let format = u32::from_be_bytes(fixed(&format.1, "the store's format version")?);
        if format != FORMAT_VERSION {
            let reason = format!("the rows are of format {format} and this version writes {FORMAT_VERSION}");
            return Err(StoreError::Unusable {
                path: self.path,
                reason,
            });
        }
        let mut batch = Batch::new();
        for (key, value) in &self.meta {
            batch.put(Table::Meta, key, E::Bytes::from(value));
        }
        // Whoever followed the store that the rows come from has seen other commits than this one will make.
        let lineage = Uuid::new_v4();
        batch.put(Table::Meta, META_LINEAGE, E::Bytes::from(lineage.as_bytes()));
        self.engine.apply(batch)?;
        Ok(Arc::new(KeyValueStore::open(self.engine, &self.path)?))
    }
}
