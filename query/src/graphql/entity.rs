//! The `Entity` interface, and one object for each kind behind it.
//!
//! `ref`, `kind`, names, tags, labels, owners and relations come from the graph; the body is read only for fields that
//! nothing else holds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::dynamic::{FieldFuture, FieldValue, Interface, InterfaceField, Object, ResolverContext};
use bailiwick_schema::EntityRef;
use bailiwick_schema::kind::KindSet;
use serde_json::Value;

use super::build::{Plain, Resolver, field, input, json, later, now, text, ty, with_arguments};
use super::context::{Cx, blocking, cx};
use super::names::type_name;
use super::relations;
use super::typed_spec::{self, SpecOf};
use super::view;
use crate::catalog::{ChangeKind, EntityNo, FindingsQuery, Node};
use crate::error::ApiError;
use crate::graphql::filter::page_size;

/// The type of entities whose kind has no type of its own.
const GENERIC: &str = "GenericEntity";
/// Most versions that are searched for the first one.
const VERSIONS_MAX: usize = 1_000;

/// A live entity as the parent of its fields.
pub(super) struct EntityRow(pub(super) Arc<Node>);

/// A ref as the parent of its fields, whether or not anything lives there.
pub(super) struct LinkRow(pub(super) EntityRef);

/// Which type an entity of a kind has.
#[derive(Debug, Default)]
pub(crate) struct EntityTypes {
    by_kind: HashMap<String, String>,
}

impl EntityTypes {
    /// The name of an entity's type.
    pub(super) fn name(&self, node: &Node) -> &str {
        let name = self
            .by_kind
            .get(&*node.kind)
            .or_else(|| self.by_kind.get(&node.kind.to_lowercase()));
        name.map_or(GENERIC, String::as_str)
    }

    /// Whether a type is one of entities.
    pub(super) fn has(&self, type_name: &str) -> bool {
        type_name == GENERIC || self.by_kind.values().any(|name| name == type_name)
    }

    /// An entity as a value of the interface.
    pub(super) fn value<'a>(&self, node: Arc<Node>) -> FieldValue<'a> {
        let name = self.name(&node).to_owned();
        FieldValue::owned_any(EntityRow(node)).with_type(name)
    }
}

pub(super) fn entity_value<'a>(cx: &Cx, node: &Arc<Node>) -> FieldValue<'a> {
    cx.app.entity_types().value(Arc::clone(node))
}

pub(super) fn link_value<'a>(entity: &EntityRef) -> FieldValue<'a> {
    FieldValue::owned_any(LinkRow(entity.clone()))
}

/// Links to what numbers stand for, dangling ones too.
fn links<'a>(cx: &Cx, numbers: &[EntityNo]) -> FieldValue<'a> {
    FieldValue::list(
        numbers
            .iter()
            .filter_map(|no| cx.name(*no))
            .map(link_value)
            .collect::<Vec<_>>(),
    )
}

struct Def {
    plain: Plain,
    arguments: &'static [Plain],
    resolver: Resolver,
}

const fn def(name: &'static str, type_text: &'static str, description: &'static str, resolver: Resolver) -> Def {
    Def {
        plain: (name, type_text, description),
        arguments: &[],
        resolver,
    }
}

const fn def_with(plain: Plain, arguments: &'static [Plain], resolver: Resolver) -> Def {
    Def {
        plain,
        arguments,
        resolver,
    }
}

const FIRST: Plain = ("first", "Int", "Size of the page, 50 if left out, 500 at most.");

