//! The catalog as its readers and operators see it: one cheap handle over snapshot, store, index and engine.
//!
//! Every reader takes a [`Viewer`]; what the viewer may not see is absent, not forbidden. Operators' acts pass the one
//! check in [`Catalog::operator`].

use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{
    ClaimBody, EntityRef, Finding, Identifier, Limit, Position, RunId, RunRecord, ScopeId, Severity, SourceId,
    Timestamp, Viewer,
};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

pub use crate::core::explain::{FieldExplanation, Say};
use crate::core::stitch::SourcedClaim;
pub use crate::engine::SweepDecision;
use crate::engine::{EngineSink, OperateError, Request};
use crate::graph::{Node, Resolution, Snapshot};
use crate::search::{FollowerHandle, FollowerStatus, SearchReader};
use crate::store::{
    AppliedSweep, AuditRecord, ChangeKind, ClaimKey, CommitCause, EntityVersion, Ownership, ScopeNo, Store, StoreError,
    StoredClaim, StoredFinding, SweepRecord, SweepState,
};

/// Changes, versions, runs and audit rows in one answer.
pub const ROWS_MAX: usize = 1_000;

/// Entities of a sweep that are named.
pub const SWEEP_ENTITIES_MAX: usize = 100;

/// Changes looked through for one entity's or kind's, before an answer is cut.
const CHANGES_SCANNED_MAX: u32 = 100_000;

