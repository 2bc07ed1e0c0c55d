//! Filters, orders and cursors as callers write them, into those of the graph.
//!
//! What the snapshot indexes is filtered there; any other path goes through the search index, by equality, and comes
//! back as a set of entities.

use std::collections::HashSet;
use std::sync::Arc;

use async_graphql::Name;
use async_graphql::Value;
use async_graphql::indexmap::IndexMap;
use bailiwick_schema::EntityRef;
use bailiwick_schema::entity_ref::DEFAULT_NAMESPACE;
use serde::{Deserialize, Serialize};

use super::build::Plain;
use super::context::RequestContext;
use crate::catalog::{Field, Filter, Matcher, Order, OrderField, PageCursor};
use crate::error::ApiError;
use crate::limits::{CURSOR_BYTES_MAX, FILTER_CONDITIONS_MAX, PAGE_DEFAULT, PAGE_MAX};

type Map = IndexMap<Name, Value>;

pub(super) const STRING_FILTER: &[Plain] = &[
    ("eq", "String", "Equal, without case."),
    ("in", "[String!]", "Equal to one of these, without case."),
    ("prefix", "String", "Begins with this, without case."),
    ("exists", "Boolean", "Has any value at all, or none."),
];

pub(super) const LABEL_FILTER: &[Plain] = &[
    ("eq", "String", "The label as `key=value`."),
    ("in", "[String!]", "One of these labels, each as `key=value`."),
    ("key", "String", "The key of the label; with no `value`, any value."),
    ("value", "String", "The value of the label named by `key`."),
    ("exists", "Boolean", "Has any label at all, or none."),
];

pub(super) const PATH_FILTER: &[Plain] = &[
    (
        "path",
        "String!",
        "A dotted path into the entity, such as `spec.system` or `metadata.annotations.team`.",
    ),
    ("eq", "String", "Equal."),
    ("in", "[String!]", "Equal to one of these."),
];

pub(super) const RELATED_FILTER: &[Plain] = &[
    (
        "relation",
        "String!",
        "Name of the relation or of its inverse, as the entity has it.",
    ),
    ("target", "String!", "Ref of the entity at the other end."),
];

pub(super) const ENTITY_FILTER: &[Plain] = &[
    ("kind", "StringFilter", "Kind."),
    ("namespace", "StringFilter", "Namespace."),
    ("name", "StringFilter", "`metadata.name`."),
    ("title", "StringFilter", "`metadata.title`."),
    (
        "owner",
        "StringFilter",
        "An effective owner, as a ref; a ref without kind is a group.",
    ),
    ("tag", "StringFilter", "One of the tags."),
    ("lifecycle", "StringFilter", "`spec.lifecycle`."),
    ("type", "StringFilter", "`spec.type`."),
    ("label", "LabelFilter", "One of the labels."),
    (
        "path",
        "[PathFilter!]",
        "Any field of the entity, by equality; all must hold.",
    ),
    ("related", "RelatedFilter", "Has a relation to an entity."),
    ("and", "[EntityFilter!]", "All must hold."),
    ("or", "[EntityFilter!]", "One must hold."),
    ("not", "EntityFilter", "Must not hold."),
];

/// Reads a filter. Blocks where a path needs the search index.
pub(super) fn filter(cx: &RequestContext, value: Option<&Value>) -> Result<Filter, ApiError> {
    let mut reader = Reader { cx, conditions: 0 };
    match value {
        None | Some(Value::Null) => Ok(Filter::everything()),
        Some(Value::Object(map)) => reader.entity(map),
        Some(_) => Err(ApiError::bad_request("a filter is an object")),
    }
}

/// Whether a filter is one that the graph's indexes answer in a moment, whatever the size of the catalog.
pub(super) fn is_quick(value: Option<&Value>) -> bool {
    const QUICK: [&str; 8] = [
        "kind",
        "namespace",
        "tag",
        "lifecycle",
        "type",
        "owner",
        "name",
        "related",
    ];
    let by_equality = |name: &str, condition: &Value| match condition {
        Value::Object(map) => name == "related" || map.keys().all(|key| matches!(key.as_str(), "eq" | "in")),
        Value::Null => true,
        _ => false,
    };
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map
            .iter()
            .all(|(name, condition)| QUICK.contains(&name.as_str()) && by_equality(name, condition)),
        Some(_) => false,
    }
}