/// The fields of the interface, and so of every kind.
const FIELDS: &[Def] = &[
    def("ref", "String!", "`kind:namespace/name` in lower case.", |ctx| {
        row(&ctx, |node| text(Some(node.entity.as_str())))
    }),
    def("kind", "String!", "Kind as the entity spells it.", |ctx| {
        row(&ctx, |node| text(Some(&node.kind)))
    }),
    def("apiVersion", "String", "Version of the kind's format.", |ctx| {
        body(ctx, |body| body.get("apiVersion").cloned())
    }),
    def(
        "uid",
        "ID!",
        "Stays the same for as long as the entity is known, through deletions and moves.",
        |ctx| row(&ctx, |node| text(Some(&node.uid.to_string()))),
    ),
    def(
        "etag",
        "String!",
        "Hash of the content: equal content, equal etag.",
        |ctx| row(&ctx, |node| text(Some(&node.hash.to_string()))),
    ),
    def("position", "Long!", "The commit that changed it last.", |ctx| {
        row(&ctx, |node| {
            FieldFuture::Value(Some(FieldValue::value(node.position.0)))
        })
    }),
    def(
        "createdAt",
        "DateTime",
        "When it appeared (or came back) first, as far as its history is kept.",
        created_at,
    ),
    def("updatedAt", "DateTime!", "When it changed last.", |ctx| {
        row(&ctx, |node| text(Some(&node.updated_at.to_string())))
    }),
    def("metadata", "EntityMetadata!", "What is common to all kinds.", |ctx| {
        row(&ctx, |node| {
            FieldFuture::Value(Some(FieldValue::owned_any(EntityRow(Arc::clone(node)))))
        })
    }),
    def("spec", "JSON", "What the kind is about, as it was written.", |ctx| {
        body(ctx, |body| body.get("spec").cloned())
    }),
    def("facts", "JSON", "Observed values, by type of source.", |ctx| {
        body(ctx, |body| body.get("facts").cloned())
    }),
    def(
        "identifiers",
        "JSON",
        "The names that the outside world uses for it.",
        |ctx| body(ctx, |body| body.get("identifiers").cloned()),
    ),
    def("json", "JSON", "All of it in its canonical form.", |ctx| {
        body(ctx, |body| Some(body.clone()))
    }),
    def_with(
        (
            "relations",
            "RelationConnection",
            "Relations to and from other entities.",
        ),
        relations::ARGUMENTS,
        relations::resolve,
    ),
    def("owner", "EntityLink", "The leading effective owner.", |ctx| {
        let cx = cx(&ctx);
        row(&ctx, |node| {
            let owner = node.owners.first().and_then(|no| cx.name(*no));
            FieldFuture::Value(owner.map(link_value))
        })
    }),
    def(
        "owners",
        "[EntityLink!]!",
        "All effective owners, the leading one first.",
        |ctx| {
            let cx = cx(&ctx);
            row(&ctx, |node| FieldFuture::Value(Some(links(cx, &node.owners))))
        },
    ),
    def(
        "ownership",
        "Ownership",
        "Who owns it, how that is known, and who disagrees.",
        ownership,
    ),
    def_with(
        ("findings", "FindingConnection", "Problems in the data about it."),
        &[FIRST, ("after", "String", "`endCursor` of the page before.")],
        findings,
    ),
    def_with(
        ("history", "[EntityVersion!]", "Its versions, newest first."),
        &[FIRST],
        history,
    ),
];

const METADATA: &[Def] = &[
    def("name", "String!", "Name as the entity spells it.", |ctx| {
        row(&ctx, |node| text(Some(&node.name)))
    }),
    def("namespace", "String!", "Namespace.", |ctx| {
        row(&ctx, |node| text(Some(&node.namespace)))
    }),
    def("title", "String", "Name for people.", |ctx| {
        row(&ctx, |node| text(node.title.as_deref()))
    }),
    def("description", "String", "What it is, in a sentence.", |ctx| {
        metadata(ctx, "description", Value::is_string)
    }),
    def("labels", "JSON", "Labels by key.", |ctx| {
        row(&ctx, |node| {
            let pair = |(key, value): &(Arc<str>, Arc<str>)| (key.to_string(), Value::from(&**value));
            FieldFuture::Value(json(Value::Object(node.labels.iter().map(pair).collect())))
        })
    }),
    def("annotations", "JSON", "Annotations by key.", |ctx| {
        metadata(ctx, "annotations", Value::is_object)
    }),
    def("tags", "[String!]!", "Tags.", |ctx| {
        row(&ctx, |node| {
            FieldFuture::Value(Some(FieldValue::list(
                node.tags.iter().map(|tag| FieldValue::value(&**tag)),
            )))
        })
    }),
    def("links", "JSON", "Links to elsewhere.", |ctx| {
        metadata(ctx, "links", Value::is_array)
    }),
    def("uid", "ID!", "The same as `uid` of the entity.", |ctx| {
        row(&ctx, |node| text(Some(&node.uid.to_string())))
    }),
    def("etag", "String!", "The same as `etag` of the entity.", |ctx| {
        row(&ctx, |node| text(Some(&node.hash.to_string())))
    }),
    def("json", "JSON", "All metadata as it was written.", |ctx| {
        metadata(ctx, "", |_| true)
    }),
];

