//! Fields at the root of queries that read the books: changes, findings, sources, runs and sweeps.

use async_graphql::Value;
use async_graphql::dynamic::{FieldFuture, ResolverContext};
use bailiwick_schema::{EntityRef, Position, RunId, Severity, SourceId};
use serde_json::json;

use super::build::{Plain, json as as_json, later};
use super::context::{blocking, cx};
use super::filter::{page_size, parse_ref};
use super::query::{argument, text_argument};
use super::view;
use crate::catalog::{ChangesQuery, FindingsQuery};
use crate::error::ApiError;

pub(super) fn changes(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let (after, before) = (position_argument(&ctx, "after"), position_argument(&ctx, "before"));
    let (entity, first) = (text_argument(&ctx, "ref"), argument(&ctx, "first"));
    later(async move {
        let entity = entity.map(|entity| parse_ref(&entity)).transpose()?;
        let query = ChangesQuery {
            after,
            before,
            entity,
            limit: page_size(first.as_ref())?,
        };
        let (rows, begins) = blocking(cx, move |cx| {
            let rows = cx.catalog().changes(&cx.viewer, &query)?;
            Ok((rows, cx.catalog().log_begins()?))
        })
        .await?;
        Ok(as_json(json!({
            "nodes": rows.iter().map(view::change).collect::<Vec<_>>(),
            "logBegins": begins.0,
        })))
    })
}

pub(super) const FINDING_FILTER: &[Plain] = &[
    ("code", "String", "The code."),
    ("severity", "Severity", "The severity."),
    ("source", "String", "The source."),
    ("scope", "String", "The scope."),
    ("ref", "String", "The entity."),
    ("file", "String", "The file."),
];

pub(super) fn findings(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let (wanted, first, after) = (
        argument(&ctx, "filter"),
        argument(&ctx, "first"),
        text_argument(&ctx, "after"),
    );
    later(async move {
        let query = findings_query(wanted.as_ref(), first.as_ref(), after)?;
        let has_previous = query.after.is_some();
        let page = blocking(cx, move |cx| Ok(cx.catalog().findings(&cx.viewer, &query)?)).await?;
        Ok(as_json(view::findings(&page, has_previous)))
    })
}

fn findings_query(
    wanted: Option<&Value>,
    first: Option<&Value>,
    after: Option<String>,
) -> Result<FindingsQuery, ApiError> {
    let get = |name: &str| match wanted {
        Some(Value::Object(map)) => match map.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Enum(name)) => Some(name.to_string()),
            _ => None,
        },
        _ => None,
    };
    let severity = get("severity").map(|severity| match severity.as_str() {
        "ERROR" => Severity::Error,
        "WARNING" => Severity::Warning,
        _ => Severity::Info,
    });
    let entity: Option<EntityRef> = get("ref").map(|entity| parse_ref(&entity)).transpose()?;
    Ok(FindingsQuery {
        code: get("code"),
        severity,
        source: get("source"),
        scope: get("scope"),
        entity,
        file: get("file"),
        after,
        first: page_size(first)?,
    })
}

fn parse_source(source: &str) -> Result<SourceId, ApiError> {
    SourceId::parse(source).map_err(|error| ApiError::bad_request(error.to_string()))
}

pub(super) fn sources(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    later(async move {
        let summaries = blocking(cx, |cx| Ok(cx.catalog().sources(&cx.viewer)?)).await?;
        let configured = cx.app.control().sources().await;
        let mut ids: Vec<&SourceId> = summaries
            .iter()
            .map(|one| &one.id)
            .chain(configured.iter().map(|one| &one.id))
            .collect();
        ids.sort();
        ids.dedup();
        let values = ids.into_iter().map(|id| {
            let status = configured.iter().find(|one| one.id == *id);
            let summary = summaries.iter().find(|one| one.id == *id);
            view::source(id.as_str(), status, summary)
        });
        Ok(as_json(values.collect()))
    })
}

pub(super) fn runs(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let (source, first) = (text_argument(&ctx, "source"), argument(&ctx, "first"));
    later(async move {
        let source = source.map(|source| parse_source(&source)).transpose()?;
        let first = page_size(first.as_ref())?;
        let runs = blocking(cx, move |cx| {
            Ok(cx.catalog().runs(&cx.viewer, source.as_ref(), first)?)
        })
        .await?;
        Ok(as_json(
            json!({ "nodes": runs.iter().map(view::run).collect::<Vec<_>>() }),
        ))
    })
}

pub(super) fn run(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let id = RunId::new(text_argument(&ctx, "id").unwrap_or_default());
    later(async move {
        let known = |id: RunId| blocking(cx, move |cx| Ok(cx.catalog().run(&cx.viewer, &id)?));
        if let Some(run) = known(id.clone()).await? {
            return Ok(as_json(view::run(&run)));
        }
        // Between being asked for and its first row in the ledger, a run is known to the scheduler only.
        let configured = cx.app.control().sources().await;
        for source in &configured {
            let status = match (&source.queued, &source.running) {
                (Some(queued), _) if *queued == id => "QUEUED",
                (_, Some(running)) if *running == id => "RUNNING",
                _ => continue,
            };
            return Ok(as_json(view::young_run(id.as_str(), source.id.as_str(), status)));
        }
        if cx.app.control().is_queued(&id).await {
            let source = id.as_str().rsplit_once('-').map_or("", |(source, _)| source);
            return Ok(as_json(view::young_run(id.as_str(), source, "QUEUED")));
        }
        // It may have begun between the two questions.
        Ok(known(id).await?.and_then(|run| as_json(view::run(&run))))
    })
}

pub(super) fn pending_sweeps(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let all = matches!(argument(&ctx, "all"), Some(Value::Boolean(true)));
    later(async move {
        let sweeps = blocking(cx, move |cx| Ok(cx.catalog().pending_sweeps(&cx.viewer, all)?)).await?;
        Ok(as_json(sweeps.iter().map(view::pending_sweep).collect()))
    })
}

pub(super) fn applied_sweeps(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    later(async move {
        let sweeps = blocking(cx, |cx| Ok(cx.catalog().applied_sweeps(&cx.viewer)?)).await?;
        Ok(as_json(sweeps.iter().map(view::applied_sweep).collect()))
    })
}

fn position_argument(ctx: &ResolverContext<'_>, name: &str) -> Option<Position> {
    match argument(ctx, name) {
        Some(Value::Number(number)) => number.as_u64().map(Position),
        _ => None,
    }
}
