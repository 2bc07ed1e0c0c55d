//! The HTTP surface: routes, who may use them, and how requests become answers.
//!
//! Every route is in [`routes`], which the router is built from and the OpenAPI file is held against. Host names are
//! checked for all of them, tokens for those that show data.

mod backup;
mod export;
mod graphql;
mod openapi;
mod operate;
mod pages;
#[cfg(test)]
mod tests;
mod trim;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use bailiwick_schema::Viewer;
use tokio::time::Instant;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tracing::Instrument as _;

pub use self::openapi::document as openapi;
use crate::error::{ApiError, Code};
use crate::state::AppState;

/// Smaller answers are not worth compressing.
const COMPRESS_BYTES_MIN: u64 = 8 * 1024;

/// All routes. `/assets` are the files of the GraphiQL page.
fn routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    let mut routes = vec![
        ("/", get(pages::landing)),
        ("/graphql", get(graphql::get).post(graphql::post)),
        ("/graphiql", get(pages::graphiql)),
        ("/healthz", get(operate::healthz)),
        ("/readyz", get(operate::readyz)),
        ("/metrics", get(operate::metrics)),
        ("/api/v1/version", get(operate::version)),
        ("/api/v1/export", get(export::export)),
        ("/api/v1/verify", post(operate::verify)),
        ("/api/v1/trim", post(trim::trim)),
        ("/api/v1/backup", post(backup::backup)),
    ];
    for asset in &pages::ASSETS {
        routes.push((asset.path, get(move || async move { asset.response() })));
    }
    routes
}

/// The whole API as a service.
pub fn router(state: AppState) -> Router {
    let router = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, method)| router.route(path, method));
    router
        .fallback(async || ApiError::not_found("there is nothing at this path; GraphQL is at /graphql"))
        .method_not_allowed_fallback(async || {
            ApiError::bad_request("this path does not take this method").with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .compress_when(SizeAbove::new(COMPRESS_BYTES_MIN)),
        )
        .layer(middleware::from_fn_with_state(state.clone(), watch))
        .with_state(state)
}

/// Runs around every request: refuses foreign host names, counts, and sets the headers that all answers have.
async fn watch(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match app.gate().check_host(request.headers(), request.uri()) {
        Ok(()) => {
            let span = tracing::debug_span!("request", method = %request.method(), path = request.uri().path());
            next.run(request).instrument(span).await
        }
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let took = began.elapsed();
    app.metrics().observe(route, response.status().as_u16(), took);
    tracing::debug!(
        route,
        status = response.status().as_u16(),
        took_us = took.as_micros(),
        "request answered"
    );
    response
}

/// The viewer of a request that must have one.
fn viewer(app: &AppState, headers: &HeaderMap) -> Result<Viewer, ApiError> {
    app.gate().viewer(headers)
}

/// Refuses bodies that a web page of another site could send without asking first.
fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "POST takes `Content-Type: application/json`";
    Err(ApiError::bad_request(message).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

fn json_response(status: StatusCode, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

fn unavailable(message: &str) -> ApiError {
    ApiError::new(Code::Unavailable, message)
}
