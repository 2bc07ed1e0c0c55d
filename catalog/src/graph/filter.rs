//! Filters over nodes: what the snapshot can decide by itself.
//!
//! A path that is not indexed here is resolved by the search index first and arrives as [`Filter::OneOf`].

use std::collections::HashSet;
use std::sync::Arc;

use super::{Field, Node, Snapshot};
use crate::store::EntityNo;

/// How a value is compared; always without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    Eq(String),
    In(Vec<String>),
    Prefix(String),
    /// Any value at all, or none.
    Exists(bool),
}

impl Matcher {
    fn matches(&self, value: &str) -> bool {
        let same = |wanted: &str| wanted.eq_ignore_ascii_case(value) || wanted.to_lowercase() == value.to_lowercase();
        match self {
            Self::Eq(wanted) => same(wanted),
            Self::In(wanted) => wanted.iter().any(|wanted| same(wanted)),
            Self::Prefix(prefix) => value.to_lowercase().starts_with(&prefix.to_lowercase()),
            Self::Exists(wanted) => *wanted,
        }
    }
}

/// A condition on nodes.
#[derive(Debug, Clone)]
pub enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Field(Field, Matcher),
    Name(Matcher),
    Title(Matcher),
    /// The entity has an outgoing relation of this name, or the inverse name, to this entity.
    Related {
        relation: String,
        target: EntityNo,
    },
    /// A set that another index has found.
    OneOf(Arc<HashSet<EntityNo>>),
}

impl Filter {
    /// The filter that everything passes.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    pub fn matches(&self, snapshot: &Snapshot, node: &Node) -> bool {
        match self {
            Self::All(all) => all.iter().all(|filter| filter.matches(snapshot, node)),
            Self::Any(any) => any.iter().any(|filter| filter.matches(snapshot, node)),
            Self::Not(not) => !not.matches(snapshot, node),
            Self::Field(field, matcher) => field_matches(snapshot, node, *field, matcher),
            Self::Name(matcher) => matcher.matches(&node.name),
            Self::Title(matcher) => optional(node.title.as_deref(), matcher),
            Self::Related { relation, target } => related(snapshot, node, relation, *target),
            Self::OneOf(set) => set.contains(&node.no),
        }
    }
}

fn optional(value: Option<&str>, matcher: &Matcher) -> bool {
    match (value, matcher) {
        (value, Matcher::Exists(wanted)) => value.is_some() == *wanted,
        (Some(value), matcher) => matcher.matches(value),
        (None, _) => false,
    }
}

fn many<'a>(mut values: impl Iterator<Item = &'a str>, matcher: &Matcher) -> bool {
    match matcher {
        Matcher::Exists(wanted) => values.next().is_some() == *wanted,
        matcher => values.any(|value| matcher.matches(value)),
    }
}

fn field_matches(snapshot: &Snapshot, node: &Node, field: Field, matcher: &Matcher) -> bool {
    match field {
        Field::Kind => matcher.matches(&node.kind),
        Field::Namespace => matcher.matches(&node.namespace),
        Field::Lifecycle => optional(node.lifecycle.as_deref(), matcher),
        Field::Type => optional(node.entity_type.as_deref(), matcher),
        Field::Tag => many(node.tags.iter().map(|tag| &**tag), matcher),
        Field::Owner => {
            let owners = node.owners.iter().filter_map(|owner| snapshot.name(*owner));
            many(owners.map(|owner| owner.as_str()), matcher)
        }
        Field::Label => {
            let labels: Vec<String> = node
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            many(labels.iter().map(String::as_str), matcher)
        }
    }
}

fn related(snapshot: &Snapshot, node: &Node, relation: &str, target: EntityNo) -> bool {
    let types = snapshot.relation_types();
    if let Some(no) = types.find(relation)
        && node
            .relations
            .iter()
            .any(|edge| edge.relation == no && edge.target == target)
    {
        return true;
    }
    types.find_inverse(relation).is_some_and(|no| {
        snapshot.node_unchecked(target).is_some_and(|from| {
            from.relations
                .iter()
                .any(|edge| edge.relation == no && edge.target == node.no)
        })
    })
}
