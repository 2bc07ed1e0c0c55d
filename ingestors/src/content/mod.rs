//! Pure readers of repository content: bytes (and a path) in, plain values and problems out.
//!
//! Invariants: no IO, no clock, no `async`; nothing here panics on any bytes; every reader is bounded in input size,
//! nesting and list lengths by a named constant. A reader returns what it could read *and* what it could not, so that
//! the caller can turn problems into findings. What these modules do not know: claims, entities, git.
//!
//! [`classify::classify`] says which reader a path belongs to, so that a tree walk asks once per path.

pub mod apidef;
pub mod classify;
pub mod codeowners;
pub mod language;
pub mod licence;
pub mod limits;
pub mod manifest;
pub mod readme;
mod tables;
mod text;
mod tokens;
mod tree;
pub mod workflow;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod hostile_tests;

use serde::Serialize;

/// Longest name kept in any list of names, in characters.
pub const NAME_CHARS_MAX: usize = 256;
/// Most names kept in one list; the count goes on.
pub const NAMES_MAX: usize = 200;
/// Longest description kept, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 500;
/// Most problems reported for one file; one more says that the rest was left out.
pub const PROBLEMS_MAX: usize = 200;

/// Something in a file that could not be read as its format says: what, where and, in the message, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code in snake case.
    pub code: &'static str,
    /// A fragment for people.
    pub message: String,
    /// Line, 1-based, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in characters, 1-based, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl Problem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            line: None,
            column: None,
        }
    }

    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        self.line = u32::try_from(line).ok();
        self.column = u32::try_from(column).ok();
        self
    }

    /// A file above `limit` bytes is not read.
    pub(crate) fn too_large(length: usize, limit: usize) -> Self {
        Self::new(
            "content_too_large",
            format!("has {length} bytes, more than the limit of {limit}: it was not read"),
        )
    }
}

/// What a reader found and what it could not read; both can be there at once, `None` without a problem means "not one of these".
pub type Read<T> = (Option<T>, Vec<Problem>);

/// A bounded list of names with the count of all that were met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Names {
    /// How many there were, kept or not.
    pub count: u32,
    /// The first [`NAMES_MAX`] of them, in file order.
    pub names: Vec<String>,
}

impl Names {
    /// Counts `name` and keeps it while there is room.
    pub(crate) fn push(&mut self, name: &str) {
        self.count = self.count.saturating_add(1);
        if self.names.len() < NAMES_MAX {
            self.names.push(text::clip(name, NAME_CHARS_MAX));
        }
    }

    /// Like [`Names::push`], but a name that is kept already counts once.
    pub(crate) fn push_new(&mut self, name: &str) {
        let clipped = text::clip(name, NAME_CHARS_MAX);
        if !self.names.contains(&clipped) {
            self.push(&clipped);
        }
    }

    /// True when nothing was met.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Collects problems up to [`PROBLEMS_MAX`], then says once that there are more.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    dropped: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.list.len() < PROBLEMS_MAX {
            self.list.push(problem);
        } else {
            self.dropped += 1;
        }
    }

    pub(crate) fn into_vec(mut self) -> Vec<Problem> {
        if self.dropped > 0 {
            let message = format!(
                "{} more problems in this file are not listed (limit {PROBLEMS_MAX})",
                self.dropped
            );
            self.list.push(Problem::new("problems_left_out", message));
        }
        self.list
    }
}
