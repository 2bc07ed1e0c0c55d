//! What is remembered of a repository between runs: a small cursor in the catalog, and a state file in the cache.
//!
//! Invariants: the cursor alone decides whether anything has to be read; the state file only makes reading cheaper
//! and counts for nothing unless it belongs to exactly the commit and options of the cursor. It may vanish at any time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bailiwick_schema::{ContentHash, EntityRef, ScopeId};
use serde::{Deserialize, Serialize};

use super::declare::DescriptorIndex;
use super::facts::ContentIndex;
use super::history::History;

/// Raised whenever the state means something else than before.
const STATE_FORMAT: u32 = 2;
/// Longest state file that is read, in bytes.
pub(super) const STATE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The cursor of one repository: everything that its claims depend on, beside the options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RepositoryCursor {
    /// The commit that was read; nothing for a repository without any.
    pub(crate) head: Option<String>,
    pub(crate) branch: Option<String>,
    pub(crate) default_branch: Option<String>,
    /// Hash over names and targets of all tags.
    pub(crate) tags: String,
    pub(crate) shallow: bool,
    /// The repository's own ref, title and remote.
    pub(crate) entity: EntityRef,
    pub(crate) title: String,
    pub(crate) identity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) continues: Option<EntityRef>,
    /// Objects were missing or damaged: they may have been mended, so that the next run reads everything again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) damaged: bool,
}

impl RepositoryCursor {
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a cursor has string keys only")
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether two cursors speak of the same repository under the same name.
    pub(crate) fn same_entity(&self, other: &Self) -> bool {
        (&self.entity, &self.title, &self.identity) == (&other.entity, &other.title, &other.identity)
    }
}

/// The cursor of the listing: who its members were.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ListingCursor {
    pub(crate) members: BTreeMap<ScopeId, Member>,
}

/// What the listing remembers of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) entity: EntityRef,
    /// Where its head stood when it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<String>,
    /// Whether it held commits when it was last proved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) filled: bool,
}

impl ListingCursor {
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a cursor has string keys only")
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// What a changed head is compared with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    format: u32,
    options: ContentHash,
    pub(crate) head: String,
    /// The root tree of the head.
    pub(crate) tree: String,
    pub(crate) content: ContentIndex,
    pub(crate) descriptors: DescriptorIndex,
    pub(crate) history: Option<History>,
}

impl State {
    pub(crate) fn new(
        options: ContentHash,
        (head, tree): (String, String),
        content: ContentIndex,
        descriptors: DescriptorIndex,
        history: Option<History>,
    ) -> Self {
        Self {
            format: STATE_FORMAT,
            options,
            head,
            tree,
            content,
            descriptors,
            history,
        }
    }

    /// Whether the state was taken under these options.
    pub(crate) fn is_of(&self, options: ContentHash) -> bool {
        self.options == options
    }
}

/// The file that keeps the state of one scope.
pub(crate) fn state_path(cache_dir: &Path, scope: &ScopeId) -> PathBuf {
    cache_dir
        .join("states")
        .join(format!("{}.json", ContentHash::of(scope.as_str().as_bytes())))
}

/// Reads a state; nothing if there is none that can be used.
pub(crate) fn load(path: &Path) -> Option<State> {
    if path.metadata().ok()?.len() > STATE_BYTES_MAX {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let state: State = serde_json::from_slice(&bytes).ok()?;
    (state.format == STATE_FORMAT).then_some(state)
}

/// Writes a state so that a reader sees the old or the new one whole.
pub(crate) fn save(path: &Path, state: &State) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let written = path.with_extension("new");
    let bytes = serde_json::to_vec(state).map_err(std::io::Error::other)?;
    std::fs::write(&written, bytes)?;
    std::fs::rename(&written, path)
}
