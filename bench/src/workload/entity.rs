//! An entity of the workload and the line that it becomes: fields in a fixed order, no spaces.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A map that keeps its order.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(pub(super) Vec<(&'static str, Value)>);

/// What stands in a field.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Fixed(&'static str),
    Text(String),
    List(Vec<String>),
    Tags(Vec<&'static str>),
    Fields(Fields),
    Links(Vec<Fields>),
}

/// One entity.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    pub(super) kind: &'static str,
    pub(super) metadata: Fields,
    pub(super) spec: Fields,
}

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn push(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }

    /// Replaces a field in its place, or adds it at the end.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, held)) => *held = value.into(),
            None => self.push(name, value),
        }
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Fixed(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<String>> for Value {
    fn from(list: Vec<String>) -> Self {
        Self::List(list)
    }
}

impl From<Vec<&'static str>> for Value {
    fn from(tags: Vec<&'static str>) -> Self {
        Self::Tags(tags)
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        Self::Fields(fields)
    }
}

impl From<Vec<Fields>> for Value {
    fn from(links: Vec<Fields>) -> Self {
        Self::Links(links)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(text) => serializer.serialize_str(text),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => list.serialize(serializer),
            Self::Tags(tags) => tags.serialize(serializer),
            Self::Fields(fields) => fields.serialize(serializer),
            Self::Links(links) => links.serialize(serializer),
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Entity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("apiVersion", "backstage.io/v1alpha1")?;
        map.serialize_entry("kind", self.kind)?;
        map.serialize_entry("metadata", &self.metadata)?;
        map.serialize_entry("spec", &self.spec)?;
        map.end()
    }
}
