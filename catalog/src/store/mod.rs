//! The store: small read ports and two write ports, and the embedded engines behind them.
//!
//! Invariants: a commit is durable and whole when `append` returns, or nothing of it is there; positions have no gaps
//! and follow commit order; a second writer is fenced by `expected_head`. Stores hold no policy: the engine has
//! decided every record. Ports are synchronous (docs/adr/0001): the one writer has a thread of its own, and a point
//! read is cheaper than a hop to another thread; callers put long scans on the blocking pool.

mod caught;
mod counters;
pub mod dump;
pub mod fjall;
pub mod keeping;
pub mod keyvalue;
pub mod layout;
pub mod memory;
mod noted;
pub mod open;
pub mod records;
pub mod sled;
pub mod space;

#[cfg(test)]
pub(crate) mod contract;

use std::num::NonZeroU32;
use std::ops::ControlFlow;

use bailiwick_schema::{EntityRef, Event, Identifier, Position, RunId, RunRecord, SourceId};
use uuid::Uuid;

pub use counters::{StoreCounters, TableCounters};
pub use dump::{Dump, DumpHead, Dumped, Load};
pub use keeping::{Horizons, Keeping, Retention, Trimmed, Trimming};
pub use open::{EngineKind, EngineKindError, LIMITS, StoreOptions, engine_of, load, open};
pub use records::*;

/// What a caller can do about a failed store operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    Now,
    Later,
    Never,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process wrote in between; nothing of this commit was written.
    #[error("log head is {actual}, the writer expected {expected}: another process writes to this store")]
    HeadMoved { expected: Position, actual: Position },
    /// Another process has the store open.
    #[error("the store at `{path}` is in use by another process; stop that one first")]
    Locked { path: String },
    /// The folder holds something else, or another format.
    #[error("the store at `{path}` cannot be used: {reason}")]
    Unusable { path: String, reason: String },
    #[error(
        "cannot decode the record of {what}; the store is damaged: restore a backup with `bailiwick restore`, or name an \
         empty folder and ingest again"
    )]
    Corrupt { what: String },
    /// The write contradicts itself or the limits of the store: a bug of the caller. Nothing of it was written.
    #[error("the write was refused: {reason}")]
    Refused { reason: String },
    /// An earlier write failed, and whether it reached the disk is unknown until the store is opened again.
    #[error("writes are refused since an earlier one failed; reads go on; restart to open the store again")]
    WritesStopped,
    /// Files of the store are missing, cut, changed or older than what was acknowledged.
    #[error(
        "the store at `{path}` is damaged: {reason}; restore a backup with `bailiwick restore`, or name an empty folder \
         and ingest again"
    )]
    Damaged { path: String, reason: String },
    /// The write would leave less free space than is kept back. Nothing of it was written; it may be tried again.
    #[error(
        "no space left: {} MiB are free where `{path}` lies and {} MiB are kept free (`store.min_free_mib`); writes go \
         on once there is room",
        .free >> 20,
        .reserve >> 20
    )]
    Full { path: String, free: u64, reserve: u64 },
    /// A reader looked at one state for so long that what was changed since takes too much memory.
    #[error(
        "more than {} MiB were overwritten since this began to read (store_past_bytes_max); ask again",
        .bytes_max >> 20
    )]
    Expired { bytes_max: u64 },
    /// The engine is used no more, neither for writing nor for reading, since it failed.
    #[error("the storage engine is used no more since it failed ({reason}); restart to open the store again")]
    Closed { reason: String },
    /// The engine failed (disk full, I/O error); reads may go on, writes are refused until it is reopened.
    #[error("the storage engine failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Whether files or records are not what was stored: only a backup, or reading the sources again, helps.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Corrupt { .. })
    }

    pub fn retry(&self) -> Retry {
        match self {
            Self::HeadMoved { .. }
            | Self::Unusable { .. }
            | Self::Damaged { .. }
            | Self::Corrupt { .. }
            | Self::Refused { .. } => Retry::Never,
            Self::Expired { .. } => Retry::Now,
            Self::Locked { .. } | Self::Full { .. } | Self::WritesStopped | Self::Closed { .. } | Self::Engine(_) => {
                Retry::Later
            }
        }
    }
}

pub type StoreResult<T> = Result<T, StoreError>;

/// A callback of a scan; break to end it early.
pub type Visit<'a, T> = &'a mut dyn FnMut(T) -> ControlFlow<()>;

/// The log, its head, and the write that moves it.
pub trait ChangeLog: Send + Sync {
    /// Renewed by every restore: followers of another lineage rebuild.
    fn lineage(&self) -> Uuid;

    /// Position of the last commit; `Position::ZERO` for an empty log.
    fn head(&self) -> StoreResult<Position>;

    /// Whole commits after `after`, oldest first, until `limit` changes are reached; empty at the head. A log that was
    /// trimmed begins at [`Keeping::log_begins`].
    fn read_after(&self, after: Position, limit: NonZeroU32) -> StoreResult<Vec<LoggedCommit>>;

    /// Whole commits before `before`, newest first, until `limit` changes are reached.
    fn read_before(&self, before: Position, limit: NonZeroU32) -> StoreResult<Vec<LoggedCommit>>;

