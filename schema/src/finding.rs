//! Findings: problems in the data, stored with what they concern and shown to whoever can fix them.
//!
//! A finding is no error of ours: the world is imperfect and the run goes on. Codes are stable; messages are for
//! people and name what, where and what to do.

use serde::{Deserialize, Serialize};

use crate::EntityRef;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is missing because of it.
    Info,
    /// Something could not be used as written.
    Warning,
    /// Something that should be in the catalog is not, or may be stale.
    Error,
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Longest message of a finding, in bytes; longer ones are cut at a character.
pub const MESSAGE_BYTES_MAX: usize = 2_000;

/// One finding. Source and scope are added by the engine when a source emits it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// Stable snake-case code, such as `duplicate_ref`.
    pub code: String,
    pub severity: Severity,
    pub message: String,
    /// File within the scope, as its source names it.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1, in characters.
    pub column: Option<u32>,
    pub entity: Option<EntityRef>,
}

impl Finding {
    pub fn new(code: &str, severity: Severity, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            let cut = message.floor_char_boundary(MESSAGE_BYTES_MAX - '…'.len_utf8());
            message.truncate(cut);
            message.push('…');
        }
        Self {
            code: code.to_owned(),
            severity,
            message,
            file: None,
            line: None,
            column: None,
            entity: None,
        }
    }

    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: Option<u32>, column: Option<u32>) -> Self {
        self.file = Some(file.into());
        self.line = line;
        self.column = column;
        self
    }

    #[must_use]
    pub fn about(mut self, entity: EntityRef) -> Self {
        self.entity = Some(entity);
        self
    }
}
