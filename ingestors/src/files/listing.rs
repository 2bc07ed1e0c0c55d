//! Which files the configured paths name right now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bailiwick_schema::{Finding, Severity};

use super::options::{Entry, Settings};
use super::tree::{FsTree, tree_error};
use super::walk::{Walk, Walked, walk};
use crate::descriptors::TreeError;

/// What the configured paths name.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: BTreeSet<PathBuf>,
    pub(super) findings: Vec<Finding>,
    /// Something could not be looked at: no file may be retired.
    pub(super) cut: bool,
    /// Folders and globs (by their place among the entries) that are there and hold nothing.
    pub(super) empty: Vec<usize>,
}

/// The formats that are read, by the ending of the file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Json,
    /// One JSON document a line.
    Ndjson,
}

impl Format {
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }

    /// Files that are named themselves are read whatever they are called.
    pub(super) fn of_named(path: &Path) -> Self {
        Self::of(path).unwrap_or(Self::Yaml)
    }
}

/// Looks up all configured paths.
pub(super) fn list(settings: &Settings, tree: &FsTree) -> Listing {
    let mut listing = Listing::default();
    for (index, entry) in settings.entries.iter().enumerate() {
        let before = listing.files.len();
        let known: Option<usize> = match list_entry(entry, tree, &mut listing) {
            Ok(found) => Some(found),
            Err(finding) => {
                listing.cut = true;
                listing.findings.push(finding);
                None
            }
        };
        debug_assert!(listing.files.len() >= before, "entries only add files");
        if known == Some(0) {
            listing.empty.push(index);
        }
    }
    listing
}

/// Adds what an entry names and tells how many files that are.
fn list_entry(entry: &Entry, tree: &FsTree, listing: &mut Listing) -> Result<usize, Finding> {
    let metadata = std::fs::metadata(&entry.root).map_err(|error| missing(entry, &tree_error(&error)))?;
    if metadata.is_file() && entry.glob.is_none() {
        listing.files.insert(entry.root.clone());
        return Ok(1);
    }
    if !metadata.is_dir() {
        return Err(missing(entry, &TreeError::NotAFile));
    }
    let Walked { files, findings, cut } = match &entry.glob {
        Some(glob) => {
            let wanted = |path: &Path| glob.matcher.is_match(path);
            walk(
                tree,
                &entry.root,
                &Walk {
                    hidden: glob.hidden,
                    wanted: &wanted,
                },
            )
        }
        None => walk(
            tree,
            &entry.root,
            &Walk {
                hidden: false,
                wanted: &|path| Format::of(path).is_some(),
            },
        ),
    };
    let found = files.len();
    listing.files.extend(files);
    listing.findings.extend(findings);
    listing.cut |= !cut.is_empty();
    listing.findings.extend(cut);
    Ok(found)
}

fn missing(entry: &Entry, error: &TreeError) -> Finding {
    let message = format!(
        "`{}` of paths cannot be read: {error}; what it held is kept until it is back or leaves the options",
        entry.text
    );
    Finding::new("path_not_found", Severity::Error, message)
}
