//! Locations: entities that name further descriptor files.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_schema::secret::redact_url;
use bailiwick_schema::yaml::Node;
use bailiwick_schema::{Finding, Severity};

use super::{LOCATION_FILES_MAX, LocationTarget, Tree, TreeError, is_url};

/// The targets of a Location, in document order.
pub(super) fn targets_of(root: &Node) -> Vec<LocationTarget> {
    let Some(spec) = root.get("spec") else {
        return Vec::new();
    };
    let text = |key: &str| spec.get(key).and_then(Node::as_str);
    let optional = text("presence") == Some("optional");
    let foreign = text("type").is_some_and(|kind| !matches!(kind, "url" | "file"));
    let single = spec.get("target");
    let many = spec.get("targets").and_then(Node::as_sequence).unwrap_or_default();
    let read = |node: &Node| {
        let (line, column) = (node.position.line, node.position.column);
        Some(LocationTarget {
            target: node.as_str()?.trim().to_owned(),
            line,
            column,
            optional,
            foreign,
        })
    };
    single
        .into_iter()
        .chain(many)
        .filter_map(read)
        .filter(|target| !target.target.is_empty())
        .collect()
}

/// The files that targets name.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Paths of the tree, each with the place of the target that names it.
    pub files: Vec<(String, LocationTarget)>,
    pub findings: Vec<Finding>,
    /// Something could not be looked up now: what was named before may still be there.
    pub cut: bool,
}

/// Finds the files that the targets of the Location in the file `path` name.
///
/// URLs are not read (`target_not_read`), nothing outside of the tree is (`target_outside`), and what is not there is
/// `target_not_found` unless it may be missing.
pub fn resolve_targets(tree: &dyn Tree, path: &str, targets: &[LocationTarget]) -> Resolved {
    let mut resolved = Resolved::default();
    let file = tree.shown(path);
    for target in targets {
        if let Err((code, message)) = resolve(tree, path, target, &mut resolved) {
            let severity = if code == "target_not_read" {
                Severity::Info
            } else {
                Severity::Warning
            };
            let finding = Finding::new(code, severity, message).at(&file, Some(target.line), Some(target.column));
            resolved.findings.push(finding);
        }
    }
    resolved
}

fn resolve(
    tree: &dyn Tree,
    path: &str,
    target: &LocationTarget,
    resolved: &mut Resolved,
) -> Result<(), (&'static str, String)> {
    let text = &target.target;
    let name = text[..text.floor_char_boundary(200)].escape_debug().to_string();
    if target.foreign {
        return Err((
            "target_not_read",
            format!("targets of this type are not read: `{}`", redact_url(&name)),
        ));
    }
    if is_url(text) {
        return Err((
            "target_not_read",
            format!(
                "URLs are not read; the target stays as written: `{}`",
                redact_url(&name)
            ),
        ));
    }
    let outside = || {
        (
            "target_outside",
            format!("the target `{name}` lies outside of what this source may read"),
        )
    };
    let files = match pattern_of(text) {
        Some((folder, pattern)) => {
            let folder = tree.resolve(path, folder).ok_or_else(outside)?;
            let climbs = pattern.split('/').any(|part| part == "..");
            if climbs {
                return Err(outside());
            }
            tree.glob(&folder, pattern)
        }
        None => {
            let found = tree.resolve(path, text).ok_or_else(outside)?;
            tree.is_file(&found)
                .map(|there| if there { vec![found] } else { Vec::new() })
        }
    };
    let files = match files {
        Ok(files) => files,
        Err(TreeError::Outside) => return Err(outside()),
        Err(TreeError::NotFound | TreeError::NotAFile) => Vec::new(),
        Err(error @ TreeError::BadPattern(_)) => {
            return Err(("target_not_found", format!("the target `{name}`: {error}")));
        }
        Err(error) => {
            resolved.cut = true;
            return Err((
                "target_unreadable",
                format!("cannot look up the target `{name}`: {error}"),
            ));
        }
    };
    if files.is_empty() && !target.optional {
        return Err(("target_not_found", format!("no file matches the target `{name}`")));
    }
    let room = LOCATION_FILES_MAX.saturating_sub(resolved.files.len());
    if files.len() > room {
        resolved.cut = true;
        resolved
            .files
            .extend(files.into_iter().take(room).map(|file| (file, target.clone())));
        let message = format!(
            "the target `{name}` and those before it name more than {LOCATION_FILES_MAX} files (location_files_max)"
        );
        return Err(("too_many_targets", message));
    }
    resolved
        .files
        .extend(files.into_iter().map(|file| (file, target.clone())));
    Ok(())
}

/// Splits a target at its first part with a pattern; nothing if it has none.
fn pattern_of(text: &str) -> Option<(&str, &str)> {
    let first = text.find(['*', '?', '[', '{'])?;
    match text[..first].rfind('/') {
        Some(0) => Some(("/", &text[1..])),
        Some(slash) => Some((&text[..slash], &text[slash + 1..])),
        None => Some((".", text)),
    }
}

/// A Location in one file that names another file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub to: String,
    pub line: u32,
    pub column: u32,
}

/// A finding for each edge that closes a circle of Locations, in the order of the paths.
///
/// The result does not depend on where reading began. `edges` is keyed by the path of the naming file.
pub fn cycles(tree: &dyn Tree, edges: &BTreeMap<String, BTreeSet<Edge>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in edges.keys() {
        // Depth first with a stack of our own: chains may be long.
        let mut stack: Vec<(&str, Vec<&Edge>)> = Vec::new();
        let mut on_stack: BTreeSet<&str> = BTreeSet::new();
        if !done.contains(start.as_str()) {
            on_stack.insert(start);
            stack.push((start, outgoing(edges, start)));
        }
        while let Some((from, left)) = stack.last_mut() {
            let from = *from;
            let Some(edge) = left.pop() else {
                on_stack.remove(from);
                done.insert(from);
                stack.pop();
                continue;
            };
            if on_stack.contains(edge.to.as_str()) {
                let message = format!(
                    "the target leads back to `{}`, which names this file; it is not followed",
                    tree.shown(&edge.to)
                );
                let finding = Finding::new("location_cycle", Severity::Warning, message);
                findings.push(finding.at(tree.shown(from), Some(edge.line), Some(edge.column)));
            } else if !done.contains(edge.to.as_str()) {
                on_stack.insert(&edge.to);
                stack.push((&edge.to, outgoing(edges, &edge.to)));
            }
        }
    }
    findings
}

/// The edges of a file, last first.
fn outgoing<'a>(edges: &'a BTreeMap<String, BTreeSet<Edge>>, from: &str) -> Vec<&'a Edge> {
    edges.get(from).into_iter().flatten().rev().collect()
}
