//! GraphQL over HTTP.
//!
//! Source: GraphQL over HTTP, stage 2 draft: a client that accepts `application/graphql-response+json` gets it, with a
//! status of 4xx for what was refused before it ran; others get `application/json` and 200.

use async_graphql::ParseRequestError;
use async_graphql_axum::GraphQLRequest;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bailiwick_schema::{Position, Viewer};

use super::{require_json, viewer};
use crate::error::ApiError;
use crate::graphql::{Method, answer_directly, execute};
use crate::limits::{BODY_BYTES_MAX, REQUEST_TIMEOUT};
use crate::state::AppState;

/// Header under which a client names the position that it must see.
const AT_LEAST_HEADER: &str = "bailiwick-at-least";

/// Why a body is no GraphQL request.
struct Rejected(ApiError);

impl From<ParseRequestError> for Rejected {
    fn from(error: ParseRequestError) -> Self {
        let message = match error {
            ParseRequestError::UnsupportedBatch => "batches are not taken; send one request at a time".to_owned(),
            ParseRequestError::InvalidRequest(error) => format!("the body is no GraphQL request: {error}"),
            ParseRequestError::Io(error) => format!("the request cannot be read: {error}"),
            _ => "the body is no GraphQL request".to_owned(),
        };
        Self(ApiError::bad_request(message))
    }
}

impl IntoResponse for Rejected {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

pub(super) async fn get(State(app): State<AppState>, request: Request) -> Response {
    answer(app, request, Method::Get)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

pub(super) async fn post(State(app): State<AppState>, request: Request) -> Response {
    answer(app, request, Method::Post)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn answer(app: AppState, request: Request, method: Method) -> Result<Response, ApiError> {
    let viewer: Viewer = viewer(&app, request.headers())?;
    if method == Method::Post {
        require_json(request.headers())?;
    }
    let at_least = at_least(request.headers())?;
    let modern = accepts_graphql_response(request.headers());
    let work = async {
        let (parts, bytes) = read_body(request).await?;
        let plain = method == Method::Post && at_least.is_none() && parts.uri.query().is_none();
        if plain && let Some(answer) = answer_directly(&app, &viewer, &bytes).await {
            return Ok((StatusCode::OK, answer));
        }
        let request = read(Request::from_parts(parts, Body::from(bytes))).await?;
        let answer = execute(&app, viewer, request, at_least, method).await;
        let status = match &answer.refused {
            Some(error) => error.status(),
            None if modern && !answer.ran() => StatusCode::BAD_REQUEST,
            None => StatusCode::OK,
        };
        Ok::<_, ApiError>((status, answer.to_json()))
    };
    let (status, answer) = match tokio::time::timeout(REQUEST_TIMEOUT, work).await {
        Ok(answer) => answer?,
        Err(_) => {
            let secs = REQUEST_TIMEOUT.as_secs();
            return Err(
                ApiError::limit("request_timeout_secs", format!("the request took longer than {secs} s"))
                    .with_status(StatusCode::SERVICE_UNAVAILABLE),
            );
        }
    };
    let content_type = if modern {
        "application/graphql-response+json"
    } else {
        "application/json"
    };
    Ok((status, [(header::CONTENT_TYPE, content_type)], Body::from(answer)).into_response())
}

/// Reads the body within its limit.
async fn read_body(request: Request) -> Result<(Parts, Bytes), ApiError> {
    let (parts, body) = request.into_parts();
    let too_large = || {
        ApiError::limit(
            "body_bytes_max",
            format!("the body is longer than {BODY_BYTES_MAX} bytes"),
        )
        .with_status(StatusCode::PAYLOAD_TOO_LARGE)
    };
    let declared = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let bytes = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| too_large())?;
    Ok((parts, bytes))
}

/// Reads the GraphQL request out of a request whose body is in memory.
async fn read(request: Request) -> Result<async_graphql::Request, ApiError> {
    let uri = (request.method() == axum::http::Method::GET).then(|| request.uri().clone());
    let request = GraphQLRequest::<Rejected>::from_request(request, &())
        .await
        .map_err(|rejected| rejected.0)?;
    let mut request = request.into_inner();
    // The extractor of 7.2.1 knows this parameter of GET by another name than the specification.
    if let Some(Ok(Query(parameters))) = uri.map(|uri| Query::<GetParameters>::try_from_uri(&uri))
        && parameters.operation_name.is_some()
    {
        request.operation_name = parameters.operation_name;
    }
    Ok(request)
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetParameters {
    operation_name: Option<String>,
}

fn at_least(headers: &HeaderMap) -> Result<Option<Position>, ApiError> {
    let Some(value) = headers.get(AT_LEAST_HEADER) else {
        return Ok(None);
    };
    let position = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .map(Position);
    position
        .map(Some)
        .ok_or_else(|| ApiError::bad_request(format!("the header {AT_LEAST_HEADER} must be a position")))
}

fn accepts_graphql_response(headers: &HeaderMap) -> bool {
    let mut accepted = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("application/graphql-response+json"))
}
