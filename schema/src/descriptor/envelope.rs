//! The checks that every entity passes, whatever its kind, and the hand-over to the kind.
//!
//! Source: `EntityEnvelope`, `Entity` and `EntityMeta` schemas, `SchemaValidEntityPolicy`,
//! `NoForeignRootFieldsEntityPolicy` and `FieldFormatEntityPolicy` of `@backstage/catalog-model` 1.10.1. Written by
//! hand, since it runs for every entity; the wording of the formats is ours.

use super::{PlaceholderKind, Problem};
use crate::entity_ref::DEFAULT_NAMESPACE;
use crate::kind::placeholder::{self, placeholder};
use crate::kind::{KindSet, Lookup, Path, check_refs, format};
use crate::yaml::{Node, NodeValue};

const ROOT_FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "spec"];
/// Fields of a finished entity that the catalog itself fills in.
const COMPUTED_FIELDS: &[&str] = &["relations", "status"];
/// Longest piece of a value that a message shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

const NAME_FORMAT: &str = "letters and digits, with `-`, `_` or `.` in between, at most 63 characters";
const LABEL_FORMAT: &str = "lower-case letters and digits, with `-` in between, at most 63 characters";
const KEY_FORMAT: &str =
    "a name of letters, digits, `-`, `_` and `.` (at most 63), which may follow a domain name and a `/`";

type Problems = Vec<Problem>;

pub(super) fn check(root: &Node, kinds: &KindSet, problems: &mut Problems) {
    let Some(entries) = root.as_mapping() else {
        let message = format!("an entity is an object; this document is {}", name_of_type(root));
        problems.push(Problem::at("not_an_object", message, root.position, String::new()));
        return;
    };
    check_placeholders(root, problems);
    let root_path = Path::Root;
    let api_version = identity(root, "apiVersion", format::is_api_version, API_VERSION_FORMAT, problems);
    let kind = identity(
        root,
        "kind",
        format::is_kind,
        "letters and digits, the first a letter, at most 63",
        problems,
    );
    match root.get("metadata") {
        None => missing(root, &root_path, "metadata", problems),
        Some(metadata) => check_metadata(metadata, problems),
    }
    for entry in entries {
        let key = entry.key.as_str();
        if ROOT_FIELDS.contains(&key) {
            continue;
        }
        let message = if COMPUTED_FIELDS.contains(&key) {
            format!("`{key}` is filled in by the catalog; take it out")
        } else {
            format!(
                "`{}` is no field of an entity; fields of its own stand under `spec`",
                shown(key)
            )
        };
        problems.push(Problem::at(
            "unknown_field",
            message,
            entry.key_position,
            entry.key.clone(),
        ));
    }
    let spec_path = Path::Field(&root_path, "spec");
    let spec = root.get("spec").filter(|spec| match (&spec.value, placeholder(spec)) {
        (NodeValue::Mapping(_), None) => true,
        (_, Some(found)) if found.kind != PlaceholderKind::Text => true,
        _ => {
            wrong_type(spec, "an object", spec_path, problems);
            false
        }
    });
    if let (Some(api_version), Some(kind)) = (api_version, kind) {
        check_kind(root, api_version, kind, spec, kinds, problems);
    }
}

const API_VERSION_FORMAT: &str = "a version of letters and digits, which may follow a domain name and a `/`";

/// A root field that says what the document is. None if it cannot be read, which is then a problem.
fn identity<'a>(
    root: &'a Node,
    field: &str,
    accepts: fn(&str) -> bool,
    format: &str,
    problems: &mut Problems,
) -> Option<&'a Node> {
    let Some(node) = root.get(field) else {
        missing(root, &Path::Root, field, problems);
        return None;
    };
    let path = Path::Field(&Path::Root, field);
    let text = text_of(node, path, problems)?;
    check_format(node, text, accepts, format, path, problems);
    Some(node)
}

