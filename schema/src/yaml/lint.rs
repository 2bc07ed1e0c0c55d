//! What the event parser reads otherwise than the package `yaml`, and words for its errors.

use super::YamlError;
use super::load::Place;

/// Refuses what the event parser would let pass.
pub(super) fn before(_text: &str, _place: Place) -> Result<(), YamlError> {
    Ok(())
}

/// The code of a parser error, and what it means in words of the file.
pub(super) fn explain(info: &str) -> (&'static str, String) {
    let hint = match info {
        "recursion limit exceeded" => return ("too_deep", "brackets nest too deeply (yaml_depth_max)".to_owned()),
        "while parsing node, found unknown anchor" => "the alias names an anchor that is not set before it",
        "mapping values are not allowed in this context" | "illegal placement of ':' indicator" => {
            "a `:` begins a value where none may stand; quote the text if it holds `: `, or check the indentation"
        }
        "simple key expected" | "simple key expect ':'" => {
            "a key without `:`, or text that is indented less than the value that it continues"
        }
        "while parsing a block mapping, did not find expected key" => {
            "no key where one is expected; check the indentation and the quotes"
        }
        "while parsing a block collection, did not find expected '-' indicator" => {
            "no `-` where one is expected; check the indentation"
        }
        other => other,
    };
    ("yaml_syntax", hint.to_owned())
}
