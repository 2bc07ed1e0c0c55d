//! Stitching: the deterministic fold of all claims about one entity.
//!
//! Law 3: the result is the same whatever order the claims came in; the fold sorts them itself. Per field the source
//! of the highest rank wins, then the smaller source id; within one source a declaration comes before observations.
//! Two origins of one source that declare the same entity never mix: the smallest (scope, path) wins whole, the
//! others lose whole. Sets are united, maps go by key, `spec` by top-level field, an explicit null ends the search.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_schema::kind::{KindSet, relations_of};
use bailiwick_schema::{
    Assertion, ClaimBody, ContentHash, EntityRef, Finding, Identifier, IdentifierClaim, OwnerMethod, ScopeId, Severity,
    SourceId, Subject, canonical,
};
use serde_json::{Map, Value};

use super::wellknown::{self, value_at};
use crate::store::{Relation, StoredClaim, Summary};

/// Room that is made for a body before it is written, in bytes: most fit.
const BODY_BYTES_USUAL: usize = 2_048;

/// A claim with what its scope and source are, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct SourcedClaim {
    pub source: SourceId,
    pub source_type: String,
    pub rank: i32,
    pub scope: ScopeId,
    /// Its own body of bytes is left out.
    pub stored: StoredClaim,
    pub body: Arc<ClaimBody>,
    /// Canonical bytes of the entity that it states, where it states nothing else and they are at hand.
    pub entity_bytes: Option<Vec<u8>>,
}

/// Evidence of ownership that the claims themselves bring, strongest source first within each method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEvidence {
    pub method: OwnerMethod,
    pub who: Vec<String>,
    pub detail: String,
    pub source: SourceId,
    pub origin: String,
}

/// What the claims add up to. Ownership needs other entities and is decided by [`super::own`].
#[derive(Debug, Clone, PartialEq)]
pub struct Stitched {
    /// Canonical JSON.
    pub body: Vec<u8>,
    pub summary: Summary,
    pub relations: Vec<Relation>,
    pub identifiers: Vec<IdentifierClaim>,
    pub evidence: Vec<OwnEvidence>,
    pub inherits_from: Vec<EntityRef>,
    pub continues: Option<EntityRef>,
    /// Identifiers that relations point at.
    pub watches: Vec<String>,
    pub findings: Vec<(Option<SourceId>, Option<ScopeId>, Finding)>,
}

/// Hash of everything a version holds, apart from uid, position and time.
pub fn version_hash(stitched: &Stitched, ownership: &crate::store::Ownership, watches: &[String]) -> ContentHash {
    let relations = postcard::to_allocvec(&(
        &stitched.relations,
        &stitched.inherits_from,
        &stitched.continues,
        watches,
    ))
    .expect("relations serialise into memory");
    let ownership = postcard::to_allocvec(ownership).expect("ownership serialises into memory");
    ContentHash::of_parts(&[&stitched.body, &relations, &ownership])
}

/// How claims are ordered before they are folded: strongest first.
pub fn order_claims(claims: &mut [SourcedClaim]) {
    claims.sort_by(|one, two| {
        two.rank
            .cmp(&one.rank)
            .then_with(|| one.source.cmp(&two.source))
            .then_with(|| one.stored.assertion.cmp(&two.stored.assertion))
            .then_with(|| one.scope.cmp(&two.scope))
            .then_with(|| one.stored.origin.path.cmp(&two.stored.origin.path))
            .then_with(|| one.stored.head.key.cmp(&two.stored.head.key))
    });
}

/// Which of the ordered claims take part, and those that lose whole to another declaration of their source.
pub fn partition(claims: &[SourcedClaim]) -> (Vec<&SourcedClaim>, Vec<&SourcedClaim>) {
    let (mut folded, mut lost): (Vec<&SourcedClaim>, Vec<&SourcedClaim>) = (Vec::new(), Vec::new());
    for claim in claims {
        let beaten = claim.stored.assertion == Assertion::Declares
            && folded
                .iter()
                .any(|winner| winner.source == claim.source && winner.stored.assertion == Assertion::Declares);
        if beaten { lost.push(claim) } else { folded.push(claim) }
    }
    (folded, lost)
}

