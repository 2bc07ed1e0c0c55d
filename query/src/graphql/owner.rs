//! `owner(of:)`: the question of whoever is on call at three in the morning, with any text that names the thing.

use std::sync::Arc;

use async_graphql::Value;
use async_graphql::dynamic::{FieldFuture, FieldValue, Object, ResolverContext};
use serde_json::json;

use super::build::{Plain, field, later, object};
use super::context::{blocking, cx};
use super::entity::entity_value;
use super::query::text_argument;
use super::view;
use crate::catalog::{Found, Node};
use crate::error::ApiError;
use crate::limits::{LOOKUP_TEXT_BYTES_MAX, OWNER_CANDIDATES_MAX};

pub(super) const ARGUMENTS: &[Plain] = &[
    (
        "of",
        "String!",
        "A ref, an identifier, a URL, a host, an image, a path: whatever names the thing.",
    ),
    ("atLeast", "Long", "Wait until the catalog has reached this position."),
];

/// The answer as the parent of its fields.
struct Answer {
    node: Option<Arc<Node>>,
    value: Value,
}

const FIELDS: &[Plain] = &[
    ("outcome", "OwnerOutcome!", "How the look-up ended."),
    ("message", "String!", "The answer in a sentence."),
    ("resolvedBy", "String", "What the text was recognised as."),
    ("identifier", "String", "The identifier that several entities hold."),
    (
        "contested",
        "Boolean!",
        "Whether several entities claim the identifier as theirs alone.",
    ),
    (
        "candidates",
        "[EntityLink!]!",
        "The entities that hold the identifier, where they are several.",
    ),
    ("tried", "[String!]!", "What was looked up in vain."),
    (
        "owners",
        "[EntityLink!]!",
        "The effective owners, the leading one first.",
    ),
    (
        "evidence",
        "[OwnerEvidence!]!",
        "How that is known, strongest first, and who disagrees.",
    ),
];

pub(super) fn objects() -> Vec<Object> {
    let start = object(
        "OwnerAnswer",
        "Who owns the thing, how that is known, and who disagrees.",
        &[],
    );
    let entity = field("entity", "Entity", "The thing itself.", |ctx| {
        let answer = ctx.parent_value.downcast_ref::<Answer>();
        FieldFuture::Value(
            answer
                .and_then(|answer| answer.node.as_ref())
                .map(|node| entity_value(cx(&ctx), node)),
        )
    });
    let all = FIELDS
        .iter()
        .fold(start.field(entity), |object, (name, type_text, description)| {
            object.field(
                async_graphql::dynamic::Field::new(
                    *name,
                    super::build::ty(type_text),
                    move |ctx: ResolverContext<'_>| {
                        let answer = ctx.parent_value.downcast_ref::<Answer>();
                        FieldFuture::Value(
                            answer
                                .and_then(|answer| match &answer.value {
                                    Value::Object(map) => map.get(*name).filter(|value| !matches!(value, Value::Null)),
                                    _ => None,
                                })
                                .map(|value| FieldValue::value(value.clone())),
                        )
                    },
                )
                .description(*description),
            )
        });
    vec![all]
}

pub(super) fn resolve(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let of = text_argument(&ctx, "of").unwrap_or_default();
    later(async move {
        if of.len() > LOOKUP_TEXT_BYTES_MAX {
            let message = format!("the text to look up is longer than {LOOKUP_TEXT_BYTES_MAX} bytes");
            return Err(ApiError::limit("lookup_text_bytes_max", message));
        }
        let answer = blocking(cx, move |cx| match cx.catalog().find(&cx.viewer, &of) {
            Found::Entity { node, how } => {
                let ownership = cx.catalog().ownership(&node)?;
                let named = node.title.as_deref().unwrap_or(&node.name);
                let (outcome, message) = match ownership.owners.first() {
                    Some(owner) => ("OWNED", format!("{named} ({}) is owned by {owner}", node.entity)),
                    None => ("UNOWNED", format!("{named} ({}) has no owner", node.entity)),
                };
                let mut value = view::ownership(&ownership);
                merge(
                    &mut value,
                    json!({ "outcome": outcome, "message": message, "resolvedBy": how }),
                );
                Ok(Answer {
                    node: Some(node),
                    value: finish(value),
                })
            }
            Found::Contested { identifier, nodes } => {
                let message = format!(
                    "{identifier} counts for nobody: {} entities claim it as theirs alone; correct all but one",
                    nodes.len()
                );
                Ok(several("CONTESTED", identifier.as_str(), message, &nodes))
            }
            Found::Several { identifier, nodes } => {
                let message = format!("{identifier} is shared by {} entities; name one of them", nodes.len());
                Ok(several("AMBIGUOUS", identifier.as_str(), message, &nodes))
            }
            Found::Nothing { tried } => {
                let message = "nothing in the catalog is known by this name".to_owned();
                let value = json!({ "outcome": "NOTHING", "message": message, "tried": tried });
                Ok(Answer {
                    node: None,
                    value: finish(value),
                })
            }
        });
        Ok(Some(FieldValue::owned_any(answer.await?)))
    })
}

fn several(outcome: &str, identifier: &str, message: String, nodes: &[Arc<Node>]) -> Answer {
    let candidates: Vec<_> = nodes
        .iter()
        .take(OWNER_CANDIDATES_MAX)
        .map(|node| view::link(&node.entity))
        .collect();
    let value = json!({
        "outcome": outcome,
        "message": message,
        "identifier": identifier,
        "contested": outcome == "CONTESTED",
        "candidates": candidates,
    });
    Answer {
        node: None,
        value: finish(value),
    }
}

fn merge(into: &mut serde_json::Value, from: serde_json::Value) {
    if let (Some(into), serde_json::Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

/// Gives every list and flag that the answer does not set.
fn finish(value: serde_json::Value) -> Value {
    let mut whole = json!({ "contested": false, "candidates": [], "tried": [], "owners": [], "evidence": [] });
    merge(&mut whole, value);
    Value::from_json(whole).unwrap_or_default()
}
