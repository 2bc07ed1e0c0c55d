//! The fields at the root of queries.

use std::sync::Arc;

use async_graphql::Value;
use async_graphql::dynamic::{FieldFuture, FieldValue, Object, ResolverContext};
use serde_json::json;

use super::build::{Plain, field, json as as_json, later, with_arguments};
use super::context::{RequestContext, blocking, cx};
use super::direct::{Values, given};
use super::entity::entity_value;
use super::filter::{self, decode_cursor, encode_cursor, page_size, parse_ref};
use super::{ledger, owner, search, view};
use crate::catalog::{Bucket, Field, Node, Order};
use crate::error::ApiError;
use crate::limits::BUCKETS_MAX;

const FIRST: Plain = ("first", "Int", "Size of the page, 50 if left out, 500 at most.");
const AFTER: Plain = ("after", "String", "`endCursor` of the page before.");
const FILTER: Plain = ("filter", "EntityFilter", "Which entities.");
const AT_LEAST: Plain = ("atLeast", "Long", "Wait until the catalog has reached this position.");
const REF: Plain = (
    "ref",
    "String!",
    "`kind:namespace/name`; the namespace may be left out.",
);

pub(super) const ENTITY_ORDER: &[Plain] = &[
    ("field", "String!", "A dotted path, such as `metadata.name`."),
    ("direction", "SortDirection", "ASC if left out."),
];

pub(super) const ENTITIES_ARGUMENTS: &[Plain] = &[
    FIRST,
    AFTER,
    FILTER,
    ("orderBy", "[EntityOrder!]", "Order; ties go by ref."),
    AT_LEAST,
];

pub(super) const AGGREGATE_ARGUMENTS: &[Plain] = &[
    (
        "groupBy",
        "String!",
        "A dotted path, such as `metadata.tags`, `owner`, `spec.lifecycle`.",
    ),
    FILTER,
    ("first", "Int", "Most buckets, 50 if left out, 500 at most."),
    AT_LEAST,
];

/// A page of entities as the parent of its fields.
pub(super) struct EntityPage {
    pub(super) total: usize,
    pub(super) nodes: Vec<Arc<Node>>,
    order: Vec<Order>,
    pub(super) has_next: bool,
    pub(super) has_previous: bool,
}

impl EntityPage {
    /// For `after`.
    pub(super) fn cursor(&self, cx: &RequestContext, node: &Node) -> String {
        encode_cursor(&self.order, cx.snapshot.cursor_of(node, &self.order))
    }
}

/// Values of a field with their counts.
pub(super) struct Counted {
    pub(super) field: String,
    pub(super) total: usize,
    pub(super) buckets: Vec<Bucket>,
}

/// An entry of a page as the parent of its fields.
struct Edge {
    cursor: String,
    node: Arc<Node>,
}

