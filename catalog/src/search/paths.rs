//! Values by their path: `metadata.annotations.x`, `spec.y.z`, for any field without a change of the schema.
//!
//! Paths and values are compared in lower case. The members of a list stand under the path of the list; a key with
//! dots stays as it is written, so `metadata.labels.app.kubernetes.io/name` is found under just that.
//!
//! The index holds hashes: most values of a catalog are URLs and descriptions that one entity alone has, and a
//! dictionary of their texts cost more than the rest of the index together. What a value is called is read from the
//! body of an entity that has it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::limits::{PATH_BYTES_MAX, PATH_DEPTH_MAX, PATH_TERMS_MAX, PATH_VALUE_BYTES_MAX};

/// Bytes of a term that stand for its path.
pub(crate) const PREFIX_BYTES: usize = 4;

/// Bytes of a term that stand for its value. Two of a hundred million values of one path share them with a
/// probability of 1 in 3,000.
pub(crate) const VALUE_BYTES: usize = 8;

/// The indexed form of a path and a value: the beginnings of two hashes.
pub(crate) type Term = [u8; PREFIX_BYTES + VALUE_BYTES];

/// Most paths whose hash is kept at hand.
const PATHS_KEPT: usize = 4_096;

/// The parts of a body that are walked, in order: when an entity has too many values, the last ones are left out.
const ROOTS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "facts"];

/// Paths whose values nearly every entity has for itself. Names and titles are found in the snapshot, descriptions and
/// links by their words; a term for each of them would double the index.
const UNINDEXED: [&str; 4] = [
    "metadata.name",
    "metadata.title",
    "metadata.description",
    "metadata.links",
];

/// Whether the values of a path have terms.
pub(crate) fn is_indexed(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    !UNINDEXED.iter().any(|unindexed| is_at_or_below(&path, unindexed))
}

fn is_at_or_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The indexed term of a path and a value; nothing if either is too long to be indexed.
pub(crate) fn term(path: &str, value: &str) -> Option<Term> {
    (path.len() <= PATH_BYTES_MAX && value.len() <= PATH_VALUE_BYTES_MAX).then(|| joined(prefix(path), value))
}

/// What all terms of a path begin with.
pub(crate) fn prefix(path: &str) -> [u8; PREFIX_BYTES] {
    hash_of(path)
}

fn joined(prefix: [u8; PREFIX_BYTES], value: &str) -> Term {
    let mut term = [0; PREFIX_BYTES + VALUE_BYTES];
    term[..PREFIX_BYTES].copy_from_slice(&prefix);
    term[PREFIX_BYTES..].copy_from_slice(&hash_of::<VALUE_BYTES>(value));
    term
}

/// The beginning of the hash of a text in lower case.
fn hash_of<const N: usize>(text: &str) -> [u8; N] {
    let hash = blake3::hash(text.to_lowercase().as_bytes());
    let mut first = [0; N];
    first.copy_from_slice(&hash.as_bytes()[..N]);
    first
}

/// Makes the terms of bodies; keeps the hashes of paths that come again and again.
#[derive(Default)]
pub(crate) struct TermMaker {
    prefixes: HashMap<Box<str>, [u8; PREFIX_BYTES]>,
    seen: HashSet<Term>,
}

impl TermMaker {
    /// Calls back once for each pair of a body, with its term if it is indexed, its path and the value as written; says
    /// whether some had to be left out because there are too many.
    pub(crate) fn for_terms(&mut self, body: &Value, visit: &mut dyn FnMut(Option<Term>, &str, &str)) -> bool {
        self.seen.clear();
        let mut complete = true;
        for_values(body, &mut |path, value| {
            if path.len() > PATH_BYTES_MAX || value.len() > PATH_VALUE_BYTES_MAX {
                return true;
            }
            if UNINDEXED.iter().any(|unindexed| is_at_or_below(path, unindexed)) {
                visit(None, path, value);
                return true;
            }
            let term = joined(self.prefix(path), value);
            if self.seen.contains(&term) {
                return true;
            }
            if self.seen.len() >= PATH_TERMS_MAX {
                complete = false;
                return false;
            }
            self.seen.insert(term);
            visit(Some(term), path, value);
            true
        });
        complete
    }

    fn prefix(&mut self, path: &str) -> [u8; PREFIX_BYTES] {
        if let Some(known) = self.prefixes.get(path) {
            return *known;
        }
        let new = prefix(path);
        if self.prefixes.len() < PATHS_KEPT {
            self.prefixes.insert(path.into(), new);
        }
        new
    }
}

/// The value behind the last bytes of a term of this path, as the body spells it.
pub(crate) fn spelling(body: &Value, path: &str, value_hash: &[u8]) -> Option<String> {
    let wanted = path.to_lowercase();
    let mut found = None;
    for_values(body, &mut |path, value| {
        if path.to_lowercase() == wanted && hash_of::<VALUE_BYTES>(value) == value_hash {
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
