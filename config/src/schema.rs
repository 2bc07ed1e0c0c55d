//! The JSON Schema of the configuration, made from the wire types.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::wire::ConfigWire;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    let mut schema = generator.into_root_schema_for::<ConfigWire>().to_value();
    without_null(&mut schema);
    schema
});

/// The schema, as it is checked in at `schema/contracts/config.schema.json`. Draft 2020-12, without references.
pub fn json_schema() -> &'static Value {
    &SCHEMA
}

/// What the schema says about the keys of the object at `keys`, for messages; empty if it says nothing.
pub(crate) fn known_keys(path: &[crate::place::Step]) -> Vec<&'static str> {
    let mut schema = json_schema();
    for step in path {
        let next = match step {
            crate::place::Step::Item(_) => schema.get("items"),
            crate::place::Step::Key(key) => schema.get("properties").and_then(|fields| fields.get(key)),
        };
        match next {
            Some(next) => schema = next,
            None => return Vec::new(),
        }
    }
    let fields = schema.get("properties").and_then(Value::as_object);
    fields
        .map(|fields| fields.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

/// Null is no value of ours: a key that may be left out is left out.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    fields.insert("type".to_owned(), only);
                }
            }
            if fields.get("default").is_some_and(Value::is_null) {
                fields.remove("default");
            }
            unwrap_optional(fields);
            fields.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// `anyOf: [X, null]` becomes X.
fn unwrap_optional(fields: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = fields.get("anyOf") else {
        return;
    };
    let left: Vec<Value> = choices
        .iter()
        .filter(|choice| choice.get("type") != Some(&Value::from("null")))
        .cloned()
        .collect();
    if let [Value::Object(only)] = left.as_slice() {
        let only = only.clone();
        fields.remove("anyOf");
        for (key, value) in only {
            fields.entry(key).or_insert(value);
        }
    }
}
