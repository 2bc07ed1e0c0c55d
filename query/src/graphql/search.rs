//! `search`: full text, with filters, facets and highlights.

use async_graphql::Value;
use async_graphql::dynamic::{FieldFuture, FieldValue, Object, ResolverContext};
use serde_json::json;

use super::build::{Plain, field, json as as_json, later, now};
use super::context::{RequestContext, blocking, cx};
use super::direct::{Values, given};
use super::entity::entity_value;
use super::filter::{self, decode, encode, page_size};
use super::query::{argument, text_of};
use crate::catalog::{Bucket, Field, Hit, SearchPage, SearchQuery};
use crate::error::ApiError;
use crate::limits::{BUCKETS_MAX, FACETS_MAX, SEARCH_OFFSET_MAX};

pub(super) const ARGUMENTS: &[Plain] = &[
    (
        "query",
        "String!",
        "Words, or beginnings of words; empty finds everything that passes the filter.",
    ),
    ("first", "Int", "Size of the page, 50 if left out, 200 at most."),
    ("offset", "Int", "How many hits to pass over."),
    ("after", "String", "`endCursor` of the page before."),
    ("filter", "EntityFilter", "Which entities."),
    (
        "facets",
        "[String!]",
        "Paths to count values of among all hits, such as `kind`.",
    ),
    (
        "atLeast",
        "Long",
        "Wait until the catalog and its index have reached this position.",
    ),
];

/// A page of hits as the parent of its fields.
pub(super) struct Hits {
    pub(super) page: SearchPage,
    pub(super) offset: usize,
}

impl Hits {
    fn end(&self) -> usize {
        self.offset + self.page.hits.len()
    }

    pub(super) fn has_next(&self) -> bool {
        self.end() < self.page.total
    }

    pub(super) fn start_cursor(&self) -> Option<String> {
        (!self.page.hits.is_empty()).then(|| encode(&(self.offset + 1)))
    }

    pub(super) fn end_cursor(&self) -> Option<String> {
        (!self.page.hits.is_empty()).then(|| encode(&self.end()))
    }
}

/// A place within a fragment in characters, of one in bytes.
pub(super) fn characters(fragment: &str, bytes: usize) -> usize {
    fragment.get(..bytes).map_or(0, |text| text.chars().count())
}

pub(super) fn objects() -> Vec<Object> {
    let connection = Object::new("SearchConnection")
        .description("A page of hits, best first.")
        .field(field("totalCount", "Int!", "All hits, whatever the page.", |ctx| {
            hits(&ctx, |hits| Some(FieldValue::value(hits.page.total as u64)))
        }))
        .field(field("nodes", "[SearchHit!]!", "The hits.", |ctx| {
            hits(&ctx, |hits| Some(FieldValue::list(hits.page.hits.iter().map(|hit| FieldValue::borrowed_any(hit)))))
        }))
        .field(field("fuzzy", "Boolean!", "Nothing was found as written, so words that are spelled alike count too.", |ctx| {
            hits(&ctx, |hits| Some(FieldValue::value(hits.page.fuzzy)))
        }))
        .field(field("facets", "[Facet!]!", "Values among all hits, for the paths that were asked for.", |ctx| {
            hits(&ctx, |hits| {
                let facet = |(field, values): &(Field, Vec<Bucket>)| json!({ "field": field.path(), "buckets": buckets(values) });
                as_json(hits.page.facets.iter().map(facet).collect())
            })
        }))
        .field(field("pageInfo", "PageInfo!", "Where the page stands.", |ctx| {
            hits(&ctx, |hits| {
                as_json(json!({
                    "hasNextPage": hits.has_next(),
                    "hasPreviousPage": hits.offset > 0,
                    "startCursor": hits.start_cursor(),
                    "endCursor": hits.end_cursor(),
                }))
            })
        }));
    let hit = Object::new("SearchHit")
        .description("An entity that matches.")
        .field(field("score", "Float!", "Comparable within one search only.", |ctx| {
            hit(&ctx, |hit| Some(FieldValue::value(f64::from(hit.score))))
        }))
        .field(field("entity", "Entity!", "The entity.", |ctx| {
            let cx = cx(&ctx);
            hit(&ctx, |hit| Some(entity_value(cx, &hit.node)))
        }))
        .field(field("highlights", "[Highlight!]!", "Where it matches.", |ctx| {
            hit(&ctx, |hit| {
                let values = hit.highlights.iter().map(|one| {
                    let characters = |bytes: usize| characters(&one.fragment, bytes);
                    let range =
                        |(start, end): &(usize, usize)| json!({ "start": characters(*start), "end": characters(*end) });
                    let ranges: Vec<_> = one.ranges.iter().map(range).collect();
                    json!({ "field": one.field, "fragment": one.fragment, "ranges": ranges })
                });
                as_json(values.collect())
            })
        }));
    vec![connection, hit]
}

