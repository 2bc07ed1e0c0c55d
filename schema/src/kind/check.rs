//! A kind's JSON Schema, compiled to checks that run on the tree and know the place of every problem.
//!
//! The keywords that kinds use in practice are checked here directly, which costs a few comparisons an entity. A
//! schema that holds any other keyword is given whole to the `jsonschema` engine, and its findings are mapped back to
//! places; the verdict is the same either way, only slower.
//!
//! A `$text`, `$json` or `$yaml` placeholder stands for a value that is read later: it satisfies any schema that a
//! text (or, for the latter two, anything) could satisfy.

use regex::Regex;
use serde_json::Value;

use super::placeholder::{PlaceholderKind, placeholder};
use super::{Path, Problem};
use crate::yaml::{Node, NodeValue};

/// A compiled schema of `spec`.
#[derive(Debug)]
pub struct SpecCheck(Compiled);

#[derive(Debug)]
enum Compiled {
    Rule(Box<Rule>),
    Engine(Box<jsonschema::Validator>),
}

/// Keywords that say something about a schema and nothing about values.
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];

#[derive(Debug, Default)]
struct Rule {
    /// Bits of [`Kind`]; 0 allows every type.
    types: u8,
    values: Option<Vec<Value>>,
    length_min: Option<u64>,
    length_max: Option<u64>,
    pattern: Option<Regex>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    required: Vec<String>,
    properties: Vec<(String, Rule)>,
    additional: Additional,
    items: Option<Box<Rule>>,
    items_min: Option<u64>,
    items_max: Option<u64>,
    one_of: Vec<Rule>,
    any_of: Vec<Rule>,
    all_of: Vec<Rule>,
}

/// What a schema says of fields that it does not name.
#[derive(Debug, Default)]
enum Additional {
    #[default]
    Allowed,
    Refused,
    Checked(Box<Rule>),
}

const NULL: u8 = 1;
const BOOLEAN: u8 = 2;
const NUMBER: u8 = 4;
const INTEGER: u8 = 8;
const STRING: u8 = 16;
const ARRAY: u8 = 32;
const OBJECT: u8 = 64;
const TYPES: &[(&str, u8)] = &[
    ("null", NULL),
    ("boolean", BOOLEAN),
    ("number", NUMBER),
    ("integer", INTEGER),
    ("string", STRING),
    ("array", ARRAY),
    ("object", OBJECT),
];

impl SpecCheck {
    /// Compiles a schema. Errors: what the engine says of a schema that is none.
    pub(crate) fn compile(schema: &Value) -> Result<Self, String> {
        let engine = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
        Ok(Self(match Rule::compile(schema) {
            Some(rule) => Compiled::Rule(Box::new(rule)),
            None => Compiled::Engine(Box::new(engine)),
        }))
    }

    /// Whether values are checked without the `jsonschema` engine.
    pub fn is_direct(&self) -> bool {
        matches!(self.0, Compiled::Rule(_))
    }

    /// Adds every problem of `node` to `problems`. `path` is the path of `node`.
    pub fn check(&self, node: &Node, path: Path<'_>, problems: &mut Vec<Problem>) {
        match &self.0 {
            Compiled::Rule(rule) => rule.check(node, path, problems),
            Compiled::Engine(engine) => check_by_engine(engine, node, path, problems),
        }
    }
}

fn check_by_engine(engine: &jsonschema::Validator, node: &Node, path: Path<'_>, problems: &mut Vec<Problem>) {
    let value = node.to_json();
    for error in engine.iter_errors(&value) {
        let pointer = error.instance_path().to_string();
        let (place, inner, is_placeholder) = follow(node, &pointer);
        if is_placeholder {
            continue;
        }
        let path = if inner.is_empty() {
            path.to_string()
        } else {
            format!("{path}.{inner}")
        };
        problems.push(Problem::at("schema_violation", error.to_string(), place.position, path));
    }
}

/// The node at a JSON pointer (or the last one on its way), its dotted path, and whether a placeholder stands there.
fn follow<'a>(node: &'a Node, pointer: &str) -> (&'a Node, String, bool) {
    let mut current = node;
    let mut parts = Vec::new();
    let mut is_placeholder = placeholder(node).is_some();
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        let next = match &current.value {
            NodeValue::Sequence(items) => name.parse::<usize>().ok().and_then(|at| items.get(at)),
            _ => current.get(&name),
        };
        let Some(next) = next else { break };
        current = next;
        parts.push(name);
        is_placeholder |= placeholder(current).is_some();
    }
    (current, parts.join("."), is_placeholder)
}

