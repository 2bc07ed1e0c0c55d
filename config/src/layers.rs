//! The layers over the file: environment variables and flags.

use std::collections::BTreeMap;

use bailiwick_schema::yaml::{self, Position};
use serde_json::{Number, Value};

use crate::place::{Origin, name_key};
use crate::problem::Problem;
use crate::tree::{Entry, Tree, TreeValue};

/// How the variables begin that set a key of the configuration.
pub const ENV_PREFIX: &str = "BAILIWICK__";

/// A flag of the command line that stands for a key.
#[derive(Debug, Clone)]
pub struct Flag {
    /// As typed, such as `--listen`.
    pub name: &'static str,
    /// The key, its parts separated by dots.
    pub path: &'static str,
    pub value: String,
}

/// Lays the variables that begin with [`ENV_PREFIX`] over the tree, in the order of their names.
pub(crate) fn apply_environment(tree: &mut Tree, env: &BTreeMap<String, String>, problems: &mut Vec<Problem>) {
    for (name, text) in env {
        let Some(rest) = name.strip_prefix(ENV_PREFIX) else {
            continue;
        };
        let result = value_of(name, text).and_then(|value| set(tree, &mut rest.split("__"), &mut Vec::new(), value));
        if let Err(message) = result {
            problems.push(Problem {
                path: rest.to_lowercase().replace("__", "."),
                file: format!("environment variable {name}"),
                line: None,
                column: None,
                message,
            });
        }
    }
}

/// Lays flags over the tree; their values are strings.
pub(crate) fn apply_flags(tree: &mut Tree, flags: &[Flag], problems: &mut Vec<Problem>) {
    for flag in flags {
        let value = Tree::new(
            TreeValue::Scalar(Value::String(flag.value.clone())),
            Origin::Flag(flag.name),
        );
        if let Err(message) = set(tree, &mut flag.path.split('.'), &mut Vec::new(), value) {
            let file = format!("flag {}", flag.name);
            problems.push(Problem {
                path: flag.path.to_owned(),
                file,
                line: None,
                column: None,
                message,
            });
        }
    }
}

/// The value of a variable: a plain YAML scalar, or a YAML value if it begins with a bracket, a brace or a quote.
///
/// A scalar is judged by the YAML core schema without being parsed, since `*/10 * * * *` would be an alias.
fn value_of(name: &str, text: &str) -> Result<Tree, String> {
    let origin = Origin::Environment(name.to_owned());
    let trimmed = text.trim();
    if trimmed.starts_with(['[', '{', '"', '\'']) {
        let mut documents = yaml::parse_documents(trimmed, &yaml::Limits::default());
        let (Some(document), true) = (documents.pop(), documents.is_empty()) else {
            return Err("the value is more than one YAML document".to_owned());
        };
        let node = document.root.map_err(|error| {
            format!(
                "the value begins like a YAML list, mapping or quoted text and is none: {}",
                error.message
            )
        })?;
        return Ok(Tree::from_node(node, &|_: Position| origin.clone()));
    }
    let value = match trimmed {
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        number => match number.parse::<i64>() {
            Ok(number) => Value::Number(number.into()),
            Err(_) if looks_like_a_number(number) => number
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .map_or(Value::Null, Value::Number),
            Err(_) => Value::String(text.to_owned()),
        },
    };
    let mut tree = Tree::new(TreeValue::Scalar(value), origin);
    tree.text = Some(text.to_owned());
    Ok(tree)
}

fn looks_like_a_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.contains('.') && digits.chars().all(|c| c.is_ascii_digit() || c == '.') && digits.parse::<f64>().is_ok()
}

/// Sets the value at the path that `parts` spell without case, making sections and list items on the way.
fn set(
    tree: &mut Tree,
    parts: &mut dyn Iterator<Item = &str>,
    keys: &mut Vec<String>,
    value: Tree,
) -> Result<(), String> {
    let Some(part) = parts.next() else {
        *tree = value;
        return Ok(());
    };
    if keys.len() >= yaml::DEPTH_MAX {
        return Err(format!(
            "the name has more than {} parts (yaml_depth_max)",
            yaml::DEPTH_MAX
        ));
    }
    if part.is_empty() {
        return Err("the name has an empty part; write it as BAILIWICK__SECTION__KEY".to_owned());
    }
    let keys_now: Vec<&str> = keys.iter().map(String::as_str).collect();
    let named_by = name_key(&keys_now);
    let origin = value.origin.clone();
    if matches!(&tree.value, TreeValue::Section(entries) if entries.is_empty()) && named_by.is_some() {
        tree.value = TreeValue::List(Vec::new());
    }
    match &mut tree.value {
        TreeValue::Section(entries) => {
            let at = entries
                .iter()
                .position(|entry| spelled(&entry.key) == spelled(part))
                .unwrap_or_else(|| {
                    let section = Tree::section(origin.clone());
                    entries.push(Entry {
                        key: part.to_lowercase(),
                        origin,
                        value: section,
                    });
                    entries.len() - 1
                });
            // Below an item of a list no further named list begins, whatever its keys are called.
            keys.push(entries[at].key.clone());
            set(&mut entries[at].value, parts, keys, value)
        }
        TreeValue::List(items) => {
            let Some(named_by) = named_by else {
                return Err("items of this list have no names; give the whole list, as [a, b]".to_owned());
            };
            let named = |item: &Tree| match item.entry(named_by).map(|entry| &entry.value.value) {
                Some(TreeValue::Scalar(Value::String(name))) => spelled(name) == spelled(part),
                _ => false,
            };
            let at = items.iter().position(named).unwrap_or_else(|| {
                let name = Tree::new(TreeValue::Scalar(Value::String(part.to_lowercase())), origin.clone());
                let entry = Entry {
                    key: named_by.to_owned(),
                    origin: origin.clone(),
                    value: name,
                };
                items.push(Tree::new(TreeValue::Section(vec![entry]), origin));
                items.len() - 1
            });
            keys.push(part.to_owned());
            set(&mut items[at], parts, keys, value)
        }
        TreeValue::Scalar(_) => Err(format!("`{}` is a value and has no keys below it", keys.join("."))),
    }
}

/// How a name is compared with the part of a variable's name, which can hold neither `-` nor `.` and no lower case.
fn spelled(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_with_very_many_parts_is_refused_and_not_followed() {
        let name = format!("{ENV_PREFIX}{}", ["a"; 40_000].join("__"));
        let env = BTreeMap::from([(name, "1".to_owned())]);
        let mut problems = Vec::new();
        apply_environment(&mut Tree::section(Origin::Default), &env, &mut problems);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].message.contains("yaml_depth_max"),
            "{}",
            problems[0].message
        );
    }
}
