//! Viewers: on whose behalf something is read or done.
//!
//! Every read, search, count and traversal takes one, and every write passes the same point. Today a viewer either
//! sees everything or nothing; rules by functional group come behind the same methods.

use serde::{Deserialize, Serialize};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    name: String,
    groups: Vec<String>,
    reads: bool,
    operates: bool,
}

impl Viewer {
    /// The person at this machine: a command line on the data directory, or the open API on loopback.
    pub fn local() -> Self {
        Self {
            name: "local".to_owned(),
            groups: Vec::new(),
            reads: true,
            operates: true,
        }
    }

    /// The holder of an API token that belongs to functional groups.
    pub fn token(name: impl Into<String>, groups: Vec<String>, operates: bool) -> Self {
        Self {
            name: name.into(),
            groups,
            reads: true,
            operates,
        }
    }

    /// Somebody who sees nothing; for tests of every reader.
    pub fn nobody() -> Self {
        Self {
            name: "nobody".to_owned(),
            groups: Vec::new(),
            reads: false,
            operates: false,
        }
    }

    /// For the audit log.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Whether the entity of this kind and namespace may be seen.
    pub fn sees(&self, _kind: &str, _namespace: &str) -> bool {
        self.reads
    }

    /// Whether anything at all may be read; lets a reader return early.
    pub fn reads_anything(&self) -> bool {
        self.reads
    }

    /// Whether all of it may be read; lets a reader count without looking at each entity.
    pub fn reads_everything(&self) -> bool {
        self.reads
    }

    /// Whether sources may be started and sweeps decided.
    pub fn operates(&self) -> bool {
        self.operates
    }
}
