//! The configuration as a tree whose values know the layer that set them.

use bailiwick_schema::yaml::{Node, NodeValue, Position};
use serde_json::{Map, Value};

use crate::place::{Origin, Path, Step, name_key};

/// A value and who set it.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) value: TreeValue,
    pub(crate) origin: Origin,
    /// The text of a variable that was read as another type than string.
    pub(crate) text: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum TreeValue {
    /// Null, a boolean, a number or a string.
    Scalar(Value),
    List(Vec<Tree>),
    /// In the order of the file.
    Section(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) origin: Origin,
    pub(crate) value: Tree,
}

impl Tree {
    pub(crate) fn section(origin: Origin) -> Self {
        Self::new(TreeValue::Section(Vec::new()), origin)
    }

    pub(crate) fn new(value: TreeValue, origin: Origin) -> Self {
        Self {
            value,
            origin,
            text: None,
        }
    }

    /// Takes over a parsed document; `origin` says what a position in it means.
    pub(crate) fn from_node(node: Node, origin: &dyn Fn(Position) -> Origin) -> Self {
        let value = match node.value {
            NodeValue::Null => TreeValue::Scalar(Value::Null),
            NodeValue::Bool(value) => TreeValue::Scalar(Value::Bool(value)),
            NodeValue::Number(number) => TreeValue::Scalar(Value::Number(number)),
            NodeValue::String(text) => TreeValue::Scalar(Value::String(text)),
            NodeValue::Sequence(items) => {
                TreeValue::List(items.into_iter().map(|item| Self::from_node(item, origin)).collect())
            }
            NodeValue::Mapping(entries) => TreeValue::Section(
                entries
                    .into_iter()
                    .map(|entry| Entry {
                        key: entry.key,
                        origin: origin(entry.key_position),
                        value: Self::from_node(entry.value, origin),
                    })
                    .collect(),
            ),
        };
        Self::new(value, origin(node.position))
    }

    pub(crate) fn to_json(&self) -> Value {
        match &self.value {
            TreeValue::Scalar(value) => value.clone(),
            TreeValue::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            TreeValue::Section(entries) => {
                let fields = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            TreeValue::Section(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.value, step) {
            (TreeValue::List(items), Step::Item(at)) => items.get(*at),
            (TreeValue::Section(_), step) => self.entry(&step.to_string()).map(|entry| &entry.value),
            _ => None,
        }
    }

    fn child_mut(&mut self, step: &Step) -> Option<&mut Self> {
        match (&mut self.value, step) {
            (TreeValue::List(items), Step::Item(at)) => items.get_mut(*at),
            (TreeValue::Section(entries), step) => {
                let key = step.to_string();
                entries
                    .iter_mut()
                    .find(|entry| entry.key == key)
                    .map(|entry| &mut entry.value)
            }
            _ => None,
        }
    }

    pub(crate) fn get(&self, path: &[Step]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, step| tree.child(step))
    }

    pub(crate) fn get_mut(&mut self, path: &[Step]) -> Option<&mut Self> {
        path.iter().try_fold(self, |tree, step| tree.child_mut(step))
    }

    /// The value at `path`, or the nearest that there is on the way to it.
    pub(crate) fn nearest(&self, path: &[Step]) -> &Self {
        let mut tree = self;
        for step in path {
            match tree.child(step) {
                Some(child) => tree = child,
                None => break,
            }
        }
        tree
    }

    /// The name of an item of a named list: what its `id` or `name` says.
    fn item_name(&self, name_key: &str) -> Option<&str> {
        match &self.entry(name_key)?.value.value {
            TreeValue::Scalar(Value::String(name)) if !name.is_empty() => Some(name),
            _ => None,
        }
    }

    /// A path for people: items of named lists by their name.
    pub(crate) fn shown(&self, path: &[Step]) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut keys: Vec<&str> = Vec::new();
        let mut at = Some(self);
        for step in path {
            let named_by = name_key(&keys);
            let child = at.and_then(|tree| tree.child(step));
            let name = named_by.and_then(|key| child.and_then(|child| child.item_name(key)));
            parts.push(name.map_or_else(|| step.to_string(), str::to_owned));
            if let Step::Key(key) = step {
                keys.push(key);
            }
            at = child;
        }
        parts.join(".")
    }

    /// Reads a path for people: the reverse of [`Self::shown`].
    pub(crate) fn find(&self, shown: &str) -> Path {
        let mut path = Path::new();
        let mut keys: Vec<&str> = Vec::new();
        let mut at = Some(self);
        for part in shown.split('.').filter(|part| !part.is_empty()) {
            let step = match at.map(|tree| &tree.value) {
                Some(TreeValue::List(items)) => {
                    let by_name =
                        name_key(&keys).and_then(|key| items.iter().position(|item| item.item_name(key) == Some(part)));
                    by_name
                        .or_else(|| part.parse().ok())
                        .map_or_else(|| Step::Key(part.to_owned()), Step::Item)
                }
                _ => {
                    keys.push(part);
                    Step::Key(part.to_owned())
                }
            };
            at = at.and_then(|tree| tree.child(&step));
            path.push(step);
        }
        path
    }
}
