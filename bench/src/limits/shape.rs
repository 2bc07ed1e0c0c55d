//! The shape of an answer, and a dynamic GraphQL schema whose objects have just that shape.
//!
//! The objects lie in memory, resolvers borrow them, and there are no arguments: what is left is what the library costs.

use std::collections::BTreeMap;

use async_graphql::dynamic::{
    Field, FieldFuture, FieldValue, Object, Scalar, Schema, SchemaBuilder, SchemaError, TypeRef,
};
use serde_json::Value;

/// Fields that hold JSON of any form.
const JSON_FIELDS: [&str; 4] = ["spec", "labels", "annotations", "links"];
const JSON: &str = "JSON";

/// What stands in a field of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// The name of its type.
    Leaf(&'static str),
    Object(BTreeMap<String, Shape>),
    List(Box<Shape>),
}

impl Shape {
    /// The shape that all these values have together.
    pub(super) fn of(values: &[&Value]) -> Self {
        let items: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
        if values.iter().any(|value| value.is_array()) {
            return Self::List(Box::new(Self::of(&items)));
        }
        let mut fields: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for (name, value) in values.iter().filter_map(|value| value.as_object()).flatten() {
            fields.entry(name.clone()).or_default().push(value);
        }
        if !fields.is_empty() {
            let shaped = fields.into_iter().map(|(name, values)| {
                let shape = match JSON_FIELDS.contains(&name.as_str()) {
                    true => Self::Leaf(JSON),
                    false => Self::of(&values),
                };
                (name, shape)
            });
            return Self::Object(shaped.collect());
        }
        let named = values.iter().find_map(|value| match value {
            Value::Bool(_) => Some(TypeRef::BOOLEAN),
            Value::Number(number) if number.is_f64() => Some(TypeRef::FLOAT),
            Value::Number(_) => Some(TypeRef::INT),
            Value::String(_) => Some(TypeRef::STRING),
            _ => None,
        });
        Self::Leaf(named.unwrap_or(TypeRef::STRING))
    }

    /// The query that asks for all of it.
    pub(super) fn query(&self) -> String {
        match self {
            Self::Leaf(_) => String::new(),
            Self::List(item) => item.query(),
            Self::Object(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, shape)| format!("{name} {}", shape.query()).trim_end().to_owned())
                    .collect();
                format!("{{ {} }}", fields.join(" "))
            }
        }
    }

    fn type_of(&self, name: &str) -> TypeRef {
        match self {
            Self::Leaf(leaf) => TypeRef::named(*leaf),
            Self::Object(_) => TypeRef::named(name),
            Self::List(item) => TypeRef::List(Box::new(item.type_of(name))),
        }
    }

    /// Adds the types of this shape, the outermost under a name. What has no parent is looked up in `data`.
    fn register(&self, name: &str, data: &'static Value, mut builder: SchemaBuilder) -> SchemaBuilder {
        match self {
            Self::Leaf(_) => builder,
            Self::List(item) => item.register(name, data, builder),
            Self::Object(fields) => {
                let mut object = Object::new(name);
                for (field, shape) in fields {
                    let inner = format!("{name}_{field}");
                    builder = shape.register(&inner, data, builder);
                    let (key, shape_of_field) = (field.clone(), shape.clone());
                    object = object.field(Field::new(field, shape.type_of(&inner), move |ctx| {
                        let parent: &Value = ctx.parent_value.downcast_ref().unwrap_or(data);
                        FieldFuture::Value(parent.get(&key).and_then(|value| shape_of_field.value(value)))
                    }));
                }
                builder.register(object)
            }
        }
    }

    /// A value as a resolver gives it: objects by reference, lists of them, everything else as it is.
    fn value<'a>(&self, value: &'a Value) -> Option<FieldValue<'a>> {
        match (self, value) {
            (_, Value::Null) => None,
            (Self::Object(_), value) => Some(FieldValue::borrowed_any(value)),
            (Self::List(item), Value::Array(items)) => {
                Some(FieldValue::list(items.iter().filter_map(|value| item.value(value))))
            }
            (_, value) => async_graphql::Value::from_json(value.clone())
                .ok()
                .map(FieldValue::value),
        }
    }
}

/// A schema that answers with what `data` holds.
pub(super) fn schema(data: &'static Value) -> Result<Schema, SchemaError> {
    let builder = Schema::build("Query", None, None).register(Scalar::new(JSON));
    Shape::of(&[data]).register("Query", data, builder).finish()
}
