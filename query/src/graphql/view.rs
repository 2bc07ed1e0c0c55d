//! Views: what the API shows of runs, findings, sweeps, changes and evidence, converted by hand, so that a rename inside
//! changes no contract. Their types are in [`super::types`].

use bailiwick_schema::control::SourceStatus;
use bailiwick_schema::{EntityRef, Position, RunRecord};
use serde_json::{Value, json};

use crate::catalog::{
    AppliedSweep, ChangeKind, ChangeRow, CommitCause, EntityVersion, EvidenceItem, Explanation, FindingRow,
    FindingsPage, Ownership, Say, SourceSummary, SweepDecision, SweepView,
};

pub(super) fn link(entity: &EntityRef) -> Value {
    json!({ "ref": entity.as_str() })
}

fn links(entities: &[EntityRef]) -> Value {
    entities.iter().map(link).collect()
}

pub(super) fn ownership(ownership: &Ownership) -> Value {
    json!({ "owners": links(&ownership.owners), "evidence": evidence(ownership) })
}

pub(super) fn evidence(ownership: &Ownership) -> Value {
    let item = |item: &EvidenceItem| {
        json!({
            "method": item.method,
            "who": item.who,
            "owners": links(&item.owners),
            "detail": item.detail,
            "source": item.source,
            "origin": item.origin,
            "standing": item.standing,
        })
    };
    ownership.evidence.iter().map(item).collect()
}

fn change_kind(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::Created => "CREATED",
        ChangeKind::Updated => "UPDATED",
        ChangeKind::Deleted => "DELETED",
    }
}

/// `log_begins` is the oldest position whose commit is kept: of what lies before, each entity has its newest version.
pub(super) fn version(version: &EntityVersion, log_begins: Position) -> Value {
    json!({
        "ref": version.entity.as_str(),
        "position": version.position.0,
        "at": version.at,
        "change": change_kind(version.change),
        "etag": version.hash.to_string(),
        "owners": links(&version.ownership.owners),
        "oldestKept": version.position < log_begins,
    })
}

pub(super) fn findings(page: &FindingsPage, has_previous: bool) -> Value {
    json!({
        "totalCount": page.total,
        "nodes": page.items.iter().map(finding).collect::<Vec<_>>(),
        "pageInfo": {
            "hasNextPage": page.has_next,
            "hasPreviousPage": has_previous,
            "startCursor": page.items.first().map(|item| &item.id),
            "endCursor": page.items.last().map(|item| &item.id),
        },
    })
}

fn finding(row: &FindingRow) -> Value {
    let finding = &row.finding;
    json!({
        "id": row.id,
        "code": finding.code,
        "severity": finding.severity.as_str().to_uppercase(),
        "message": finding.message,
        "source": row.source,
        "scope": row.scope,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "ref": finding.entity,
        "firstSeen": row.first_seen,
    })
}

/// A run in the words of the API.
pub fn run(run: &RunRecord) -> Value {
    let counts = &run.counts;
    json!({
        "id": run.id,
        "source": run.source,
        "sourceType": run.source_type,
        "cause": run.cause,
        "status": run.status.as_str().to_uppercase(),
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "position": run.position,
        "counts": {
            "scopesOpened": counts.scopes_opened,
            "scopesProved": counts.scopes_proved,
            "scopesUnchanged": counts.scopes_unchanged,
            "claimsDelivered": counts.claims_delivered,
            "claimsChanged": counts.claims_changed,
            "claimsRemoved": counts.claims_removed,
            "claimsPending": counts.claims_pending,
            "entitiesChanged": counts.entities_changed,
            "events": counts.events,
            "findings": counts.findings,
            "commits": counts.commits,
        },
        "error": run.error,
        "telemetry": run.telemetry,
    })
}

/// A run that the ledger does not know yet.
pub(super) fn young_run(id: &str, source: &str, status: &str) -> Value {
    json!({ "id": id, "source": source, "status": status })
}

/// What the scheduler and the store know of one source, put together.
pub(super) fn source(id: &str, status: Option<&SourceStatus>, summary: Option<&SourceSummary>) -> Value {
    json!({
        "id": id,
        "type": status.map(|status| &status.source_type).or(summary.map(|summary| &summary.source_type)),
        "schedule": status.and_then(|status| status.schedule.as_ref()),
        "timeZone": status.and_then(|status| status.time_zone.as_ref()),
        "nextRunAt": status.and_then(|status| status.next_run_at),
        "running": status.and_then(|status| status.running.as_ref()),
        "queued": status.and_then(|status| status.queued.as_ref()),
        "failures": status.map_or(0, |status| status.failures),
        "scopes": summary.map_or(0, |summary| summary.scopes as u64),
        "claims": summary.map_or(0, |summary| summary.claims),
        "retired": status.is_none(),
        "lastRun": summary.and_then(|summary| summary.last_run.as_ref()).map(run),
    })
}

pub(super) fn pending_sweep(sweep: &SweepView) -> Value {
    json!({
        "id": sweep.id,
        "source": sweep.source,
        "scope": sweep.scope,
        "state": sweep.state,
        "reason": sweep.reason,
        "run": sweep.run,
        "provedAt": sweep.proved_at,
        "claims": sweep.claims,
        "heldInScope": sweep.held_in_scope,
        "entities": links(&sweep.entities),
        "retires": sweep.retires,
    })
}

pub(super) fn applied_sweep(sweep: &AppliedSweep) -> Value {
    json!({ "id": sweep.id, "at": sweep.at, "by": sweep.by, "removed": sweep.removed })
}

pub(super) fn sweep_result(decision: &SweepDecision) -> Value {
    json!({ "claims": decision.claims, "appliedId": decision.applied_id, "position": decision.position })
}

pub(super) fn change(row: &ChangeRow) -> Value {
    let cause = match row.cause {
        CommitCause::Ingest => "INGEST",
        CommitCause::Sweep => "SWEEP",
        CommitCause::Rules => "RULES",
        CommitCause::Operator => "OPERATOR",
    };
    json!({
        "position": row.position,
        "ordinal": row.ordinal,
        "at": row.at,
        "cause": cause,
        "source": row.source,
        "run": row.run,
        "ref": row.entity,
        "change": change_kind(row.change),
        "target": link(&row.entity),
    })
}

pub(super) fn explanation(explanation: &Explanation) -> Value {
    let fields = explanation.fields.iter().map(|field| {
        json!({
            "path": field.path,
            "value": field.value,
            "winner": field.winner.as_ref().map(say),
            "losers": field.losers.iter().map(say).collect::<Vec<_>>(),
            "contributors": field.contributors.iter().map(say).collect::<Vec<_>>(),
        })
    });
    json!({ "ref": explanation.entity, "fields": fields.collect::<Vec<_>>() })
}

fn say(say: &Say) -> Value {
    json!({
        "source": say.source,
        "scope": say.scope,
        "path": say.origin.path,
        "line": say.origin.line,
        "url": say.origin.url,
        "version": say.origin.version,
        "assertion": say.assertion,
        "requestedAt": say.requested_at,
        "since": say.since,
        "stale": say.stale,
        "value": say.value,
        "reason": say.reason,
    })
}
