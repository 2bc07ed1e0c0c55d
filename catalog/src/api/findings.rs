//! Reading findings.

use std::ops::ControlFlow;

use bailiwick_schema::{ContentHash, EntityRef, Finding, ScopeId, Severity, SourceId, Timestamp, Viewer};

use super::{Catalog, CatalogError};
use crate::store::StoredFinding;

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

impl Catalog {
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
                    id: row_id(&stored),
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
}

/// Tells apart what different scopes say in the same words.
fn row_id(stored: &StoredFinding) -> String {
    let source = stored.source.as_ref().map_or("", SourceId::as_str);
    let scope = stored.scope.as_ref().map_or("", ScopeId::as_str);
    ContentHash::of_parts(&[source.as_bytes(), scope.as_bytes(), stored.id().as_bytes()]).to_string()
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
