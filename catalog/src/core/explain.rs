//! Explaining: who says each field of an entity, and which claims lost to them, and why (law 4).
//!
//! Provenance is not stored: the claims are folded again, by the same order and rules as [`super::stitch`].

use std::collections::BTreeMap;

use bailiwick_schema::{Assertion, Origin, ScopeId, SourceId, Timestamp};
use serde_json::{Map, Value};

use super::stitch::{FieldRule, SourcedClaim, order_claims, partition, rule_of};

/// One claim's word on one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Say {
    pub source: SourceId,
    pub scope: ScopeId,
    pub origin: Origin,
    pub assertion: Assertion,
    pub requested_at: Timestamp,
    /// Since when it says so, as far as is known.
    pub since: Timestamp,
    /// Its origin could not be read lately.
    pub stale: bool,
    pub value: Value,
    /// Why it won or lost, in words.
    pub reason: String,
}

/// Who says what about one field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldExplanation {
    /// Dotted path in the entity.
    pub path: String,
    pub value: Value,
    /// Nothing for sets, which unite what all say.
    pub winner: Option<Say>,
    pub contributors: Vec<Say>,
    pub losers: Vec<Say>,
}

/// A claim, its word on a field, and whether it lost whole.
type Said<'a> = (&'a SourcedClaim, &'a Value, bool);

/// Explains all fields of an entity, or those at and below `field`.
pub fn explain(mut claims: Vec<SourcedClaim>, field: Option<&str>) -> Vec<FieldExplanation> {
    order_claims(&mut claims);
    let (folded, lost) = partition(&claims);
    let mut fields: BTreeMap<String, (FieldRule, Vec<Said<'_>>)> = BTreeMap::new();
    for (claim, whole) in folded
        .iter()
        .map(|claim| (claim, false))
        .chain(lost.iter().map(|claim| (claim, true)))
    {
        let mut say = |path: String, rule: FieldRule, value| {
            fields
                .entry(path)
                .or_insert_with(|| (rule, Vec::new()))
                .1
                .push((*claim, value, whole));
        };
        walk(&claim.body.entity, "", &mut say);
        for (key, value) in &claim.body.facts {
            say(format!("facts.{}.{key}", claim.source_type), FieldRule::First, value);
        }
    }
    fields
        .into_iter()
        .filter(|(path, _)| {
            field
                .is_none_or(|field| path == field || path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.')))
        })
        .map(|(path, (rule, says))| explain_field(path, rule, &says))
        .collect()
}

fn walk<'a>(map: &'a Map<String, Value>, prefix: &str, say: &mut impl FnMut(String, FieldRule, &'a Value)) {
    for (key, value) in map {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match (rule_of(&path), value) {
            (FieldRule::ByKey, Value::Object(inner)) => walk(inner, &path, say),
            (rule, value) => say(path, rule, value),
        }
    }
}

fn explain_field(path: String, rule: FieldRule, says: &[Said<'_>]) -> FieldExplanation {
    let united = rule == FieldRule::United;
    let mut explanation = FieldExplanation {
        path,
        value: Value::Null,
        winner: None,
        contributors: Vec::new(),
        losers: Vec::new(),
    };
    let mut set: Vec<Value> = Vec::new();
    let first = says.iter().find(|(_, _, whole)| !whole).map(|(claim, ..)| *claim);
    for (claim, value, whole) in says {
        let mut said = Say {
            source: claim.source.clone(),
            scope: claim.scope.clone(),
            origin: claim.stored.origin.clone(),
            assertion: claim.stored.assertion,
            requested_at: claim.stored.head.requested_at,
            since: claim.stored.since,
            stale: claim.stored.head.stale,
            value: (*value).clone(),
            reason: String::new(),
        };
        if *whole {
            said.reason = "another origin of the same source declares the entity and comes first".to_owned();
            explanation.losers.push(said);
        } else if united {
            if let Value::Array(items) = value {
                set.extend(
                    items
                        .iter()
                        .filter(|item| !set.contains(item))
                        .cloned()
                        .collect::<Vec<_>>(),
                );
            }
            said.reason = "sets are united".to_owned();
            explanation.contributors.push(said);
        } else if let (Some(winner), Some(first)) = (&explanation.winner, first) {
            said.reason = lost_to(claim, first, &winner.source);
            explanation.losers.push(said);
        } else {
            said.reason = if value.is_null() {
                "it says that there is none, and comes first".to_owned()
            } else if says.len() == 1 {
                "nobody else says anything".to_owned()
            } else {
                format!("it comes first: rank {} of source `{}`", claim.rank, claim.source)
            };
            explanation.value = (*value).clone();
            explanation.winner = Some(said);
        }
    }
    if united {
        explanation.value = Value::Array(set);
    }
    explanation
}

fn lost_to(loser: &SourcedClaim, winner: &SourcedClaim, source: &SourceId) -> String {
    if loser.rank != winner.rank {
        format!("source `{source}` has rank {}, this one {}", winner.rank, loser.rank)
    } else if loser.source != winner.source {
        format!("equal rank, and source id `{source}` comes first")
    } else if loser.stored.assertion != winner.stored.assertion {
        "a declaration comes before an observation of the same source".to_owned()
    } else {
        "an earlier scope or path of the same source says it".to_owned()
    }
}
