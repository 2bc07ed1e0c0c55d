//! `/api/v1/trim`: forgetting what is past its retention at once, for operators.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::{json_response, require_json, viewer};
use crate::error::{ApiError, Code};
use crate::state::AppState;

/// Answers with what was removed. A caller that goes away does not end it.
pub(super) async fn trim(State(app): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let viewer = viewer(&app, request.headers())?;
    require_json(request.headers())?;
    if !viewer.operates() {
        return Err(ApiError::new(
            Code::Forbidden,
            "this token may not trim; it needs `operate: true`",
        ));
    }
    tracing::info!(who = viewer.name(), "a trimming was asked for");
    let trimming = tokio::spawn(async move { app.catalog().trim(&viewer).await });
    let trimmed = trimming.await.map_err(|error| ApiError::internal(&error))??;
    Ok(json_response(StatusCode::OK, json!(trimmed).to_string()))
}
