//! Relations of an entity, both halves: its own, and those of others to it under their inverse names.

use async_graphql::Value;
use async_graphql::dynamic::{FieldFuture, FieldValue, Object, ResolverContext};
use bailiwick_schema::EntityRef;

use super::build::{Plain, field, json, now};
use super::context::{RequestContext, cx};
use super::direct::{Values, given};
use super::entity::{link_value, parent};
use super::filter::{decode, encode, page_size};
use crate::catalog::{EntityNo, Node};
use crate::error::ApiError;

pub(super) const ARGUMENTS: &[Plain] = &[
    ("type", "String", "Only relations of this name, without case."),
    ("types", "[String!]", "Only relations of these names."),
    ("direction", "RelationDirection", "Which half; both if left out."),
    ("kind", "String", "Only relations to entities of this kind."),
    ("first", "Int", "Size of the page, 50 if left out, 500 at most."),
    ("after", "String", "`endCursor` of the page before."),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Outgoing,
    Incoming,
}

/// One relation as the entity has it.
#[derive(Clone, Copy)]
pub(super) struct Edge<'a> {
    pub(super) incoming: bool,
    pub(super) relation: &'a str,
    pub(super) target: &'a EntityRef,
    pub(super) target_no: EntityNo,
}

impl<'a> Edge<'a> {
    /// What relations are ordered by.
    fn key(&self) -> (bool, &'a str, &'a str) {
        (self.incoming, self.relation, self.target.as_str())
    }

    /// For `after`.
    pub(super) fn cursor(&self) -> String {
        encode(&self.key())
    }
}

/// A page of relations.
pub(super) struct Edges<'a> {
    pub(super) total: usize,
    pub(super) edges: Vec<Edge<'a>>,
    pub(super) has_next: bool,
    pub(super) has_previous: bool,
}

/// A relation as the parent of its fields.
struct EdgeRow {
    incoming: bool,
    relation: String,
    target: EntityRef,
}

/// A page of relations as the parent of its fields.
struct RelationPage {
    total: usize,
    edges: Vec<EdgeRow>,
    has_next: bool,
    has_previous: bool,
}

/// Where a page ended: the sort key of its last relation.
type Key = (bool, String, String);

pub(super) fn objects() -> Vec<Object> {
    let connection = Object::new("RelationConnection")
        .description("A page of relations, outgoing ones first, each half by name and target.")
        .field(field(
            "totalCount",
            "Int!",
            "All relations that pass, whatever the page.",
            |ctx| page(&ctx, |page| Some(FieldValue::value(page.total as u64))),
        ))
        .field(field("nodes", "[Relation!]!", "The relations.", |ctx| {
            page(&ctx, |page| {
                Some(FieldValue::list(
                    page.edges.iter().map(|edge| FieldValue::borrowed_any(edge)),
                ))
            })
        }))
        .field(field("pageInfo", "PageInfo!", "Where the page stands.", |ctx| {
            page(&ctx, |page| {
                let cursor = |edge: &EdgeRow| encode(&(edge.incoming, &edge.relation, edge.target.as_str()));
                json(serde_json::json!({
                    "hasNextPage": page.has_next,
                    "hasPreviousPage": page.has_previous,
                    "startCursor": page.edges.first().map(cursor),
                    "endCursor": page.edges.last().map(cursor),
                }))
            })
        }));
    let relation = Object::new("Relation")
        .description("One relation, seen from the entity that was asked.")
        .field(field(
            "type",
            "String!",
            "Name of the relation; of its inverse if it comes in.",
            |ctx| edge(&ctx, |edge| FieldValue::value(edge.relation.as_str())),
        ))
        .field(field(
            "direction",
            "RelationDirection!",
            "OUTGOING or INCOMING.",
            |ctx| {
                edge(&ctx, |edge| {
                    FieldValue::value(if edge.incoming { "INCOMING" } else { "OUTGOING" })
                })
            },
        ))
        .field(field(
            "target",
            "EntityLink!",
            "The other end; `entity` there leads on.",
            |ctx| edge(&ctx, |edge| link_value(&edge.target)),
        ));
    vec![connection, relation]
}

