//! Runs: executions of a source, and their row in the ledger.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Position, SourceId, Timestamp};

/// The id of a run, sortable by its start: `<source>-<microseconds in hex>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Arc<str>);

impl RunId {
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(id.as_ref().into())
    }

    /// The id of a run that was asked for at `at`.
    pub fn at(source: &SourceId, at: Timestamp) -> Self {
        Self(format!("{source}-{:014x}", at.micros()).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What woke a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunCause {
    Startup,
    Schedule,
    /// A file or webhook said that something changed.
    Event,
    /// Somebody asked for it.
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Asked for, waiting for the run before it.
    Queued,
    Running,
    /// Every scope was proved.
    Succeeded,
    /// It ended by itself, but some scopes were not proved.
    Partial,
    Failed,
    Cancelled,
    /// The process ended before the run did.
    Interrupted,
}

impl RunStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// How the ingestor ended, as told to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    Finished,
    Failed { message: String },
    Cancelled { message: String },
}

/// What a run did, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    pub scopes_opened: u64,
    pub scopes_proved: u64,
    pub scopes_unchanged: u64,
    pub claims_delivered: u64,
    /// Claims that were new or differed from the held one.
    pub claims_changed: u64,
    pub claims_removed: u64,
    /// Claims that a held sweep would have removed.
    pub claims_pending: u64,
    pub entities_changed: u64,
    pub events: u64,
    pub findings: u64,
    pub commits: u64,
}

/// One row of the run ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    pub id: RunId,
    pub source: SourceId,
    pub source_type: String,
    pub cause: RunCause,
    pub status: RunStatus,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The last commit that carries something of this run; nothing if it changed nothing.
    pub position: Option<Position>,
    pub counts: RunCounts,
    pub error: Option<String>,
    /// Counters that the source kept, such as `git.blobs_read`.
    pub telemetry: std::collections::BTreeMap<String, u64>,
}
