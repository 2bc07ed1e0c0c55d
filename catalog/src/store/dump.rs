//! Copying a store whole: all rows out of one consistent view, and all rows into an empty store.
//!
//! Rows are the stored ones, key and value as bytes, so that what one engine gave another takes. They mean something
//! only together with the format of the store ([`super::layout::FORMAT_VERSION`]), which is one of the rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use bailiwick_schema::Position;
use uuid::Uuid;

use super::keyvalue::Table;
use super::{Store, StoreResult};

/// One step of a dump: what is dumped, then the rows of each table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dumped<'a> {
    /// Comes first and once.
    Head(DumpHead),
    /// Comes in order of table and key.
    Row {
        table: Table,
        key: &'a [u8],
        value: &'a [u8],
    },
}

/// What all rows of a dump have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DumpHead {
    /// The format of the store as a whole.
    pub format: u32,
    pub lineage: Uuid,
    /// The last commit that the rows show.
    pub position: Position,
}

/// A callback of a dump; break to end it early.
pub type VisitDump<'a> = &'a mut dyn FnMut(Dumped<'_>) -> ControlFlow<()>;

/// A callback for keys and values; break to end early.
pub type VisitRow<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Reading a store whole, while it is written to.
pub trait Dump: Send + Sync {
    /// Visits every row as one moment has them; commits that come later show nowhere. Holds no more than a row at a
    /// time, and holds no writer up. Ends early if the visitor breaks.
    /// Errors: rows that the engine cannot read; what was visited until then is no whole.
    fn dump(&self, visit: VisitDump<'_>) -> StoreResult<()>;

    /// Visits the rows of one table, by key, as one moment has them. Ends early if the visitor breaks.
    fn dump_table(&self, table: Table, visit: VisitRow<'_>) -> StoreResult<()>;
}

/// Filling an empty store with the rows of another. Until [`Load::finish`] nothing opens what it has written.
pub trait Load {
    /// Takes one row. Rows of one table may come in any order; the last one of a key stays.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> StoreResult<()>;

    /// Gives the store a lineage of its own, makes everything durable and opens it.
    /// Errors: rows that every store has are missing or malformed, or are of another format.
    fn finish(self: Box<Self>) -> StoreResult<Arc<dyn Store>>;
}
