//! Keys of mappings: which of them are equal, and what they are as texts.

use std::collections::HashMap;

use super::{Entry, Node, NodeValue, Position, YamlError, scalar};

/// Mappings up to this size find equal keys by looking at each; larger ones keep an index.
const SCANNED_KEYS_MAX: usize = 16;
/// Longest key that an error message shows, in characters.
const SHOWN_KEY_CHARS_MAX: usize = 80;

/// Keys are equal if kind and text are; an alias, a collection or not-a-number equals nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Null,
    Bool,
    Number,
    String,
    Unequal,
}

#[derive(Default)]
pub(super) struct Fields {
    pub(super) entries: Vec<Entry>,
    kinds: Vec<KeyKind>,
    index: HashMap<String, usize>,
    pub(super) pending: Option<Key>,
}

pub(super) struct Key {
    pub(super) text: String,
    pub(super) kind: KeyKind,
    pub(super) position: Position,
}

impl Fields {
    /// Adds an entry. Keys that differ but read the same as text (`1` and `"1"`) leave the last, as in JavaScript.
    pub(super) fn insert(&mut self, key: Key, value: Node) -> Result<(), YamlError> {
        if let Some(at) = self.find(&key.text) {
            if key.kind != KeyKind::Unequal && self.kinds[at] == key.kind {
                // Relative, since a text may be a piece of a file that knows its own place.
                let first = match key.position.line.saturating_sub(self.entries[at].key_position.line) {
                    0 => "in the same line".to_owned(),
                    1 => "one line above".to_owned(),
                    lines => format!("{lines} lines above"),
                };
                let message = format!(
                    "the key `{}` stands twice in one mapping (first {first}); keep one",
                    shown(&key.text),
                );
                return Err(YamlError::new("duplicate_key", message, key.position));
            }
            self.entries[at].value = value;
            self.entries[at].key_position = key.position;
            self.kinds[at] = key.kind;
            return Ok(());
        }
        if self.entries.len() == SCANNED_KEYS_MAX {
            self.index = self
                .entries
                .iter()
                .enumerate()
                .map(|(at, entry)| (entry.key.clone(), at))
                .collect();
        }
        if self.entries.len() >= SCANNED_KEYS_MAX {
            self.index.insert(key.text.clone(), self.entries.len());
        }
        self.kinds.push(key.kind);
        self.entries.push(Entry {
            key: key.text,
            key_position: key.position,
            value,
        });
        Ok(())
    }

    fn find(&self, text: &str) -> Option<usize> {
        if self.entries.len() <= SCANNED_KEYS_MAX {
            self.entries.iter().position(|entry| entry.key == text)
        } else {
            self.index.get(text).copied()
        }
    }
}

pub(super) fn shown(key: &str) -> String {
    let mut text: String = key.chars().take(SHOWN_KEY_CHARS_MAX).collect();
    if text.len() < key.len() {
        text.push('…');
    }
    text
}

/// What a node becomes as a key of a JavaScript object. A collection becomes YAML text.
pub(super) fn key_text(node: Node) -> String {
    match node.value {
        NodeValue::Null => String::new(),
        NodeValue::Bool(value) => value.to_string(),
        NodeValue::Number(number) => number.as_f64().map_or_else(|| number.to_string(), scalar::number_key),
        NodeValue::String(text) => text,
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => {
            let mut text = String::new();
            write_flow(node, &mut text);
            text
        }
    }
}

/// Writes a collection that is a key as YAML on one line, as the package does for want of such keys in JavaScript.
fn write_flow(node: Node, text: &mut String) {
    match node.value {
        NodeValue::Null => text.push_str("null"),
        NodeValue::Sequence(items) if items.is_empty() => text.push_str("[]"),
        NodeValue::Mapping(entries) if entries.is_empty() => text.push_str("{}"),
        NodeValue::Sequence(items) => {
            for (at, item) in items.into_iter().enumerate() {
                text.push_str(if at == 0 { "[ " } else { ", " });
                write_flow(item, text);
            }
            text.push_str(" ]");
        }
        NodeValue::Mapping(entries) => {
            for (at, entry) in entries.into_iter().enumerate() {
                text.push_str(if at == 0 { "{ " } else { ", " });
                text.push_str(&entry.key);
                if entry.value.value != NodeValue::Null {
                    text.push_str(": ");
                    write_flow(entry.value, text);
                }
            }
            text.push_str(" }");
        }
        _ => text.push_str(&key_text(node)),
    }
}