fn check_metadata(metadata: &Node, problems: &mut Problems) {
    let path = Path::Field(&Path::Root, "metadata");
    let Some(entries) = metadata.as_mapping() else {
        return wrong_type(metadata, "an object", path, problems);
    };
    if metadata.get("name").is_none() {
        missing(metadata, &path, "name", problems);
    }
    for entry in entries {
        let node = &entry.value;
        let path = Path::Field(&path, &entry.key);
        match entry.key.as_str() {
            "name" => {
                if let Some(text) = text_of(node, path, problems) {
                    check_format(node, text, format::is_object_name, NAME_FORMAT, path, problems);
                }
            }
            "namespace" => {
                if let Some(text) = text_of(node, path, problems) {
                    check_format(node, text, format::is_dns_label, LABEL_FORMAT, path, problems);
                }
            }
            "uid" | "etag" | "title" => text_or_placeholder(node, path, problems),
            "description" if node.as_str().is_none() && placeholder(node).is_none() => {
                wrong_type(node, "a text", path, problems);
            }
            "labels" => check_labels(node, path, true, problems),
            "annotations" => check_labels(node, path, false, problems),
            "tags" => check_tags(node, path, problems),
            "links" => check_links(node, path, problems),
            _ => {}
        }
    }
}

fn check_labels(node: &Node, path: Path<'_>, values_are_names: bool, problems: &mut Problems) {
    if is_value_placeholder(node) {
        return;
    }
    let Some(entries) = node.as_mapping() else {
        return wrong_type(node, "an object", path, problems);
    };
    for entry in entries {
        let path = Path::Field(&path, &entry.key);
        if !format::is_label_key(&entry.key) {
            let message = format!("`{}` is no valid key: {KEY_FORMAT}", shown(&entry.key));
            problems.push(Problem::at(
                "invalid_format",
                message,
                entry.key_position,
                path.to_string(),
            ));
        }
        let node = &entry.value;
        match node.as_str() {
            None if placeholder(node).is_some() => {}
            None => wrong_type(node, "a text", path, problems),
            Some(text) if values_are_names && !text.is_empty() => {
                check_format(node, text, format::is_object_name, NAME_FORMAT, path, problems);
            }
            Some(_) => {}
        }
    }
}

fn check_tags(node: &Node, path: Path<'_>, problems: &mut Problems) {
    if is_value_placeholder(node) {
        return;
    }
    let Some(items) = node.as_sequence() else {
        return wrong_type(node, "a list", path, problems);
    };
    let format = "lower-case letters, digits, `+`, `#` and `:`, with `-` in between, at most 63 characters";
    for (at, item) in items.iter().enumerate() {
        if placeholder(item).is_some() {
            continue;
        }
        let path = Path::Item(&path, at);
        if let Some(text) = text_of(item, path, problems) {
            check_format(item, text, format::is_tag, format, path, problems);
        }
    }
}

fn check_links(node: &Node, path: Path<'_>, problems: &mut Problems) {
    if is_value_placeholder(node) {
        return;
    }
    let Some(items) = node.as_sequence() else {
        return wrong_type(node, "a list", path, problems);
    };
    for (at, item) in items.iter().enumerate() {
        let path = Path::Item(&path, at);
        if is_value_placeholder(item) {
            continue;
        }
        let Some(entries) = item.as_mapping() else {
            wrong_type(item, "an object", path, problems);
            continue;
        };
        if item.get("url").is_none() {
            missing(item, &path, "url", problems);
        }
        for entry in entries {
            let node = &entry.value;
            let path = Path::Field(&path, &entry.key);
            if placeholder(node).is_some() {
                continue;
            }
            match entry.key.as_str() {
                "url" => {
                    if let Some(text) = text_of(node, path, problems) {
                        check_format(
                            node,
                            text,
                            format::is_url,
                            "an absolute URL with its scheme",
                            path,
                            problems,
                        );
                    }
                }
                "title" | "icon" => {
                    if let Some(text) = text_of(node, path, problems)
                        && format::is_blank(text)
                    {
                        let message = "the text must not be blank".to_owned();
                        problems.push(Problem::at("empty_value", message, node.position, path.to_string()));
                    }
                }
                "type" => {
                    text_of(node, path, problems);
                }
                _ => {}
            }
        }
    }
}

