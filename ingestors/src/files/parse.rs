//! From a piece of a file to what is emitted for it. Pure but for the files that placeholders name.

use std::path::Path;
use std::sync::Arc;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::yaml::{self, Document, Limits, Node};
use bailiwick_schema::{ContentHash, Finding, Severity};

use super::lines::{Kept, Line};
use super::listing::Format;
use super::tree::FsTree;
use crate::descriptors::{FileRead, Item, Judging, Tree as _, judge};

/// What parsing needs; shared by all pieces of a run.
#[derive(Clone)]
pub(super) struct Parser {
    pub(super) tree: Arc<FsTree>,
    pub(super) kinds: Arc<KindSet>,
    pub(super) limits: Limits,
    pub(super) kept: Arc<Kept>,
}

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) items: Vec<Item>,
    pub(super) reads: Vec<FileRead>,
    pub(super) documents: u64,
    /// What to keep of the lines; nothing unless each is blank or declares one entity and nothing else.
    pub(super) lines: Option<Vec<Line>>,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Parser {
    /// Parses a run of whole documents that begins at `first_line` of the file.
    pub(super) fn parse(&self, path: &Path, format: Format, bytes: &[u8], first_line: u32) -> Parsed {
        let mut parsed = Parsed::default();
        let Some(name) = path.to_str() else { return parsed };
        match format {
            Format::Yaml => self.judge_all(name, format, bytes, first_line, &mut parsed),
            Format::Json => {
                // JSON has no byte order mark; editors write it all the same.
                let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
                self.judge_all(name, format, bytes, first_line, &mut parsed);
            }
            Format::Ndjson => parsed.lines = self.judge_lines(name, bytes, first_line, &mut parsed),
        }
        parsed
    }

    /// Judges lines, and says what to keep of them.
    fn judge_lines(&self, name: &str, bytes: &[u8], first_line: u32, parsed: &mut Parsed) -> Option<Vec<Line>> {
        let mut lines = Some(Vec::new());
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let text = line
                .strip_prefix(BYTE_ORDER_MARK)
                .filter(|_| index == 0)
                .unwrap_or(line);
            let (items, reads) = (parsed.items.len(), parsed.reads.len());
            if !text.iter().all(u8::is_ascii_whitespace) {
                let number = first_line.saturating_add(u32::try_from(index).unwrap_or(u32::MAX));
                self.judge_all(name, Format::Ndjson, text, number, parsed);
            }
            let entity = match &parsed.items[items..] {
                [] => Some(None),
                [Item::Entity(entity)] if entity.targets.is_empty() && entity.skeletons.is_empty() => {
                    Some(Some(entity.entity_ref.clone()))
                }
                _ => None,
            };
            let is_plain = parsed.reads.len() == reads && text.len() == line.len();
            match (&mut lines, entity.filter(|_| is_plain)) {
                (Some(lines), Some(entity)) => lines.push(Line {
                    hash: ContentHash::of(line),
                    entity,
                }),
                _ => lines = None,
            }
        }
        lines
    }

    fn judge_all(&self, path: &str, format: Format, text: &[u8], first_line: u32, parsed: &mut Parsed) {
        let cx = Judging {
            tree: &*self.tree,
            kinds: &self.kinds,
            limits: &self.limits,
        };
        let start = parsed.items.len();
        for document in yaml::parse_documents(text, &self.limits) {
            parsed.documents += 1;
            if format != Format::Yaml
                && let Some(finding) = self.no_descriptor(path, &document)
            {
                parsed.items.push(Item::Unreadable(finding));
                continue;
            }
            let judged = judge(&cx, path, document);
            parsed.items.extend(judged.items);
            parsed.reads.extend(judged.reads);
        }
        if first_line > 1 {
            parsed.items[start..]
                .iter_mut()
                .for_each(|item| shift(item, first_line - 1));
        }
    }

    /// JSON is used for many things: what does not even look like a descriptor is told so in one sentence.
    fn no_descriptor(&self, path: &str, document: &Document) -> Option<Finding> {
        let root = document.root.as_ref().ok()?;
        let says = |key: &str| root.get(key).is_some();
        if says("apiVersion") || says("kind") {
            return None;
        }
        let what = match Node::type_name(root) {
            "object" => "it has neither apiVersion nor kind".to_owned(),
            other => format!("it is a JSON {other}, not an object"),
        };
        let message = format!("no descriptor: {what}; leave the file out of paths or mend it");
        let finding = Finding::new("not_a_descriptor", Severity::Warning, message);
        Some(finding.at(
            self.tree.shown(path),
            Some(root.position.line),
            Some(root.position.column),
        ))
    }
}

/// Moves the places of an item down by some lines.
fn shift(item: &mut Item, lines: u32) {
    match item {
        Item::Entity(entity) => {
            entity.line = entity.line.saturating_add(lines);
            for target in &mut entity.targets {
                target.line = target.line.saturating_add(lines);
            }
        }
        Item::Unreadable(finding) | Item::Finding(finding) => {
            finding.line = finding.line.map(|line| line.saturating_add(lines));
        }
    }
}