impl Rule {
    /// None if the schema holds a keyword that is not checked here.
    fn compile(schema: &Value) -> Option<Self> {
        let mut rule = Self::default();
        for (keyword, value) in schema.as_object()? {
            match keyword.as_str() {
                "type" => rule.types = types_of(value)?,
                "enum" => rule.values = Some(value.as_array()?.clone()),
                "const" => rule.values = Some(vec![value.clone()]),
                "minLength" => rule.length_min = Some(value.as_u64()?),
                "maxLength" => rule.length_max = Some(value.as_u64()?),
                "pattern" => rule.pattern = Some(Regex::new(value.as_str()?).ok()?),
                "minimum" => rule.minimum = Some(value.as_f64()?),
                "maximum" => rule.maximum = Some(value.as_f64()?),
                "minItems" => rule.items_min = Some(value.as_u64()?),
                "maxItems" => rule.items_max = Some(value.as_u64()?),
                "required" => {
                    for name in value.as_array()? {
                        rule.required.push(name.as_str()?.to_owned());
                    }
                }
                "properties" => {
                    for (name, schema) in value.as_object()? {
                        rule.properties.push((name.clone(), Self::compile(schema)?));
                    }
                }
                "additionalProperties" => {
                    rule.additional = match value {
                        Value::Bool(true) => Additional::Allowed,
                        Value::Bool(false) => Additional::Refused,
                        schema => Additional::Checked(Box::new(Self::compile(schema)?)),
                    }
                }
                "items" => rule.items = Some(Box::new(Self::compile(value)?)),
                "oneOf" => rule.one_of = Self::compile_all(value)?,
                "anyOf" => rule.any_of = Self::compile_all(value)?,
                "allOf" => rule.all_of = Self::compile_all(value)?,
                keyword if ANNOTATIONS.contains(&keyword) => {}
                _ => return None,
            }
        }
        Some(rule)
    }

    fn compile_all(value: &Value) -> Option<Vec<Self>> {
        value.as_array()?.iter().map(Self::compile).collect()
    }

    fn check(&self, node: &Node, path: Path<'_>, problems: &mut Vec<Problem>) {
        if let Some(found) = placeholder(node) {
            if found.kind == PlaceholderKind::Text && !self.takes_text() {
                let message = "a `$text` placeholder gives a text, which cannot stand here".to_owned();
                problems.push(Problem::at("wrong_type", message, node.position, path.to_string()));
            }
            return;
        }
        if self.types != 0 && self.types & types_of_node(node) == 0 {
            let message = format!(
                "{} is expected here, not {}",
                self.type_names(),
                article(node.type_name())
            );
            problems.push(Problem::at("wrong_type", message, node.position, path.to_string()));
            return;
        }
        if let Some(values) = &self.values {
            let value = node.to_json();
            if !values.contains(&value) {
                let allowed: Vec<String> = values.iter().map(|value| format!("`{}`", shown(value))).collect();
                let message = format!("`{}` is not allowed here; use {}", shown(&value), allowed.join(" or "));
                problems.push(Problem::at(
                    "value_not_allowed",
                    message,
                    node.position,
                    path.to_string(),
                ));
            }
        }
        match &node.value {
            NodeValue::String(text) => self.check_text(text, node, path, problems),
            NodeValue::Number(number) => self.check_number(number.as_f64(), node, path, problems),
            NodeValue::Sequence(items) => self.check_items(items, node, path, problems),
            NodeValue::Mapping(_) => self.check_fields(node, path, problems),
            NodeValue::Null | NodeValue::Bool(_) => {}
        }
        for rule in &self.all_of {
            rule.check(node, path, problems);
        }
        self.check_alternatives(node, path, problems);
    }

    /// Whether some text could satisfy the rule.
    fn takes_text(&self) -> bool {
        let values_take = self
            .values
            .as_ref()
            .is_none_or(|values| values.iter().any(Value::is_string));
        let some_takes = |rules: &[Self]| rules.is_empty() || rules.iter().any(Self::takes_text);
        (self.types == 0 || self.types & STRING != 0)
            && values_take
            && some_takes(&self.one_of)
            && some_takes(&self.any_of)
    }

    fn check_text(&self, text: &str, node: &Node, path: Path<'_>, problems: &mut Vec<Problem>) {
        let mut report =
            |code, message: String| problems.push(Problem::at(code, message, node.position, path.to_string()));
        if self.length_min.is_some_and(|least| least > 0 && text.is_empty()) {
            report("empty_value", "the text must not be empty".to_owned());
        } else if self
            .length_min
            .is_some_and(|least| (text.chars().count() as u64) < least)
        {
            report(
                "too_short",
                format!("the text is shorter than {} characters", self.length_min.unwrap_or(0)),
            );
        }
        if self.length_max.is_some_and(|most| text.chars().count() as u64 > most) {
            report(
                "too_long",
                format!("the text is longer than {} characters", self.length_max.unwrap_or(0)),
            );
        }
        if let Some(pattern) = &self.pattern
            && !pattern.is_match(text)
        {
            report(
                "pattern_mismatch",
                format!("the text does not match the pattern `{pattern}`"),
            );
        }
    }

    fn check_number(&self, value: Option<f64>, node: &Node, path: Path<'_>, problems: &mut Vec<Problem>) {
        let Some(value) = value else { return };
        if let Some(least) = self.minimum.filter(|least| value < *least) {
            let message = format!("the number is less than {least}");
            problems.push(Problem::at(
                "number_too_small",
                message,
                node.position,
                path.to_string(),
            ));
        }
        if let Some(most) = self.maximum.filter(|most| value > *most) {
            let message = format!("the number is greater than {most}");
            problems.push(Problem::at(
                "number_too_large",
                message,
                node.position,
                path.to_string(),
            ));
        }
    }

