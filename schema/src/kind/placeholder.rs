//! Placeholders: values of an entity that stand in another file.
//!
//! Source: `PlaceholderProcessor` of `@backstage/plugin-catalog-backend` 4.0.0. A placeholder is an object whose only
//! key is `$text`, `$json` or `$yaml`; an object with any other keys beside it is an object.

use crate::yaml::{Node, NodeValue, Position};

/// What the other file gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceholderKind {
    /// Its text.
    Text,
    /// The value that it holds as JSON.
    Json,
    /// The value that its one YAML document holds.
    Yaml,
}

/// A value that stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    pub kind: PlaceholderKind,
    /// The file or URL, as it is written.
    pub target: String,
    /// The parts of the path to the value, list items by their number.
    pub path: Vec<String>,
    pub position: Position,
}

/// A placeholder as it stands in the tree; that its `target` is a text is checked with the envelope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) kind: PlaceholderKind,
    pub(crate) target: &'a Node,
}

/// The placeholder that `node` is, if it is one.
pub(crate) fn placeholder(node: &Node) -> Option<Found<'_>> {
    let NodeValue::Mapping(entries) = &node.value else {
        return None;
    };
    let [entry] = entries.as_slice() else { return None };
    let kind = match entry.key.as_str() {
        "$text" => PlaceholderKind::Text,
        "$json" => PlaceholderKind::Json,
        "$yaml" => PlaceholderKind::Yaml,
        _ => return None,
    };
    Some(Found {
        kind,
        target: &entry.value,
    })
}

/// Every placeholder of a tree whose target is a text.
pub(crate) fn all(root: &Node) -> Vec<Placeholder> {
    let mut found = Vec::new();
    walk(root, &mut Vec::new(), &mut |node, found_here, path| {
        if let Some(target) = found_here.target.as_str() {
            let (kind, target) = (found_here.kind, target.to_owned());
            found.push(Placeholder {
                kind,
                target,
                path: path.to_vec(),
                position: node.position,
            });
        }
    });
    found
}

/// Calls `visit` for every placeholder of a tree, in document order.
pub(crate) fn walk<'a>(node: &'a Node, path: &mut Vec<String>, visit: &mut impl FnMut(&'a Node, Found<'a>, &[String])) {
    if let Some(found) = placeholder(node) {
        visit(node, found, path);
        return;
    }
    match &node.value {
        NodeValue::Mapping(entries) if !entries.iter().any(|entry| entry.key.starts_with('$')) => {
            for entry in entries {
                if matches!(entry.value.value, NodeValue::Mapping(_) | NodeValue::Sequence(_)) {
                    path.push(entry.key.clone());
                    walk(&entry.value, path, visit);
                    path.pop();
                }
            }
        }
        NodeValue::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                if matches!(item.value, NodeValue::Mapping(_) | NodeValue::Sequence(_)) {
                    path.push(at.to_string());
                    walk(item, path, visit);
                    path.pop();
                }
            }
        }
        _ => {}
    }
}
