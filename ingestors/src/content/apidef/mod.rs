//! API definitions: OpenAPI 2 and 3, AsyncAPI 2 and 3, GraphQL SDL, protobuf; recognised and summarised, not validated.
//!
//! A candidate by name that is none of these reads as `None` without a problem; one that claims to be and cannot be read
//! is a problem. References to other files are not followed.

mod document;
mod graphql;
mod protobuf;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::{Names, Problem, Read, text};

/// Largest definition read, in bytes.
pub const APIDEF_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How an API is described; the names that the field uses for `spec.type` of an API entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiFormat {
    /// OpenAPI 3, or Swagger 2.
    Openapi,
    /// AsyncAPI 2 or 3.
    Asyncapi,
    /// GraphQL schema definition language.
    Graphql,
    /// Protobuf; `services` is empty where a file holds messages only.
    Grpc,
}

/// What a definition says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiDefinition {
    /// Path in the repository.
    pub path: String,
    /// Its format.
    pub format: ApiFormat,
    /// Version of the format as written: `3.0.1`, `2.0`, `proto3`, `2023`.
    pub spec_version: Option<String>,
    /// `info.title`, or the protobuf package.
    pub title: Option<String>,
    /// `info.version`.
    pub version: Option<String>,
    /// `info.description` as one clipped line.
    pub description: Option<String>,
    /// OpenAPI `GET /path`, AsyncAPI `send name`, GraphQL `Query.field`, protobuf `Service.Method`.
    pub operations: Names,
    /// Protobuf services, AsyncAPI channels, OpenAPI tags.
    pub services: Names,
    /// Schemas, messages, types.
    pub types: Names,
}

impl ApiDefinition {
    fn new(path: &str, format: ApiFormat) -> Self {
        Self {
            path: path.to_owned(),
            format,
            spec_version: None,
            title: None,
            version: None,
            description: None,
            operations: Names::default(),
            services: Names::default(),
            types: Names::default(),
        }
    }
}

/// Reads the definition at `path`, by extension and by a look at its content.
pub fn parse(path: &str, bytes: &[u8]) -> Read<ApiDefinition> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let result = match extension {
        "yaml" | "yml" | "json" => document::parse(path, extension == "json", bytes),
        "graphql" | "graphqls" | "gql" => decode(bytes).map(|text| graphql::parse(path, text)),
        "proto" => decode(bytes).map(|text| protobuf::parse(path, text)),
        _ => Ok(None),
    };
    match result {
        Ok(found) => (found, Vec::new()),
        Err(problem) => (None, vec![problem]),
    }
}

fn decode(bytes: &[u8]) -> Result<&str, Problem> {
    if bytes.len() > APIDEF_BYTES_MAX {
        return Err(Problem::too_large(bytes.len(), APIDEF_BYTES_MAX));
    }
    text::utf8(bytes)
}
