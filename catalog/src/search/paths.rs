//! Values by their path: `metadata.annotations.x`, `spec.y.z`, for any field without a change of the schema.
//!
//! Paths and values are compared in lower case. The members of a list stand under the path of the list; a key with
//! dots stays as it is written, so `metadata.labels.app.kubernetes.io/name` is found under just that.

use std::collections::HashSet;

use serde_json::Value;

use super::limits::{PATH_BYTES_MAX, PATH_DEPTH_MAX, PATH_TERMS_MAX, PATH_VALUE_BYTES_MAX};

/// Between path and value; a character that neither can have (it is taken out of both).
const SEPARATOR: char = '\0';

/// The parts of a body that are walked, in order: when an entity has too many values, the last ones are left out.
const ROOTS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "facts"];

/// The indexed term of a path and a value; nothing if either is too long to be indexed.
pub(crate) fn term(path: &str, value: &str) -> Option<String> {
    (path.len() <= PATH_BYTES_MAX && value.len() <= PATH_VALUE_BYTES_MAX).then(|| {
        let mut term = lowered(path);
        term.push(SEPARATOR);
        term.push_str(&lowered(value));
        term
    })
}

/// What all terms of a path begin with.
pub(crate) fn prefix(path: &str) -> String {
    let mut prefix = lowered(path);
    prefix.push(SEPARATOR);
    prefix
}

fn lowered(text: &str) -> String {
    let mut text = text.to_lowercase();
    text.retain(|c| c != SEPARATOR);
    text
}

/// Calls back once for each indexed pair of a body, with its term, its path and the value as written; says whether some
/// had to be left out because there are too many.
pub(crate) fn for_terms(body: &Value, visit: &mut dyn FnMut(&str, &str, &str)) -> bool {
    let mut seen = HashSet::new();
    let mut complete = true;
    for_values(body, &mut |path, value| {
        if let Some(term) = term(path, value)
            && !seen.contains(&term)
        {
            if seen.len() >= PATH_TERMS_MAX {
                complete = false;
                return false;
            }
            visit(&term, path, value);
            seen.insert(term);
        }
        true
    });
    complete
}

/// A value under a path as the body spells it, given in lower case.
pub(crate) fn spelling(body: &Value, path: &str, lower: &str) -> Option<String> {
    let wanted = lowered(path);
    let mut found = None;
    for_values(body, &mut |path, value| {
        if lowered(path) == wanted && lowered(value) == lower {
            found = Some(value.to_owned());
        }
        found.is_none()
    });
    found
}

/// Every scalar with its path; the callback says whether to go on.
fn for_values(body: &Value, visit: &mut dyn FnMut(&str, &str) -> bool) {
    let mut path = String::new();
    for root in ROOTS {
        if let Some(value) = body.get(root) {
            path.clear();
            path.push_str(root);
            if !walk(&mut path, value, PATH_DEPTH_MAX, visit) {
                return;
            }
        }
    }
}

fn walk(path: &mut String, value: &Value, depth: usize, visit: &mut dyn FnMut(&str, &str) -> bool) -> bool {
    if depth == 0 {
        return true;
    }
    match value {
        Value::Null => true,
        Value::Bool(value) => visit(path, if *value { "true" } else { "false" }),
        Value::Number(value) => visit(path, &value.to_string()),
        Value::String(value) => visit(path, value),
        Value::Array(items) => items.iter().all(|item| walk(path, item, depth - 1, visit)),
        Value::Object(members) => members.iter().all(|(key, value)| {
            let length = path.len();
            path.push('.');
            path.push_str(key);
            let go_on = walk(path, value, depth - 1, visit);
            path.truncate(length);
            go_on
        }),
    }
}
