//! From a document that was validated and answered once to its plan.
//!
//! What a plan does not know (mutations, introspection, directives, fields that ask the books, fields merged from
//! several places) makes no plan: such documents always go the long way.

use std::cell::Cell;

use async_graphql::Value;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationType, Selection, SelectionSet};

use super::arguments::{Arguments, Text, Written, stand_in};
use super::plan::{
    AggregateField, BucketField, EdgeField, EntityField, FacetField, Fields, HighlightField, HitField, InfoField,
    Keyed, LinkField, MetadataField, PageField, Plan, RangeField, RelationField, RelationsField, Root, SearchField,
};
use crate::graphql::build::Plain;
use crate::graphql::entity::EntityTypes;
use crate::graphql::{query, relations, search};

const ENTITY: &str = "Entity";

/// The plan of the only operation of a document, and that operation's name; nothing where there can be none.
pub(super) fn compile(document: ExecutableDocument, types: &EntityTypes) -> Option<(Option<String>, Plan)> {
    let mut operations = document.operations.iter();
    let (name, operation) = operations.next()?;
    if operations.next().is_some() {
        return None;
    }
    let name = name.map(ToString::to_string);
    let operation = &operation.node;
    if operation.ty != OperationType::Query || !operation.directives.is_empty() {
        return None;
    }
    let mut variables = Vec::with_capacity(operation.variable_definitions.len());
    for definition in &operation.variable_definitions {
        let definition = &definition.node;
        let default = definition.default_value().cloned();
        if default.as_ref().is_some_and(has_text) {
            return None;
        }
        variables.push((definition.name.node.clone(), default));
    }
    let compiler = Compiler {
        document: &document,
        types,
        open_cost: Cell::new(false),
    };
    let roots = compiler.fields(&operation.selection_set.node, "Query", |field| compiler.root(field))?;
    let open_cost = compiler.open_cost.get();
    let plan = Plan {
        roots,
        variables,
        document: open_cost.then_some(document),
    };
    Some((name, plan))
}

/// An argument as it is written.
fn written(field: &Field, at: usize) -> Written {
    let Ok(written) = field.arguments[at].1.node.clone().into_const_with(stand_in);
    written
}

/// A string in a default may be a mark, and defaults are not filled.
fn has_text(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::List(items) => items.iter().any(has_text),
        Value::Object(members) => members.values().any(has_text),
        _ => false,
    }
}

struct Compiler<'a> {
    document: &'a ExecutableDocument,
    types: &'a EntityTypes,
    /// Whether a variable decides the size of a page.
    open_cost: Cell<bool>,
}