/// The limits of the readers.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "rows_max",
        value: ROWS_MAX as u64,
        unit: "rows",
        effect: "the answer is cut",
    },
    Limit {
        name: "sweep_entities_max",
        value: SWEEP_ENTITIES_MAX as u64,
        unit: "entities",
        effect: "further entities of a sweep are counted, not named",
    },
    Limit {
        name: "changes_scanned_max",
        value: CHANGES_SCANNED_MAX as u64,
        unit: "changes",
        effect: "older changes of an entity are found through its versions instead",
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

/// What a text that names something was resolved to.
#[derive(Debug, Clone)]
pub enum Found {
    Entity {
        node: Arc<Node>,
        how: String,
    },
    /// Several entities claim an exclusive identifier.
    Contested {
        identifier: Identifier,
        nodes: Vec<Arc<Node>>,
    },
    Several {
        identifier: Identifier,
        nodes: Vec<Arc<Node>>,
    },
    Nothing {
        tried: Vec<String>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub entity: EntityRef,
    pub fields: Vec<FieldExplanation>,
}

#[derive(Debug, Clone, Default)]
pub struct ChangesQuery {
    /// Oldest first from here; newest first without it.
    pub after: Option<Position>,
    pub before: Option<Position>,
    pub entity: Option<EntityRef>,
    pub limit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeRow {
    pub position: Position,
    pub ordinal: u32,
    pub at: Timestamp,
    pub cause: CommitCause,
    pub source: Option<SourceId>,
    pub run: Option<RunId>,
    pub entity: EntityRef,
    pub change: ChangeKind,
}

#[derive(Debug, Clone, Default)]
pub struct FindingsQuery {
    pub code: Option<String>,
    pub severity: Option<Severity>,
    pub source: Option<String>,
    pub scope: Option<String>,
    pub entity: Option<EntityRef>,
    pub file: Option<String>,
    /// The id of the last row of the page before.
    pub after: Option<String>,
    pub first: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    pub id: String,
    pub source: Option<SourceId>,
    pub scope: Option<ScopeId>,
    pub first_seen: Timestamp,
    pub finding: Finding,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindingsPage {
    pub total: usize,
    pub items: Vec<FindingRow>,
    pub has_next: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSummary {
    pub id: SourceId,
    pub source_type: String,
    pub scopes: usize,
    pub claims: u64,
    pub last_run: Option<RunRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepView {
    pub id: String,
    pub source: SourceId,
    pub scope: ScopeId,
    /// `due`, `pending` or `rejected`.
    pub state: &'static str,
    pub reason: Option<String>,
    pub run: RunId,
    pub proved_at: Timestamp,
    pub claims: usize,
    pub held_in_scope: u64,
    /// The first hundred entities that would lose a claim.
    pub entities: Vec<EntityRef>,
    pub retires: Vec<ScopeId>,
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
    pub index: FollowerStatus,
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
            index: self.follower.status(),
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

    /// Resolves whatever somebody has at hand: a ref, an identifier, a URL of a repository, an address, a bare name.
    pub fn find(&self, viewer: &Viewer, text: &str) -> Found {
        let snapshot = self.snapshot();
        let text = text.trim();
        let mut tried = Vec::new();
        if let Ok(entity) = EntityRef::parse(text) {
            tried.push(format!("entity {entity}"));
            if let Some(node) = snapshot.get(viewer, &entity) {
                return Found::Entity {
                    node: Arc::clone(node),
                    how: format!("entity ref {entity}"),
                };
            }
        }
        let mut identifiers: Vec<Identifier> = Vec::new();
        identifiers.extend(Identifier::parse(text).ok());
        if text.contains('@') && !text.contains('/') {
            identifiers.extend(Identifier::new("email", text).ok());
        }
        identifiers.extend(repository_candidates(text));
        if let Some(channel) = text.strip_prefix('#') {
            identifiers.extend(Identifier::new("slack", &format!("#{channel}")).ok());
        }
        identifiers.dedup();
        for identifier in identifiers {
            tried.push(format!("identifier {identifier}"));
            let nodes = |numbers: &[crate::store::EntityNo]| -> Vec<Arc<Node>> {
                numbers
                    .iter()
                    .filter_map(|no| snapshot.node(viewer, *no).cloned())
                    .collect()
            };
            match snapshot.resolve(viewer, &identifier) {
                Resolution::Nobody => {}
                Resolution::One(no) => {
                    if let Some(node) = snapshot.node(viewer, no) {
                        return Found::Entity {
                            node: Arc::clone(node),
                            how: format!("identifier {identifier}"),
                        };
                    }
                }
                Resolution::Contested(numbers) => {
                    return Found::Contested {
                        identifier,
                        nodes: nodes(&numbers),
                    };
                }
                Resolution::Several(numbers) => {
                    return Found::Several {
                        identifier,
                        nodes: nodes(&numbers),
                    };
                }
            }
        }
        if !text.is_empty() && !text.contains(['/', ':', '@']) {
            tried.push(format!("any entity named {text}"));
            let filter = crate::graph::filter::Filter::Name(crate::graph::filter::Matcher::Eq(text.to_owned()));
            let page = snapshot.select(viewer, &filter, &[], None, 2);
            if let [node] = page.nodes.as_slice() {
                return Found::Entity {
                    node: Arc::clone(node),
                    how: format!("the only entity named {text}"),
                };
            }
            if !page.nodes.is_empty() {
                let refs: Vec<String> = snapshot
                    .select(viewer, &filter, &[], None, 10)
                    .nodes
                    .iter()
                    .map(|node| node.entity.to_string())
                    .collect();
                tried.push(format!(
                    "{} entities have that name: {}; say which",
                    page.total,
                    refs.join(", ")
                ));
            }
        }
        Found::Nothing { tried }
    }

    /// Folds the claims about an entity again and shows winners and losers, per field.
    pub fn explain(
        &self,
        viewer: &Viewer,
        entity: &EntityRef,
        field: Option<&str>,
    ) -> Result<Option<Explanation>, CatalogError> {
        let snapshot = self.snapshot();
        let Some(node) = snapshot.get(viewer, entity) else {
            return Ok(None);
        };
        let scopes = self.store.scopes()?;
        let mut claims = Vec::new();
        for key in self.store.claims_of_entity(node.no)? {
            if let Some(stored) = self.store.claim(key)? {
                claims.push(sourced(&scopes, stored)?);
            }
        }
        let fields = crate::core::explain::explain(claims, field);
        Ok(Some(Explanation {
            entity: entity.clone(),
            fields,
        }))
    }

    pub fn changes(&self, viewer: &Viewer, query: &ChangesQuery) -> Result<Vec<ChangeRow>, CatalogError> {
        let limit = query.limit.clamp(1, ROWS_MAX);
        if !viewer.reads_anything() {
            return Ok(Vec::new());
        }
        if let Some(entity) = &query.entity {
            return self.changes_of(viewer, entity, query, limit);
        }
        let scan = NonZeroU32::new(u32::try_from(limit).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
        let commits = match query.after {
            Some(after) => self.store.read_after(after, scan)?,
            None => self
                .store
                .read_before(query.before.unwrap_or(Position(u64::MAX)), scan)?,
        };
        let newest_first = query.after.is_none();
        let mut rows = Vec::new();
        for commit in commits {
            let mut of_commit: Vec<ChangeRow> = (0u32..)
                .zip(&commit.changes)
                .filter(|(_, change)| viewer.sees(change.entity.kind(), change.entity.namespace()))
                .map(|(ordinal, change)| ChangeRow {
                    position: commit.position,
                    ordinal,
                    at: commit.at,
                    cause: commit.cause,
                    source: commit.source.clone(),
                    run: commit.run.clone(),
                    entity: change.entity.clone(),
                    change: change.change,
                })
                .collect();
            if newest_first {
                of_commit.reverse();
            }
            rows.extend(of_commit);
        }
        rows.truncate(limit);
        Ok(rows)
    }

    fn changes_of(
        &self,
        viewer: &Viewer,
        entity: &EntityRef,
        query: &ChangesQuery,
        limit: usize,
    ) -> Result<Vec<ChangeRow>, CatalogError> {
        let mut rows = Vec::new();
        for version in self.versions(viewer, entity, ROWS_MAX)? {
            let within = query.after.is_none_or(|after| version.position > after)
                && query.before.is_none_or(|before| version.position < before);
            if !within {
                continue;
            }
            let Some(previous) = version.position.0.checked_sub(1) else {
                continue;
            };
            let commit = self
                .store
                .read_after(Position(previous), NonZeroU32::MIN)?
                .into_iter()
                .next();
            let Some(commit) = commit else { continue };
            let ordinal = commit
                .changes
                .iter()
                .position(|change| change.no == version.no)
                .unwrap_or(0);
            rows.push(ChangeRow {
                position: version.position,
                ordinal: u32::try_from(ordinal).unwrap_or(u32::MAX),
                at: version.at,
                cause: commit.cause,
                source: commit.source,
                run: commit.run,
                entity: version.entity,
                change: version.change,
            });
        }
        if query.after.is_some() {
            rows.reverse();
        }
        rows.truncate(limit);
        Ok(rows)
    }

    /// Versions of an entity, newest first, live or not.
    pub fn versions(
        &self,
        viewer: &Viewer,
        entity: &EntityRef,
        limit: usize,
    ) -> Result<Vec<EntityVersion>, CatalogError> {
        if !viewer.sees(entity.kind(), entity.namespace()) {
            return Ok(Vec::new());
        }
        let Some(identity) = self.store.identity(entity)? else {
            return Ok(Vec::new());
        };
        let limit = u32::try_from(limit.clamp(1, ROWS_MAX)).unwrap_or(1);
        Ok(self
            .store
            .versions(identity.no, NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN))?)
    }

    /// The entity as a version had it.
    pub fn body_at(
        &self,
        viewer: &Viewer,
        entity: &EntityRef,
        position: Position,
    ) -> Result<Option<Value>, CatalogError> {
        if !viewer.sees(entity.kind(), entity.namespace()) {
            return Ok(None);
        }
        let Some(identity) = self.store.identity(entity)? else {
            return Ok(None);
        };
        self.store
            .body(identity.no, position)?
            .map(|body| parse(&body, entity))
            .transpose()
    }

    /// Findings, worst first, then by code, file and line.
    pub fn findings(&self, viewer: &Viewer, query: &FindingsQuery) -> Result<FindingsPage, CatalogError> {
        if !viewer.reads_anything() {
            return Ok(FindingsPage::default());
        }
        let mut rows = Vec::new();
        self.store.findings(&mut |stored| {
            if matches(query, &stored)
                && stored
                    .finding
                    .entity
                    .as_ref()
                    .is_none_or(|entity| viewer.sees(entity.kind(), entity.namespace()))
            {
                rows.push(FindingRow {
                    id: stored.id().to_string(),
                    source: stored.source,
                    scope: stored.scope,
                    first_seen: stored.first_seen,
                    finding: stored.finding,
                });
            }
            ControlFlow::Continue(())
        })?;
        rows.sort_by(|one, two| {
            let key = |row: &FindingRow| {
                let finding = &row.finding;
                (
                    std::cmp::Reverse(finding.severity),
                    finding.code.clone(),
                    row.scope.clone(),
                    finding.file.clone(),
                    finding.line,
                    finding.column,
                    row.id.clone(),
                )
            };
            key(one).cmp(&key(two))
        });
        let total = rows.len();
        let start = match &query.after {
            Some(after) => rows.iter().position(|row| row.id == *after).map_or(total, |at| at + 1),
            None => 0,
        };
        let items: Vec<FindingRow> = rows.into_iter().skip(start).take(query.first).collect();
        Ok(FindingsPage {
            total,
            has_next: start + items.len() < total,
            items,
        })
    }

    pub fn run(&self, viewer: &Viewer, id: &RunId) -> Result<Option<RunRecord>, CatalogError> {
        if !viewer.reads_anything() {
            return Ok(None);
        }
        Ok(self.store.run(id)?)
    }

    /// Newest first.
    pub fn runs(
        &self,
        viewer: &Viewer,
        source: Option<&SourceId>,
        limit: usize,
    ) -> Result<Vec<RunRecord>, CatalogError> {
        if !viewer.reads_anything() {
            return Ok(Vec::new());
        }
        let limit = u32::try_from(limit.clamp(1, ROWS_MAX)).unwrap_or(1);
        Ok(self
            .store
            .runs(source, NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN))?)
    }

    /// Every source that holds claims or ever ran, by id.
    pub fn sources(&self, viewer: &Viewer) -> Result<Vec<SourceSummary>, CatalogError> {
        if !viewer.reads_anything() {
            return Ok(Vec::new());
        }
        let mut sources: std::collections::BTreeMap<SourceId, SourceSummary> = std::collections::BTreeMap::new();
        for scope in self.store.scopes()?.into_iter().filter(|scope| !scope.retired) {
            let summary = sources.entry(scope.source.clone()).or_insert_with(|| SourceSummary {
                id: scope.source.clone(),
                source_type: scope.source_type.clone(),
                scopes: 0,
                claims: 0,
                last_run: None,
            });
            summary.scopes += 1;
            summary.claims += scope.claims;
        }
        for summary in sources.values_mut() {
            summary.last_run = self.store.runs(Some(&summary.id), NonZeroU32::MIN)?.into_iter().next();
        }
        Ok(sources.into_values().collect())
    }

    /// Sweeps that wait for a decision; with `all_states` also those that a run will settle, and rejected ones.
    pub fn pending_sweeps(&self, viewer: &Viewer, all_states: bool) -> Result<Vec<SweepView>, CatalogError> {
        if !viewer.reads_anything() {
            return Ok(Vec::new());
        }
        let scopes = self.store.scopes()?;
        let mut views = Vec::new();
        for sweep in self.store.sweeps()? {
            if !all_states && !matches!(sweep.state, SweepState::Pending { .. }) {
                continue;
            }
            let Some(scope) = scopes.get(sweep.scope.0 as usize) else {
                continue;
            };
            let (state, reason) = match &sweep.state {
                SweepState::Due => ("due", None),
                SweepState::Pending { reason } => ("pending", Some(reason.clone())),
                SweepState::Rejected { by, at } => ("rejected", Some(format!("rejected by {by} at {at}"))),
            };
            views.push(SweepView {
                id: sweep.scope.0.to_string(),
                source: scope.source.clone(),
                scope: scope.id.clone(),
                state,
                reason,
                run: sweep.run.clone(),
                proved_at: sweep.proved_at,
                claims: sweep.missing.len(),
                held_in_scope: held_below(&scopes, sweep.scope, &sweep),
                entities: self.entities_of(viewer, &sweep.missing)?,
                retires: sweep.retires,
            });
        }
        Ok(views)
    }

    fn entities_of(&self, viewer: &Viewer, claims: &[ClaimKey]) -> Result<Vec<EntityRef>, CatalogError> {
        let snapshot = self.snapshot();
        let mut entities = std::collections::BTreeSet::new();
        for key in claims {
            if entities.len() >= SWEEP_ENTITIES_MAX {
                break;
            }
            let entity = self.store.head_of_claim(*key)?.and_then(|head| head.entity);
            if let Some(name) = entity.and_then(|no| snapshot.name(no))
                && viewer.sees(name.kind(), name.namespace())
            {
                entities.insert(name.clone());
            }
        }
        Ok(entities.into_iter().collect())
    }

    pub fn applied_sweeps(&self, viewer: &Viewer) -> Result<Vec<AppliedSweep>, CatalogError> {
        if !viewer.reads_anything() {
            return Ok(Vec::new());
        }
        Ok(self.store.applied_sweeps()?)
    }

    /// Approves or rejects a pending sweep.
    pub async fn decide_sweep(&self, viewer: &Viewer, id: &str, approve: bool) -> Result<SweepDecision, CatalogError> {
        let by = Self::operator(viewer, "decide sweeps")?;
        let (reply, answer) = oneshot::channel();
        self.operate(
            Request::DecideSweep {
                id: id.to_owned(),
                approve,
                by,
                reply,
            },
            answer,
        )
        .await
    }

    /// Brings back what an applied sweep removed.
    pub async fn undo_sweep(&self, viewer: &Viewer, applied_id: &str) -> Result<SweepDecision, CatalogError> {
        let by = Self::operator(viewer, "undo sweeps")?;
        let (reply, answer) = oneshot::channel();
        self.operate(
            Request::UndoSweep {
                id: applied_id.to_owned(),
                by,
                reply,
            },
            answer,
        )
        .await
    }

    /// The one point that every act of an operator passes. Returns the name for the audit log.
    pub fn operator(viewer: &Viewer, action: &'static str) -> Result<String, CatalogError> {
        if viewer.operates() {
            Ok(viewer.name().to_owned())
        } else {
            Err(CatalogError::NotAllowed {
                viewer: viewer.name().to_owned(),
                action,
            })
        }
    }

    async fn operate<T>(
        &self,
        request: Request,
        answer: oneshot::Receiver<Result<T, OperateError>>,
    ) -> Result<T, CatalogError> {
        let stopped = || CatalogError::Stopped(self.engine.shared.failure().unwrap_or_default());
        self.engine.requests.send(request).await.map_err(|_| stopped())?;
        match answer.await.map_err(|_| stopped())? {
            Ok(done) => Ok(done),
            Err(OperateError::NotFound { what, id }) => Err(CatalogError::NotFound {
                what: format!("{what} `{id}`"),
            }),
            Err(OperateError::Refused(reason)) => Err(CatalogError::Invalid(reason)),
            Err(OperateError::Stopped(reason)) => Err(CatalogError::Stopped(reason)),
        }
    }

    /// Newest first.
    pub fn audit(&self, viewer: &Viewer, limit: usize) -> Result<Vec<AuditRecord>, CatalogError> {
        if !viewer.operates() {
            return Ok(Vec::new());
        }
        let limit = u32::try_from(limit.clamp(1, ROWS_MAX)).unwrap_or(1);
        Ok(self.store.audit(NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN))?)
    }

    /// Every entity that the viewer may see, by ref. `content_only` leaves out uid and position, so that two stores
    /// with the same content export the same bytes.
    pub fn export(
        &self,
        viewer: &Viewer,
        content_only: bool,
        visit: &mut dyn FnMut(Value) -> ControlFlow<()>,
    ) -> Result<(), CatalogError> {
        let snapshot = self.snapshot();
        let mut nodes = snapshot.matching(viewer, &crate::graph::filter::Filter::everything());
        nodes.sort_by(|one, two| one.entity.cmp(&two.entity));
        for node in nodes {
            let mut value = self.entity_value(&node)?;
            if let Value::Object(root) = &mut value {
                root.insert("ref".to_owned(), Value::String(node.entity.to_string()));
                let relations = node.relations.iter().filter_map(|edge| {
                    let target = snapshot.name(edge.target)?;
                    Some(serde_json::json!({
                        "type": snapshot.relation_types().name(edge.relation),
                        "target": target.as_str(),
                    }))
                });
                root.insert("relations".to_owned(), relations.collect());
                let owners = node
                    .owners
                    .iter()
                    .filter_map(|no| snapshot.name(*no))
                    .map(|name| name.as_str().into());
                root.insert("owners".to_owned(), Value::Array(owners.collect()));
                if !content_only {
                    root.insert("uid".to_owned(), Value::String(node.uid.to_string()));
                    root.insert("position".to_owned(), node.position.0.into());
                }
            }
            if visit(value).is_break() {
                break;
            }
        }
        Ok(())
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

pub(crate) fn sourced(scopes: &[crate::store::ScopeRecord], stored: StoredClaim) -> Result<SourcedClaim, CatalogError> {
    let corrupt = |what: &str| StoreError::Corrupt {
        what: format!("{what} of a claim about {}", stored.subject),
    };
    let body: ClaimBody = serde_json::from_slice(&stored.body).map_err(|_| corrupt("the body"))?;
    let scope = scopes
        .get(stored.head.key.scope.0 as usize)
        .ok_or_else(|| corrupt("the scope"))?;
    Ok(SourcedClaim {
        source: scope.source.clone(),
        source_type: scope.source_type.clone(),
        rank: scope.rank,
        scope: scope.id.clone(),
        body,
        stored,
    })
}

fn matches(query: &FindingsQuery, stored: &StoredFinding) -> bool {
    let finding = &stored.finding;
    let same = |wanted: &Option<String>, actual: Option<&str>| wanted.as_deref().is_none_or(|w| actual == Some(w));
    query.severity.is_none_or(|severity| finding.severity == severity)
        && same(&query.code, Some(&finding.code))
        && same(&query.source, stored.source.as_ref().map(SourceId::as_str))
        && same(&query.scope, stored.scope.as_ref().map(ScopeId::as_str))
        && same(&query.file, finding.file.as_deref())
        && query
            .entity
            .as_ref()
            .is_none_or(|entity| finding.entity.as_ref() == Some(entity))
}

/// Claims in the swept scope, and in those that it would retire.
fn held_below(scopes: &[crate::store::ScopeRecord], no: ScopeNo, sweep: &SweepRecord) -> u64 {
    scopes
        .iter()
        .filter(|scope| scope.no == no || sweep.retires.contains(&scope.id))
        .map(|scope| scope.claims)
        .sum()
}

/// Repositories that a URL or path may mean: the whole, and the whole without what follows a repository in the URLs
/// of the large hosts.
fn repository_candidates(text: &str) -> Vec<Identifier> {
    if !text.contains('/') {
        return Vec::new();
    }
    let mut candidates: Vec<Identifier> = Identifier::new("repo", text).ok().into_iter().collect();
    for marker in [
        "/-/",
        "/tree/",
        "/blob/",
        "/pull/",
        "/issues/",
        "/actions/",
        "/commit/",
        "/src/",
    ] {
        if let Some(end) = text.find(marker) {
            candidates.extend(Identifier::new("repo", &text[..end]).ok());
        }
    }
    candidates
}
