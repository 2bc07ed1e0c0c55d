//! Bare GraphQL answers what it was made from; the engine's rows arrive.

use serde_json::{Value, json};

use super::engine::{self, store_for_test};
use super::shape::{self, Shape};
use crate::args::EngineArgs;

fn answer(data: Value) -> Value {
    let data: &'static Value = Box::leak(Box::new(data));
    let schema = shape::schema(data).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(schema.execute(Shape::of(&[data]).query()));
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    answer.data.into_json().unwrap()
}

#[test]
fn a_schema_made_of_an_answer_gives_that_answer() {
    let data = json!({
        "entity": {
            "ref": "component:default/a",
            "title": null,
            "metadata": { "tags": ["java", "go"], "labels": { "example.com/tier": "tier-1" }, "links": [{ "url": "u" }] },
            "spec": { "type": "service", "nested": [{ "a": 1 }] },
            "relations": {
                "totalCount": 2,
                "nodes": [
                    { "type": "dependsOn", "score": 1.5, "target": { "ref": "resource:default/b", "entity": null } },
                    { "type": "dependsOn", "score": 2.5, "target": { "ref": "x:y/z", "entity": { "ref": "x:y/z" } } },
                ],
            },
        },
    });
    assert_eq!(answer(data.clone()), data);
}

#[test]
fn an_empty_page_is_answered_too() {
    let data = json!({ "entities": { "totalCount": 0, "nodes": [] } });
    assert_eq!(answer(data.clone()), data);
}

#[test]
fn the_limit_of_an_engine_writes_every_row_of_a_store() {
    for engine in ["fjall", "sled"] {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        store_for_test(engine, &store, 5_000);
        let args = EngineArgs {
            engine: engine.to_owned(),
            store,
            target: folder.path().join("raw"),
            entities: 5_000,
        };
        let limit = engine::measure(&args).unwrap();
        assert_eq!((limit.rows, limit.bytes), (10_000, 10_000 * 104), "{engine}");
        assert!(
            limit.load_secs > 0.0 && limit.start_secs >= limit.open_secs && limit.disk > 0,
            "{engine}"
        );
    }
}

#[test]
fn an_unknown_engine_has_no_limit() {
    let folder = tempfile::tempdir().unwrap();
    let args = EngineArgs {
        engine: "paper".to_owned(),
        store: folder.path().join("store"),
        target: folder.path().join("raw"),
        entities: 1,
    };
    assert!(engine::measure(&args).unwrap_err().to_string().contains("paper"));
}