/// Whether an order is one that the graph has an index of.
pub(super) fn is_indexed_order(value: Option<&Value>) -> bool {
    let items = value.map_or(&[][..], list);
    items.len() <= 1
        && items.iter().all(|item| match item {
            Value::Object(map) => match map.get("field") {
                Some(Value::String(path)) => matches!(path.as_str(), "metadata.name" | "metadata.title"),
                _ => false,
            },
            _ => false,
        })
}

struct Reader<'a> {
    cx: &'a RequestContext,
    conditions: usize,
}

impl Reader<'_> {
    /// All conditions of one object must hold.
    fn entity(&mut self, map: &Map) -> Result<Filter, ApiError> {
        let mut all = Vec::with_capacity(map.len());
        for (name, value) in map {
            if matches!(value, Value::Null) {
                continue;
            }
            match name.as_str() {
                "kind" => self.field(&mut all, Field::Kind, value)?,
                "namespace" => self.field(&mut all, Field::Namespace, value)?,
                "tag" => self.field(&mut all, Field::Tag, value)?,
                "lifecycle" => self.field(&mut all, Field::Lifecycle, value)?,
                "type" => self.field(&mut all, Field::Type, value)?,
                "owner" => self.owner(&mut all, value)?,
                "name" => all.extend(self.matchers(value)?.into_iter().map(Filter::Name)),
                "title" => all.extend(self.matchers(value)?.into_iter().map(Filter::Title)),
                "label" => self.label(&mut all, value)?,
                "path" => {
                    for item in list(value) {
                        all.push(self.path(object(item)?)?);
                    }
                }
                "related" => all.push(self.related(object(value)?)?),
                "and" => all.push(Filter::All(self.each(value)?)),
                "or" => all.push(Filter::Any(self.each(value)?)),
                "not" => all.push(Filter::Not(Box::new(self.entity(object(value)?)?))),
                other => return Err(ApiError::bad_request(format!("a filter has no field `{other}`"))),
            }
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Filter::All(all),
        })
    }

    fn each(&mut self, value: &Value) -> Result<Vec<Filter>, ApiError> {
        list(value).iter().map(|item| self.entity(object(item)?)).collect()
    }

    fn field(&mut self, all: &mut Vec<Filter>, field: Field, value: &Value) -> Result<(), ApiError> {
        all.extend(
            self.matchers(value)?
                .into_iter()
                .map(|matcher| Filter::Field(field, matcher)),
        );
        Ok(())
    }

    /// The conditions of a `StringFilter`.
    fn matchers(&mut self, value: &Value) -> Result<Vec<Matcher>, ApiError> {
        let map = object(value)?;
        let mut matchers = Vec::with_capacity(map.len());
        for (name, value) in map {
            matchers.push(match (name.as_str(), value) {
                (_, Value::Null) => continue,
                ("eq", value) => Matcher::Eq(text(value)?.to_owned()),
                ("prefix", value) => Matcher::Prefix(text(value)?.to_owned()),
                ("exists", Value::Boolean(wanted)) => Matcher::Exists(*wanted),
                ("in", value) => Matcher::In(texts(value)?),
                (other, _) => return Err(ApiError::bad_request(format!("a condition has no field `{other}`"))),
            });
        }
        for matcher in &matchers {
            self.count(if let Matcher::In(values) = matcher {
                values.len()
            } else {
                1
            })?;
        }
        Ok(matchers)
    }

    fn owner(&mut self, all: &mut Vec<Filter>, value: &Value) -> Result<(), ApiError> {
        let as_ref = |text: String| {
            EntityRef::parse_with_defaults(&text, Some("group"), DEFAULT_NAMESPACE)
                .map(|owner| owner.as_str().to_owned())
                .map_err(|error| ApiError::bad_request(format!("the filter `owner`: {error}")))
        };
        for matcher in self.matchers(value)? {
            let matcher = match matcher {
                Matcher::Eq(text) => Matcher::Eq(as_ref(text)?),
                Matcher::In(texts) => Matcher::In(texts.into_iter().map(as_ref).collect::<Result<_, _>>()?),
                other => other,
            };
            all.push(Filter::Field(Field::Owner, matcher));
        }
        Ok(())
    }

    fn label(&mut self, all: &mut Vec<Filter>, value: &Value) -> Result<(), ApiError> {
        let map = object(value)?;
        let get = |name: &str| map.get(name).filter(|value| !matches!(value, Value::Null));
        let matcher = match (get("key"), get("value")) {
            (Some(key), Some(value)) => Some(Matcher::Eq(format!("{}={}", text(key)?, text(value)?))),
            (Some(key), None) => Some(Matcher::Prefix(format!("{}=", text(key)?))),
            (None, Some(_)) => return Err(ApiError::bad_request("the filter `label` has a `value` but no `key`")),
            (None, None) => None,
        };
        self.count(1)?;
        all.extend(matcher.map(|matcher| Filter::Field(Field::Label, matcher)));
        let others: Map = map
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "key" | "value"))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        self.field(all, Field::Label, &Value::Object(others))
    }

    fn path(&mut self, map: &Map) -> Result<Filter, ApiError> {
        let path = match map.get("path") {
            Some(value) => text(value)?,
            None => return Err(ApiError::bad_request("a path filter needs a `path`")),
        };
        let mut wanted = Vec::new();
        match (map.get("eq"), map.get("in")) {
            (Some(value), None | Some(Value::Null)) => wanted.push(text(value)?.to_owned()),
            (None | Some(Value::Null), Some(value)) => wanted = texts(value)?,
            _ => {
                return Err(ApiError::bad_request(format!(
                    "the path filter `{path}` needs either `eq` or `in`"
                )));
            }
        }
        self.count(wanted.len())?;
        let matcher = |wanted: Vec<String>| Matcher::In(wanted);
        if let Some(key) = path.strip_prefix("metadata.labels.") {
            let labels = wanted.iter().map(|value| format!("{key}={value}")).collect();
            return Ok(Filter::Field(Field::Label, matcher(labels)));
        }
        match (path, Field::from_path(path)) {
            ("metadata.name", _) => return Ok(Filter::Name(matcher(wanted))),
            ("metadata.title", _) => return Ok(Filter::Title(matcher(wanted))),
            (_, Some(field)) => return Ok(Filter::Field(field, matcher(wanted))),
            (_, None) => {}
        }
        let index = self.cx.catalog().search();
        let mut found = HashSet::new();
        for value in &wanted {
            found.extend(index.entities_with(path, value)?);
        }
        self.cx.used_index(index.position());
        Ok(Filter::OneOf(Arc::new(found)))
    }

    fn related(&mut self, map: &Map) -> Result<Filter, ApiError> {
        self.count(1)?;
        let (Some(relation), Some(target)) = (map.get("relation"), map.get("target")) else {
            return Err(ApiError::bad_request(
                "the filter `related` needs `relation` and `target`",
            ));
        };
        let target = parse_ref(text(target)?)?;
        Ok(match self.cx.snapshot.number(&target) {
            Some(target) => Filter::Related {
                relation: text(relation)?.to_owned(),
                target,
            },
            None => Filter::Any(Vec::new()),
        })
    }

    fn count(&mut self, conditions: usize) -> Result<(), ApiError> {
        self.conditions += conditions;
        if self.conditions > FILTER_CONDITIONS_MAX {
            let message = format!("the filter has more than {FILTER_CONDITIONS_MAX} conditions");
            return Err(ApiError::limit("filter_conditions_max", message));
        }
        Ok(())
    }
}

