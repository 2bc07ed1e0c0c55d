//! The port by which a store forgets what is past its retention.
//!
//! Invariants: what is known now is never touched; every entity keeps its newest version at or before the horizon, so
//! that it can be told how each stood at any later time; the head of the log stays. A trimming goes batch by batch, each
//! atomic and durable, and moves no position; one that was cut off is begun anew and finds what is left.

use std::time::Duration;

use bailiwick_schema::{Position, Timestamp};
use serde::Serialize;

use super::{LoggedCommit, StoreResult};

/// Rows that one batch of a trimming removes. A commit waits for one batch at most.
pub const TRIM_BATCH_ROWS_MAX: usize = 1_000;

/// Rows that one batch of a trimming looks at.
pub const TRIM_LOOKED_ROWS_MAX: usize = 2_000;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Versions of entities with their bodies, commits of the log, ends of identifiers.
    pub history: Duration,
    pub events: Duration,
    /// How long an applied sweep can be undone.
    pub sweeps: Duration,
    pub runs: Duration,
    pub audit: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            history: DAY * 400,
            events: DAY * 400,
            sweeps: DAY * 90,
            runs: DAY * 90,
            audit: DAY * 400,
        }
    }
}

impl Retention {
    /// The times before which nothing is kept.
    pub fn horizons(&self, now: Timestamp) -> Horizons {
        Horizons {
            history: now.minus(self.history),
            events: now.minus(self.events),
            sweeps: now.minus(self.sweeps),
            runs: now.minus(self.runs),
            audit: now.minus(self.audit),
        }
    }
}

/// The times before which nothing is kept; what is of the very time goes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizons {
    pub history: Timestamp,
    pub events: Timestamp,
    pub sweeps: Timestamp,
    pub runs: Timestamp,
    pub audit: Timestamp,
}

/// What a trimming has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trimmed {
    pub commits: u64,
    pub versions: u64,
    pub identifiers: u64,
    pub events: u64,
    pub sweeps: u64,
    pub sweep_claims: u64,
    pub runs: u64,
    pub audit_records: u64,
    /// Batches that removed something.
    pub batches: u64,
}

/// What is looked through, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Log,
    Events,
    Sweeps,
    SweepClaims,
    Runs,
    Audit,
    Done,
}

/// Where a trimming stands. It is not stored: a trimming that begins anew finds what is left.
#[derive(Debug, Clone)]
pub struct Trimming {
    pub(super) horizons: Horizons,
    pub(super) phase: Phase,
    /// The commit whose changes are gone through, and how many of them are done.
    pub(super) commit: Option<(LoggedCommit, usize)>,
    /// Where the scan of the phase goes on: behind this key, or before it where the scan runs backwards.
    pub(super) at: Option<Vec<u8>>,
    pub(super) trimmed: Trimmed,
}

impl Trimming {
    pub fn new(horizons: Horizons) -> Self {
        Self {
            horizons,
            phase: Phase::Log,
            commit: None,
            at: None,
            trimmed: Trimmed::default(),
        }
    }

    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    pub fn trimmed(&self) -> Trimmed {
        self.trimmed
    }
}

/// Forgetting what is past its retention.
pub trait Keeping: Send + Sync {
    /// The oldest position whose commit is kept; what came before was trimmed. 1 while nothing was.
    fn log_begins(&self) -> StoreResult<Position>;

    /// Goes one batch further: removes at most [`TRIM_BATCH_ROWS_MAX`] rows, atomically and durably, and looks at no more
    /// than about [`TRIM_LOOKED_ROWS_MAX`]. Shares the turn to write with commits and moves no position.
    ///
    /// Errors: a record that cannot be decoded; then the batch is left out and the trimming ends there.
    fn trim(&self, trimming: &mut Trimming) -> StoreResult<()>;
}
