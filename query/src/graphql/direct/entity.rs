//! Writing entities: what the graph holds from the graph, the rest as it stands in the body.
//!
//! Bodies are stored in canonical form, the same in which values are answered, so a part of a body is copied and never
//! taken apart.

use bailiwick_schema::EntityRef;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::plan::{EntityField, Fields, Keyed, LinkField, MetadataField, RelationField, RelationsField};
use super::write::{Done, Stop, Writer};
use crate::catalog::{EntityNo, Node};
use crate::graphql::relations::{self, Edges};

/// The members of a body that are asked for one by one.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Members<'b> {
    #[serde(borrow, default)]
    api_version: Option<&'b RawValue>,
    #[serde(borrow, default)]
    metadata: Option<&'b RawValue>,
    #[serde(borrow, default)]
    spec: Option<&'b RawValue>,
    #[serde(borrow, default)]
    facts: Option<&'b RawValue>,
    #[serde(borrow, default)]
    identifiers: Option<&'b RawValue>,
}

/// Likewise of its metadata.
#[derive(Deserialize, Default)]
struct MetadataMembers<'b> {
    #[serde(borrow, default)]
    description: Option<&'b RawValue>,
    #[serde(borrow, default)]
    annotations: Option<&'b RawValue>,
    #[serde(borrow, default)]
    links: Option<&'b RawValue>,
}

/// A body, taken apart as far as needed.
#[derive(Default)]
struct Body<'b> {
    whole: &'b [u8],
    members: Members<'b>,
}

impl<'b> Body<'b> {
    fn of(whole: &'b [u8]) -> Result<Self, Stop> {
        let members = serde_json::from_slice(whole).map_err(|_| Stop::LongWay)?;
        Ok(Self { whole, members })
    }

    /// The members of the metadata; none where it is no object.
    fn metadata(&self) -> Result<MetadataMembers<'b>, Stop> {
        match self.members.metadata {
            Some(metadata) if metadata.get().starts_with('{') => {
                serde_json::from_str(metadata.get()).map_err(|_| Stop::LongWay)
            }
            _ => Ok(MetadataMembers::default()),
        }
    }
}

fn needs_body(field: &Keyed<EntityField>) -> bool {
    match &field.field {
        EntityField::ApiVersion
        | EntityField::Spec
        | EntityField::Facts
        | EntityField::Identifiers
        | EntityField::Json => true,
        EntityField::Metadata(fields) => fields.iter().any(|field| {
            matches!(
                field.field,
                MetadataField::Description | MetadataField::Annotations | MetadataField::Links | MetadataField::Json
            )
        }),
        _ => false,
    }
}

impl<'a> Writer<'a> {
    pub(super) fn entity(&mut self, fields: &'a [Keyed<EntityField>], node: &Node) -> Done {
        let bytes = if fields.iter().any(needs_body) {
            self.body(node)?
        } else {
            Vec::new()
        };
        let body = if bytes.is_empty() {
            Body::default()
        } else {
            Body::of(&bytes)?
        };
        let type_name = self.cx.app.entity_types().name(node);
        self.object(fields, Some(type_name), |writer, field| {
            match field {
                EntityField::Typename => writer.text(type_name),
                EntityField::Ref => writer.text(node.entity.as_str()),
                EntityField::Kind => writer.text(&node.kind),
                EntityField::ApiVersion => writer.part(body.members.api_version, Some('"'))?,
                EntityField::Uid => writer.printed(node.uid),
                EntityField::Etag => writer.printed(node.hash),
                EntityField::Position => writer.whole(node.position.0),
                EntityField::UpdatedAt => writer.printed(node.updated_at),
                EntityField::Metadata(fields) => writer.metadata(fields, node, &body)?,
                EntityField::Spec => writer.part(body.members.spec, None)?,
                EntityField::Facts => writer.part(body.members.facts, None)?,
                EntityField::Identifiers => writer.part(body.members.identifiers, None)?,
                EntityField::Json => match std::str::from_utf8(body.whole) {
                    Ok(whole) => writer.raw(whole),
                    Err(_) => return Err(Stop::LongWay),
                },
                EntityField::Relations { arguments, fields } => {
                    let wanted = match arguments.fixed() {
                        Some(values) => relations::wanted(values)?,
                        None => relations::wanted(&arguments.read(writer.inputs)?)?,
                    };
                    let page = relations::read(writer.cx, node, &wanted);
                    writer.object(fields, None, |writer, field| writer.relations(&page, field))?;
                }
                EntityField::Owner(fields) => {
                    let cx = writer.cx;
                    let owner = node.owners.first().and_then(|no| Some((*no, cx.name(*no)?)));
                    match owner {
                        Some((no, name)) => writer.link(fields, no, name)?,
                        None => writer.null(),
                    }
                }
                EntityField::Owners(fields) => {
                    let cx = writer.cx;
                    let owners = node.owners.iter().filter_map(|no| Some((*no, cx.name(*no)?)));
                    writer.list(owners, |writer, (no, name)| writer.link(fields, no, name))?;
                }
            }
            Ok(())
        })
    }

