//! Runs, sources and sweeps: what operators look at, and what they decide.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use bailiwick_schema::{EntityRef, RunId, RunRecord, ScopeId, SourceId, Timestamp, Viewer};
use tokio::sync::oneshot;

use super::{Catalog, CatalogError, ROWS_MAX, SWEEP_ENTITIES_MAX};
pub use crate::engine::SweepDecision;
use crate::engine::{OperateError, Request};
use crate::store::{AppliedSweep, AuditRecord, ClaimKey, ScopeNo, ScopeRecord, SweepRecord, SweepState};

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

impl Catalog {
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
        let mut sources: BTreeMap<SourceId, SourceSummary> = BTreeMap::new();
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
        let mut entities = BTreeSet::new();
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

    /// Writes an act that is carried out elsewhere, such as the start of a run, into the audit log.
    pub async fn note_act(
        &self,
        viewer: &Viewer,
        action: &'static str,
        subject: &str,
        outcome: &str,
    ) -> Result<(), CatalogError> {
        let by = Self::operator(viewer, action)?;
        let (reply, answer) = oneshot::channel();
        let (subject, outcome) = (subject.to_owned(), outcome.to_owned());
        self.operate(
            Request::NoteAct {
                by,
                action,
                subject,
                outcome,
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

    pub(super) async fn operate<T>(
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
}

/// Claims in the swept scope, and in those that it would retire.
fn held_below(scopes: &[ScopeRecord], no: ScopeNo, sweep: &SweepRecord) -> u64 {
    scopes
        .iter()
        .filter(|scope| scope.no == no || sweep.retires.contains(&scope.id))
        .map(|scope| scope.claims)
        .sum()
}
