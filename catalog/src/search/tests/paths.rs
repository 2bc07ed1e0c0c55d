use bailiwick_schema::Viewer;
use serde_json::json;

use super::world::{World, component, put};
use crate::graph::filter::Filter;
use crate::search::SearchError;

fn sample() -> World {
    World::with([
        component("a")
            .with(
                "metadata/annotations",
                json!({"Example.com/Slug": "Acme/A", "long": "x".repeat(201)}),
            )
            .with(
                "spec",
                json!({"lang": ["Rust", "go"], "deploy": {"replicas": 3, "public": true}, "none": null}),
            ),
        component("b")
            .with(
                "metadata/annotations",
                json!({"example.com/slug": "acme/b", "odd=key": "x", "nul\u{0}key": "y\u{0}"}),
            )
            .with(
                "spec",
                json!({"lang": "rust", "members": [{"name": "Ann"}, {"name": "Bob"}]}),
            ),
        put(json!({"kind": "Group", "metadata": {"name": "g"}, "facts": {"git": {"branch": "main"}}})),
    ])
}

#[test]
fn any_path_is_found_by_equality_without_case() {
    let world = sample();
    let reader = world.rebuilt();
    let names = |path: &str, value: &str| {
        let mut names: Vec<String> = reader
            .entities_with(path, value)
            .unwrap()
            .into_iter()
            .map(|no| world.snapshot().name(no).unwrap().name().to_owned())
            .collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names("metadata.annotations.example.com/slug", "ACME/a"), "a");
    assert_eq!(names("spec.lang", "rust"), "a b");
    assert_eq!(names("spec.lang", "GO"), "a");
    assert_eq!(names("spec.deploy.replicas", "3"), "a");
    assert_eq!(names("spec.deploy.public", "true"), "a");
    assert_eq!(names("spec.members.name", "bob"), "b");
    assert_eq!(names("facts.git.branch", "main"), "g");
    assert_eq!(names("metadata.annotations.odd=key", "x"), "b");
    assert_eq!(
        names("metadata.annotations.odd", "key=x"),
        "",
        "path and value are kept apart"
    );
    assert_eq!(names("metadata.annotations.nul\u{0}key", "y\u{0}"), "b");
    assert_eq!(names("spec.none", "null"), "");
    assert_eq!(names("spec", "rust"), "");
}

#[test]
fn a_value_that_is_too_long_to_be_indexed_is_refused_by_name() {
    let world = sample();
    let refused = world
        .rebuilt()
        .entities_with("metadata.annotations.long", &"x".repeat(201))
        .unwrap_err();
    assert!(
        matches!(
            refused,
            SearchError::Limit {
                name: "search_path_value_bytes_max",
                ..
            }
        ),
        "{refused}"
    );
}

#[test]
fn values_of_a_path_are_counted_under_a_filter_and_spelled_as_written() {
    let world = sample();
    let reader = world.rebuilt();
    let shown = |filter: &Filter, limit| -> Vec<String> {
        let buckets = reader
            .values_of("spec.lang", &world.snapshot(), &Viewer::local(), filter, limit)
            .unwrap();
        buckets
            .into_iter()
            .map(|bucket| format!("{}={}", bucket.value.to_lowercase(), bucket.count))
            .collect()
    };
    assert_eq!(shown(&Filter::everything(), 10), ["rust=2", "go=1"]);
    assert_eq!(shown(&Filter::everything(), 1), ["rust=2"]);
    let only_b = Filter::Name(crate::graph::filter::Matcher::Eq("b".to_owned()));
    assert_eq!(shown(&only_b, 10), ["rust=1"]);
    let slugs = reader
        .values_of(
            "metadata.annotations.example.com/slug",
            &world.snapshot(),
            &Viewer::local(),
            &only_b,
            10,
        )
        .unwrap();
    assert_eq!(slugs[0].value, "acme/b");
}

#[test]
fn an_entity_with_too_many_values_keeps_the_first_ones() {
    let many: serde_json::Map<String, serde_json::Value> =
        (0..5_000).map(|no| (format!("k{no:05}"), json!(no))).collect();
    let world = World::with([component("a").with("facts", json!(many))]);
    let reader = world.rebuilt();
    assert_eq!(reader.entities_with("kind", "component").unwrap().len(), 1);
    assert_eq!(reader.entities_with("facts.k00000", "0").unwrap().len(), 1);
    assert!(reader.entities_with("facts.k04999", "4999").unwrap().is_empty());
}

#[test]
fn a_deeply_nested_body_is_indexed_as_far_as_it_goes() {
    let mut deep = json!("bottom");
    for _ in 0..100 {
        deep = json!({"x": [deep]});
    }
    let world = World::with([component("a").with("spec", json!({"deep": deep, "flat": "yes"}))]);
    let reader = world.rebuilt();
    assert_eq!(reader.checksum().unwrap().documents, 1);
    assert_eq!(super::world::found(&reader, &world, "a"), ["component:default/a"]);
}
