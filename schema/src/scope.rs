//! Scopes: the parts of a source that succeed or fail on their own, and what proves that one was seen whole.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ContentHash;

/// The name of a scope within its source, stable from run to run, such as `repository:github.com/acme/pay`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeId(Arc<str>);

impl ScopeId {
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(id.as_ref().into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A scope to be opened, with the scope that lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub id: ScopeId,
    /// The listing whose proof alone may retire this scope; nothing for the outermost.
    pub parent: Option<ScopeId>,
}

impl Scope {
    /// An outermost scope; a list of repositories, say, which names its members with [`crate::Delivery::Member`].
    pub fn root(id: impl AsRef<str>) -> Self {
        Self {
            id: ScopeId::new(id),
            parent: None,
        }
    }

    pub fn below(parent: &ScopeId, id: impl AsRef<str>) -> Self {
        Self {
            id: ScopeId::new(id),
            parent: Some(parent.clone()),
        }
    }
}

/// Where reading a scope stood. Equal cursors mean: nothing to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Opaque to the engine.
    pub value: String,
    /// Hash of the options and the mapping version under which it was read; another hash means a full read.
    pub options: ContentHash,
}

/// Why a scope counts as seen whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The answer named the version that it read: a commit, a resource version, a serial, a content hash. Proves
    /// emptiness too.
    Version(String),
    /// Every page was read up to the terminator, but nothing names a version: empty where there was content stays
    /// open (`empty_unproved`).
    Listing,
}

/// How a scope ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// All of it was delivered; what is held and was neither delivered nor unreadable is missing.
    Complete { proof: Proof, cursor: Option<Cursor> },
    /// The last proved cursor still holds: everything counts as confirmed.
    Unchanged,
    /// Proved from the last proved cursor `base`: what is not mentioned counts as confirmed; only what was named
    /// gone, or belongs to an origin that was read again and not delivered, is missing.
    Delta { base: Cursor, proof: Proof, cursor: Cursor },
    /// Seen in part; nothing is removed and the cursor stays.
    Partial,
}
