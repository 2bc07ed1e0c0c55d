//! What a plan is: the fields of a document in the order in which they are written, with everything decided that does
//! not depend on the request.

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Name, Value};

use super::arguments::{Arguments, Text};

/// How an operation is answered.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) roots: Fields<Root>,
    /// The variables of the operation with what stands in for them where the request gives none.
    pub(super) variables: Vec<(Name, Option<Value>)>,
    /// Kept where what a request gives decides what the document costs; it is then checked again.
    pub(super) document: Option<ExecutableDocument>,
}

/// One field of an object.
#[derive(Debug, PartialEq)]
pub(super) struct Keyed<T> {
    /// The key in the answer as JSON, with its colon.
    pub(super) key: Box<str>,
    /// The only type that has it, where a fragment says so.
    pub(super) on: Option<Box<str>>,
    pub(super) field: T,
}

pub(super) type Fields<T> = Vec<Keyed<T>>;

#[derive(Debug, PartialEq)]
pub(super) enum Root {
    Typename,
    Position,
    Entity {
        reference: Text,
        fields: Fields<EntityField>,
    },
    Entities {
        arguments: Arguments,
        fields: Fields<PageField>,
    },
    Aggregate {
        arguments: Arguments,
        fields: Fields<AggregateField>,
    },
    Search {
        arguments: Arguments,
        highlight: bool,
        fields: Fields<SearchField>,
    },
}

#[derive(Debug, PartialEq)]
pub(super) enum PageField {
    Typename,
    TotalCount,
    Nodes(Fields<EntityField>),
    Edges(Fields<EdgeField>),
    PageInfo(Fields<InfoField>),
}

#[derive(Debug, PartialEq)]
pub(super) enum EdgeField {
    Typename,
    Cursor,
    Node(Fields<EntityField>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum InfoField {
    Typename,
    HasNextPage,
    HasPreviousPage,
    StartCursor,
    EndCursor,
}

#[derive(Debug, PartialEq)]
pub(super) enum EntityField {
    Typename,
    Ref,
    Kind,
    ApiVersion,
    Uid,
    Etag,
    Position,
    UpdatedAt,
    Metadata(Fields<MetadataField>),
    Spec,
    Facts,
    Identifiers,
    Json,
    Relations {
        arguments: Arguments,
        fields: Fields<RelationsField>,
    },
    Owner(Fields<LinkField>),
    Owners(Fields<LinkField>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum MetadataField {
    Typename,
    Name,
    Namespace,
    Title,
    Description,
    Labels,
    Annotations,
    Tags,
    Links,
    Uid,
    Etag,
    Json,
}

#[derive(Debug, PartialEq)]
pub(super) enum LinkField {
    Typename,
    Ref,
    Kind,
    Namespace,
    Name,
    Title,
    Exists,
    Entity(Fields<EntityField>),
}

#[derive(Debug, PartialEq)]
pub(super) enum RelationsField {
    Typename,
    TotalCount,
    Nodes(Fields<RelationField>),
    PageInfo(Fields<InfoField>),
}

#[derive(Debug, PartialEq)]
pub(super) enum RelationField {
    Typename,
    Type,
    Direction,
    Target(Fields<LinkField>),
}

#[derive(Debug, PartialEq)]
pub(super) enum AggregateField {
    Typename,
    Field,
    TotalCount,
    Buckets(Fields<BucketField>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum BucketField {
    Typename,
    Value,
    Count,
}

#[derive(Debug, PartialEq)]
pub(super) enum SearchField {
    Typename,
    TotalCount,
    Nodes(Fields<HitField>),
    Fuzzy,
    Facets(Fields<FacetField>),
    PageInfo(Fields<InfoField>),
}

#[derive(Debug, PartialEq)]
pub(super) enum HitField {
    Typename,
    Score,
    Entity(Fields<EntityField>),
    Highlights(Fields<HighlightField>),
}

#[derive(Debug, PartialEq)]
pub(super) enum HighlightField {
    Typename,
    Field,
    Fragment,
    Ranges(Fields<RangeField>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RangeField {
    Typename,
    Start,
    End,
}

#[derive(Debug, PartialEq)]
pub(super) enum FacetField {
    Typename,
    Field,
    Buckets(Fields<BucketField>),
}
