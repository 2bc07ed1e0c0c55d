//! About how many bytes a delivery takes in memory: enough to bound a batch, cheap enough for every item.

use bailiwick_schema::Delivery;
use serde_json::{Map, Value};

/// What an item costs beside its texts.
const ITEM_BYTES: usize = 256;
/// What a JSON value costs beside its text.
const VALUE_BYTES: usize = 32;

pub(super) fn of(item: &Delivery) -> usize {
    let content = match item {
        Delivery::Claim(claim) => {
            let body = &claim.body;
            let small_parts = body.identifiers.len() + body.relations.len() + body.owners.len();
            of_map(&body.entity) + of_map(&body.facts) + small_parts * ITEM_BYTES
        }
        Delivery::Event(event) => of_value(&event.data),
        Delivery::Unreadable { finding, .. } | Delivery::Finding(finding) => finding.message.len(),
        Delivery::OriginRead(_) | Delivery::Gone(_) | Delivery::GoneClaim { .. } | Delivery::Member(_) => 0,
    };
    ITEM_BYTES + content
}

fn of_map(map: &Map<String, Value>) -> usize {
    map.iter()
        .map(|(key, value)| key.len() + VALUE_BYTES + of_value(value))
        .sum()
}

/// Recursion is bounded by the parsers, which refuse deep nesting.
fn of_value(value: &Value) -> usize {
    let content = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(of_value).sum(),
        Value::Object(map) => of_map(map),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    VALUE_BYTES + content
}