    /// A part of a body. It is null where there is none; where it must be a text and is not, the long way says so.
    fn part(&mut self, part: Option<&serde_json::value::RawValue>, must_begin: Option<char>) -> Done {
        match (part, must_begin) {
            (None, _) => self.null(),
            (Some(part), Some(first)) if !part.get().starts_with(first) => return Err(Stop::LongWay),
            (Some(part), _) => self.raw(part.get()),
        }
        Ok(())
    }

    /// A part that is null where it is not of the type that begins so.
    fn typed_part(&mut self, part: Option<&RawValue>, begins: char) -> Done {
        self.part(part.filter(|part| part.get().starts_with(begins)), None)
    }

    fn metadata(&mut self, fields: &'a Fields<MetadataField>, node: &Node, body: &Body<'_>) -> Done {
        let members = body.metadata()?;
        self.object(fields, None, |writer, field| {
            match field {
                MetadataField::Typename => writer.text("EntityMetadata"),
                MetadataField::Name => writer.text(&node.name),
                MetadataField::Namespace => writer.text(&node.namespace),
                MetadataField::Title => writer.optional(node.title.as_deref()),
                MetadataField::Description => writer.typed_part(members.description, '"')?,
                MetadataField::Labels => writer.labels(node),
                MetadataField::Annotations => writer.typed_part(members.annotations, '{')?,
                MetadataField::Tags => writer.list(&node.tags, |writer, tag| {
                    writer.text(tag);
                    Ok(())
                })?,
                MetadataField::Links => writer.typed_part(members.links, '[')?,
                MetadataField::Uid => writer.printed(node.uid),
                MetadataField::Etag => writer.printed(node.hash),
                MetadataField::Json => writer.part(body.members.metadata, None)?,
            }
            Ok(())
        })
    }

    fn labels(&mut self, node: &Node) {
        let mut labels: Vec<(&str, &str)> = node.labels.iter().map(|(key, value)| (&**key, &**value)).collect();
        labels.sort_unstable();
        self.raw("{");
        for (at, (key, value)) in labels.into_iter().enumerate() {
            if at > 0 {
                self.raw(",");
            }
            self.text(key);
            self.raw(":");
            self.text(value);
        }
        self.raw("}");
    }

    fn relations(&mut self, page: &Edges<'_>, field: &'a RelationsField) -> Done {
        match field {
            RelationsField::Typename => self.text("RelationConnection"),
            RelationsField::TotalCount => self.count(page.total)?,
            RelationsField::Nodes(fields) => self.list(&page.edges, |writer, edge| {
                writer.object(fields, None, |writer, field| {
                    match field {
                        RelationField::Typename => writer.text("Relation"),
                        RelationField::Type => writer.text(edge.relation),
                        RelationField::Direction => writer.text(if edge.incoming { "INCOMING" } else { "OUTGOING" }),
                        RelationField::Target(fields) => writer.link(fields, edge.target_no, edge.target)?,
                    }
                    Ok(())
                })
            })?,
            RelationsField::PageInfo(fields) => {
                let start = || page.edges.first().map(relations::Edge::cursor);
                let end = || page.edges.last().map(relations::Edge::cursor);
                self.info(fields, page.has_next, page.has_previous, start, end)?;
            }
        }
        Ok(())
    }

    fn link(&mut self, fields: &'a Fields<LinkField>, no: EntityNo, entity: &EntityRef) -> Done {
        let cx = self.cx;
        let node = || cx.snapshot.node(&cx.viewer, no);
        self.object(fields, None, |writer, field| {
            match field {
                LinkField::Typename => writer.text("EntityLink"),
                LinkField::Ref => writer.text(entity.as_str()),
                LinkField::Kind => writer.text(entity.kind()),
                LinkField::Namespace => writer.text(entity.namespace()),
                LinkField::Name => writer.text(entity.name()),
                LinkField::Title => writer.optional(node().and_then(|node| node.title.as_deref())),
                LinkField::Exists => writer.flag(node().is_some()),
                LinkField::Entity(fields) => match node() {
                    Some(node) => writer.entity(fields, node)?,
                    None => writer.null(),
                },
            }
            Ok(())
        })
    }
}
