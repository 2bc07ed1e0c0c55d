//! Descriptors: files in which people declare entities.
//!
//! A document is judged as Backstage judges it: its YAML, the envelope, the formats of names, the schema of its kind
//! and the refs in its relation fields. Backstage stops at the first problem, here every problem is collected; whether
//! there is one at all is the same. What is judged otherwise on purpose stands in
//! `docs/guides/backstage-differences.md`.
//!
//! A document whose kind, `apiVersion`, name or namespace holds `${{` is a template's skeleton: neither an entity nor
//! wrong. Placeholders (`$text: ./openapi.yaml`) are accepted where their value could be; reading it is the source's
//! affair, which may put the value into the tree and have it judged again.
//!
//! Source: `parseEntityYaml` of `@backstage/plugin-catalog-node` 2.2.5, the processing of
//! `@backstage/plugin-catalog-backend` 4.0.0 and `@backstage/catalog-model` 1.10.1.

mod envelope;
mod skeleton;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use crate::kind::{Placeholder, PlaceholderKind, Problem};

use crate::entity_ref::{DEFAULT_NAMESPACE, EntityRef};
use crate::kind::{KindSet, placeholder};
use crate::yaml::{self, Document, Limits, LineRange, Node, NodeValue, Position};

/// One document of a descriptor file, in the order of the file.
#[derive(Debug, Clone)]
pub enum DescriptorItem {
    Entity(Box<DescriptorEntity>),
    /// A document that is refused.
    Invalid(InvalidDocument),
    /// A document without content; nothing is wrong with it.
    Empty(LineRange),
    /// A document of a template's skeleton, with the problem `template_skeleton` that says where it shows.
    TemplateSkeleton(LineRange, Problem),
}

/// A document that declares an entity.
#[derive(Debug, Clone)]
pub struct DescriptorEntity {
    /// `apiVersion`, `kind`, `metadata` (always with a namespace) and `spec`, placeholders as they stand.
    pub entity: Value,
    pub entity_ref: EntityRef,
    pub lines: LineRange,
    /// Where the root object begins.
    pub position: Position,
    /// Values that stand elsewhere, in document order.
    pub placeholders: Vec<Placeholder>,
    /// The tree that `entity` was made from, for places.
    pub root: Node,
}

/// A document that is refused, with all that is wrong with it.
#[derive(Debug, Clone)]
pub struct InvalidDocument {
    pub lines: LineRange,
    /// At least one, in document order as far as the checks follow it.
    pub problems: Vec<Problem>,
    /// The entity that it would declare, if that much can be read.
    pub entity_ref: Option<EntityRef>,
}

impl DescriptorItem {
    pub fn lines(&self) -> LineRange {
        match self {
            Self::Entity(entity) => entity.lines,
            Self::Invalid(document) => document.lines,
            Self::Empty(lines) | Self::TemplateSkeleton(lines, _) => *lines,
        }
    }
}

/// Reads every document of a descriptor file.
pub fn read_descriptors(text: impl AsRef<[u8]>, kinds: &KindSet, limits: &Limits) -> Vec<DescriptorItem> {
    yaml::parse_documents(text, limits)
        .into_iter()
        .map(|document| read_descriptor(document, kinds))
        .collect()
}

/// Judges one document. A source that has read the placeholders of an entity puts their values into its tree
/// ([`Node::replace_at`]) and has it judged again here.
pub fn read_descriptor(document: Document, kinds: &KindSet) -> DescriptorItem {
    let lines = document.lines;
    let root = match document.root {
        Ok(Node {
            value: NodeValue::Null, ..
        }) => return DescriptorItem::Empty(lines),
        Ok(root) => root,
        Err(error) => {
            return DescriptorItem::Invalid(InvalidDocument {
                lines,
                problems: vec![error.into()],
                entity_ref: None,
            });
        }
    };
    if let Some(problem) = skeleton::find(&root) {
        return DescriptorItem::TemplateSkeleton(lines, problem);
    }
    let mut problems = validate(&root, kinds);
    let entity_ref = match ref_of(&root) {
        Some(Ok(entity_ref)) => Some(entity_ref),
        Some(Err(message)) if problems.is_empty() => {
            problems.push(Problem::at(
                "bad_ref",
                message,
                root.position,
                "metadata.name".to_owned(),
            ));
            None
        }
        _ => None,
    };
    match entity_ref {
        Some(entity_ref) if problems.is_empty() => DescriptorItem::Entity(Box::new(DescriptorEntity {
            entity: entity_value(&root),
            entity_ref,
            lines,
            position: root.position,
            placeholders: placeholder::all(&root),
            root,
        })),
        entity_ref => {
            if problems.is_empty() {
                let message = "the document names no entity".to_owned();
                problems.push(Problem::at(
                    "missing_field",
                    message,
                    root.position,
                    "metadata.name".to_owned(),
                ));
            }
            DescriptorItem::Invalid(InvalidDocument {
                lines,
                problems,
                entity_ref,
            })
        }
    }
}

/// Every problem of a document's root; none means that it is a valid entity.
pub fn validate(root: &Node, kinds: &KindSet) -> Vec<Problem> {
    let mut problems = Vec::new();
    envelope::check(root, kinds, &mut problems);
    problems
}

/// The entity as a value. The namespace is written out, as Backstage's default policy does.
pub fn entity_value(root: &Node) -> Value {
    let mut entity = root.to_json();
    if let Some(metadata) = entity.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata
            .entry("namespace")
            .or_insert_with(|| Value::from(DEFAULT_NAMESPACE));
    }
    entity
}

/// The ref that a root object declares, if kind and name are texts.
fn ref_of(root: &Node) -> Option<Result<EntityRef, String>> {
    let kind = root.get("kind")?.as_str()?;
    let metadata = root.get("metadata")?;
    let name = metadata.get("name")?.as_str()?;
    let namespace = metadata
        .get("namespace")
        .and_then(Node::as_str)
        .unwrap_or(DEFAULT_NAMESPACE);
    Some(EntityRef::new(kind, namespace, name).map_err(|error| error.to_string()))
}