fn object(value: &Value) -> Result<&Map, ApiError> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(ApiError::bad_request("a condition is an object, such as `{eq: \"x\"}`")),
    }
}

fn text(value: &Value) -> Result<&str, ApiError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(ApiError::bad_request("a condition compares with text")),
    }
}

fn texts(value: &Value) -> Result<Vec<String>, ApiError> {
    list(value).iter().map(|value| text(value).map(str::to_owned)).collect()
}

/// A list; a single value is a list of one, as in GraphQL's input coercion.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::List(values) => values,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

/// An entity ref as callers write it.
pub(super) fn parse_ref(text: &str) -> Result<EntityRef, ApiError> {
    EntityRef::parse(text).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// Reads `orderBy`.
pub(super) fn order(value: Option<&Value>) -> Result<Vec<Order>, ApiError> {
    let mut orders = Vec::new();
    for item in value.map_or(&[][..], list) {
        let map = object(item)?;
        let path = map.get("field").map(text).transpose()?.unwrap_or_default();
        let Some(field) = OrderField::from_path(path) else {
            let known: Vec<&str> = OrderField::ALL.iter().map(|field| field.path()).collect();
            let message = format!("cannot order by `{path}`; known are {}", known.join(", "));
            return Err(ApiError::bad_request(message));
        };
        let descending = matches!(map.get("direction"), Some(Value::Enum(name)) if name == "DESC")
            || matches!(map.get("direction"), Some(Value::String(name)) if name == "DESC");
        orders.push(Order { field, descending });
    }
    if orders.len() > OrderField::ALL.len() {
        return Err(ApiError::bad_request("`orderBy` names a field twice"));
    }
    Ok(orders)
}

/// Reads `first`.
pub(super) fn page_size(value: Option<&Value>) -> Result<usize, ApiError> {
    match value {
        None | Some(Value::Null) => Ok(PAGE_DEFAULT),
        Some(Value::Number(number)) => match number.as_u64() {
            Some(first) if first <= PAGE_MAX as u64 => Ok(usize::try_from(first).unwrap_or(PAGE_MAX)),
            Some(first) => {
                let message = format!("`first` is {first}, a page has at most {PAGE_MAX} entries");
                Err(ApiError::limit("page_max", message))
            }
            None => Err(ApiError::bad_request("`first` must not be negative")),
        },
        Some(_) => Err(ApiError::bad_request("`first` must be a whole number")),
    }
}

#[derive(Serialize, Deserialize)]
struct CursorWire {
    /// The order that it belongs to.
    o: String,
    c: PageCursor,
}

fn order_text(orders: &[Order]) -> String {
    let part = |order: &Order| format!("{}{}", if order.descending { "-" } else { "" }, order.field.path());
    orders.iter().map(part).collect::<Vec<_>>().join(",")
}

/// A cursor as callers hold it: opaque, bound to its order.
pub(super) fn encode_cursor(orders: &[Order], cursor: PageCursor) -> String {
    encode(&CursorWire {
        o: order_text(orders),
        c: cursor,
    })
}

pub(super) fn decode_cursor(orders: &[Order], text: &str) -> Result<PageCursor, ApiError> {
    let wire: CursorWire = decode(text)?;
    if wire.o != order_text(orders) || wire.c.keys.len() != orders.len().max(1) {
        return Err(ApiError::bad_request(
            "the cursor in `after` belongs to another order; start without it",
        ));
    }
    Ok(wire.c)
}

/// Any value as a cursor: hex of its JSON, so that nobody takes it for something to be written by hand.
pub(super) fn encode<T: Serialize>(value: &T) -> String {
    use std::fmt::Write as _;
    let json = serde_json::to_vec(value).expect("a cursor has string keys only");
    json.iter()
        .fold(String::with_capacity(json.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
}

pub(super) fn decode<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, ApiError> {
    let refused = || ApiError::bad_request("`after` is no cursor of this API; take `endCursor` of the page before");
    if text.len() > CURSOR_BYTES_MAX {
        return Err(ApiError::limit(
            "cursor_bytes_max",
            format!("a cursor has at most {CURSOR_BYTES_MAX} bytes"),
        ));
    }
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err(refused());
    }
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect();
    serde_json::from_slice(&bytes.ok_or_else(refused)?).map_err(|_| refused())
}