pub(super) fn buckets(buckets: &[Bucket]) -> serde_json::Value {
    buckets
        .iter()
        .map(|bucket| json!({ "value": bucket.value, "count": bucket.count }))
        .collect()
}

fn hits<'a>(ctx: &ResolverContext<'a>, answer: impl FnOnce(&'a Hits) -> Option<FieldValue<'a>>) -> FieldFuture<'a> {
    FieldFuture::Value(ctx.parent_value.downcast_ref::<Hits>().and_then(answer))
}

fn hit<'a>(ctx: &ResolverContext<'a>, answer: impl FnOnce(&'a Hit) -> Option<FieldValue<'a>>) -> FieldFuture<'a> {
    FieldFuture::Value(ctx.parent_value.downcast_ref::<Hit>().and_then(answer))
}

/// What a search asks for, apart from its filter.
pub(super) struct Wanted {
    text: String,
    first: usize,
    offset: usize,
    facets: Vec<Field>,
    highlight: bool,
}

pub(super) fn resolve(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let highlight = ctx.ctx.look_ahead().field("nodes").field("highlights").exists();
    let wanted = match wanted(ctx.args.as_index_map(), highlight) {
        Ok(wanted) => wanted,
        Err(error) => return now(Err(error)),
    };
    let conditions = argument(&ctx, "filter");
    later(async move {
        let hits = blocking(cx, move |cx| read(cx, wanted, conditions.as_ref()));
        Ok(Some(FieldValue::owned_any(hits.await?)))
    })
}

/// Asks the index.
pub(super) fn read(cx: &RequestContext, wanted: Wanted, conditions: Option<&Value>) -> Result<Hits, ApiError> {
    let filter = filter::filter(cx, conditions)?;
    let Wanted {
        text,
        first,
        offset,
        facets,
        highlight,
    } = wanted;
    let query = SearchQuery {
        text,
        filter,
        facets,
        first,
        offset,
        highlight,
    };
    let mut page = cx.catalog().search().search(&cx.viewer, &cx.snapshot, &query)?;
    cx.used_index(page.index_position);
    page.facets
        .iter_mut()
        .for_each(|(_, buckets)| buckets.truncate(BUCKETS_MAX));
    Ok(Hits { page, offset })
}

/// Reads the arguments.
pub(super) fn wanted(arguments: &Values, highlight: bool) -> Result<Wanted, ApiError> {
    let text = text_of(arguments, "query").unwrap_or_default();
    let offset = match (text_of(arguments, "after"), given(arguments, "offset")) {
        (Some(_), Some(_)) => return Err(ApiError::bad_request("give either `after` or `offset`")),
        (Some(after), None) => decode::<usize>(&after)?,
        (None, Some(Value::Number(number))) => {
            let number = number
                .as_u64()
                .ok_or_else(|| ApiError::bad_request("`offset` must not be negative"))?;
            usize::try_from(number).unwrap_or(usize::MAX)
        }
        (None, _) => 0,
    };
    if offset > SEARCH_OFFSET_MAX {
        let message = format!("a search leads on for {SEARCH_OFFSET_MAX} hits; narrow it with a filter");
        return Err(ApiError::limit("search_offset_max", message));
    }
    let mut facets = Vec::new();
    if let Some(Value::List(paths)) = given(arguments, "facets") {
        for path in paths {
            let Value::String(path) = path else { continue };
            let Some(field) = Field::from_path(path) else {
                let known = Field::ALL.map(Field::path).join(", ");
                return Err(ApiError::bad_request(format!(
                    "there is no facet `{path}`; known are {known}"
                )));
            };
            facets.push(field);
        }
    }
    if facets.len() > FACETS_MAX {
        return Err(ApiError::limit(
            "facets_max",
            format!("a search has at most {FACETS_MAX} facets"),
        ));
    }
    let first = page_size(given(arguments, "first"))?;
    Ok(Wanted {
        text,
        first,
        offset,
        facets,
        highlight,
    })
}
