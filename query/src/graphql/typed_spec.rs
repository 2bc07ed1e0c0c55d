//! Types for the `spec` of a kind, made from its JSON Schema.
//!
//! Everything is nullable: claims need not obey a schema, and a value of another type than declared is null here while
//! the generic `spec` still shows it. What GraphQL cannot express (alternatives, free objects, mixed lists) is `JSON`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_graphql::dynamic::{Field, FieldFuture, FieldValue, Object, ResolverContext, TypeRef};
use serde_json::Value;

use super::build::json;
use super::names::{field_name, type_name};
use crate::limits::{TYPED_SPEC_DEPTH_MAX, TYPED_SPEC_TYPES_MAX};

/// The body of an entity as the parent of its typed spec.
pub(super) struct SpecOf(pub(super) Arc<Value>);

/// What a schema is in GraphQL.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Text,
    Whole,
    Number,
    Flag,
    List(Box<Shape>),
    Object(String),
    Json,
}

/// The types of one kind's spec, the outermost first. Empty if the schema names no field.
pub(super) fn types_of(kind_type: &str, schema: &Value, taken: &mut HashSet<String>) -> Vec<Object> {
    let mut types = Types {
        made: Vec::new(),
        taken,
    };
    types.object(&format!("{kind_type}Spec"), schema, 0);
    types.made.reverse();
    types.made
}

struct Types<'a> {
    made: Vec<Object>,
    taken: &'a mut HashSet<String>,
}

impl Types<'_> {
    /// Makes the type of an object schema, if it names fields that can be told apart.
    fn object(&mut self, name: &str, schema: &Value, depth: usize) -> Option<String> {
        let properties = schema.get("properties")?.as_object()?;
        let mut by_name: BTreeMap<String, Vec<(&String, &Value)>> = BTreeMap::new();
        for (key, property) in properties {
            by_name.entry(field_name(key)).or_default().push((key, property));
        }
        by_name.retain(|_, keys| keys.len() == 1);
        let full = depth > TYPED_SPEC_DEPTH_MAX || self.made.len() >= TYPED_SPEC_TYPES_MAX;
        if by_name.is_empty() || full || !self.taken.insert(name.to_owned()) {
            return None;
        }
        let description = schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or("Typed fields of a spec.");
        let mut object = Object::new(name).description(description);
        for (field, keys) in by_name {
            for (key, property) in keys {
                let shape = self.shape(&format!("{name}{}", type_name(key)), property, depth);
                object = object.field(typed_field(&field, key, property, shape));
            }
        }
        self.made.push(object);
        Some(name.to_owned())
    }

    fn shape(&mut self, name: &str, schema: &Value, depth: usize) -> Shape {
        match declared_type(schema) {
            Some("string") => Shape::Text,
            Some("integer") => Shape::Whole,
            Some("number") => Shape::Number,
            Some("boolean") => Shape::Flag,
            Some("array") => match schema.get("items") {
                Some(items) => Shape::List(Box::new(self.shape(name, items, depth))),
                None => Shape::Json,
            },
            Some("object") => self.object(name, schema, depth + 1).map_or(Shape::Json, Shape::Object),
            _ => Shape::Json,
        }
    }
}

/// The one type that a schema allows besides null.
fn declared_type(schema: &Value) -> Option<&str> {
    if ["oneOf", "anyOf", "allOf", "not", "if", "$ref"]
        .iter()
        .any(|key| schema.get(key).is_some())
    {
        return None;
    }
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => {
            let mut others = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            others.next().filter(|_| others.next().is_none())
        }
        _ => None,
    }
}

fn type_ref(shape: &Shape) -> TypeRef {
    match shape {
        Shape::Text => TypeRef::named(TypeRef::STRING),
        Shape::Whole => TypeRef::named("Long"),
        Shape::Number => TypeRef::named(TypeRef::FLOAT),
        Shape::Flag => TypeRef::named(TypeRef::BOOLEAN),
        Shape::List(items) => TypeRef::List(Box::new(type_ref(items))),
        Shape::Object(name) => TypeRef::named(name.clone()),
        Shape::Json => TypeRef::named("JSON"),
    }
}

