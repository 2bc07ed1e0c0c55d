//! What a run must remember of a file to leave it unread the next time: the value of its cursor.

use bailiwick_schema::ContentHash;
use serde::{Deserialize, Serialize};

use super::limits::CURSOR_NOTES_MAX;
use super::tree::FsTree;
use crate::descriptors::{FileRead, LocationTarget};

/// The hash of a file and all that its documents say about other files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    pub(super) hash: String,
    /// A document could not be read, so what it said about other files is unknown.
    #[serde(default)]
    pub(super) unreadable: bool,
    #[serde(default)]
    pub(super) reads: Vec<FileRead>,
    #[serde(default)]
    pub(super) targets: Vec<LocationTarget>,
    #[serde(default)]
    pub(super) skeletons: Vec<String>,
}

impl Notes {
    pub(super) fn from_cursor(value: &str) -> Option<Self> {
        serde_json::from_str(value).ok()
    }

    /// The value of the cursor; nothing if there are too many notes, so that the file is read each time.
    pub(super) fn to_cursor(&self) -> Option<String> {
        let count = self.reads.len() + self.targets.len() + self.skeletons.len();
        if count > CURSOR_NOTES_MAX {
            return None;
        }
        serde_json::to_string(self).ok()
    }

    /// Whether a file of this hash would give the same again.
    pub(super) fn hold(&self, hash: ContentHash, tree: &FsTree) -> bool {
        self.hash == hash.to_string() && self.reads.iter().all(|read| FileRead::now(tree, &read.path) == *read)
    }
}
