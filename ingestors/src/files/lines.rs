//! Which lines of an NDJSON file changed since it was read last: those alone are parsed and delivered.
//!
//! Invariants: lines are kept only of a file in which each line is blank or declares one entity and nothing else, with
//! no finding and no ref twice; a difference is only told between two such states. What is kept lives in memory: after
//! a restart, and whenever something is not as plain as that, the file is read in full.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bailiwick_schema::{ContentHash, EntityRef};
use tokio_util::sync::CancellationToken;

use super::limits::{DIFFERENCE_BYTES_MAX, LINES_KEPT_MAX, REF_BYTES_KEPT_MAX};
use super::listing::Format;
use super::parse::Parser;
use crate::descriptors::{EntityItem, Item};

/// A part of the lines that may have changed beyond which reading in full, which parses on several threads, is quicker.
const CHANGED_PART: usize = 4;

/// What is kept of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) hash: ContentHash,
    /// Nothing on a blank line.
    pub(super) entity: Option<EntityRef>,
}

/// The lines of one state of a file, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    hashes: Vec<ContentHash>,
    /// The refs of all lines, one after the other.
    refs: String,
    /// Where the ref of each line ends.
    ends: Vec<u32>,
}

impl Lines {
    /// Appends a line; false if there are more than are kept.
    pub(super) fn push(&mut self, hash: ContentHash, entity: &str) -> bool {
        self.refs.push_str(entity);
        self.hashes.push(hash);
        self.ends.push(u32::try_from(self.refs.len()).unwrap_or(u32::MAX));
        self.hashes.len() <= LINES_KEPT_MAX && self.refs.len() <= REF_BYTES_KEPT_MAX
    }

    fn len(&self) -> usize {
        self.hashes.len()
    }

    fn entity(&self, at: usize) -> &str {
        let from = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.refs[from..self.ends[at] as usize]
    }
}

/// What the runs of a source keep of its files: lines, with the hash of the file that they are of.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<PathBuf, (ContentHash, Arc<Lines>)>>);

impl Kept {
    /// Keeps the lines of a file instead of those that were kept of it. Nothing is kept beyond the limit of a source.
    pub(super) fn put(&self, path: &Path, hash: ContentHash, lines: Option<Lines>) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.remove(path);
        let Some(mut lines) = lines else { return };
        let kept: usize = files.values().map(|(_, lines)| lines.len()).sum();
        if kept + lines.len() <= LINES_KEPT_MAX {
            lines.hashes.shrink_to_fit();
            lines.refs.shrink_to_fit();
            lines.ends.shrink_to_fit();
            files.insert(path.to_owned(), (hash, Arc::new(lines)));
        }
    }

    /// Forgets files that are none of these.
    pub(super) fn retain(&self, paths: &BTreeSet<PathBuf>) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|path, _| paths.contains(path));
    }

    /// The lines of a file when it had this hash.
    pub(super) fn get(&self, path: &Path, hash: &str) -> Option<Arc<Lines>> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, lines) = files.get(path)?;
        (of.to_string() == hash).then(|| Arc::clone(lines))
    }
}

/// What is otherwise than it was.
#[derive(Debug, PartialEq)]
pub(super) struct Difference {
    pub(super) declared: Vec<EntityItem>,
    pub(super) gone: Vec<EntityRef>,
    pub(super) lines: Lines,
    /// Documents that were parsed.
    pub(super) documents: u64,
}

/// Holds a file against its lines of before, and parses those that changed. Nothing if the difference is too large or
/// not plain; then the file is to be read in full. Blocks.
pub(super) fn difference(
    parser: &Parser,
    path: &Path,
    reader: &mut impl BufRead,
    before: &Lines,
    cancel: &CancellationToken,
) -> std::io::Result<Option<Difference>> {
    let mut found = Found::default();
    let mut line = Vec::new();
    let mut at = 0;
    loop {
        line.clear();
        // A line that is too long for a document has a finding.
        let limit = (parser.limits.document_bytes_max as u64).saturating_add(2);
        if std::io::Read::take(&mut *reader, limit).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.last() != Some(&b'\n') && line.len() as u64 >= limit {
            return Ok(None);
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let hash = ContentHash::of(text);
        let told = if before.hashes.get(at) == Some(&hash) {
            found.lines.push(hash, before.entity(at))
        } else {
            found.changed.push(at);
            found.bytes += text.len();
            found.changed.len() <= before.len() / CHANGED_PART
                && found.bytes <= DIFFERENCE_BYTES_MAX
                && found.parse(parser, path, text, hash, at)
        };
        if !told || (at.is_multiple_of(1_000) && cancel.is_cancelled()) {
            return Ok(None);
        }
        at += 1;
    }
    Ok(found.finish(before))
}

#[derive(Default)]
struct Found {
    declared: Vec<EntityItem>,
    /// Indexes of the lines that are otherwise.
    changed: Vec<usize>,
    bytes: usize,
    lines: Lines,
    documents: u64,
}

impl Found {
    /// False if the line is not plain.
    fn parse(&mut self, parser: &Parser, path: &Path, text: &[u8], hash: ContentHash, at: usize) -> bool {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let mut parsed = parser.parse(path, Format::Ndjson, text, number);
        self.documents += parsed.documents;
        if parsed.lines.is_none() {
            return false;
        }
        match parsed.items.pop() {
            Some(Item::Entity(entity)) => {
                let told = self.lines.push(hash, entity.entity_ref.as_str());
                self.declared.push(*entity);
                told
            }
            _ => self.lines.push(hash, ""),
        }
    }

    fn finish(mut self, before: &Lines) -> Option<Difference> {
        self.changed.extend(self.lines.len()..before.len());
        let old = self.changed.iter().filter(|at| **at < before.len());
        let old: HashSet<&str> = old
            .map(|at| before.entity(*at))
            .filter(|entity| !entity.is_empty())
            .collect();
        let new: HashSet<&str> = self.declared.iter().map(|item| item.entity_ref.as_str()).collect();
        if new.len() != self.declared.len() {
            return None;
        }
        let appeared: HashSet<&str> = new.difference(&old).copied().collect();
        if !appeared.is_empty() {
            let changed: HashSet<usize> = self.changed.iter().copied().collect();
            let mut unchanged = (0..before.len().min(self.lines.len())).filter(|at| !changed.contains(at));
            if unchanged.any(|at| appeared.contains(before.entity(at))) {
                return None;
            }
        }
        let gone: Option<Vec<EntityRef>> = old
            .difference(&new)
            .map(|entity| EntityRef::parse(entity).ok())
            .collect();
        let mut gone = gone?;
        gone.sort();
        Some(Difference {
            declared: self.declared,
            gone,
            lines: self.lines,
            documents: self.documents,
        })
    }
}