impl Compiler<'_> {
    fn fields<T: PartialEq>(
        &self,
        set: &SelectionSet,
        type_name: &str,
        make: impl Fn(&Field) -> Option<T>,
    ) -> Option<Fields<T>> {
        let mut out = Vec::with_capacity(set.items.len());
        self.collect(set, type_name, None, &make, &mut out)?;
        Some(out)
    }

    fn collect<T: PartialEq>(
        &self,
        set: &SelectionSet,
        type_name: &str,
        on: Option<&str>,
        make: &impl Fn(&Field) -> Option<T>,
        out: &mut Fields<T>,
    ) -> Option<()> {
        for item in &set.items {
            if !item.node.directives().is_empty() {
                return None;
            }
            let (condition, inner) = match &item.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let key = format!("\"{}\":", field.response_key().node);
                    add(out, key, on, make(field)?)?;
                    continue;
                }
                Selection::InlineFragment(fragment) => (
                    fragment.node.type_condition.as_ref().map(|condition| &condition.node),
                    &fragment.node.selection_set.node,
                ),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.node.fragment_name.node)?;
                    if !fragment.node.directives.is_empty() {
                        return None;
                    }
                    (
                        Some(&fragment.node.type_condition.node),
                        &fragment.node.selection_set.node,
                    )
                }
            };
            let condition = condition.map(|condition| condition.on.node.as_str());
            match condition {
                None => self.collect(inner, type_name, on, make, out)?,
                Some(condition) if condition == type_name => self.collect(inner, type_name, on, make, out)?,
                Some(condition) if type_name == ENTITY && self.types.has(condition) => {
                    // Within a fragment for another type nothing of this one can apply.
                    if on.is_none_or(|on| on == condition) {
                        self.collect(inner, type_name, Some(condition), make, out)?;
                    }
                }
                Some(_) => return None,
            }
        }
        Some(())
    }

    fn arguments(&self, field: &Field, table: &'static [Plain]) -> Option<Arguments> {
        let mut arguments = Vec::with_capacity(field.arguments.len());
        for (at, (name, _)) in field.arguments.iter().enumerate() {
            let written = written(field, at);
            if name.node == "atLeast" {
                return None;
            }
            if name.node == "first" && matches!(written, Value::Binary(_)) {
                self.open_cost.set(true);
            }
            arguments.push((name.node.clone(), written));
        }
        Some(Arguments::new(arguments, table))
    }

    fn root(&self, field: &Field) -> Option<Root> {
        let set = &field.selection_set.node;
        Some(match field.name.node.as_str() {
            "__typename" => Root::Typename,
            "position" => Root::Position,
            "entity" => match field.arguments.as_slice() {
                [(name, _)] if name.node == "ref" => Root::Entity {
                    reference: Text::of(written(field, 0))?,
                    fields: self.entity(set)?,
                },
                _ => return None,
            },
            "entities" => Root::Entities {
                arguments: self.arguments(field, query::ENTITIES_ARGUMENTS)?,
                fields: self.fields(set, "EntityConnection", |field| self.page(field))?,
            },
            "aggregate" => Root::Aggregate {
                arguments: self.arguments(field, query::AGGREGATE_ARGUMENTS)?,
                fields: self.fields(set, "Aggregate", |field| self.aggregate(field))?,
            },
            "search" => {
                let fields = self.fields(set, "SearchConnection", |field| self.search(field))?;
                let highlights = |hit: &Keyed<HitField>| matches!(hit.field, HitField::Highlights(_));
                let highlight = fields
                    .iter()
                    .any(|field| matches!(&field.field, SearchField::Nodes(hits) if hits.iter().any(highlights)));
                Root::Search {
                    arguments: self.arguments(field, search::ARGUMENTS)?,
                    highlight,
                    fields,
                }
            }
            _ => return None,
        })
    }

    fn page(&self, field: &Field) -> Option<PageField> {
        let set = &field.selection_set.node;
        Some(match field.name.node.as_str() {
            "__typename" => PageField::Typename,
            "totalCount" => PageField::TotalCount,
            "nodes" => PageField::Nodes(self.entity(set)?),
            "edges" => PageField::Edges(self.fields(set, "EntityEdge", |field| {
                Some(match field.name.node.as_str() {
                    "__typename" => EdgeField::Typename,
                    "cursor" => EdgeField::Cursor,
                    "node" => EdgeField::Node(self.entity(&field.selection_set.node)?),
                    _ => return None,
                })
            })?),
            "pageInfo" => PageField::PageInfo(self.info(set)?),
            _ => return None,
        })
    }

    fn info(&self, set: &SelectionSet) -> Option<Fields<InfoField>> {
        self.fields(set, "PageInfo", |field| {
            Some(match field.name.node.as_str() {
                "__typename" => InfoField::Typename,
                "hasNextPage" => InfoField::HasNextPage,
                "hasPreviousPage" => InfoField::HasPreviousPage,
                "startCursor" => InfoField::StartCursor,
                "endCursor" => InfoField::EndCursor,
                _ => return None,
            })
        })
    }

    fn entity(&self, set: &SelectionSet) -> Option<Fields<EntityField>> {
        self.fields(set, ENTITY, |field| {
            let set = &field.selection_set.node;
            Some(match field.name.node.as_str() {
                "__typename" => EntityField::Typename,
                "ref" => EntityField::Ref,
                "kind" => EntityField::Kind,
                "apiVersion" => EntityField::ApiVersion,
                "uid" => EntityField::Uid,
                "etag" => EntityField::Etag,
                "position" => EntityField::Position,
                "updatedAt" => EntityField::UpdatedAt,
                "metadata" => EntityField::Metadata(self.metadata(set)?),
                "spec" => EntityField::Spec,
                "facts" => EntityField::Facts,
                "identifiers" => EntityField::Identifiers,
                "json" => EntityField::Json,
                "relations" => EntityField::Relations {
                    arguments: self.arguments(field, relations::ARGUMENTS)?,
                    fields: self.relations(set)?,
                },
                "owner" => EntityField::Owner(self.link(set)?),
                "owners" => EntityField::Owners(self.link(set)?),
                _ => return None,
            })
        })
    }

    fn metadata(&self, set: &SelectionSet) -> Option<Fields<MetadataField>> {
        self.fields(set, "EntityMetadata", |field| {
            Some(match field.name.node.as_str() {
                "__typename" => MetadataField::Typename,
                "name" => MetadataField::Name,
                "namespace" => MetadataField::Namespace,
                "title" => MetadataField::Title,
                "description" => MetadataField::Description,
                "labels" => MetadataField::Labels,
                "annotations" => MetadataField::Annotations,
                "tags" => MetadataField::Tags,
                "links" => MetadataField::Links,
                "uid" => MetadataField::Uid,
                "etag" => MetadataField::Etag,
                "json" => MetadataField::Json,
                _ => return None,
            })
        })
    }

    fn link(&self, set: &SelectionSet) -> Option<Fields<LinkField>> {
        self.fields(set, "EntityLink", |field| {
            Some(match field.name.node.as_str() {
                "__typename" => LinkField::Typename,
                "ref" => LinkField::Ref,
                "kind" => LinkField::Kind,
                "namespace" => LinkField::Namespace,
                "name" => LinkField::Name,
                "title" => LinkField::Title,
                "exists" => LinkField::Exists,
                "entity" => LinkField::Entity(self.entity(&field.selection_set.node)?),
                _ => return None,
            })
        })
    }

    fn relations(&self, set: &SelectionSet) -> Option<Fields<RelationsField>> {
        self.fields(set, "RelationConnection", |field| {
            let set = &field.selection_set.node;
            Some(match field.name.node.as_str() {
                "__typename" => RelationsField::Typename,
                "totalCount" => RelationsField::TotalCount,
                "nodes" => RelationsField::Nodes(self.fields(set, "Relation", |field| {
                    Some(match field.name.node.as_str() {
                        "__typename" => RelationField::Typename,
                        "type" => RelationField::Type,
                        "direction" => RelationField::Direction,
                        "target" => RelationField::Target(self.link(&field.selection_set.node)?),
                        _ => return None,
                    })
                })?),
                "pageInfo" => RelationsField::PageInfo(self.info(set)?),
                _ => return None,
            })
        })
    }

    fn aggregate(&self, field: &Field) -> Option<AggregateField> {
        Some(match field.name.node.as_str() {
            "__typename" => AggregateField::Typename,
            "field" => AggregateField::Field,
            "totalCount" => AggregateField::TotalCount,
            "buckets" => AggregateField::Buckets(self.buckets(&field.selection_set.node)?),
            _ => return None,
        })
    }

    fn buckets(&self, set: &SelectionSet) -> Option<Fields<BucketField>> {
        self.fields(set, "Bucket", |field| {
            Some(match field.name.node.as_str() {
                "__typename" => BucketField::Typename,
                "value" => BucketField::Value,
                "count" => BucketField::Count,
                _ => return None,
            })
        })
    }

    fn search(&self, field: &Field) -> Option<SearchField> {
        let set = &field.selection_set.node;
        Some(match field.name.node.as_str() {
            "__typename" => SearchField::Typename,
            "totalCount" => SearchField::TotalCount,
            "nodes" => SearchField::Nodes(self.fields(set, "SearchHit", |field| self.hit(field))?),
            "fuzzy" => SearchField::Fuzzy,
            "facets" => SearchField::Facets(self.fields(set, "Facet", |field| {
                Some(match field.name.node.as_str() {
                    "__typename" => FacetField::Typename,
                    "field" => FacetField::Field,
                    "buckets" => FacetField::Buckets(self.buckets(&field.selection_set.node)?),
                    _ => return None,
                })
            })?),
            "pageInfo" => SearchField::PageInfo(self.info(set)?),
            _ => return None,
        })
    }

    fn hit(&self, field: &Field) -> Option<HitField> {
        let set = &field.selection_set.node;
        Some(match field.name.node.as_str() {
            "__typename" => HitField::Typename,
            "score" => HitField::Score,
            "entity" => HitField::Entity(self.entity(set)?),
            "highlights" => HitField::Highlights(self.fields(set, "Highlight", |field| {
                Some(match field.name.node.as_str() {
                    "__typename" => HighlightField::Typename,
                    "field" => HighlightField::Field,
                    "fragment" => HighlightField::Fragment,
                    "ranges" => {
                        let set = &field.selection_set.node;
                        HighlightField::Ranges(self.fields(set, "HighlightRange", |field| {
                            Some(match field.name.node.as_str() {
                                "__typename" => RangeField::Typename,
                                "start" => RangeField::Start,
                                "end" => RangeField::End,
                                _ => return None,
                            })
                        })?)
                    }
                    _ => return None,
                })
            })?),
            _ => return None,
        })
    }
}

/// Adds a field. Written twice alike it counts once; what would have to be merged makes no plan.
fn add<T: PartialEq>(out: &mut Fields<T>, key: String, on: Option<&str>, field: T) -> Option<()> {
    for known in out.iter().filter(|known| *known.key == *key) {
        let covers = match (known.on.as_deref(), on) {
            (None, _) => true,
            (Some(one), Some(other)) if one == other => true,
            (Some(_), Some(_)) => continue,
            (Some(_), None) => return None,
        };
        return (covers && known.field == field).then_some(());
    }
    out.push(Keyed {
        key: key.into(),
        on: on.map(Into::into),
        field,
    });
    Some(())
}