/// Folds the claims about one entity; nothing if none of them declares it.
///
/// `resolve` says who holds an identifier, for relations whose target is one.
pub fn stitch(
    entity_ref: &EntityRef,
    mut claims: Vec<SourcedClaim>,
    kinds: &KindSet,
    resolve: &dyn Fn(&Identifier) -> Option<EntityRef>,
) -> Option<Stitched> {
    order_claims(&mut claims);
    let (folded, lost) = partition(&claims);
    if !folded.iter().any(|claim| claim.stored.assertion == Assertion::Declares) {
        return None;
    }
    let mut entity = fold_entities(&folded);
    let facts = fold_facts(&folded);
    let identifiers = fold_identifiers(&folded, &entity);
    let findings = duplicate_findings(entity_ref, &folded, &lost);
    let (relations, inherits_from, watches) = fold_relations(&folded, &entity, kinds, resolve);
    let evidence = own_evidence(&folded, &entity);
    let continues = folded.iter().find_map(|claim| claim.body.continues.clone());
    let summary = summarise(entity_ref, &entity, kinds);
    if !facts.is_empty() {
        entity.to_mut().insert("facts".to_owned(), Value::Object(facts));
    }
    if !identifiers.is_empty() {
        let names = identifiers
            .iter()
            .map(|claim| Value::String(claim.identifier.to_string()))
            .collect();
        entity.to_mut().insert("identifiers".to_owned(), Value::Array(names));
    }
    let written = match entity {
        Cow::Borrowed(_) if folded[0].entity_bytes.is_some() => None,
        entity => {
            let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
            canonical::write_map(&entity, &mut body);
            Some(body)
        }
    };
    // The strongest claim takes part, so the first of those folded is the first of all.
    let body = written
        .or_else(|| claims.swap_remove(0).entity_bytes)
        .unwrap_or_default();
    Some(Stitched {
        body,
        summary,
        relations,
        identifiers,
        evidence,
        inherits_from,
        continues,
        watches,
        findings,
    })
}

/// How a field of the entity is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldRule {
    /// The first claim that says anything, null included.
    First,
    /// Each key by itself.
    ByKey,
    /// All of them together.
    United,
}

/// The rule of a top-level or metadata field.
pub fn rule_of(path: &str) -> FieldRule {
    match path {
        "metadata" | "spec" | "metadata.labels" | "metadata.annotations" => FieldRule::ByKey,
        "metadata.tags" | "metadata.links" => FieldRule::United,
        _ => FieldRule::First,
    }
}

/// All of the claims folded. What only one claim says is, nearly always, just what comes out, and is not copied.
fn fold_entities<'a>(folded: &[&'a SourcedClaim]) -> Cow<'a, Map<String, Value>> {
    if let [only] = folded
        && folds_to_itself(&only.body.entity)
    {
        return Cow::Borrowed(&only.body.entity);
    }
    let mut root = Map::new();
    for claim in folded {
        fold_entity(&claim.body.entity, &mut root);
    }
    strip_nulls(&mut root);
    Cow::Owned(root)
}

/// Whether folding a single claim gives it back: no null to take out, no repetition in what is united.
fn folds_to_itself(root: &Map<String, Value>) -> bool {
    let no_null = |fields: Option<&Value>| match fields {
        Some(Value::Object(fields)) => fields.values().all(|value| !value.is_null()),
        _ => true,
    };
    let no_repetition = |items: Option<&Value>| match items {
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .all(|(at, item)| !items[..at].iter().any(|before| same_item(before, item))),
        _ => true,
    };
    let metadata = |key: &str| root.get("metadata").and_then(|metadata| metadata.get(key));
    root.values().all(|value| !value.is_null())
        && no_null(root.get("metadata"))
        && no_null(root.get("spec"))
        && no_null(metadata("labels"))
        && no_null(metadata("annotations"))
        && no_repetition(metadata("tags"))
        && no_repetition(metadata("links"))
}

fn fold_entity(from: &Map<String, Value>, into: &mut Map<String, Value>) {
    for (key, value) in from {
        fold_value(key, value, into, key);
    }
}

fn fold_value(key: &str, value: &Value, into: &mut Map<String, Value>, path: &str) {
    match (rule_of(path), value) {
        (FieldRule::ByKey, Value::Object(from)) => {
            let held = into.entry(key).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(held) = held {
                for (key, value) in from {
                    fold_value(key, value, held, &format!("{path}.{key}"));
                }
            }
        }
        (FieldRule::United, Value::Array(from)) => {
            let held = into.entry(key).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(held) = held {
                for item in from {
                    if !held.iter().any(|known| same_item(known, item)) {
                        held.push(item.clone());
                    }
                }
            }
        }
        _ => {
            if !into.contains_key(key) {
                into.insert(key.to_owned(), value.clone());
            }
        }
    }
}