fn check_kind(
    root: &Node,
    api_version: &Node,
    kind: &Node,
    spec: Option<&Node>,
    kinds: &KindSet,
    problems: &mut Problems,
) {
    let version_text = api_version.as_str().unwrap_or_default();
    let kind_text = kind.as_str().unwrap_or_default();
    let decl = match kinds.lookup(kind_text, version_text) {
        Lookup::Known(decl) => decl,
        Lookup::OtherVersion(decl) if decl.kind != kind_text => {
            let message = format!("the kind `{kind_text}` is unknown; it is written `{}`", decl.kind);
            problems.push(Problem::at("unknown_kind", message, kind.position, "kind".to_owned()));
            return;
        }
        Lookup::OtherVersion(decl) => {
            let message = format!(
                "the kind `{kind_text}` is not known in apiVersion `{}`; use {}",
                shown(version_text),
                decl.api_versions.join(" or ")
            );
            problems.push(Problem::at(
                "unknown_api_version",
                message,
                api_version.position,
                "apiVersion".to_owned(),
            ));
            return;
        }
        Lookup::Unknown => {
            let known: Vec<&str> = kinds.iter().map(|decl| decl.kind.as_str()).collect();
            let message = format!(
                "the kind `{}` is unknown; known are {}, and more can be declared in the configuration",
                shown(kind_text),
                known.join(", ")
            );
            problems.push(Problem::at("unknown_kind", message, kind.position, "kind".to_owned()));
            return;
        }
    };
    let Some(spec) = spec else {
        if root.get("spec").is_none() {
            missing(root, &Path::Root, "spec", problems);
        }
        return;
    };
    let before = problems.len();
    decl.check.check(spec, Path::Field(&Path::Root, "spec"), problems);
    if problems.len() == before {
        let namespace = root
            .get("metadata")
            .and_then(|metadata| metadata.get("namespace"))
            .and_then(Node::as_str);
        check_refs(decl, spec, namespace.unwrap_or(DEFAULT_NAMESPACE), problems);
    }
}

/// A placeholder names its target as a text.
fn check_placeholders(root: &Node, problems: &mut Problems) {
    placeholder::walk(root, &mut Vec::new(), &mut |node, found, path| {
        if found.target.as_str().is_none() {
            let message = "a placeholder names a file or an absolute URL as a text".to_owned();
            problems.push(Problem::at("bad_placeholder", message, node.position, path.join(".")));
        }
    });
}

/// Whether a value of any type stands elsewhere.
fn is_value_placeholder(node: &Node) -> bool {
    placeholder(node).is_some_and(|found| found.kind != PlaceholderKind::Text)
}

fn text_or_placeholder(node: &Node, path: Path<'_>, problems: &mut Problems) {
    if placeholder(node).is_none() {
        text_of(node, path, problems);
    }
}

/// The text, if it is one and not empty; otherwise that is a problem.
fn text_of<'a>(node: &'a Node, path: Path<'_>, problems: &mut Problems) -> Option<&'a str> {
    match node.as_str() {
        None => {
            wrong_type(node, "a text", path, problems);
            None
        }
        Some("") => {
            let message = "the text must not be empty".to_owned();
            problems.push(Problem::at("empty_value", message, node.position, path.to_string()));
            None
        }
        Some(text) => Some(text),
    }
}

fn check_format(
    node: &Node,
    text: &str,
    accepts: fn(&str) -> bool,
    format: &str,
    path: Path<'_>,
    problems: &mut Problems,
) {
    if !accepts(text) {
        let message = format!("`{}` is not valid here: {format}", shown(text));
        problems.push(Problem::at("invalid_format", message, node.position, path.to_string()));
    }
}

fn missing(parent: &Node, path: &Path<'_>, field: &str, problems: &mut Problems) {
    let message = format!("the field `{field}` is missing");
    problems.push(Problem::at(
        "missing_field",
        message,
        parent.position,
        Path::Field(path, field).to_string(),
    ));
}

fn wrong_type(node: &Node, expected: &str, path: Path<'_>, problems: &mut Problems) {
    let hint = match (&node.value, expected) {
        (NodeValue::Number(_) | NodeValue::Bool(_), "a text") => "; put it in quotes",
        _ => "",
    };
    let message = format!("{expected} is expected here, not {}{hint}", name_of_type(node));
    problems.push(Problem::at("wrong_type", message, node.position, path.to_string()));
}

fn name_of_type(node: &Node) -> String {
    crate::kind::article(node.type_name())
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
