//! A problem in a document, and the path that it speaks of.

use std::fmt;

use crate::yaml::{Position, YamlError};

/// One problem of one document. Messages are lower-case fragments that say what is wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable snake-case code.
    pub code: &'static str,
    pub message: String,
    /// From 1; 0 where the value came without a text.
    pub line: u32,
    /// From 1, in characters; 0 where the value came without a text.
    pub column: u32,
    /// Where in the entity, its parts separated by dots (`metadata.tags.0`); empty for the whole.
    pub path: String,
}

impl Problem {
    pub(crate) fn at(code: &'static str, message: impl Into<String>, position: Position, path: String) -> Self {
        Self {
            code,
            message: message.into(),
            line: position.line,
            column: position.column,
            path,
        }
    }

    /// A problem of a value that has no text.
    pub(crate) fn without_place(code: &'static str, message: String, path: String) -> Self {
        Self {
            code,
            message,
            line: 0,
            column: 0,
            path,
        }
    }
}

impl From<YamlError> for Problem {
    fn from(error: YamlError) -> Self {
        Self::at(error.code, error.message, error.position, String::new())
    }
}

/// A path that is written out only if there is a problem.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(Path::Root, at) => write!(f, "{at}"),
            Path::Item(parent, at) => write!(f, "{parent}.{at}"),
        }
    }
}