/// Links are one by their URL, everything else by its value.
fn same_item(one: &Value, two: &Value) -> bool {
    match (one.get("url"), two.get("url")) {
        (Some(one), Some(two)) => one == two,
        _ => one == two,
    }
}

/// Nulls have done their work once everything is folded: "known to be none" is shown as absent.
///
/// Only where fields are folded; a null deep inside a value of `spec` belongs to that value.
fn strip_nulls(root: &mut Map<String, Value>) {
    root.retain(|_, value| !value.is_null());
    for section in ["metadata", "spec"] {
        if let Some(Value::Object(fields)) = root.get_mut(section) {
            fields.retain(|_, value| !value.is_null());
        }
    }
    if let Some(Value::Object(metadata)) = root.get_mut("metadata") {
        for map in ["labels", "annotations"] {
            if let Some(Value::Object(entries)) = metadata.get_mut(map) {
                entries.retain(|_, value| !value.is_null());
            }
        }
    }
}

fn fold_facts(folded: &[&SourcedClaim]) -> Map<String, Value> {
    let mut facts: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for claim in folded {
        let held = facts.entry(claim.source_type.clone()).or_default();
        for (key, value) in &claim.body.facts {
            if !held.contains_key(key) {
                held.insert(key.clone(), value.clone());
            }
        }
    }
    facts
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(source_type, values)| (source_type, Value::Object(values)))
        .collect()
}

fn fold_identifiers(folded: &[&SourcedClaim], entity: &Map<String, Value>) -> Vec<IdentifierClaim> {
    let mut identifiers = wellknown::identifiers_of(entity);
    identifiers.extend(folded.iter().flat_map(|claim| claim.body.identifiers.iter().cloned()));
    // Exclusive before not: the stronger claim to the same identifier stays.
    identifiers.sort_by(|one, two| {
        one.identifier
            .cmp(&two.identifier)
            .then_with(|| two.exclusive.cmp(&one.exclusive))
    });
    identifiers.dedup_by(|next, kept| next.identifier == kept.identifier);
    identifiers
}

fn fold_relations(
    folded: &[&SourcedClaim],
    entity: &Map<String, Value>,
    kinds: &KindSet,
    resolve: &dyn Fn(&Identifier) -> Option<EntityRef>,
) -> (Vec<Relation>, Vec<EntityRef>, Vec<String>) {
    let mut relations = Vec::new();
    let mut watches = Vec::new();
    let mut inherits_from = Vec::new();
    let kind = entity.get("kind").and_then(Value::as_str).unwrap_or("");
    if let Some(decl) = kinds.get(kind) {
        // Refs were checked when the claim was read; one that cannot be read declares nothing.
        let (declared, _) = relations_of(kinds, decl, entity);
        for via in &decl.inherits_owner_via {
            let prefix = format!("spec.{via}");
            let own = declared.iter().filter(|relation| {
                relation.path == prefix
                    || relation
                        .path
                        .strip_prefix(&prefix)
                        .is_some_and(|rest| rest.starts_with('.'))
            });
            inherits_from.extend(own.map(|relation| relation.target.clone()));
        }
        relations.extend(declared.into_iter().map(|one| Relation {
            relation: one.relation,
            target: one.target,
        }));
    }
    for claim in folded {
        for relation in &claim.body.relations {
            let target = match &relation.target {
                Subject::Ref(target) => Some(target.clone()),
                Subject::Identifier(identifier) => {
                    watches.push(identifier.to_string());
                    resolve(identifier)
                }
            };
            if let Some(target) = target {
                relations.push(Relation {
                    relation: relation.relation.clone(),
                    target,
                });
            }
        }
    }
    relations.sort();
    relations.dedup();
    let mut seen = Vec::new();
    inherits_from.retain(|parent| {
        let new = !seen.contains(parent);
        seen.push(parent.clone());
        new
    });
    (relations, inherits_from, watches)
}

/// Labels that name an owner, strongest first.
const OWNER_LABELS: &[&str] = &["bailiwick.dev/owner", "app.kubernetes.io/owner", "owner", "team"];