pub(super) fn objects() -> Vec<Object> {
    let root = Object::new("Query")
        .description("Everything that can be asked. All of one request is answered from one position of the catalog.")
        .field(with_arguments(
            field("entity", "Entity", "One entity; null if there is none.", entity),
            &[REF, AT_LEAST],
        ))
        .field(with_arguments(
            field(
                "entities",
                "EntityConnection",
                "Entities in an order, by name if left out.",
                entities,
            ),
            ENTITIES_ARGUMENTS,
        ))
        .field(with_arguments(
            field(
                "aggregate",
                "Aggregate",
                "Counts entities by the values of a field.",
                aggregate,
            ),
            AGGREGATE_ARGUMENTS,
        ))
        .field(with_arguments(
            field("search", "SearchConnection", "Full-text search.", search::resolve),
            search::ARGUMENTS,
        ))
        .field(with_arguments(
            field(
                "owner",
                "OwnerAnswer",
                "Who owns the thing that this text names, and how that is known.",
                owner::resolve,
            ),
            owner::ARGUMENTS,
        ))
        .field(with_arguments(
            field(
                "explain",
                "Explanation",
                "Where the fields of an entity come from.",
                explain,
            ),
            &[REF, ("field", "String", "Only this field, or those below it.")],
        ))
        .field(with_arguments(
            field(
                "changes",
                "ChangeConnection",
                "The change log: newest first, or oldest first behind `after`.",
                ledger::changes,
            ),
            &[
                (
                    "after",
                    "Long",
                    "Only commits behind this position, oldest first; POSITION_TRIMMED if some of them are no longer kept.",
                ),
                ("before", "Long", "Only commits before this position."),
                ("ref", "String", "Only changes of this entity."),
                FIRST,
            ],
        ))
        .field(with_arguments(
            field(
                "findings",
                "FindingConnection",
                "Problems in the data.",
                ledger::findings,
            ),
            &[("filter", "FindingFilter", "Which findings."), FIRST, AFTER],
        ))
        .field(field(
            "sources",
            "[IngestionSource!]",
            "All sources, configured or known.",
            ledger::sources,
        ))
        .field(with_arguments(
            field("runs", "RunConnection", "The run ledger, newest first.", ledger::runs),
            &[("source", "String", "Only runs of this source."), FIRST],
        ))
        .field(with_arguments(
            field("run", "IngestionRun", "One run; null if it is not known.", ledger::run),
            &[("id", "ID!", "As `triggerRun` gave it.")],
        ))
        .field(with_arguments(
            field(
                "pendingSweeps",
                "[PendingSweep!]",
                "Removals that wait for a decision.",
                ledger::pending_sweeps,
            ),
            &[("all", "Boolean", "Rejected ones too.")],
        ))
        .field(field(
            "appliedSweeps",
            "[AppliedSweep!]",
            "Removals that can be undone.",
            ledger::applied_sweeps,
        ))
        .field(field(
            "position",
            "Long!",
            "The position that this request is answered from.",
            |ctx| FieldFuture::Value(Some(FieldValue::value(cx(&ctx).snapshot.position().0))),
        ));
    let connection = Object::new("EntityConnection")
        .description("A page of entities.")
        .field(field(
            "totalCount",
            "Int!",
            "All entities that pass, whatever the page.",
            |ctx| page(&ctx, |page| FieldValue::value(page.total as u64)),
        ))
        .field(field("nodes", "[Entity!]!", "The entities.", |ctx| {
            let cx = cx(&ctx);
            page(&ctx, |page| {
                FieldValue::list(page.nodes.iter().map(|node| entity_value(cx, node)))
            })
        }))
        .field(field(
            "edges",
            "[EntityEdge!]!",
            "The entities with their cursors.",
            |ctx| {
                let cx = cx(&ctx);
                page(&ctx, |page| {
                    let edge = |node: &Arc<Node>| Edge {
                        cursor: page.cursor(cx, node),
                        node: Arc::clone(node),
                    };
                    FieldValue::list(page.nodes.iter().map(|node| FieldValue::owned_any(edge(node))))
                })
            },
        ))
        .field(field("pageInfo", "PageInfo!", "Where the page stands.", |ctx| {
            let cx = cx(&ctx);
            page(&ctx, |page| {
                let cursor = |node: &Arc<Node>| page.cursor(cx, node);
                let info = json!({
                    "hasNextPage": page.has_next,
                    "hasPreviousPage": page.has_previous,
                    "startCursor": page.nodes.first().map(cursor),
                    "endCursor": page.nodes.last().map(cursor),
                });
                as_json(info).unwrap_or(FieldValue::NULL)
            })
        }));
    let edge = Object::new("EntityEdge")
        .description("An entity in a page.")
        .field(field("cursor", "String!", "For `after`.", |ctx| {
            let edge = ctx.parent_value.downcast_ref::<Edge>();
            FieldFuture::Value(edge.map(|edge| FieldValue::value(edge.cursor.as_str())))
        }))
        .field(field("node", "Entity!", "The entity.", |ctx| {
            let edge = ctx.parent_value.downcast_ref::<Edge>();
            FieldFuture::Value(edge.map(|edge| entity_value(cx(&ctx), &edge.node)))
        }));
    vec![root, connection, edge]
}

fn page<'a>(ctx: &ResolverContext<'a>, answer: impl FnOnce(&'a EntityPage) -> FieldValue<'a>) -> FieldFuture<'a> {
    FieldFuture::Value(ctx.parent_value.downcast_ref::<EntityPage>().map(answer))
}

