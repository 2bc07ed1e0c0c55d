//! The check of a configuration's form against its JSON Schema: unknown keys, types, ranges, all at once.

use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use crate::load::Document;
use crate::place::{Origin, Path, Step, from_pointer};
use crate::schema::{json_schema, known_keys};
use crate::tree::TreeValue;

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(json_schema()).expect("a schema made from our own types is one"));

/// Reports everything that the schema has against the document.
pub(crate) fn check(document: &mut Document) {
    let errors = errors_of(document);
    let retyped = errors
        .iter()
        .filter(|(path, kind)| is_text_wanted(kind) && retype(document, path))
        .count();
    let errors = if retyped > 0 { errors_of(document) } else { errors };
    for (path, kind) in errors {
        report(document, &path, &kind);
    }
}

/// The errors with their kinds rendered into owned form.
fn errors_of(document: &Document) -> Vec<(Path, Violation)> {
    let value = document.tree.to_json();
    VALIDATOR
        .iter_errors(&value)
        .map(|error| (from_pointer(error.instance_path().as_str()), Violation::of(&error)))
        .collect()
}

/// What is wrong with one value, without the value itself.
enum Violation {
    UnknownKeys(Vec<String>),
    MissingKey(String),
    WrongType { wanted: Vec<JsonType>, found: &'static str },
    Other(String),
}

impl Violation {
    fn of(error: &ValidationError<'_>) -> Self {
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => Self::UnknownKeys(unexpected.clone()),
            ValidationErrorKind::Required { property } => {
                Self::MissingKey(property.as_str().unwrap_or_default().to_owned())
            }
            ValidationErrorKind::Type { kind } => {
                let wanted = match kind {
                    TypeKind::Single(one) => vec![*one],
                    TypeKind::Multiple(many) => many.iter().collect(),
                };
                Self::WrongType {
                    wanted,
                    found: type_of(error.instance()),
                }
            }
            ValidationErrorKind::Enum { options } => Self::Other(format!("must be one of {}", listed(options))),
            ValidationErrorKind::Minimum { limit } => Self::Other(format!("must be at least {limit}")),
            ValidationErrorKind::Maximum { limit } => Self::Other(format!("must be at most {limit}")),
            ValidationErrorKind::MinLength { limit: 1 } => Self::Other("must not be empty".to_owned()),
            ValidationErrorKind::MinItems { limit: 1 } => Self::Other("must not be an empty list".to_owned()),
            ValidationErrorKind::Pattern { pattern } => Self::Other(format!("must match {pattern}")),
            other => Self::Other(format!("is not what the schema asks for ({})", other.keyword())),
        }
    }
}

fn is_text_wanted(violation: &Violation) -> bool {
    matches!(violation, Violation::WrongType { wanted, .. } if wanted.contains(&JsonType::String))
}

/// Takes a variable's value as the text that it is, where a text is wanted: `BAILIWICK__STORE__DATA_DIR=2026`.
fn retype(document: &mut Document, path: &Path) -> bool {
    let Some(tree) = document.tree.get_mut(path) else {
        return false;
    };
    match tree.text.take() {
        Some(text) => {
            tree.value = TreeValue::Scalar(Value::String(text));
            true
        }
        None => false,
    }
}

fn report(document: &mut Document, path: &Path, violation: &Violation) {
    match violation {
        Violation::UnknownKeys(keys) => {
            let known = known_keys(path);
            for key in keys {
                let mut at = path.clone();
                at.push(Step::Key(key.clone()));
                let origin = document
                    .tree
                    .get(path)
                    .and_then(|tree| tree.entry(key))
                    .map(|entry| entry.origin.clone());
                let message = format!("is no key that is known here; known are {}", known.join(", "));
                document.report_at(&at, origin.unwrap_or(Origin::Default), message);
            }
        }
        Violation::MissingKey(key) => document.report(path, format!("the key `{key}` is missing")),
        Violation::WrongType { wanted, found } => {
            let wanted: Vec<&str> = wanted.iter().map(|wanted| name_of(*wanted)).collect();
            document.report(path, format!("must be {}, not {found}", wanted.join(" or ")));
        }
        Violation::Other(message) => document.report(path, message.clone()),
    }
}

fn listed(options: &Value) -> String {
    let Some(options) = options.as_array() else {
        return options.to_string();
    };
    let names: Vec<String> = options
        .iter()
        .map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned))
        .collect();
    names.join(", ")
}

fn name_of(wanted: JsonType) -> &'static str {
    match wanted {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a section of keys",
        JsonType::String => "a text",
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing (leave the key out instead)",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a section of keys",
    }
}
