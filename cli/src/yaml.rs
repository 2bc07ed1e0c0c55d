//! JSON values as YAML text.
//!
//! Block style; a string is plain where no reader of YAML 1.1 or 1.2 could take it for something else, and otherwise a
//! JSON string, which is a YAML string too.

use serde_json::Value;

/// The value as one YAML document, with a line break at its end.
pub(crate) fn to_text(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Writes a value that begins at the place where `text` ends; nested lines are indented by `depth` steps.
fn write(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (key, value)) in fields.iter().enumerate() {
                if at > 0 {
                    indent(depth, text);
                }
                text.push_str(&scalar(key));
                text.push(':');
                match value {
                    Value::Object(fields) if !fields.is_empty() => {
                        text.push('\n');
                        indent(depth + 1, text);
                        write(value, depth + 1, text);
                    }
                    Value::Array(items) if !items.is_empty() => {
                        text.push('\n');
                        indent(depth + 1, text);
                        write(value, depth + 1, text);
                    }
                    _ => {
                        text.push(' ');
                        write(value, depth + 1, text);
                    }
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    indent(depth, text);
                }
                text.push_str("- ");
                write(item, depth + 1, text);
            }
        }
        Value::String(string) => {
            text.push_str(&scalar(string));
            text.push('\n');
        }
        other => {
            text.push_str(&other.to_string());
            text.push('\n');
        }
    }
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn scalar(string: &str) -> String {
    if is_plain(string) {
        string.to_owned()
    } else {
        Value::from(string).to_string()
    }
}

/// Whether a string needs no quotes: letters first, harmless characters after, and no word with a meaning.
fn is_plain(string: &str) -> bool {
    const WORDS: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    string.starts_with(|c: char| c.is_ascii_alphabetic())
        && string
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | ':' | '@' | '+'))
        && !string.contains(": ")
        && !string.ends_with([':', ' '])
        && !WORDS.contains(&string.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use bailiwick_schema::yaml::{Limits, parse_documents};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_reads_back_as_the_same_value() {
        let values = [
            json!({"a": [], "b": {}, "c": null, "d": [1, 2.5, -3, true], "e": {"f": [{"g": 1, "h": [[], [[1]]]}]}}),
            json!([{"kind": "Component", "x": {"y": "z"}}, [1, [2]], "text"]),
            json!([
                "no",
                "NULL",
                "1",
                "1e3",
                "-",
                "",
                " a ",
                "a: b",
                "a #b",
                "a:",
                "*x",
                "é",
                "\u{1b}",
                "two\nlines",
                "0x1"
            ]),
            json!({"": 1, "yes": "on", "2026-01-01": "2026-01-01", "a:b": "https://x/y?z=1"}),
            json!("alone"),
            json!(7),
            json!({}),
            json!([]),
        ];
        for value in values {
            let text = to_text(&value);
            let documents = parse_documents(&text, &Limits::default());
            assert_eq!(documents.len(), 1, "{text}");
            assert_eq!(documents[0].root.as_ref().unwrap().to_json(), value, "{text}");
        }
    }
}
