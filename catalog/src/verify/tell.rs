//! Saying what differs, for people. Runs for differences only.

use std::collections::BTreeSet;

use bailiwick_schema::EntityRef;
use serde_json::Value;

use super::SHOWN_BYTES_MAX;
use crate::core::stitch::Stitched;
use crate::graph::{Node, Snapshot};
use crate::store::{EntityNo, EntityVersion, Ownership, Relation};

/// Which field of an entity differs.
pub(super) fn entity(
    name: &EntityRef,
    stitched: &Stitched,
    watches: &[String],
    version: &EntityVersion,
    body: &[u8],
) -> String {
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    if stitched.body != body {
        return match (parsed(&stitched.body), parsed(body)) {
            (Some(rebuilt), Some(held)) => {
                let (path, rebuilt, held) = first_difference(String::new(), &rebuilt, &held);
                format!("`{name}`: {path} is {held}, its claims say {rebuilt}")
            }
            _ if body.is_empty() => format!("`{name}`: its body is not there"),
            _ => format!("`{name}`: its body is no JSON"),
        };
    }
    let what = if stitched.summary != version.summary {
        "the fields that lists use"
    } else if stitched.inherits_from != version.inherits_from {
        "whose owner it inherits"
    } else if stitched.continues != version.continues {
        "what it was before"
    } else if watches != version.watches {
        "what it waits for"
    } else {
        "its hash"
    };
    format!("`{name}`: {what} differs from what its claims add up to")
}

/// The first place, in order of keys, at which two values differ.
fn first_difference(path: String, rebuilt: &Value, held: &Value) -> (String, String, String) {
    if let (Value::Object(one), Value::Object(two)) = (rebuilt, held) {
        let keys: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
        for key in keys {
            let (one, two) = (one.get(key), two.get(key));
            if one != two {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                return match (one, two) {
                    (Some(one), Some(two)) => first_difference(path, one, two),
                    (one, two) => (path, shown(one), shown(two)),
                };
            }
        }
    }
    let path = if path.is_empty() {
        "the whole".to_owned()
    } else {
        format!("`{path}`")
    };
    (path, shown(Some(rebuilt)), shown(Some(held)))
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "not there".to_owned();
    };
    let mut text = value.to_string();
    if text.len() > SHOWN_BYTES_MAX {
        let mut end = SHOWN_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Which relations are too many and which are missing.
pub(super) fn relations(name: &EntityRef, rebuilt: &[Relation], held: &[Relation]) -> String {
    let first = |those: &[Relation], others: &[Relation]| {
        let mut only = those.iter().filter(|relation| !others.contains(relation));
        only.next()
            .map(|relation| (format!("`{} {}`", relation.relation, relation.target), only.count()))
    };
    let listed = |found: Option<(String, usize)>, what: &str| match found {
        None => String::new(),
        Some((one, 0)) => format!(", {what} {one}"),
        Some((one, more)) => format!(", {what} {one} and {more} more"),
    };
    let (lacks, has) = (first(rebuilt, held), first(held, rebuilt));
    if lacks.is_none() && has.is_none() {
        return format!("`{name}`: its relations are in another order or doubled");
    }
    let text = format!("{}{}", listed(lacks, "lacks"), listed(has, "has without a claim"));
    format!("`{name}`: {}", text.trim_start_matches(", "))
}

/// Whether owners or only the evidence differ.
pub(super) fn ownership(name: &EntityRef, rebuilt: &Ownership, held: &Ownership) -> String {
    let listed = |owners: &[EntityRef]| match owners {
        [] => "nobody".to_owned(),
        owners => {
            let names: Vec<String> = owners.iter().take(5).map(|owner| format!("`{owner}`")).collect();
            names.join(", ")
        }
    };
    if rebuilt.owners != held.owners {
        return format!(
            "`{name}` is owned by {}, its evidence says {}",
            listed(&held.owners),
            listed(&rebuilt.owners)
        );
    }
    let at = rebuilt
        .evidence
        .iter()
        .zip(&held.evidence)
        .position(|(one, two)| one != two);
    match at {
        Some(at) => format!(
            "`{name}`: evidence {} (`{}`) differs from what its claims say (`{}`)",
            at + 1,
            held.evidence[at].method,
            rebuilt.evidence[at].method
        ),
        None => format!(
            "`{name}`: {} pieces of evidence are stored, its claims give {}",
            held.evidence.len(),
            rebuilt.evidence.len()
        ),
    }
}

/// The field in which a served node differs from the stored version that it is of.
pub(super) fn served_otherwise(snapshot: &Snapshot, node: &Node, version: &EntityVersion) -> Option<&'static str> {
    let summary = &version.summary;
    let names = |numbers: &[EntityNo], refs: &[EntityRef]| {
        let named = refs.iter().filter_map(|name| snapshot.number(name));
        named.eq(numbers.iter().copied())
    };
    let same_relations = || {
        let served = node
            .relations
            .iter()
            .map(|edge| (snapshot.relation_types().name(edge.relation), Some(edge.target)));
        let stored = version
            .relations
            .iter()
            .map(|relation| (relation.relation.as_str(), snapshot.number(&relation.target)));
        served.eq(stored.filter(|(_, target)| target.is_some()))
    };
    let labels = || {
        let served = node.labels.iter().map(|(key, value)| (&**key, &**value));
        served.eq(summary.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    };
    let tags = || {
        node.tags
            .iter()
            .map(|tag| &**tag)
            .eq(summary.tags.iter().map(String::as_str))
    };
    let checks: [(&'static str, bool); 15] = [
        ("name", node.entity == version.entity && node.no == version.no),
        ("uid", node.uid == version.uid),
        ("position", node.position == version.position),
        ("time", node.updated_at == version.at),
        ("hash", node.hash == version.hash),
        (
            "kind",
            *node.kind == *summary.kind && *node.namespace == *summary.namespace && *node.name == *summary.name,
        ),
        ("title", node.title.as_deref() == summary.title.as_deref()),
        ("type", node.entity_type.as_deref() == summary.entity_type.as_deref()),
        ("lifecycle", node.lifecycle.as_deref() == summary.lifecycle.as_deref()),
        ("tags", tags()),
        ("labels", labels()),
        ("relations", same_relations()),
        (
            "owner",
            names(&node.owners, &version.ownership.owners)
                && node.inherits_owner == version.ownership.is_inherited()
                && node.asks_parents == version.ownership.asks_parents,
        ),
        ("parents", names(&node.parents, &version.inherits_from)),
        ("identifiers", *node.identifiers == *version.identifiers),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
}
