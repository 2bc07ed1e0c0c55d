//! The catalog as its readers and operators see it: one cheap handle over snapshot, store, index and engine.
//!
//! Every reader takes a [`Viewer`](bailiwick_schema::Viewer); what the viewer may not see is absent, not forbidden.
//! Operators' acts pass the one check in [`Catalog::operator`].

mod export;
mod find;
mod findings;
mod history;
mod keeping;
mod operations;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{EntityRef, Limit, Position};
use serde_json::Value;
use tokio::sync::watch;

pub use find::Found;
pub use findings::{FindingRow, FindingsPage, FindingsQuery};
pub use history::{ChangeRow, ChangesQuery, Explanation, FieldExplanation, Say};
pub use operations::{SourceSummary, SweepDecision, SweepView};

use crate::engine::EngineSink;
use crate::graph::{Node, Snapshot};
use crate::search::{FollowerHandle, FollowerStatus, SearchReader};
use crate::store::{Ownership, Store, StoreCounters, StoreError};

/// Changes, versions, runs and audit rows in one answer.
pub const ROWS_MAX: usize = 1_000;

/// Entities of a sweep that are named.
pub const SWEEP_ENTITIES_MAX: usize = 100;

/// The limits of the readers.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "rows_max",
        value: ROWS_MAX as u64,
        unit: "rows",
        effect: "the answer is cut",
    },
    Limit {
        name: "changes_pages_max",
        value: history::PAGES_MAX as u64,
        unit: "pages of the log",
        effect: "the answer is cut",
    },
    Limit {
        name: "sweep_entities_max",
        value: SWEEP_ENTITIES_MAX as u64,
        unit: "entities",
        effect: "further entities of a sweep are counted, not named",
    },
    Limit {
        name: "verify_differences_max",
        value: crate::verify::DIFFERENCES_MAX as u64,
        unit: "differences",
        effect: "further differences are counted, not named",
    },
];

/// Why a request to the catalog failed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("`{viewer}` may not {action}")]
    NotAllowed { viewer: String, action: &'static str },
    #[error("there is no {what}")]
    NotFound { what: String },
    #[error("position {wanted} was not reached in time; the catalog is at {actual}")]
    PositionTimeout { wanted: Position, actual: Position },
    #[error(
        "changes after position {after} are no longer all kept: the log begins at position {begins} \
         (retention.history_days). Read the entities as they are now, and follow the log from there"
    )]
    Trimmed { after: Position, begins: Position },
    #[error("{0}")]
    Invalid(String),
    #[error("the catalog engine has stopped: {0}")]
    Stopped(String),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// A handle on the running catalog.
#[derive(Clone)]
pub struct Catalog {
    store: Arc<dyn Store>,
    engine: EngineSink,
    follower: FollowerHandle,
    kinds: Arc<KindSet>,
}

/// What readiness and metrics want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    pub position: Position,
    pub index_position: Position,
    pub engine: &'static str,
    pub entities: usize,
    pub claims: u64,
    /// Why the engine no longer works.
    pub failed: Option<String>,
    /// Why the engine writes nothing for the time being.
    pub waiting: Option<String>,
    pub index: FollowerStatus,
}

/// What the catalog has read, folded and written since it was started: cost, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogCounters {
    pub store: StoreCounters,
    /// Folds of claims into an entity, also those that came to what was there.
    pub entities_stitched: u64,
    pub versions_written: u64,
}

impl Catalog {
    pub fn new(store: Arc<dyn Store>, engine: EngineSink, follower: FollowerHandle, kinds: Arc<KindSet>) -> Self {
        Self {
            store,
            engine,
            follower,
            kinds,
        }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.engine.shared.snapshot.load_full()
    }

    pub fn head(&self) -> Position {
        *self.engine.shared.positions.borrow()
    }

    pub fn positions(&self) -> watch::Receiver<Position> {
        self.engine.shared.positions.subscribe()
    }

    pub fn kinds(&self) -> &KindSet {
        &self.kinds
    }

    pub fn search(&self) -> &SearchReader {
        self.follower.reader()
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub fn status(&self) -> EngineStatus {
        let snapshot = self.snapshot();
        EngineStatus {
            position: snapshot.position(),
            index_position: self.search().position(),
            engine: self.store.engine_name(),
            entities: snapshot.len(),
            claims: self.engine.shared.claims.load(Ordering::Relaxed),
            failed: self.engine.shared.failure(),
            waiting: self.engine.shared.waiting(),
            index: self.follower.status(),
        }
    }

    pub fn counters(&self) -> CatalogCounters {
        let engine = &self.engine.shared.counters;
        CatalogCounters {
            store: self.store.counters(),
            entities_stitched: engine.entities_stitched.load(Ordering::Relaxed),
            versions_written: engine.versions_written.load(Ordering::Relaxed),
        }
    }

    /// Waits until snapshot and index show a position.
    pub async fn wait_for(&self, at_least: Position, timeout: Duration) -> Result<(), CatalogError> {
        let mut positions = self.positions();
        let mut indexed = self.search().positions();
        let reached = async {
            let seen = positions.wait_for(|position| *position >= at_least).await.is_ok();
            self.follower.flush(at_least);
            seen && indexed.wait_for(|position| *position >= at_least).await.is_ok()
        };
        match tokio::time::timeout(timeout, reached).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(CatalogError::Stopped(self.engine.shared.failure().unwrap_or_default())),
            Err(_) => Err(CatalogError::PositionTimeout {
                wanted: at_least,
                actual: self.head(),
            }),
        }
    }

    /// Canonical JSON of an entity as the snapshot has it.
    pub fn entity_body(&self, node: &Node) -> Result<Vec<u8>, CatalogError> {
        let body = self.store.body(node.no, node.position)?;
        body.ok_or_else(|| {
            StoreError::Corrupt {
                what: format!("the body of `{}`", node.entity),
            }
            .into()
        })
    }

    pub fn entity_value(&self, node: &Node) -> Result<Value, CatalogError> {
        parse(&self.entity_body(node)?, &node.entity)
    }

    pub fn ownership(&self, node: &Node) -> Result<Ownership, CatalogError> {
        let version = self.store.version(node.no, node.position)?;
        version.map(|version| version.ownership).ok_or_else(|| {
            StoreError::Corrupt {
                what: format!("the version of `{}`", node.entity),
            }
            .into()
        })
    }
}

fn parse(body: &[u8], entity: &EntityRef) -> Result<Value, CatalogError> {
    serde_json::from_slice(body).map_err(|_| {
        StoreError::Corrupt {
            what: format!("the body of `{entity}`"),
        }
        .into()
    })
}
