//! What happens at the bounds.

use bailiwick_schema::Viewer;
use serde_json::json;

use super::world::{World, component, found, search};
use crate::graph::filter::Filter;
use crate::search::{LIMITS, SearchError, SearchQuery};

#[test]
fn each_limit_has_one_name() {
    let mut names: Vec<&str> = LIMITS.iter().map(|limit| limit.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), LIMITS.len());
}

#[test]
fn long_texts_are_searched_up_to_their_limit_and_cut_between_characters() {
    let world = World::with([component("a")
        .with("metadata/title", json!(format!("early {} late", "ö".repeat(1_024))))
        .with(
            "metadata/description",
            json!(format!("first {} last", "größe ".repeat(20_000))),
        )
        .with("spec/definition", json!(format!("begin {} end", "ø ".repeat(40_000))))]);
    let reader = world.rebuilt();
    for text in ["early ", "first ", "begin ", "größe "] {
        assert_eq!(found(&reader, &world, text).len(), 1, "{text}");
    }
    for text in ["late ", "last ", "\"end\""] {
        assert!(found(&reader, &world, text).is_empty(), "{text}");
    }
}

#[test]
fn words_that_are_too_long_are_left_out_and_the_others_found() {
    let blob = "x".repeat(70_000);
    let world = World::with([component("a")
        .with("metadata/description", json!(format!("{} legible", &blob[..5_000])))
        .with("metadata/tags", json!([blob]))
        .with("metadata/labels", json!({"k": blob}))
        .with("spec/lifecycle", json!(blob))
        .with("spec/definition", json!(blob))
        .with("identifiers", json!([blob]))]);
    let reader = world.rebuilt();
    assert_eq!(found(&reader, &world, "legible ").len(), 1);
    assert_eq!(found(&reader, &world, &"x".repeat(1_000)).len(), 0);
}

#[test]
fn only_so_many_identifiers_are_indexed() {
    let identifiers: Vec<String> = (0..300).map(|no| format!("repo:h/r{no:03}")).collect();
    let world = World::with([component("a").with("identifiers", json!(identifiers))]);
    let reader = world.rebuilt();
    assert_eq!(found(&reader, &world, "repo:h/r000 ").len(), 1);
    assert!(found(&reader, &world, "\"repo:h/r299\"").is_empty());
}

#[test]
fn a_beginning_that_is_longer_than_the_indexed_ones_is_found_too() {
    let name = "averyverylongnameofacomponentinonepiece";
    let world = World::with([component(name)]);
    let reader = world.rebuilt();
    for end in 1..=name.len() {
        assert_eq!(found(&reader, &world, &name[..end]).len(), 1, "{}", &name[..end]);
    }
}

#[test]
fn queries_beyond_their_limits_are_refused_by_name() {
    let world = World::with([component("a")]);
    let reader = world.rebuilt();
    let refused = |text: &str| {
        let query = SearchQuery {
            text: text.to_owned(),
            ..SearchQuery::default()
        };
        reader
            .search(&Viewer::local(), &world.snapshot(), &query)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&"tag:x ".repeat(33)).contains("search_query_filters_max"));
    assert!(refused(&"x ".repeat(17)).contains("search_query_words_max"));
    assert!(refused(&"é".repeat(513)).contains("search_query_bytes_max"));
    let buckets = reader.values_of(
        "kind",
        &world.snapshot(),
        &Viewer::local(),
        &Filter::everything(),
        1_001,
    );
    assert!(matches!(
        buckets,
        Err(SearchError::Limit {
            name: "search_buckets_max",
            ..
        })
    ));
}

#[test]
fn values_below_the_deepest_level_are_not_found_by_path() {
    let mut value = json!("bottom");
    let mut path = String::new();
    for _ in 0..40 {
        value = json!({ "x": value });
        path.push_str(".x");
    }
    let world = World::with([component("a").with("spec", json!({"deep": value, "flat": "yes"}))]);
    let reader = world.rebuilt();
    assert!(
        reader
            .entities_with(&format!("spec.deep{path}"), "bottom")
            .unwrap()
            .is_empty()
    );
    assert_eq!(reader.entities_with("spec.flat", "yes").unwrap().len(), 1);
}

#[test]
fn a_body_that_cannot_be_read_leaves_the_entity_to_be_found_by_name() {
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let world = World::with([component("a").with("spec", deep)]);
    let reader = world.rebuilt();
    let query = SearchQuery {
        text: "a".to_owned(),
        highlight: true,
        ..SearchQuery::default()
    };
    let page = search(&reader, &world, &query);
    assert_eq!((page.total, page.hits[0].highlights.len()), (1, 1));
}
