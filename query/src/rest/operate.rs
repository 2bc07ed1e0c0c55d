//! What operators and their machines ask for: health, readiness, metrics, version, verification.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bailiwick_schema::Viewer;
use serde_json::json;

use super::{json_response, require_json, unavailable, viewer};
use crate::catalog::{Filter, VerifyReport};
use crate::error::{ApiError, Code};
use crate::graphql::run_blocking;
use crate::limits::POSITION_TIMEOUT;
use crate::state::AppState;

/// The version of this program.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The process is there.
pub(super) async fn healthz() -> Response {
    json_response(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// Queries answer, or why they do not.
pub(super) async fn readyz(State(app): State<AppState>) -> Response {
    let mut reasons: Vec<String> = app.readiness().reason().into_iter().collect();
    let status = app.catalog().status();
    if let Some(failed) = &status.failed {
        reasons.push(format!("the engine has stopped: {failed}"));
    }
    if let Some(waiting) = &status.waiting {
        reasons.push(format!("nothing is written, and sources wait: {waiting}"));
    }
    if let Some(failed) = &status.index.failed {
        reasons.push(format!("the search index does not follow: {failed}"));
    } else if !app.catalog().search().is_ready() {
        reasons.push("the search index is being built".to_owned());
    }
    // One query, so that the answer is about queries and not about hopes.
    let snapshot = app.catalog().snapshot();
    let page = snapshot.select(&Viewer::local(), &Filter::everything(), &[], None, 1);
    if page.nodes.is_empty() != snapshot.is_empty() {
        reasons.push("the graph does not answer".to_owned());
    }
    let ready = reasons.is_empty();
    let body = json!({
        "status": if ready { "ready" } else { "not_ready" },
        "reasons": reasons,
        "position": status.position,
        "indexPosition": status.index_position,
        "entities": page.total,
    });
    json_response(
        if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        body.to_string(),
    )
}

pub(super) async fn metrics(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    viewer(&app, &headers)?;
    let text = run_blocking(move || app.metrics().render(app.catalog())).await?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], Body::from(text)).into_response())
}

pub(super) async fn version(State(app): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    viewer(&app, &headers)?;
    let status = app.catalog().status();
    let body = json!({
        "name": "bailiwick",
        "version": VERSION,
        "engine": status.engine,
        "position": status.position,
        "indexPosition": status.index_position,
    });
    Ok(json_response(StatusCode::OK, body.to_string()))
}

/// Rebuilds everything derived and compares it by hash. Takes as long as it takes.
pub(super) async fn verify(State(app): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let viewer = viewer(&app, request.headers())?;
    require_json(request.headers())?;
    if !viewer.operates() {
        return Err(ApiError::new(
            Code::Forbidden,
            "this token may not verify; it needs `operate: true`",
        ));
    }
    let Ok(permit) = app.verifies().clone().try_acquire_owned() else {
        return Err(unavailable("a verification is under way; wait for it (verifies_max)"));
    };
    tracing::info!(who = viewer.name(), "a verification was asked for");
    // The index is compared too, so it has to have caught up.
    app.catalog().wait_for(app.catalog().head(), POSITION_TIMEOUT).await?;
    let report = run_blocking(move || {
        let _permit = permit;
        Ok(app.catalog().verify(app.owner_order(), &|_, _| {})?)
    });
    Ok(json_response(StatusCode::OK, verify_view(&report.await?).to_string()))
}

fn verify_view(report: &VerifyReport) -> serde_json::Value {
    json!({
        "agrees": report.agrees(),
        "position": report.position,
        "entities": report.entities,
        "claims": report.claims,
        "edges": report.edges,
        "documents": report.documents,
        "entitiesHash": report.entities_hash,
        "indexSum": report.index_sum,
        "parts": report.parts.iter().map(|part| json!({
            "part": part.part.as_str(),
            "checked": part.checked,
            "differing": part.differing,
            "rebuilt": part.rebuilt,
            "held": part.held,
        })).collect::<Vec<_>>(),
        "differences": report.differences,
        "furtherDifferences": report.further_differences,
    })
}
