//! Full-text search: a tantivy index that follows the change log, and the reader over it.
//!
//! Invariants: the index is derived and can be thrown away at any time; its commit payload says which store, position
//! and format it stands for, and any other one is rebuilt, never served. Followed and rebuilt give equal answers,
//! which is why scores are sums of constants and not statistics over whatever segments happen to exist. Bodies are
//! not stored here: a document keeps its entity number, and everything shown comes from snapshot and store.
//! It knows nothing of sources and claims.

mod analysis;
mod best;
mod document;
mod fields;
mod filter;
pub mod follower;
mod highlight;
mod index;
mod limits;
mod paths;
mod query;
mod rank;
mod reader;
mod scalars;
mod tally;
mod text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bailiwick_schema::Position;

pub use document::document_hash;
pub use follower::{Follower, FollowerHandle, FollowerStatus};
pub use index::{Checksum, IndexLocation, SearchIndex, SearchWriter};
pub use limits::LIMITS;
pub use reader::SearchReader;

use crate::graph::filter::Filter;
use crate::graph::select::Bucket;
use crate::graph::{Field, Node};
use crate::store::EntityNo;

/// Reads the canonical JSON of a node's body; nothing where there is none.
pub type BodySource = Arc<dyn Fn(EntityNo, Position) -> Option<Vec<u8>> + Send + Sync>;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    /// As the user typed it. Words are combined by "and"; the last one counts as a beginning unless a space follows;
    /// "quotes" hold words together; `kind:` `owner:` `tag:` `lifecycle:` `namespace:` `type:` narrow. Empty lists
    /// everything by importance.
    pub text: String,
    pub filter: Filter,
    /// Fields whose values are counted over all matches, not only over the page.
    pub facets: Vec<Field>,
    pub first: usize,
    pub offset: usize,
    pub highlight: bool,
}

impl Default for SearchQuery {
    fn default() -> Self {
        Self {
            text: String::new(),
            filter: Filter::everything(),
            facets: Vec::new(),
            first: 20,
            offset: 0,
            highlight: false,
        }
    }
}

/// One page of matches, best first.
#[derive(Debug, Clone)]
pub struct SearchPage {
    /// All matches that the viewer may see.
    pub total: usize,
    pub hits: Vec<Hit>,
    pub facets: Vec<(Field, Vec<Bucket>)>,
    /// What the index had seen.
    pub index_position: Position,
    /// Nothing was found as written, so words that are spelled alike count too.
    pub fuzzy: bool,
}

#[derive(Debug, Clone)]
pub struct Hit {
    pub node: Arc<Node>,
    /// Comparable within one query only.
    pub score: f32,
    pub highlights: Vec<Highlight>,
}

/// A piece of a field with the places that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highlight {
    /// `name`, `title` or `description`.
    pub field: &'static str,
    /// Plain text, never markup.
    pub fragment: String,
    /// Byte offsets into `fragment`, from (included) to (excluded), in order, without overlap.
    pub ranges: Vec<(usize, usize)>,
}

#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("{what} is {actual}, at most {limit} is allowed ({name})")]
    Limit {
        what: &'static str,
        name: &'static str,
        limit: usize,
        actual: usize,
    },
    /// Nearly every value of this path belongs to one entity alone.
    #[error("values of `{path}` have no index; use the name or title filter, or search for their words")]
    NotIndexed { path: String },
    /// The index is being built for the first time, or anew.
    #[error("the search index is being built; ask again in a moment")]
    NotReady,
    /// Another process has the index open for writing.
    #[error("the search index at `{path}` is in use by another process; stop that one first")]
    Locked { path: String },
    /// The folder holds something that is not an index of ours and is not touched.
    #[error("the folder `{path}` of the search index cannot be used: {reason}")]
    Unusable { path: String, reason: String },
    #[error("the search index failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<tantivy::TantivyError> for SearchError {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl From<std::io::Error> for SearchError {
    fn from(error: std::io::Error) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl SearchError {
    /// The error with its causes, on one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}
