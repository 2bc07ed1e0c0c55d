//! What an entity says and why, and how it came to be: explanations, changes, versions.

use std::num::NonZeroU32;

use bailiwick_schema::{ClaimBody, EntityRef, Position, RunId, SourceId, Timestamp, Viewer};
use serde::Serialize;
use serde_json::Value;

use super::{Catalog, CatalogError, ROWS_MAX, parse};
pub use crate::core::explain::{FieldExplanation, Say};
use crate::core::stitch::SourcedClaim;
use crate::store::{ChangeKind, CommitCause, EntityVersion, LoggedCommit, ScopeRecord, StoreError, StoredClaim};

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

impl Catalog {
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

    /// What changed, as far as the log is kept; [`Catalog::log_begins`] says from where.
    ///
    /// Errors: `Trimmed` if some of what came after `query.after` is no longer kept.
    pub fn changes(&self, viewer: &Viewer, query: &ChangesQuery) -> Result<Vec<ChangeRow>, CatalogError> {
        let limit = query.limit.clamp(1, ROWS_MAX);
        if !viewer.reads_anything() {
            return Ok(Vec::new());
        }
        let rows = self.changes_kept(viewer, query, limit)?;
        // Asked last: a trimming may have gone on while the rows were read.
        let begins = self.log_begins()?;
        match query.after {
            Some(after) if after.0 < begins.0.saturating_sub(1) => Err(CatalogError::Trimmed { after, begins }),
            _ => Ok(rows),
        }
    }

    fn changes_kept(
        &self,
        viewer: &Viewer,
        query: &ChangesQuery,
        limit: usize,
    ) -> Result<Vec<ChangeRow>, CatalogError> {
        if let Some(entity) = &query.entity {
            return self.changes_of(viewer, entity, query, limit);
        }
        let newest_first = query.after.is_none();
        let mut edge = query.after.or(query.before).unwrap_or(Position(u64::MAX));
        let mut rows = Vec::new();
        // A commit need not carry a change, so one page of the log may fill only part of the answer.
        for _ in 0..PAGES_MAX {
            let page = NonZeroU32::new(u32::try_from(limit).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
            let commits = match newest_first {
                true => self.store.read_before(edge, page)?,
                false => self.store.read_after(edge, page)?,
            };
            let Some(last) = commits.last() else { break };
            edge = last.position;
            for commit in &commits {
                rows.extend(rows_of(viewer, commit, newest_first));
            }
            if rows.len() >= limit {
                break;
            }
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
            // What lies before the beginning of the log has a version and no commit.
            let Some(commit) = commit.filter(|commit| commit.position == version.position) else {
                continue;
            };
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
}

/// Pages of the log that are read for one answer.
pub(super) const PAGES_MAX: usize = 100;

fn rows_of(viewer: &Viewer, commit: &LoggedCommit, newest_first: bool) -> Vec<ChangeRow> {
    let mut rows: Vec<ChangeRow> = (0u32..)
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
        rows.reverse();
    }
    rows
}

fn sourced(scopes: &[ScopeRecord], stored: StoredClaim) -> Result<SourcedClaim, CatalogError> {
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
        body: std::sync::Arc::new(body),
        stored,
        entity_bytes: None,
    })
}
