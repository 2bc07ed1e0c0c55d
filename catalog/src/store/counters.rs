//! What a store has read and written since it was opened, as plain numbers.

use std::fmt;

/// The counts of one table, in rows unless the name says bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableCounters {
    /// The table's name; one of the stored format.
    pub table: &'static str,
    /// Look-ups by key, whether they found a row or not.
    pub got: u64,
    /// Rows that scans handed over.
    pub scanned: u64,
    /// Rows written, each once a batch.
    pub put: u64,
    /// Removals written, each once a batch, whether there was a row or not.
    pub removed: u64,
    /// Keys and values of the rows written, before compression.
    pub bytes_written: u64,
}

impl TableCounters {
    fn is_quiet(&self) -> bool {
        (self.got, self.scanned, self.put, self.removed) == (0, 0, 0, 0)
    }
}

/// The counts of a store, by table.
///
/// Counts only grow while the store is open and begin with zero when it is opened. They are approximate for the moment
/// in which they are read, and exact once the work that is counted has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreCounters {
    /// In the order of the stored format, quiet tables too.
    pub tables: Vec<TableCounters>,
    /// Atomic durable writes.
    pub batches: u64,
    /// Rows of the ledger that were written: one for each state of a run, and one for each act in the audit log.
    pub ledger_rows: u64,
}

impl StoreCounters {
    /// What was counted after `earlier` was read.
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |table: &'static str| earlier.tables.iter().find(|one| one.table == table);
        let tables = self.tables.iter().map(|now| {
            let zero = TableCounters::default();
            let then = before(now.table).unwrap_or(&zero);
            TableCounters {
                table: now.table,
                got: now.got.saturating_sub(then.got),
                scanned: now.scanned.saturating_sub(then.scanned),
                put: now.put.saturating_sub(then.put),
                removed: now.removed.saturating_sub(then.removed),
                bytes_written: now.bytes_written.saturating_sub(then.bytes_written),
            }
        });
        Self {
            tables: tables.collect(),
            batches: self.batches.saturating_sub(earlier.batches),
            ledger_rows: self.ledger_rows.saturating_sub(earlier.ledger_rows),
        }
    }

    /// The counts of one table; zeros for a name that no table has.
    pub fn table(&self, name: &str) -> TableCounters {
        self.tables
            .iter()
            .find(|table| table.table == name)
            .copied()
            .unwrap_or_default()
    }
}

/// One line for each table that was touched: its name and, as far as they are not zero, `get`, `scan`, `put`, `remove`.
impl fmt::Display for StoreCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in self.tables.iter().filter(|table| !table.is_quiet()) {
            write!(f, "{}:", table.table)?;
            let counts = [
                ("get", table.got),
                ("scan", table.scanned),
                ("put", table.put),
                ("remove", table.removed),
            ];
            for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                write!(f, " {what} {count}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "batches: {}", self.batches)?;
        writeln!(f, "ledger rows: {}", self.ledger_rows)
    }
}