fn typed_field(name: &str, key: &str, schema: &Value, shape: Shape) -> Field {
    let key = key.to_owned();
    let field = Field::new(name, type_ref(&shape), move |ctx: ResolverContext<'_>| {
        let value = parent(&ctx).and_then(|spec| spec.get(&key));
        FieldFuture::Value(value.and_then(|value| shaped(value, &shape)))
    });
    match schema.get("description").and_then(Value::as_str) {
        Some(description) => field.description(description),
        None => field,
    }
}

fn parent<'a>(ctx: &ResolverContext<'a>) -> Option<&'a Value> {
    if let Some(SpecOf(body)) = ctx.parent_value.downcast_ref::<SpecOf>() {
        return body.get("spec");
    }
    ctx.parent_value.downcast_ref::<Value>()
}

/// A value as its declared shape; nothing where it is something else.
fn shaped<'a>(value: &'a Value, shape: &Shape) -> Option<FieldValue<'a>> {
    match (shape, value) {
        (Shape::Text, Value::String(text)) => Some(FieldValue::value(text.as_str())),
        (Shape::Whole, Value::Number(number)) if number.is_i64() || number.is_u64() => json(value.clone()),
        (Shape::Number, Value::Number(_)) | (Shape::Flag, Value::Bool(_)) => json(value.clone()),
        (Shape::Json, value) => json(value.clone()),
        (Shape::Object(_), Value::Object(_)) => Some(FieldValue::borrowed_any(value)),
        (Shape::List(items), Value::Array(values)) => {
            // A null entry cannot stand where an object is expected, so it is left out there.
            let objects = matches!(**items, Shape::Object(_));
            let entries = values.iter().filter_map(|value| match shaped(value, items) {
                None if objects => None,
                entry => Some(entry.unwrap_or(FieldValue::NULL)),
            });
            Some(FieldValue::list(entries.collect::<Vec<_>>()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(schema: &Value) -> Vec<String> {
        let mut taken = HashSet::new();
        types_of("K", schema, &mut taken)
            .iter()
            .map(|object| object.type_name().to_owned())
            .collect()
    }

    #[test]
    fn objects_with_named_fields_become_types_and_all_else_is_json() {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "object", "properties": {"b": {"type": "string"}}},
            "c": {"type": "array", "items": {"type": "object", "properties": {"d": {"type": "integer"}}}},
            "e": {"oneOf": [{"type": "object", "properties": {"f": {}}}]},
            "g": {"type": "object"},
        }});
        assert_eq!(names(&schema), ["KSpec", "KSpecC", "KSpecA"]);
        assert!(names(&json!({"type": "object"})).is_empty());
        assert!(
            names(&json!({"properties": {"a_b": {}, "aB": {}}})).is_empty(),
            "colliding names stay generic"
        );
    }

    #[test]
    fn a_schema_that_nests_for_ever_ends() {
        let mut schema = json!({"type": "string"});
        for _ in 0..100 {
            schema = json!({"type": "object", "properties": {"x": schema}});
        }
        assert_eq!(names(&schema).len(), TYPED_SPEC_DEPTH_MAX + 1);
    }

    #[test]
    fn a_value_of_another_type_is_nothing() {
        assert!(shaped(&json!(5), &Shape::Text).is_none());
        assert!(shaped(&json!(1.5), &Shape::Whole).is_none());
        assert!(shaped(&json!("x"), &Shape::Object("O".to_owned())).is_none());
        let list = json!(["a", 1]);
        let shape = Shape::List(Box::new(Shape::Text));
        assert_eq!(
            shaped(&list, &shape).unwrap().as_list().unwrap().len(),
            2,
            "a place stays a place"
        );
    }
}
