//! Descriptor files in a tree of files, whatever the tree is: a commit's, or folders on disk.
//!
//! Adds to the judgement of single documents (`bailiwick_schema::descriptor`) what needs other files: placeholders are
//! read, Location targets are found, skeletons of templates are told from descriptors. Everything is read through a
//! [`Tree`], which never hands out what lies outside of it.
//!
//! It emits nothing and keeps no state: whoever walks the tree decides what becomes of the items.

mod judge;
mod location;
mod path;
mod placeholder;
mod skeleton;
#[cfg(test)]
mod tests;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::yaml::Limits;
use bailiwick_schema::{ContentHash, EntityRef, Finding, Limit};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use judge::{finding_of, judge, judge_text};
pub use location::{Edge, Resolved, cycles, resolve_targets};
pub use path::{is_url, resolve_relative};
pub use skeleton::{in_skeleton, skeleton_finding};

/// Most bytes that the placeholders of one document may read together.
pub const PLACEHOLDER_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Most placeholders that are read for one document.
pub const PLACEHOLDERS_MAX: usize = 1_000;

/// Most files that the targets of one Location may name, patterns written out.
pub const LOCATION_FILES_MAX: usize = 10_000;

/// The limits of this module for the program's table.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "placeholder_bytes_max",
        value: PLACEHOLDER_BYTES_MAX,
        unit: "bytes",
        effect: "further placeholders of the document stay as they are written",
    },
    Limit {
        name: "placeholders_max",
        value: PLACEHOLDERS_MAX as u64,
        unit: "placeholders",
        effect: "further placeholders of the document stay as they are written",
    },
    Limit {
        name: "location_files_max",
        value: LOCATION_FILES_MAX as u64,
        unit: "files",
        effect: "further targets of the Location are not read",
    },
];

/// Files to read. Paths are texts with `/` between their parts, as the tree itself names them.
pub trait Tree {
    /// The path that `target` means when it is written in the file `from`; nothing if it leads out of the tree.
    fn resolve(&self, from: &str, target: &str) -> Option<String> {
        resolve_relative(from, target)
    }

    /// The whole file at a path.
    ///
    /// Links are followed within the tree only. Errors: [`TreeError`]; a file of more than `bytes_max` bytes is
    /// refused and not cut.
    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, TreeError>;

    /// The files below `folder` whose path from there matches a pattern (`*`, `?`, `[…]`, `{…}`, `**`), sorted; none,
    /// or no such folder, is no error.
    fn glob(&self, folder: &str, pattern: &str) -> Result<Vec<String>, TreeError>;

    /// Whether there is a file at a path.
    fn is_file(&self, path: &str) -> Result<bool, TreeError>;

    /// A path as people know it.
    fn shown(&self, path: &str) -> String {
        path.to_owned()
    }
}

/// Why a file of a tree cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("there is no such file")]
    NotFound,
    #[error("it is no regular file")]
    NotAFile,
    #[error("it lies outside of what this source may read")]
    Outside,
    #[error("it has {bytes} bytes, more than {max}")]
    TooLarge { bytes: u64, max: u64 },
    #[error("the pattern is malformed: {0}")]
    BadPattern(String),
    /// It may be there, and could not be read now.
    #[error("{0}")]
    Unreadable(String),
}

/// What judging needs beside the document.
#[derive(Clone, Copy)]
pub struct Judging<'a> {
    pub tree: &'a dyn Tree,
    pub kinds: &'a KindSet,
    pub limits: &'a Limits,
}

/// What one document gives; one document may give several items.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Entity(Box<EntityItem>),
    /// The document is there and cannot be used: what its file said before stays.
    Unreadable(Finding),
    Finding(Finding),
}

/// A document that declares an entity, its placeholders read.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityItem {
    pub entity_ref: EntityRef,
    /// `apiVersion`, `kind`, `metadata` with its namespace, and `spec`.
    pub entity: Map<String, Value>,
    /// First line of the document in its file, from 1.
    pub line: u32,
    /// Where a Location points.
    pub targets: Vec<LocationTarget>,
    /// Folders (or files) that a Template fills in.
    pub skeletons: Vec<String>,
}

/// Everything that one document gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    pub items: Vec<Item>,
    /// What was read for placeholders: if one of them changes, so may the items.
    pub reads: Vec<FileRead>,
}

/// A file that a placeholder names, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileRead {
    pub path: String,
    /// Hash of the whole content; nothing if it could not be read.
    pub hash: Option<[u8; 16]>,
}

impl FileRead {
    /// The file as it is now.
    pub fn now(tree: &dyn Tree, path: &str) -> Self {
        let content = tree.read(path, PLACEHOLDER_BYTES_MAX).ok();
        Self::of(path, content.as_deref())
    }

    pub(crate) fn of(path: &str, content: Option<&[u8]>) -> Self {
        Self {
            path: path.to_owned(),
            hash: content.map(|bytes| *ContentHash::of(bytes).as_bytes()),
        }
    }
}

/// One target of a Location as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LocationTarget {
    pub target: String,
    pub line: u32,
    pub column: u32,
    /// A missing file is no problem (`presence: optional`).
    #[serde(default)]
    pub optional: bool,
    /// `spec.type` is one that this program does not read.
    #[serde(default)]
    pub foreign: bool,
}
