//! GraphQL and REST over the catalog: view types, status codes, limits and who may ask.
//!
//! This crate reads the catalog through its facade and reaches running sources through the `Control` port; it knows
//! neither how a claim is stored nor how a source works.

pub mod auth;
mod catalog;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod graphql;
pub mod limits;
mod metrics;
mod rest;
mod state;
#[cfg(test)]
mod testing;

pub use auth::{AuthConfig, AuthError, TokenHash, check_bind, token};
pub use error::{ApiError, Code};
pub use graphql::{run_view, sdl};
pub use limits::LIMITS;
pub use rest::{openapi, router};
pub use state::{ApiParts, AppState, Readiness, StartError};

/// Name, type, help and labels of every metric, as it is checked in.
pub fn metric_names() -> String {
    metrics::Metrics::documented()
}