/// The interface, the objects behind it, their helpers, and which kind has which.
pub(super) struct Built {
    pub(super) interface: Interface,
    pub(super) objects: Vec<Object>,
    pub(super) types: EntityTypes,
}

/// Makes a type for every kind. `taken` holds the names that the rest of the schema uses.
pub(super) fn build(kinds: &KindSet, mut taken: HashSet<String>) -> Built {
    let mut interface = Interface::new("Entity").description(
        "Anything in the catalog. Each kind is an object of its own, with the fields of its spec under `typedSpec`.",
    );
    for def in FIELDS {
        let (name, type_text, description) = def.plain;
        let field = InterfaceField::new(name, ty(type_text)).description(description);
        interface = interface.field(
            def.arguments
                .iter()
                .fold(field, |field, argument| field.argument(input(*argument))),
        );
    }
    let mut objects = vec![
        with_fields(
            Object::new(GENERIC).description("An entity whose kind has no type of its own."),
            FIELDS,
        )
        .implement("Entity"),
        with_fields(
            Object::new("EntityMetadata").description("The envelope of an entity."),
            METADATA,
        ),
        link_object(),
    ];
    let mut types = EntityTypes::default();
    for decl in kinds.iter() {
        let name = type_name(&decl.kind);
        if !taken.insert(name.clone()) {
            tracing::warn!(
                kind = decl.kind,
                "the name of the kind is taken in GraphQL; its entities are generic"
            );
            continue;
        }
        let mut object = with_fields(Object::new(&name).description(&decl.description), FIELDS).implement("Entity");
        let spec_types = typed_spec::types_of(&name, &decl.spec_schema, &mut taken);
        if let Some(spec) = spec_types.first() {
            let description = "The fields of `spec` that its schema declares; null where they are something else.";
            object = object.field(field("typedSpec", spec.type_name(), description, typed_spec_of));
        }
        objects.push(object);
        objects.extend(spec_types);
        types.by_kind.insert(decl.kind.to_lowercase(), name.clone());
        types.by_kind.insert(decl.kind.clone(), name);
    }
    Built {
        interface,
        objects,
        types,
    }
}

fn with_fields(object: Object, defs: &[Def]) -> Object {
    defs.iter().fold(object, |object, def| {
        let (name, type_text, description) = def.plain;
        object.field(with_arguments(
            field(name, type_text, description, def.resolver),
            def.arguments,
        ))
    })
}

/// The ref of an entity, which may not exist.
fn link_object() -> Object {
    let part = |name, description, resolver| field(name, "String!", description, resolver);
    Object::new("EntityLink")
        .description("A ref to an entity. Nothing needs to live there: then `entity` is null.")
        .field(part("ref", "`kind:namespace/name` in lower case.", |ctx| {
            link(&ctx, |entity| text(Some(entity.as_str())))
        }))
        .field(part("kind", "Kind in lower case.", |ctx| {
            link(&ctx, |entity| text(Some(entity.kind())))
        }))
        .field(part("namespace", "Namespace in lower case.", |ctx| {
            link(&ctx, |entity| text(Some(entity.namespace())))
        }))
        .field(part("name", "Name in lower case.", |ctx| {
            link(&ctx, |entity| text(Some(entity.name())))
        }))
        .field(field(
            "title",
            "String",
            "Name for people, if the entity has one.",
            |ctx| {
                let cx = cx(&ctx);
                link(&ctx, |entity| {
                    text(cx.node(entity).and_then(|node| node.title.as_deref()))
                })
            },
        ))
        .field(field(
            "exists",
            "Boolean!",
            "Whether the entity is in the catalog.",
            |ctx| {
                let cx = cx(&ctx);
                link(&ctx, |entity| {
                    FieldFuture::Value(Some(FieldValue::value(cx.node(entity).is_some())))
                })
            },
        ))
        .field(field("entity", "Entity", "The entity itself.", |ctx| {
            let cx = cx(&ctx);
            link(&ctx, |entity| {
                FieldFuture::Value(cx.node(entity).map(|node| entity_value(cx, node)))
            })
        }))
}

