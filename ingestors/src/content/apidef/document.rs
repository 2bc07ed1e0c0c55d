//! OpenAPI and AsyncAPI documents, as YAML or JSON.

use serde_json::Value;

use super::{APIDEF_BYTES_MAX, ApiDefinition, ApiFormat};
use crate::content::{DESCRIPTION_CHARS_MAX, Problem, text, tree};

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const MARKERS: [(&str, ApiFormat); 3] = [
    ("openapi", ApiFormat::Openapi),
    ("swagger", ApiFormat::Openapi),
    ("asyncapi", ApiFormat::Asyncapi),
];

pub(super) fn parse(path: &str, json: bool, bytes: &[u8]) -> Result<Option<ApiDefinition>, Problem> {
    if !has_marker(bytes) {
        return Ok(None);
    }
    let value = if json {
        tree::json(bytes, APIDEF_BYTES_MAX)?
    } else {
        tree::yaml(bytes, APIDEF_BYTES_MAX)?
    };
    let Some((marker, format)) = MARKERS.into_iter().find(|(marker, _)| version_like(value.get(*marker))) else {
        return Ok(None);
    };
    let mut definition = ApiDefinition::new(path, format);
    definition.spec_version = tree::scalar(&value, marker);
    if let Some(info) = value.get("info") {
        definition.title = tree::scalar(info, "title");
        definition.version = tree::scalar(info, "version");
        definition.description = info
            .get("description")
            .and_then(Value::as_str)
            .and_then(|words| text::tidy(words, DESCRIPTION_CHARS_MAX));
    }
    match format {
        ApiFormat::Asyncapi => asyncapi(&value, &mut definition),
        _ => openapi(&value, &mut definition),
    }
    Ok(Some(definition))
}

/// A cheap look before parsing: one of the marker keys followed by a colon, at the start of a line or quoted.
fn has_marker(bytes: &[u8]) -> bool {
    MARKERS.iter().any(|(marker, _)| {
        let marker = marker.as_bytes();
        bytes.windows(marker.len()).enumerate().any(|(at, window)| {
            if window != marker {
                return false;
            }
            let before = at.checked_sub(1).map(|index| bytes[index]);
            let after = bytes[at + marker.len()..].trim_ascii_start();
            match before {
                Some(quote @ (b'"' | b'\'')) => after.first() == Some(&quote),
                None | Some(b'\n' | b'\r' | b'{' | b' ' | 0xbf) => after.first() == Some(&b':'),
                _ => false,
            }
        })
    })
}

/// `3.0.1`, `2.0`, `2`: a text or number that starts with a digit.
fn version_like(value: Option<&Value>) -> bool {
    value
        .and_then(tree::scalar_of)
        .is_some_and(|version| version.starts_with(|char: char| char.is_ascii_digit()))
}

fn openapi(value: &Value, definition: &mut ApiDefinition) {
    for (path, item) in tree::pairs(value, "paths").chain(tree::pairs(value, "webhooks")) {
        for method in METHODS
            .into_iter()
            .filter(|method| item.get(*method).is_some_and(Value::is_object))
        {
            definition
                .operations
                .push(&format!("{} {path}", method.to_ascii_uppercase()));
        }
    }
    for tag in tree::items(value, "tags")
        .iter()
        .filter_map(|tag| tree::scalar(tag, "name"))
    {
        definition.services.push(&tag);
    }
    let schemas = value
        .get("components")
        .map_or(("definitions", value), |components| ("schemas", components));
    for (name, _) in tree::pairs(schemas.1, schemas.0) {
        definition.types.push(name);
    }
}

fn asyncapi(value: &Value, definition: &mut ApiDefinition) {
    for (name, channel) in tree::pairs(value, "channels") {
        let address = tree::scalar(channel, "address").unwrap_or_else(|| name.clone());
        definition.services.push(&address);
        // AsyncAPI 2 names operations inside the channel.
        for action in ["publish", "subscribe"] {
            if channel.get(action).is_some_and(Value::is_object) {
                definition.operations.push(&format!("{action} {name}"));
            }
        }
    }
    for (name, operation) in tree::pairs(value, "operations") {
        let action = tree::scalar(operation, "action").unwrap_or_default();
        definition.operations.push(format!("{action} {name}").trim());
    }
    if let Some(components) = value.get("components") {
        for (name, _) in tree::pairs(components, "messages").chain(tree::pairs(components, "schemas")) {
            definition.types.push(name);
        }
    }
}
