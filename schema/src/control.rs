//! The ports through which the API reaches running sources and on-call systems.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{EntityRef, RunId, SourceId, Timestamp};

/// What the scheduler knows of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    pub id: SourceId,
    pub source_type: String,
    /// The cron expression as configured, if the source has one.
    pub schedule: Option<String>,
    pub time_zone: Option<String>,
    pub next_run_at: Option<Timestamp>,
    pub running: Option<RunId>,
    pub queued: Option<RunId>,
    /// Failures in a row.
    pub failures: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    #[error("there is no source `{id}`; configured are: {known}")]
    UnknownSource { id: String, known: String },
    #[error("the scheduler is shutting down")]
    ShuttingDown,
}

/// Starting and watching runs.
#[async_trait]
pub trait Control: Send + Sync {
    /// Wakes a source. Returns the run that will read what is there now: a new one, or the one already queued.
    async fn trigger(&self, source: &str) -> Result<RunId, ControlError>;

    /// All configured sources, by id.
    async fn sources(&self) -> Vec<SourceStatus>;

    /// Whether the run is waiting for its start.
    async fn is_queued(&self, run: &RunId) -> bool;
}

/// Who is on call for something, right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnCallAnswer {
    pub people: Vec<EntityRef>,
    pub observed_at: Timestamp,
    /// The vendor did not answer; this is the last known shift.
    pub stale: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnCallError {
    #[error("no on-call system is configured")]
    NotConfigured,
    #[error("the on-call system did not answer: {0}")]
    Unavailable(String),
}

/// Asking an on-call system, live.
#[async_trait]
pub trait OnCall: Send + Sync {
    async fn on_call(&self, owner: &EntityRef) -> Result<OnCallAnswer, OnCallError>;
}
