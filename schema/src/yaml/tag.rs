//! What a scalar stands for, with its tag or without.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use saphyr_parser::{ScalarStyle, Tag};

use super::keys::{KeyKind, shown};
use super::scalar::{self, Resolved};
use super::{Entry, Node, NodeValue, Position, YamlError};

const CORE_TAGS: &str = "tag:yaml.org,2002:";

pub(super) fn resolve(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    position: Position,
) -> Result<(NodeValue, KeyKind, Option<String>), YamlError> {
    let resolved = match tag {
        Some(tag) => match resolve_tagged(&text, tag, position)? {
            Tagged::Scalar(resolved) => resolved,
            Tagged::Value(value) => return Ok((value, KeyKind::Unequal, None)),
        },
        None if style == ScalarStyle::Plain => scalar::resolve_plain(&text),
        None => Resolved::String,
    };
    Ok(match resolved {
        Resolved::Null => (NodeValue::Null, KeyKind::Null, None),
        Resolved::Bool(value) => (NodeValue::Bool(value), KeyKind::Bool, None),
        Resolved::Number(value) => {
            let kind = if value.is_nan() {
                KeyKind::Unequal
            } else {
                KeyKind::Number
            };
            let name = (!value.is_finite()).then(|| scalar::number_key(value));
            (scalar::number_value(value), kind, name)
        }
        Resolved::String => (NodeValue::String(text.into_owned()), KeyKind::String, None),
    })
}

enum Tagged {
    Scalar(Resolved),
    Value(NodeValue),
}

/// A tag of the core schema asks for its type and gets it if the text allows; every other tag leaves the text as it
/// is. Only `!!binary` and `!!timestamp` are known beyond the core schema.
fn resolve_tagged(text: &str, tag: &Tag, position: Position) -> Result<Tagged, YamlError> {
    if tag.handle.starts_with('!') && tag.suffix.is_empty() {
        return Err(YamlError::new(
            "yaml_syntax",
            format!("the tag `{}` has no suffix", tag.handle),
            position,
        ));
    }
    let name = if tag.is_yaml_core_schema() {
        tag.suffix.as_str()
    } else if tag.handle.is_empty() {
        tag.suffix.strip_prefix(CORE_TAGS).unwrap_or_default()
    } else {
        return Ok(Tagged::Scalar(Resolved::String));
    };
    let resolved = match name {
        "null" if scalar::is_null(text) => Resolved::Null,
        "bool" => scalar::bool_of(text).map_or(Resolved::String, Resolved::Bool),
        "int" => scalar::int_of(text).map_or(Resolved::String, Resolved::Number),
        "float" => scalar::float_of(text).map_or(Resolved::String, Resolved::Number),
        "binary" => return Ok(Tagged::Value(binary(position))),
        "timestamp" if !TIMESTAMP.is_match(text) => {
            let message = format!("`{}` is no timestamp; it begins with yyyy-mm-dd", shown(text));
            return Err(YamlError::new("yaml_syntax", message, position));
        }
        _ => Resolved::String,
    };
    Ok(Tagged::Scalar(resolved))
}

/// The timestamps of YAML 1.1, which a tag may ask for.
static TIMESTAMP: LazyLock<Regex> = LazyLock::new(|| {
    let date = r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})";
    let time = r"(?:(?:t|T|[ \t]+)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}(\.[0-9]+)?)";
    let zone = r"(?:[ \t]*(Z|[-+][012]?[0-9](?::[0-9]{2})?))?)?$";
    Regex::new(&[date, time, zone].concat()).expect("the pattern is fixed, a test reads a timestamp")
});

/// Binary values become an object in JavaScript, which no field of a descriptor takes; the bytes are not kept.
fn binary(position: Position) -> NodeValue {
    let node = |value| Node { value, position };
    let entry = |key: &str, value| Entry {
        key: key.to_owned(),
        key_position: position,
        value: node(value),
    };
    NodeValue::Mapping(vec![
        entry("type", NodeValue::String("Buffer".to_owned())),
        entry("data", NodeValue::Sequence(Vec::new())),
    ])
}
