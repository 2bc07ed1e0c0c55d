//! The relations that an entity declares in its `spec`.
//!
//! Source: `BuiltinKindsEntityProcessor.postProcessEntity` of `@backstage/plugin-catalog-backend` 4.0.0. A ref that
//! cannot be read is an error of the entity there and a problem here.

use serde_json::{Map, Value};

use super::placeholder::placeholder;
use super::{DefaultNamespace, Direction, KindDecl, KindSet, Path, Problem, RelationField};
use crate::entity_ref::{DEFAULT_NAMESPACE, EntityRef};
use crate::yaml::{Node, NodeValue};

/// One relation that an entity declares, seen from the entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredRelation {
    pub relation: String,
    pub target: EntityRef,
    /// Where it is declared, its parts separated by dots: `spec.dependsOn.0`.
    pub path: String,
}

/// The relations of an entity, in the order of its kind's fields, and the refs that cannot be read.
///
/// `entity` is the whole entity. A field that is absent, null, false, zero or empty declares nothing; a single ref
/// counts as a list of one. Fields with `direction: incoming` give the inverse relation. Pure.
pub fn relations_of(
    kinds: &KindSet,
    decl: &KindDecl,
    entity: &Map<String, Value>,
) -> (Vec<DeclaredRelation>, Vec<Problem>) {
    let namespace = entity
        .get("metadata")
        .and_then(|metadata| metadata.get("namespace"))
        .and_then(Value::as_str)
        .unwrap_or(DEFAULT_NAMESPACE);
    let mut relations = Vec::new();
    let mut problems = Vec::new();
    let Some(spec) = entity.get("spec") else {
        return (relations, problems);
    };
    for field in &decl.relations {
        let Some(value) = field.field.split('.').try_fold(spec, |value, part| value.get(part)) else {
            continue;
        };
        let Some(relation) = name_of(kinds, field) else {
            continue;
        };
        let mut take = |target: Target<'_>, path: String| match read(field, target, namespace) {
            Ok(target) => relations.push(DeclaredRelation {
                relation: relation.to_owned(),
                target,
                path,
            }),
            Err(message) => problems.push(Problem::without_place("bad_ref", message, path)),
        };
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    take(Target::of_json(item), format!("spec.{}.{at}", field.field));
                }
            }
            value if is_nothing(value) => {}
            value => take(Target::of_json(value), format!("spec.{}", field.field)),
        }
    }
    (relations, problems)
}

/// The problems of [`relations_of`] with their places.
pub(crate) fn check_refs(decl: &KindDecl, spec: &Node, namespace: &str, problems: &mut Vec<Problem>) {
    for field in &decl.relations {
        let Some(node) = field.field.split('.').try_fold(spec, |node, part| node.get(part)) else {
            continue;
        };
        let spec_path = Path::Field(&Path::Root, "spec");
        let path = Path::Field(&spec_path, &field.field);
        let mut check = |node: &Node, path: Path<'_>| {
            if let Err(message) = read(field, Target::of_node(node), namespace) {
                problems.push(Problem::at("bad_ref", message, node.position, path.to_string()));
            }
        };
        match &node.value {
            NodeValue::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    check(item, Path::Item(&path, at));
                }
            }
            NodeValue::Null | NodeValue::Bool(false) => {}
            NodeValue::String(text) if text.is_empty() => {}
            NodeValue::Number(number) if number.as_f64() == Some(0.0) => {}
            // A placeholder: its value is read, and judged, later.
            NodeValue::Mapping(_) if placeholder(node).is_some() => {}
            _ => check(node, path),
        }
    }
}

fn name_of<'a>(kinds: &'a KindSet, field: &'a RelationField) -> Option<&'a str> {
    match field.direction {
        Direction::Outgoing => Some(&field.relation),
        Direction::Incoming => kinds.inverse_of(&field.relation),
    }
}

/// A ref as it stands in an entity: a text, or an object of its parts.
enum Target<'a> {
    Text(&'a str),
    Parts {
        kind: Option<&'a str>,
        namespace: Option<&'a str>,
        name: Option<&'a str>,
    },
    Other,
}

impl<'a> Target<'a> {
    fn of_json(value: &'a Value) -> Self {
        let part = |name| value.get(name).and_then(Value::as_str);
        match value {
            Value::String(text) => Self::Text(text),
            Value::Object(_) => Self::Parts {
                kind: part("kind"),
                namespace: part("namespace"),
                name: part("name"),
            },
            _ => Self::Other,
        }
    }

    fn of_node(node: &'a Node) -> Self {
        let part = |name| node.get(name).and_then(Node::as_str);
        match &node.value {
            NodeValue::String(text) => Self::Text(text),
            NodeValue::Mapping(_) => Self::Parts {
                kind: part("kind"),
                namespace: part("namespace"),
                name: part("name"),
            },
            _ => Self::Other,
        }
    }
}

fn read(field: &RelationField, target: Target<'_>, namespace: &str) -> Result<EntityRef, String> {
    let namespace = match field.default_namespace {
        DefaultNamespace::Inherit => namespace,
        DefaultNamespace::Default => DEFAULT_NAMESPACE,
    };
    let default_kind = field.default_kind.as_deref();
    let read = match target {
        Target::Text(text) => EntityRef::parse_with_defaults(text, default_kind, namespace),
        Target::Parts {
            kind,
            namespace: own,
            name,
        } => match (kind.or(default_kind), name) {
            (Some(kind), Some(name)) => EntityRef::new(kind, own.unwrap_or(namespace), name),
            _ => return Err("a ref is a text like `kind:namespace/name`, or an object with kind and name".to_owned()),
        },
        Target::Other => return Err("a ref is a text like `kind:namespace/name`".to_owned()),
    };
    read.map_err(|error| error.to_string())
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        _ => false,
    }
}