fn own_evidence(folded: &[&SourcedClaim], entity: &Map<String, Value>) -> Vec<OwnEvidence> {
    let mut evidence = Vec::new();
    for claim in folded {
        let mut push = |method, who: Vec<String>, detail: String| {
            let origin = match claim.stored.origin.line {
                Some(line) => format!("{}:{line}", claim.stored.origin.path),
                None => claim.stored.origin.path.clone(),
            };
            evidence.push(OwnEvidence {
                method,
                who,
                detail,
                source: claim.source.clone(),
                origin,
            });
        };
        if let Some(owner) = claim
            .body
            .entity
            .get("spec")
            .and_then(|spec| spec.get("owner"))
            .and_then(Value::as_str)
        {
            let namespace = value_at(entity, &["metadata", "namespace"])
                .and_then(Value::as_str)
                .unwrap_or("default");
            if let Ok(owner) = EntityRef::parse_with_defaults(owner, Some("group"), namespace) {
                push(
                    OwnerMethod::Explicit,
                    vec![owner.to_string()],
                    format!("spec.owner is {owner}"),
                );
            }
        }
        for relation in claim
            .body
            .relations
            .iter()
            .filter(|relation| relation.relation == "ownedBy")
        {
            push(
                OwnerMethod::Explicit,
                vec![relation.target.to_string()],
                "declared as ownedBy".to_owned(),
            );
        }
        let labels = claim
            .body
            .entity
            .get("metadata")
            .and_then(|metadata| metadata.get("labels"));
        for label in OWNER_LABELS {
            if let Some(owner) = labels.and_then(|labels| labels.get(*label)).and_then(Value::as_str) {
                push(
                    OwnerMethod::Label,
                    vec![owner.to_owned()],
                    format!("label {label}={owner}"),
                );
            }
        }
        for said in &claim.body.owners {
            push(said.method, said.who.clone(), said.detail.clone());
        }
    }
    evidence.sort_by_key(|item| item.method);
    evidence
}

fn duplicate_findings(
    entity_ref: &EntityRef,
    folded: &[&SourcedClaim],
    lost: &[&SourcedClaim],
) -> Vec<(Option<SourceId>, Option<ScopeId>, Finding)> {
    lost.iter()
        .filter_map(|loser| {
            let winner = folded
                .iter()
                .find(|winner| winner.source == loser.source && winner.stored.assertion == Assertion::Declares)?;
            let message = format!(
                "`{entity_ref}` of {} is declared by {} in {} as well; that one comes first in order of scope and path and \
                 counts, this one is ignored. Give one of them another name, or remove it",
                loser.scope, winner.stored.origin.path, winner.scope
            );
            let finding = Finding::new("duplicate_ref", Severity::Error, message)
                .at(loser.stored.origin.path.clone(), loser.stored.origin.line, None)
                .about(entity_ref.clone());
            Some((Some(loser.source.clone()), Some(loser.scope.clone()), finding))
        })
        .collect()
}

fn summarise(entity_ref: &EntityRef, entity: &Map<String, Value>, kinds: &KindSet) -> Summary {
    let text = |path: &[&str]| value_at(entity, path).and_then(Value::as_str).map(str::to_owned);
    let kind = text(&["kind"]).unwrap_or_else(|| entity_ref.kind().to_owned());
    let decl = kinds.get(&kind);
    let spec_text = |field: Option<&str>| {
        let value = field?
            .split('.')
            .try_fold(entity.get("spec")?, |value, part| value.get(part))?;
        value.as_str().map(str::to_owned)
    };
    let mut tags: Vec<String> = value_at(entity, &["metadata", "tags"])
        .and_then(Value::as_array)
        .map(|tags| tags.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    tags.sort();
    tags.dedup();
    let labels = value_at(entity, &["metadata", "labels"])
        .and_then(Value::as_object)
        .map(|labels| {
            labels
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect()
        })
        .unwrap_or_default();
    Summary {
        namespace: text(&["metadata", "namespace"]).unwrap_or_else(|| entity_ref.namespace().to_owned()),
        name: text(&["metadata", "name"]).unwrap_or_else(|| entity_ref.name().to_owned()),
        title: text(&["metadata", "title"]),
        entity_type: spec_text(decl.map_or(Some("type"), |decl| decl.type_field.as_deref())),
        lifecycle: spec_text(decl.map_or(Some("lifecycle"), |decl| decl.lifecycle_field.as_deref())),
        tags,
        labels,
        kind,
    }
}
