//! The tree of one document.

use serde_json::{Map, Number, Value};

use super::Position;

/// A value and where it begins. An alias has the place of its use, what is inside it that of the anchor.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: NodeValue,
    pub position: Position,
}

/// What a node holds. Values are those of JSON: infinities and not-a-number are null, as JSON writes them.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A key and its value. Keys of one mapping differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_position: Position,
    pub value: Node,
}

impl Node {
    /// Builds a tree from a JSON value, every node at `position`.
    pub fn from_json(value: Value, position: Position) -> Self {
        let value = match value {
            Value::Null => NodeValue::Null,
            Value::Bool(value) => NodeValue::Bool(value),
            Value::Number(number) => NodeValue::Number(number),
            Value::String(text) => NodeValue::String(text),
            Value::Array(items) => {
                NodeValue::Sequence(items.into_iter().map(|item| Self::from_json(item, position)).collect())
            }
            Value::Object(fields) => NodeValue::Mapping(
                fields
                    .into_iter()
                    .map(|(key, value)| Entry {
                        key,
                        key_position: position,
                        value: Self::from_json(value, position),
                    })
                    .collect(),
            ),
        };
        Self { value, position }
    }

    /// The value without its places.
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(value) => Value::Bool(*value),
            NodeValue::Number(number) => Value::Number(number.clone()),
            NodeValue::String(text) => Value::String(text.clone()),
            NodeValue::Sequence(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            NodeValue::Mapping(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect(),
            ),
        }
    }

    /// The value without its places, moved out.
    pub fn into_json(self) -> Value {
        match self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(value) => Value::Bool(value),
            NodeValue::Number(number) => Value::Number(number),
            NodeValue::String(text) => Value::String(text),
            NodeValue::Sequence(items) => Value::Array(items.into_iter().map(Self::into_json).collect()),
            NodeValue::Mapping(entries) => {
                let mut fields = Map::new();
                for entry in entries {
                    fields.insert(entry.key, entry.value.into_json());
                }
                Value::Object(fields)
            }
        }
    }

    /// The entries, if this is a mapping.
    pub fn as_mapping(&self) -> Option<&[Entry]> {
        match &self.value {
            NodeValue::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if this is a sequence.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The entry of `key`, if this is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_mapping()?.iter().find(|entry| entry.key == key)
    }

    /// The value of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Puts `value` in the place of the node at `path` (keys and item numbers), with that node's position. False if
    /// there is no such node.
    pub fn replace_at(&mut self, path: &[String], value: Value) -> bool {
        let mut node = self;
        for part in path {
            let next = match &mut node.value {
                NodeValue::Sequence(items) => part.parse::<usize>().ok().and_then(|at| items.get_mut(at)),
                NodeValue::Mapping(entries) => entries
                    .iter_mut()
                    .find(|entry| entry.key == *part)
                    .map(|entry| &mut entry.value),
                _ => None,
            };
            let Some(next) = next else { return false };
            node = next;
        }
        *node = Self::from_json(value, node.position);
        true
    }

    /// The name of the JSON type, as messages show it.
    pub fn type_name(&self) -> &'static str {
        match &self.value {
            NodeValue::Null => "null",
            NodeValue::Bool(_) => "boolean",
            NodeValue::Number(_) => "number",
            NodeValue::String(_) => "string",
            NodeValue::Sequence(_) => "array",
            NodeValue::Mapping(_) => "object",
        }
    }
}
