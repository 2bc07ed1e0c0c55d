//! YAML as descriptors are written in it: a stream of documents, each a tree whose nodes and keys know their place.
//!
//! The reading is that of the npm package `yaml` 2.9 (`parseAllDocuments` with its defaults, then `toJSON`), which is
//! what Backstage reads descriptors with: YAML 1.2 core schema (`no` and `2020-01-01` are strings, `0o7` is seven),
//! `<<` is a key like any other, equal keys are an error, keys that are no strings become strings as they do in
//! JavaScript. Events come from `saphyr-parser`; `lint`, `repair` and `split` hold what it reads
//! otherwise.
//!
//! Invariants: a document stands alone, so an error in one leaves the others as they are; every position lies inside
//! the text; nothing panics, and nothing grows beyond [`Limits`], whatever the bytes are.
//!
//! This module knows nothing of descriptors: see [`crate::descriptor`]. What it reads otherwise than `yaml` does stands
//! in `docs/guides/backstage-differences.md`.

mod alias;
mod json;
mod keys;
mod lint;
mod load;
mod node;
mod repair;
mod scalar;
mod split;
mod tag;
#[cfg(test)]
mod tests;

pub use node::{Entry, Node, NodeValue};

/// Longest document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Deepest nesting of collections in a document, in levels.
pub const DEPTH_MAX: usize = 64;
/// Most nodes (keys and values) in a document with its aliases written out.
pub const NODES_MAX: usize = 250_000;
/// Most documents in one text.
pub const DOCUMENTS_MAX: usize = 10_000;
/// Largest product of the uses of one anchor and the aliases below it: `maxAliasCount` of the package `yaml`.
pub const ALIAS_WEIGHT_MAX: u64 = 100;

/// The bounds of one reading. The defaults are the constants of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one document.
    pub document_bytes_max: usize,
    /// Levels of nested collections.
    pub depth_max: usize,
    /// Keys and values of one document, aliases written out.
    pub nodes_max: usize,
    /// Documents of one text.
    pub documents_max: usize,
    /// Uses of one anchor times the aliases below it.
    pub alias_weight_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes_max: DOCUMENT_BYTES_MAX,
            depth_max: DEPTH_MAX,
            nodes_max: NODES_MAX,
            documents_max: DOCUMENTS_MAX,
            alias_weight_max: ALIAS_WEIGHT_MAX,
        }
    }
}

/// The limits of this module for the table of the whole program.
pub const LIMITS: &[crate::Limit] = &[
    crate::Limit {
        name: "yaml_document_bytes_max",
        value: DOCUMENT_BYTES_MAX as u64,
        unit: "bytes",
        effect: "the document is refused",
    },
    crate::Limit {
        name: "yaml_depth_max",
        value: DEPTH_MAX as u64,
        unit: "levels",
        effect: "the document is refused",
    },
    crate::Limit {
        name: "yaml_nodes_max",
        value: NODES_MAX as u64,
        unit: "nodes",
        effect: "the document is refused",
    },
    crate::Limit {
        name: "yaml_documents_max",
        value: DOCUMENTS_MAX as u64,
        unit: "documents",
        effect: "the rest of the text is refused",
    },
    crate::Limit {
        name: "yaml_alias_weight_max",
        value: ALIAS_WEIGHT_MAX,
        unit: "uses",
        effect: "the document is refused",
    },
];

/// A place in a text; both numbers count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl Position {
    /// The very start of a text.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// First and last line of a document, counted from 1, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRange {
    pub first: u32,
    pub last: u32,
}

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}", position.line, position.column)]
pub struct YamlError {
    /// Stable snake-case code.
    pub code: &'static str,
    pub message: String,
    pub position: Position,
}

impl YamlError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, position: Position) -> Self {
        Self {
            code,
            message: message.into(),
            position,
        }
    }
}

/// One document of a text.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it stands; a leading `---` line belongs to it.
    pub lines: LineRange,
    /// Its root, a null for an empty document, or the one error that it is refused for.
    pub root: Result<Node, YamlError>,
}

/// Reads every document of `text`, in order. A text without any document (empty, comments only) gives none.
///
/// Bytes that are no UTF-8 and NUL bytes are an error of the document that they stand in.
pub fn parse_documents(text: impl AsRef<[u8]>, limits: &Limits) -> Vec<Document> {
    let text = text.as_ref();
    if let Some(document) = json::parse(text, limits) {
        return vec![document];
    }
    split::split(text, limits)
        .into_iter()
        .map(|segment| segment.load(limits))
        .collect()
}
