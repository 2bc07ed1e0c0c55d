//! Postings: which live entities have a value in an indexed field.

use std::sync::Arc;

use crate::graph::{Node, Numbers};
use crate::store::EntityNo;

/// Fields that are indexed in the snapshot. Everything else goes through the search index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Kind,
    Namespace,
    /// Effective owners, as refs.
    Owner,
    Tag,
    Lifecycle,
    Type,
    /// `key=value`
    Label,
}

impl Field {
    pub const ALL: [Self; 7] = [
        Self::Kind,
        Self::Namespace,
        Self::Owner,
        Self::Tag,
        Self::Lifecycle,
        Self::Type,
        Self::Label,
    ];

    /// The dotted path under which the API knows it.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Namespace => "metadata.namespace",
            Self::Owner => "owner",
            Self::Tag => "metadata.tags",
            Self::Lifecycle => "spec.lifecycle",
            Self::Type => "spec.type",
            Self::Label => "metadata.labels",
        }
    }

    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.path() == path).or(match path {
            "namespace" => Some(Self::Namespace),
            "tag" | "tags" => Some(Self::Tag),
            "lifecycle" => Some(Self::Lifecycle),
            "type" => Some(Self::Type),
            _ => None,
        })
    }
}

/// The entities with one value.
#[derive(Debug, Clone)]
pub struct Posting {
    /// The value as one of them spells it.
    pub display: Arc<str>,
    pub entities: Numbers,
}

impl Posting {
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    pub fn contains(&self, no: EntityNo) -> bool {
        self.entities.contains(no.0)
    }

    pub fn iter(&self) -> impl Iterator<Item = EntityNo> + '_ {
        self.entities.iter().map(EntityNo)
    }
}

/// Calls back with every (field, value) of a node; owners come as refs from `name_of`.
pub(crate) fn values_of_node<'a>(
    node: &Node,
    mut name_of: impl FnMut(EntityNo) -> Option<&'a str>,
    mut visit: impl FnMut(Field, &str),
) {
    visit(Field::Kind, &node.kind);
    visit(Field::Namespace, &node.namespace);
    if let Some(lifecycle) = &node.lifecycle {
        visit(Field::Lifecycle, lifecycle);
    }
    if let Some(entity_type) = &node.entity_type {
        visit(Field::Type, entity_type);
    }
    for tag in &node.tags {
        visit(Field::Tag, tag);
    }
    for (key, value) in &node.labels {
        visit(Field::Label, &format!("{key}={value}"));
    }
    for owner in &node.owners {
        if let Some(name) = name_of(*owner) {
            visit(Field::Owner, name);
        }
    }
}