fn page<'a>(
    ctx: &ResolverContext<'a>,
    answer: impl FnOnce(&'a RelationPage) -> Option<FieldValue<'a>>,
) -> FieldFuture<'a> {
    FieldFuture::Value(ctx.parent_value.downcast_ref::<RelationPage>().and_then(answer))
}

fn edge<'a>(ctx: &ResolverContext<'a>, answer: impl FnOnce(&'a EdgeRow) -> FieldValue<'a>) -> FieldFuture<'a> {
    FieldFuture::Value(ctx.parent_value.downcast_ref::<EdgeRow>().map(answer))
}

pub(super) struct Wanted {
    types: Vec<String>,
    direction: Option<Direction>,
    kind: Option<String>,
    first: usize,
    after: Option<Key>,
}

pub(super) fn resolve(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let Some(node) = parent(&ctx) else {
        return FieldFuture::Value(None);
    };
    let wanted = match wanted(ctx.args.as_index_map()) {
        Ok(wanted) => wanted,
        Err(error) => return now(Err(error)),
    };
    let page = read(cx, node, &wanted);
    let row = |edge: &Edge<'_>| EdgeRow {
        incoming: edge.incoming,
        relation: edge.relation.to_owned(),
        target: edge.target.clone(),
    };
    FieldFuture::Value(Some(FieldValue::owned_any(RelationPage {
        total: page.total,
        edges: page.edges.iter().map(row).collect(),
        has_next: page.has_next,
        has_previous: page.has_previous,
    })))
}

/// Reads the arguments.
pub(super) fn wanted(arguments: &Values) -> Result<Wanted, ApiError> {
    let text = |name: &str| match given(arguments, name) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let mut types: Vec<String> = text("type").into_iter().collect();
    if let Some(Value::List(more)) = given(arguments, "types") {
        types.extend(more.iter().filter_map(|value| match value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        }));
    }
    let direction = match given(arguments, "direction") {
        Some(Value::Enum(name)) => Some(name.as_str()),
        Some(Value::String(name)) => Some(name.as_str()),
        _ => None,
    };
    let direction = match direction {
        Some("OUTGOING") => Some(Direction::Outgoing),
        Some("INCOMING") => Some(Direction::Incoming),
        _ => None,
    };
    let first = page_size(arguments.get("first"))?;
    let after = text("after").map(|after| decode(&after)).transpose()?;
    Ok(Wanted {
        types,
        direction,
        kind: text("kind"),
        first,
        after,
    })
}

/// One page of the relations of an entity.
pub(super) fn read<'a>(cx: &'a RequestContext, node: &'a Node, wanted: &Wanted) -> Edges<'a> {
    let relation_types = cx.snapshot.relation_types();
    let passes = |relation: &str, target: &EntityRef| {
        (wanted.types.is_empty() || wanted.types.iter().any(|name| name.eq_ignore_ascii_case(relation)))
            && wanted
                .kind
                .as_ref()
                .is_none_or(|kind| kind.eq_ignore_ascii_case(target.kind()))
    };
    let mut edges: Vec<Edge<'a>> = Vec::with_capacity(node.relations.len());
    if wanted.direction != Some(Direction::Incoming) {
        for relation in &node.relations {
            let Some(target) = cx.name(relation.target) else {
                continue;
            };
            let name = relation_types.name(relation.relation);
            if passes(name, target) {
                edges.push(Edge {
                    incoming: false,
                    relation: name,
                    target,
                    target_no: relation.target,
                });
            }
        }
    }
    if wanted.direction != Some(Direction::Outgoing) {
        for (relation, from) in cx.snapshot.incoming(&cx.viewer, node.no) {
            let name = relation_types.inverse(relation);
            if passes(name, &from.entity) {
                edges.push(Edge {
                    incoming: true,
                    relation: name,
                    target: &from.entity,
                    target_no: from.no,
                });
            }
        }
    }
    edges.sort_unstable_by(|one, two| one.key().cmp(&two.key()));
    let total = edges.len();
    let start = wanted.after.as_ref().map_or(0, |(incoming, relation, target)| {
        edges.partition_point(|edge| edge.key() <= (*incoming, relation.as_str(), target.as_str()))
    });
    edges.truncate(start.saturating_add(wanted.first));
    edges.drain(..start);
    Edges {
        total,
        has_next: start + edges.len() < total,
        has_previous: start > 0,
        edges,
    }
}
