//! Reading: the layers into one checked document.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path as FilePath, PathBuf};

use bailiwick_schema::yaml::{self, Node, NodeValue};

use crate::layers::{Flag, apply_environment, apply_flags};
use crate::limits::{FILE_BYTES_MAX, PROBLEMS_MAX};
use crate::model::Config;
use crate::place::{Origin, Step};
use crate::problem::{Problem, Problems};
use crate::tree::Tree;
use crate::{EMBEDDED, EMBEDDED_NAME, check, validate};

/// What a configuration is read from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The operator's file; without one the embedded configuration holds.
    pub file: Option<&'a FilePath>,
    /// Where relative paths start that come without a file, and in flags. Absolute.
    pub working_dir: &'a FilePath,
    /// All variables of the process; only those that begin with `BAILIWICK__` are looked at.
    pub env: &'a BTreeMap<String, String>,
    pub flags: &'a [Flag],
}

/// The merged layers, and the problems found so far.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) tree: Tree,
    pub(crate) file: String,
    pub(crate) base_dir: PathBuf,
    pub(crate) working_dir: PathBuf,
    pub(crate) problems: Vec<Problem>,
}

impl Config {
    /// Reads all layers and checks the whole.
    ///
    /// Errors: every problem of the file, the variables and the flags, in that order, at most
    /// [`crate::limits::PROBLEMS_MAX`].
    pub fn load(input: &Input<'_>) -> Result<Self, Problems> {
        Self::of_document(Document::read(input), input)
    }

    pub(crate) fn of_document(mut document: Document, input: &Input<'_>) -> Result<Self, Problems> {
        apply_environment(&mut document.tree, input.env, &mut document.problems);
        apply_flags(&mut document.tree, input.flags, &mut document.problems);
        check::check(&mut document);
        validate::validate(document)
    }
}

impl Document {
    fn read(input: &Input<'_>) -> Self {
        let text = match input.file {
            None => Ok(EMBEDDED.as_bytes().to_vec()),
            Some(file) => read_file(&input.working_dir.join(file)),
        };
        Self::of_text(input, text)
    }

    /// The document of a file with this text, read or not.
    pub(crate) fn of_text(input: &Input<'_>, text: Result<Vec<u8>, Refusal>) -> Self {
        let mut document = Self {
            tree: Tree::section(Origin::Default),
            file: input
                .file
                .map_or_else(|| EMBEDDED_NAME.to_owned(), |file| file.display().to_string()),
            base_dir: base_dir(input),
            working_dir: input.working_dir.to_owned(),
            problems: Vec::new(),
        };
        match text.and_then(|text| parse(&text)) {
            Ok(None) => {}
            Ok(Some(root)) => {
                let embedded = input.file.is_none();
                document.tree = Tree::from_node(root, &|at| match embedded {
                    true => Origin::Embedded {
                        line: at.line,
                        column: at.column,
                    },
                    false => Origin::File {
                        line: at.line,
                        column: at.column,
                    },
                });
            }
            Err((place, message)) => {
                let (line, column) = place.unzip();
                let file = document.file.clone();
                document.problems.push(Problem {
                    path: String::new(),
                    file,
                    line,
                    column,
                    message,
                });
            }
        }
        document
    }

    /// Reports a problem of the value at `path`, or of the nearest section around it.
    pub(crate) fn report(&mut self, path: &[Step], message: String) {
        let origin = self.tree.nearest(path).origin.clone();
        self.report_at(path, origin, message);
    }

    pub(crate) fn report_at(&mut self, path: &[Step], origin: Origin, message: String) {
        if self.problems.len() < PROBLEMS_MAX {
            let problem = self.problem(path, origin, message);
            self.problems.push(problem);
        }
    }

    pub(crate) fn problem(&self, path: &[Step], origin: Origin, message: String) -> Problem {
        let (file, line, column) = match origin {
            Origin::Default => (self.file.clone(), None, None),
            Origin::Embedded { line, column } | Origin::File { line, column } => {
                (self.file.clone(), Some(line), Some(column))
            }
            Origin::Environment(name) => (format!("environment variable {name}"), None, None),
            Origin::Flag(name) => (format!("flag {name}"), None, None),
        };
        Problem {
            path: self.tree.shown(path),
            file,
            line,
            column,
            message,
        }
    }
}

/// The folder of the file, or the working directory.
fn base_dir(input: &Input<'_>) -> PathBuf {
    let file = input.file.map(|file| input.working_dir.join(file));
    match file.as_deref().and_then(FilePath::parent) {
        Some(folder) => folder.to_owned(),
        None => input.working_dir.to_owned(),
    }
}

/// Line and column, and what is wrong.
pub(crate) type Refusal = (Option<(u32, u32)>, String);

fn read_file(path: &FilePath) -> Result<Vec<u8>, Refusal> {
    let unreadable = |error: std::io::Error| (None, format!("cannot be read: {error}"));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err((
            None,
            format!("is longer than {FILE_BYTES_MAX} bytes (config_bytes_max)"),
        ));
    }
    Ok(text)
}

/// The root section of a file; nothing for one without content.
fn parse(text: &[u8]) -> Result<Option<Node>, Refusal> {
    let mut documents = yaml::parse_documents(text, &yaml::Limits::default()).into_iter();
    let Some(first) = documents.next() else { return Ok(None) };
    if let Some(second) = documents.next() {
        return Err((
            Some((second.lines.first, 1)),
            "a configuration is one YAML document, here begins another".to_owned(),
        ));
    }
    let root = first
        .root
        .map_err(|error| (Some((error.position.line, error.position.column)), error.message))?;
    match root.value {
        NodeValue::Null => Ok(None),
        NodeValue::Mapping(_) => Ok(Some(root)),
        _ => Err((
            Some((root.position.line, root.position.column)),
            "a configuration is a section of keys".to_owned(),
        )),
    }
}