/// Answers from the entity that the parent is.
fn row<'a>(ctx: &ResolverContext<'a>, answer: impl FnOnce(&'a Arc<Node>) -> FieldFuture<'a>) -> FieldFuture<'a> {
    match parent(ctx) {
        Some(node) => answer(node),
        None => FieldFuture::Value(None),
    }
}

pub(super) fn parent<'a>(ctx: &ResolverContext<'a>) -> Option<&'a Arc<Node>> {
    ctx.parent_value.downcast_ref::<EntityRow>().map(|row| &row.0)
}

/// Answers from the ref that the parent is, or holds as `ref`.
fn link<'a>(ctx: &ResolverContext<'a>, answer: impl FnOnce(&EntityRef) -> FieldFuture<'a>) -> FieldFuture<'a> {
    if let Some(LinkRow(entity)) = ctx.parent_value.downcast_ref::<LinkRow>() {
        return answer(entity);
    }
    let Some(async_graphql::Value::Object(map)) = ctx.parent_value.as_value() else {
        return FieldFuture::Value(None);
    };
    let Some(async_graphql::Value::String(text)) = map.get("ref") else {
        return FieldFuture::Value(None);
    };
    match EntityRef::parse(text) {
        Ok(entity) => answer(&entity),
        Err(_) => FieldFuture::Value(None),
    }
}

/// Answers from the body of the entity.
fn body<'a>(ctx: ResolverContext<'a>, pick: impl FnOnce(&Value) -> Option<Value> + Send + 'a) -> FieldFuture<'a> {
    let cx = cx(&ctx);
    row(&ctx, |node| {
        later(async move { Ok(pick(&*cx.body(node).await?).and_then(json)) })
    })
}

/// A field of the metadata in the body, all of it for an empty name; nothing if it is not of the expected type.
fn metadata<'a>(ctx: ResolverContext<'a>, name: &'static str, expected: fn(&Value) -> bool) -> FieldFuture<'a> {
    body(ctx, move |body| {
        let metadata = body.get("metadata")?;
        let value = if name.is_empty() { metadata } else { metadata.get(name)? };
        expected(value).then(|| value.clone())
    })
}

fn typed_spec_of(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    row(&ctx, |node| {
        later(async move {
            let body = cx.body(node).await?;
            let present = body.get("spec").is_some_and(Value::is_object);
            Ok(present.then(|| FieldValue::owned_any(SpecOf(body))))
        })
    })
}

fn created_at(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    row(&ctx, |node| {
        let entity = node.entity.clone();
        later(async move {
            let versions = blocking(cx, move |cx| {
                Ok(cx.catalog().versions(&cx.viewer, &entity, VERSIONS_MAX)?)
            })
            .await?;
            let first = versions
                .iter()
                .rev()
                .find(|version| version.change == ChangeKind::Created);
            Ok(first.map(|version| FieldValue::value(version.at.to_string())))
        })
    })
}

fn ownership(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    row(&ctx, |node| {
        let node = Arc::clone(node);
        later(async move {
            let ownership = blocking(cx, move |cx| Ok(cx.catalog().ownership(&node)?)).await?;
            Ok(json(view::ownership(&ownership)))
        })
    })
}

fn history(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let first = match page_size(ctx.args.get("first").map(|value| value.as_value())) {
        Ok(first) => first,
        Err(error) => return now(Err(error)),
    };
    row(&ctx, |node| {
        let entity = node.entity.clone();
        later(async move {
            let (versions, begins) = blocking(cx, move |cx| {
                let versions = cx.catalog().versions(&cx.viewer, &entity, first)?;
                Ok((versions, cx.catalog().log_begins()?))
            })
            .await?;
            let versions = versions.iter().map(|version| view::version(version, begins));
            Ok(json(versions.collect()))
        })
    })
}

fn findings(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let page = page_size(ctx.args.get("first").map(|value| value.as_value()));
    let after = ctx
        .args
        .get("after")
        .and_then(|value| value.string().ok())
        .map(str::to_owned);
    row(&ctx, |node| {
        let entity = Some(node.entity.clone());
        later(async move {
            let query = FindingsQuery {
                entity,
                after,
                first: page?,
                ..FindingsQuery::default()
            };
            let has_previous = query.after.is_some();
            let page = blocking(cx, move |cx| Ok(cx.catalog().findings(&cx.viewer, &query)?)).await?;
            Ok::<_, ApiError>(json(view::findings(&page, has_previous)))
        })
    })
}