/// An argument, taken out so that it can go to the blocking pool.
pub(super) fn argument(ctx: &ResolverContext<'_>, name: &str) -> Option<Value> {
    ctx.args
        .get(name)
        .map(|value| value.as_value().clone())
        .filter(|value| !matches!(value, Value::Null))
}

pub(super) fn text_argument(ctx: &ResolverContext<'_>, name: &str) -> Option<String> {
    text_of(ctx.args.as_index_map(), name)
}

/// The text of an argument; a number is one too.
pub(super) fn text_of(arguments: &Values, name: &str) -> Option<String> {
    match given(arguments, name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

fn entity(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let entity = ctx
        .args
        .get("ref")
        .and_then(|value| value.string().ok())
        .unwrap_or_default();
    match parse_ref(entity) {
        Ok(entity) => FieldFuture::Value(cx.node(&entity).map(|node| entity_value(cx, node))),
        Err(error) => super::build::now(Err(error)),
    }
}

fn entities(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let arguments = ctx.args.as_index_map().clone();
    later(async move {
        let page = blocking(cx, move |cx| entity_page(cx, &arguments));
        Ok(Some(FieldValue::owned_any(page.await?)))
    })
}

/// Reads a page of entities.
pub(super) fn entity_page(cx: &RequestContext, arguments: &Values) -> Result<EntityPage, ApiError> {
    let first = page_size(given(arguments, "first"))?;
    let order = filter::order(given(arguments, "orderBy"))?;
    let after = text_of(arguments, "after")
        .map(|after| decode_cursor(&order, &after))
        .transpose()?;
    let wanted = filter::filter(cx, given(arguments, "filter"))?;
    let page = cx.snapshot.select(&cx.viewer, &wanted, &order, after.as_ref(), first);
    Ok(EntityPage {
        total: page.total,
        nodes: page.nodes,
        order,
        has_next: page.has_next,
        has_previous: after.is_some(),
    })
}

fn aggregate(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let arguments = ctx.args.as_index_map().clone();
    later(async move {
        let counted = blocking(cx, move |cx| count(cx, &arguments)).await?;
        Ok(as_json(json!({
            "field": counted.field,
            "totalCount": counted.total,
            "buckets": search::buckets(&counted.buckets),
        })))
    })
}

/// Counts entities by the values of a field.
pub(super) fn count(cx: &RequestContext, arguments: &Values) -> Result<Counted, ApiError> {
    let path = text_of(arguments, "groupBy").unwrap_or_default();
    let first = page_size(given(arguments, "first"))?.min(BUCKETS_MAX);
    let wanted = filter::filter(cx, given(arguments, "filter"))?;
    let label_key = path.strip_prefix("metadata.labels.").filter(|key| !key.is_empty());
    let mut buckets = if let Some(key) = label_key {
        let prefix = format!("{key}=");
        let mut buckets = cx.snapshot.aggregate(&cx.viewer, Field::Label, &wanted);
        buckets.retain(|bucket| bucket.value.starts_with(&prefix));
        buckets
            .iter_mut()
            .for_each(|bucket| bucket.value.replace_range(..prefix.len(), ""));
        buckets
    } else if let Some(field) = Field::from_path(&path) {
        cx.snapshot.aggregate(&cx.viewer, field, &wanted)
    } else {
        let index = cx.catalog().search();
        let buckets = index.values_of(&path, &cx.snapshot, &cx.viewer, &wanted, BUCKETS_MAX)?;
        cx.used_index(index.position());
        buckets
    };
    buckets.truncate(first);
    let total = cx.snapshot.count(&cx.viewer, &wanted);
    Ok(Counted {
        field: path,
        total,
        buckets,
    })
}

fn explain(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let (entity, path) = (
        text_argument(&ctx, "ref").unwrap_or_default(),
        text_argument(&ctx, "field"),
    );
    later(async move {
        let entity = parse_ref(&entity)?;
        let explained = blocking(cx, move |cx| {
            Ok(cx.catalog().explain(&cx.viewer, &entity, path.as_deref())?)
        });
        Ok(explained
            .await?
            .and_then(|explanation| as_json(view::explanation(&explanation))))
    })
}
