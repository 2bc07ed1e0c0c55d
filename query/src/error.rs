//! What callers are told when something goes wrong: a small set of codes, mapped here and nowhere else.
//!
//! Messages name what, where and what to do; they hold nothing of the inside. The inside goes to the log.

use std::fmt;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::catalog::{CatalogError, SearchError};

/// What a caller can tell apart, as `extensions.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    BadRequest,
    NotFound,
    Forbidden,
    Unauthenticated,
    LimitExceeded,
    PositionTimeout,
    PositionTrimmed,
    Unavailable,
    Internal,
}

impl Code {
    pub const ALL: [Self; 9] = [
        Self::BadRequest,
        Self::NotFound,
        Self::Forbidden,
        Self::Unauthenticated,
        Self::LimitExceeded,
        Self::PositionTimeout,
        Self::PositionTrimmed,
        Self::Unavailable,
        Self::Internal,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::NotFound => "NOT_FOUND",
            Self::Forbidden => "FORBIDDEN",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::PositionTimeout => "POSITION_TIMEOUT",
            Self::PositionTrimmed => "POSITION_TRIMMED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::LimitExceeded => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::PositionTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::PositionTrimmed => StatusCode::GONE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// An error as the API tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub code: Code,
    pub message: String,
    /// The name of the limit that was hit.
    pub limit: Option<&'static str>,
    status: Option<StatusCode>,
}

impl ApiError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            limit: None,
            status: None,
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// A limit was hit; the message should say what to do.
    pub fn limit(name: &'static str, message: impl fmt::Display) -> Self {
        Self {
            limit: Some(name),
            ..Self::new(Code::LimitExceeded, format!("{message} ({name})"))
        }
    }

    /// Another status than the code's own, where HTTP has a better word.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// Something broke inside: the log gets it all, the caller a fixed sentence.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %chain(error), "a request failed");
        Self::new(
            Code::Internal,
            "an internal error occurred; the log of the server has the details",
        )
    }

    pub fn status(&self) -> StatusCode {
        self.status.unwrap_or(self.code.status())
    }

    /// As an error of a field.
    pub(crate) fn into_graphql(self) -> async_graphql::Error {
        let mut extensions = async_graphql::ErrorExtensionValues::default();
        extensions.set("code", self.code.as_str());
        if let Some(limit) = self.limit {
            extensions.set("limit", limit);
        }
        async_graphql::Error {
            message: self.message,
            source: None,
            extensions: Some(extensions),
        }
    }

    /// The one JSON form of errors, that of GraphQL.
    pub fn body(&self) -> serde_json::Value {
        let mut extensions = json!({ "code": self.code.as_str() });
        if let Some(limit) = self.limit {
            extensions["limit"] = limit.into();
        }
        json!({ "errors": [{ "message": self.message, "extensions": extensions }] })
    }
}

/// An error with all its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = self.body().to_string();
        let mut response = (self.status(), [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if self.code == Code::Unauthenticated {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotAllowed { .. } => Self::new(Code::Forbidden, error.to_string()),
            CatalogError::NotFound { .. } => Self::not_found(error.to_string()),
            CatalogError::PositionTimeout { wanted, actual } => Self::new(
                Code::PositionTimeout,
                format!("position {wanted} was not reached in time, the catalog stands at {actual}; ask again"),
            ),
            CatalogError::Trimmed { .. } => Self::new(Code::PositionTrimmed, error.to_string()),
            CatalogError::Invalid(message) => Self::bad_request(message),
            CatalogError::Stopped(reason) => {
                tracing::warn!(reason, "the engine has stopped");
                Self::new(
                    Code::Unavailable,
                    "the catalog is not taking requests now; /readyz says why",
                )
            }
            CatalogError::Store(error) => Self::internal(&error),
        }
    }
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        match &error {
            SearchError::Limit { name, .. } => Self {
                limit: Some(*name),
                ..Self::new(Code::LimitExceeded, error.to_string())
            },
            SearchError::NotIndexed { .. } => Self::new(Code::BadRequest, error.to_string()),
            SearchError::NotReady => Self::new(Code::Unavailable, error.to_string()),
            _ => Self::internal(&error),
        }
    }
}