    fn check_items(&self, items: &[Node], node: &Node, path: Path<'_>, problems: &mut Vec<Problem>) {
        if let Some(least) = self.items_min.filter(|least| (items.len() as u64) < *least) {
            let message = format!("the list has fewer than {least} items");
            problems.push(Problem::at("too_few_items", message, node.position, path.to_string()));
        }
        if let Some(most) = self.items_max.filter(|most| items.len() as u64 > *most) {
            let message = format!("the list has more than {most} items");
            problems.push(Problem::at("too_many_items", message, node.position, path.to_string()));
        }
        if let Some(rule) = &self.items {
            for (at, item) in items.iter().enumerate() {
                rule.check(item, Path::Item(&path, at), problems);
            }
        }
    }

    fn check_fields(&self, node: &Node, path: Path<'_>, problems: &mut Vec<Problem>) {
        for name in &self.required {
            if node.get(name).is_none() {
                let path = Path::Field(&path, name).to_string();
                let message = format!("the field `{name}` is missing");
                problems.push(Problem::at("missing_field", message, node.position, path));
            }
        }
        if self.properties.is_empty() && matches!(self.additional, Additional::Allowed) {
            return;
        }
        for entry in node.as_mapping().unwrap_or_default() {
            let path = Path::Field(&path, &entry.key);
            match self.properties.iter().find(|(name, _)| *name == entry.key) {
                Some((_, rule)) => rule.check(&entry.value, path, problems),
                None => match &self.additional {
                    Additional::Allowed => {}
                    Additional::Checked(rule) => rule.check(&entry.value, path, problems),
                    Additional::Refused => {
                        let message = format!("the field `{}` is unknown here", entry.key);
                        problems.push(Problem::at(
                            "unknown_field",
                            message,
                            entry.key_position,
                            path.to_string(),
                        ));
                    }
                },
            }
        }
    }

    fn check_alternatives(&self, node: &Node, path: Path<'_>, problems: &mut Vec<Problem>) {
        let problems_of = |rule: &Self| {
            let mut found = Vec::new();
            rule.check(node, path, &mut found);
            found
        };
        for (alternatives, exactly_one) in [(&self.one_of, true), (&self.any_of, false)] {
            if alternatives.is_empty() {
                continue;
            }
            let mut results: Vec<Vec<Problem>> = alternatives.iter().map(problems_of).collect();
            let matching = results.iter().filter(|found| found.is_empty()).count();
            if matching == 0 {
                // The alternative that comes nearest is the one whose problems help.
                let fitting = alternatives
                    .iter()
                    .position(|rule| rule.types & types_of_node(node) != 0);
                match fitting.and_then(|at| results.get_mut(at)) {
                    Some(found) => problems.append(found),
                    None => {
                        let expected: Vec<String> = alternatives.iter().map(Self::type_names).collect();
                        let message = format!("{} is expected here", expected.join(" or "));
                        problems.push(Problem::at("wrong_type", message, node.position, path.to_string()));
                    }
                }
            } else if exactly_one && matching > 1 {
                let message = "the value fits more than one alternative of the schema".to_owned();
                problems.push(Problem::at(
                    "schema_violation",
                    message,
                    node.position,
                    path.to_string(),
                ));
            }
        }
    }

    fn type_names(&self) -> String {
        let names: Vec<String> = TYPES
            .iter()
            .filter(|(_, bit)| self.types & bit != 0)
            .map(|(name, _)| article(name))
            .collect();
        if names.is_empty() {
            "another value".to_owned()
        } else {
            names.join(" or ")
        }
    }
}

fn types_of(value: &Value) -> Option<u8> {
    let bit = |value: &Value| {
        let name = value.as_str()?;
        TYPES.iter().find(|(known, _)| *known == name).map(|(_, bit)| *bit)
    };
    match value {
        Value::Array(names) => names.iter().try_fold(0, |bits, name| Some(bits | bit(name)?)),
        name => bit(name),
    }
}

fn types_of_node(node: &Node) -> u8 {
    match &node.value {
        NodeValue::Null => NULL,
        NodeValue::Bool(_) => BOOLEAN,
        NodeValue::Number(number) if number.as_f64().is_some_and(|value| value.fract() == 0.0) => NUMBER | INTEGER,
        NodeValue::Number(_) => NUMBER,
        NodeValue::String(_) => STRING,
        NodeValue::Sequence(_) => ARRAY,
        NodeValue::Mapping(_) => OBJECT,
    }
}

/// The type with its article, in the words that people use for YAML.
pub(crate) fn article(type_name: &str) -> String {
    match type_name {
        "null" => "nothing (null)",
        "boolean" => "a boolean",
        "number" => "a number",
        "integer" => "a whole number",
        "string" => "a text",
        "array" => "a list",
        "object" => "an object",
        other => other,
    }
    .to_owned()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