    /// Writes all of a commit or nothing, durable on return. Its position is `expected_head` plus one; `commit.log`
    /// must be present and say the same. Where a commit both removes and puts a row, the put stays.
    /// Errors: `HeadMoved` if another writer came first, `Refused` if positions disagree; then nothing was written.
    fn append(&self, expected_head: Position, commit: Commit) -> StoreResult<Position>;
}

/// Entities, their versions and identifiers.
pub trait EntityReader: Send + Sync {
    /// The newest version of every live entity, in order of entity number; for loading the snapshot.
    fn live_versions(&self, visit: Visit<'_, EntityVersion>) -> StoreResult<()>;

    /// Canonical JSON of one version; nothing if there is no such version, or it is a deletion.
    fn body(&self, no: EntityNo, position: Position) -> StoreResult<Option<Vec<u8>>>;

    fn version(&self, no: EntityNo, position: Position) -> StoreResult<Option<EntityVersion>>;

    /// All versions of an entity, newest first, at most `limit`.
    fn versions(&self, no: EntityNo, limit: NonZeroU32) -> StoreResult<Vec<EntityVersion>>;

    /// Identity by ref, live or retired.
    fn identity(&self, entity: &EntityRef) -> StoreResult<Option<EntityIdentity>>;

    fn identity_by_no(&self, no: EntityNo) -> StoreResult<Option<EntityIdentity>>;

    /// Every identity, by number: live, retired, and named by others only.
    fn identities(&self, visit: Visit<'_, EntityIdentity>) -> StoreResult<()>;

    /// The next free entity number.
    fn next_entity_no(&self) -> StoreResult<EntityNo>;

    /// Rows of one identifier, past ones too.
    fn identifier(&self, identifier: &Identifier) -> StoreResult<Vec<IdentifierRow>>;

    /// Every identifier row, ordered by identifier.
    fn identifiers(&self, visit: Visit<'_, IdentifierRow>) -> StoreResult<()>;
}

/// Claims and scopes.
pub trait ClaimReader: Send + Sync {
    /// Heads of all claims of a scope, in key order. Reads no bodies.
    fn heads_of_scope(&self, scope: ScopeNo, visit: Visit<'_, ClaimHead>) -> StoreResult<()>;

    /// Heads of the claims of one origin of a scope.
    fn heads_of_origin(&self, scope: ScopeNo, origin: [u8; 8]) -> StoreResult<Vec<ClaimHead>>;

    fn head_of_claim(&self, key: ClaimKey) -> StoreResult<Option<ClaimHead>>;

    fn claim(&self, key: ClaimKey) -> StoreResult<Option<StoredClaim>>;

    /// Keys of all claims that count for an entity, sorted.
    fn claims_of_entity(&self, no: EntityNo) -> StoreResult<Vec<ClaimKey>>;

    /// Claims that wait for an identifier.
    fn waiting(&self, identifier: &Identifier) -> StoreResult<Vec<ClaimKey>>;

    /// Every claim, in key order; for `verify`.
    fn claims(&self, visit: Visit<'_, StoredClaim>) -> StoreResult<()>;

    /// All scopes, by number.
    fn scopes(&self) -> StoreResult<Vec<ScopeRecord>>;

    fn sweeps(&self) -> StoreResult<Vec<SweepRecord>>;

    /// Applied sweeps, newest first.
    fn applied_sweeps(&self) -> StoreResult<Vec<AppliedSweep>>;

    /// The claims that an applied sweep removed.
    fn applied_sweep_claims(&self, id: &str) -> StoreResult<Vec<StoredClaim>>;
}

/// Findings and events.
pub trait FindingReader: Send + Sync {
    /// Every finding, ordered by owner and id.
    fn findings(&self, visit: Visit<'_, StoredFinding>) -> StoreResult<()>;

    fn findings_of(&self, owner: &FindingOwner) -> StoreResult<Vec<StoredFinding>>;

    /// Findings of all origins of a scope, ordered by origin and id.
    fn findings_of_scope(&self, scope: ScopeNo) -> StoreResult<Vec<StoredFinding>>;

    fn event(&self, source: &SourceId, id: &str) -> StoreResult<Option<Event>>;
}

/// What has no position: runs and audit.
pub trait Ledger: Send + Sync {
    /// Durable on return, all or nothing.
    fn ledger(&self, write: LedgerWrite) -> StoreResult<()>;

    fn run(&self, id: &RunId) -> StoreResult<Option<RunRecord>>;

    /// Newest first by start; of one source if given.
    fn runs(&self, source: Option<&SourceId>, limit: NonZeroU32) -> StoreResult<Vec<RunRecord>>;

    /// A small named value that the engine put.
    fn meta(&self, key: &str) -> StoreResult<Option<Vec<u8>>>;

    /// Newest first.
    fn audit(&self, limit: NonZeroU32) -> StoreResult<Vec<AuditRecord>>;
}

/// All ports together, as the engine and the readers hold them.
pub trait Store: ChangeLog + EntityReader + ClaimReader + FindingReader + Ledger + Dump + Keeping {
    /// The engine's name, as in `store.engine`.
    fn engine_name(&self) -> &'static str;

    /// What it has read and written since it was opened.
    fn counters(&self) -> StoreCounters;

    /// Whether there is room for `bytes` more beside what is kept free. A commit that does not ask first may be refused.
    /// Errors: `Full`.
    fn room(&self, bytes: u64) -> StoreResult<()>;

    /// Before the store is closed: leaves files from which it opens quickly. Blocks for some seconds at most.
    fn settle(&self);
}
