//! YAML and JSON into `serde_json::Value`, with one fixed set of options and budgets.
//!
//! `on`, `yes` and `no` stay strings, as people mean them in workflow files; of two equal keys the later wins, as the
//! tools that own these formats read them.

use serde_json::Value;

use super::{Problem, text};

/// Deepest nesting of a document.
pub(super) const DEPTH_MAX: usize = 100;
/// Most nodes of a document after aliases are expanded.
pub(super) const NODES_MAX: usize = 400_000;
/// Most documents of one file.
pub(super) const DOCUMENTS_MAX: usize = 64;

/// Every document of a YAML file in order; JSON is YAML here too.
pub(crate) fn yaml_documents(bytes: &[u8], bytes_max: usize) -> Result<Vec<Value>, Problem> {
    if bytes.len() > bytes_max {
        return Err(Problem::too_large(bytes.len(), bytes_max));
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_documents: DOCUMENTS_MAX,
        },
    };
    serde_saphyr::from_multiple_with_options::<Value>(text::utf8(bytes)?, options).map_err(|error| {
        let problem = Problem::new("invalid_yaml", text::clip(&text::one_line(&error.to_string()), 300));
        match error.location() {
            Some(location) => problem.at(place(location.line()), place(location.column())),
            None => problem,
        }
    })
}

/// The first document of a YAML file; `Null` for an empty file.
pub(crate) fn yaml(bytes: &[u8], bytes_max: usize) -> Result<Value, Problem> {
    Ok(yaml_documents(bytes, bytes_max)?
        .into_iter()
        .next()
        .unwrap_or(Value::Null))
}

/// A JSON file.
pub(crate) fn json(bytes: &[u8], bytes_max: usize) -> Result<Value, Problem> {
    if bytes.len() > bytes_max {
        return Err(Problem::too_large(bytes.len(), bytes_max));
    }
    serde_json::from_slice(text::without_bom(bytes))
        .map_err(|error| Problem::new("invalid_json", error.to_string()).at(error.line(), error.column().max(1)))
}

/// The scalar at `key` as trimmed text: strings, and numbers as they are printed.
pub(crate) fn scalar(value: &Value, key: &str) -> Option<String> {
    scalar_of(value.get(key)?)
}

/// The scalar itself as trimmed text; `None` for null, lists, maps and the empty string.
pub(crate) fn scalar_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => super::text::tidy(text, super::NAME_CHARS_MAX),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The members of the list at `key`, or nothing.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The pairs of the map at `key`, or nothing.
pub(crate) fn pairs<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
