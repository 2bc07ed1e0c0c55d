//! Cursors and documents as they come from outside, for fuzz targets and their replay.

use async_graphql::Variables;
use bailiwick_catalog::graph::select::{Order, PageCursor};

use super::{filter, guard};
use crate::error::ApiError;

/// Reads a cursor of a list in this order, and what it is written as.
pub fn cursor(order: &[Order], text: &str) -> Result<(PageCursor, String), ApiError> {
    let cursor = filter::decode_cursor(order, text)?;
    let written = filter::encode_cursor(order, cursor.clone());
    Ok((cursor, written))
}

/// Direction, relation and target of an edge.
type EdgeCursor = (bool, String, String);

/// Reads a cursor of an entity's relations, and what it is written as.
pub fn edge_cursor(text: &str) -> Result<(EdgeCursor, String), ApiError> {
    let cursor: EdgeCursor = filter::decode(text)?;
    let written = filter::encode(&cursor);
    Ok((cursor, written))
}

/// What the guard says of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardVerdict {
    /// Refused, by a limit or for what it says.
    Refused(String),
    /// No GraphQL.
    Malformed,
    /// It may run and has this complexity.
    Accepted(u64),
}

/// Guards a document as a request does, before anything of it is validated or run.
pub fn guard(document: &str, operation: Option<&str>) -> GuardVerdict {
    let refused = |error: ApiError| GuardVerdict::Refused(error.to_string());
    if let Err(error) = guard::check_text(document) {
        return refused(error);
    }
    let Ok(parsed) = async_graphql::parser::parse_query(document) else {
        return GuardVerdict::Malformed;
    };
    match guard::check_document(&parsed, operation, &Variables::default()) {
        Ok(verdict) => GuardVerdict::Accepted(verdict.complexity),
        Err(error) => refused(error),
    }
}
