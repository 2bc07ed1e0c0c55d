//! The port through which sources hand over what they saw.
//!
//! A source opens scopes, delivers into them and closes them; the engine behind the port decides what that means.
//! Calls wait while the engine is busy: that is the back-pressure.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    AllowPolicy, Claim, Closing, Cursor, Finding, Position, RunCause, RunId, RunOutcome, RunRecord, Scope, ScopeId,
    SourceId, Subject, Timestamp,
};

/// The beginning of a run.
#[derive(Debug, Clone)]
pub struct RunBegin {
    pub id: RunId,
    pub source: SourceId,
    pub source_type: String,
    pub cause: RunCause,
    /// Whether the run reads the whole source. Only one such run of a source may be open.
    pub full: bool,
    pub allow: AllowPolicy,
    /// Rank among sources when fields are stitched; higher wins.
    pub rank: i32,
    pub started_at: Timestamp,
}

/// A handle on an opened scope, good for the run that opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScopeTicket(pub u64);

#[derive(Debug, Clone)]
pub struct ScopeOpened {
    pub ticket: ScopeTicket,
    /// The cursor of the last proof or checkpoint.
    pub cursor: Option<Cursor>,
    /// The members that the last proof of this listing named, for sources that compare lists.
    pub members: Vec<ScopeId>,
}

/// Something that happened at a time. Not an entity: kept by subject and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Unique within the source; a repeated delivery is the same event.
    pub id: String,
    /// The field's word for it, such as `commit_activity`, `deployment`, `incident`.
    pub kind: String,
    pub subject: Subject,
    pub at: Timestamp,
    pub data: Value,
}

/// One thing that a source saw in an open scope.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    Claim(Box<Claim>),
    Event(Box<Event>),
    /// This origin (file, resource) was read whole: claims held from it that this run does not deliver are missing.
    /// Needed in delta runs only; a complete scope says so of everything.
    OriginRead(String),
    /// This origin is known to be gone.
    Gone(String),
    /// What this origin said of this subject is known to be gone, while the origin is there. Counts in delta runs only.
    /// A difference that tells of single claims of an origin is refused while the origin has findings.
    GoneClaim {
        origin: String,
        subject: Subject,
    },
    /// The origin is there and could not be read: what it said before stays and is stale.
    Unreadable {
        origin: String,
        finding: Finding,
    },
    Finding(Finding),
    /// The listing names this scope as one of its members, whether or not it can be read.
    Member(ScopeId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeClosed {
    Accepted,
    /// The base of a delta, or the ground of an unchanged scope, is not what was last proved: read in full.
    BaseRefused,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// A full run of the source is open already.
    #[error("source `{0}` has a full run open already")]
    RunOpen(SourceId),
    #[error("run `{0}` is not open")]
    RunUnknown(RunId),
    #[error("the scope is not open in this run")]
    ScopeUnknown,
    #[error("scope `{0}` is open already in this run")]
    ScopeOpen(ScopeId),
    /// The engine has stopped; nothing that was not answered may be assumed to be kept.
    #[error("the catalog engine has stopped: {0}")]
    Stopped(String),
}

/// Where sources deliver. One engine stands behind it.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Opens a run and writes its ledger row.
    async fn run_begin(&self, run: RunBegin) -> Result<(), SinkError>;

    /// Opens a scope. `opened_at` is the time before the first request for it.
    async fn scope_open(&self, run: &RunId, scope: Scope, opened_at: Timestamp) -> Result<ScopeOpened, SinkError>;

    /// Hands over a batch. Order within a scope is kept.
    async fn deliver(&self, ticket: ScopeTicket, items: Vec<Delivery>) -> Result<(), SinkError>;

    /// Saves a cursor with everything delivered so far, without a proof.
    async fn checkpoint(&self, ticket: ScopeTicket, cursor: Cursor) -> Result<(), SinkError>;

    /// Ends a scope. After `BaseRefused` the scope is still open, as if freshly opened.
    async fn scope_close(&self, ticket: ScopeTicket, closing: Closing) -> Result<ScopeClosed, SinkError>;

    /// Ends the run: settles sweeps, commits what is left and completes the ledger row, which it returns. Scopes
    /// still open were seen in part.
    async fn run_end(
        &self,
        run: &RunId,
        outcome: RunOutcome,
        ended_at: Timestamp,
        telemetry: BTreeMap<String, u64>,
    ) -> Result<RunRecord, SinkError>;

    /// The position of the last commit.
    async fn head(&self) -> Result<Position, SinkError>;
}
