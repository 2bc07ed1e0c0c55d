use std::collections::HashSet;
use std::sync::Arc;

use bailiwick_schema::Viewer;
use serde_json::json;

use super::world::{World, component, found, put, refs, search};
use crate::graph::Field;
use crate::graph::filter::{Filter, Matcher};
use crate::search::{SearchError, SearchQuery};
use crate::store::EntityNo;

fn sample() -> World {
    World::with([
        put(json!({"kind": "Group", "metadata": {"name": "team-a", "title": "Team A"}})),
        put(json!({
            "kind": "Component",
            "metadata": {
                "name": "payments-ledger-api", "title": "Payments ledger", "tags": ["java", "Core"],
                "description": "Keeps the books. Every posted entry is immutable; corrections are postings of their own.",
                "annotations": {"example.com/project-slug": "Acme/Ledger"}
            },
            "spec": {"type": "service", "lifecycle": "production"},
            "identifiers": ["repo:github.com/acme/ledger", "slack:#pay"]
        }))
        .owned_by("group:default/team-a"),
        put(json!({
            "kind": "Component",
            "metadata": {"name": "ledger", "namespace": "old", "tags": ["java"]},
            "spec": {"type": "service", "lifecycle": "deprecated"}
        })),
        put(json!({
            "kind": "API",
            "metadata": {"name": "CheckoutAPI2", "title": "Über-Checkout", "description": "Used by the ledger."},
            "spec": {"type": "openapi", "definition": "openapi: 3.1.0 paths: /frobnicate"}
        }))
        .depends_on("component:default/payments-ledger-api"),
    ])
}

#[test]
fn names_are_found_whole_in_parts_and_by_their_beginning() {
    let world = sample();
    let reader = world.rebuilt();
    let only = |text: &str, wanted: &str| assert_eq!(found(&reader, &world, text), [wanted], "{text}");
    for text in [
        "payments-ledger-api",
        "payments ledg",
        "ledger-a",
        "paymentsledgerapi",
        "paym",
        "payments-led",
        "component:default/payments-ledger-api",
        "default/payments-ledger-api",
        "repo:github.com/acme/ledger",
        "acme/ledger",
        "#pay",
    ] {
        only(text, "component:default/payments-ledger-api");
    }
    for text in [
        "checkout",
        "checkoutapi2",
        "CheckoutAPI2",
        "CheckoutAP",
        "api2",
        "Uber-check",
        "über",
        "frobnicate",
    ] {
        only(text, "api:default/checkoutapi2");
    }
}

#[test]
fn an_exact_name_is_worth_more_than_a_part_and_a_part_more_than_a_description() {
    let world = World::with([
        component("x").with("metadata/description", json!("about the ledger")),
        component("ledger-api"),
        component("ledger"),
    ]);
    assert_eq!(
        found(&world.rebuilt(), &world, "ledger"),
        [
            "component:default/ledger",
            "component:default/ledger-api",
            "component:default/x"
        ]
    );
}

#[test]
fn descriptions_are_found_by_word_stem() {
    let world = sample();
    let reader = world.rebuilt();
    assert_eq!(
        found(&reader, &world, "correction "),
        ["component:default/payments-ledger-api"]
    );
    assert_eq!(
        found(&reader, &world, "\"posted entry\""),
        ["component:default/payments-ledger-api"]
    );
    assert!(found(&reader, &world, "\"entry posted\"").is_empty());
}

#[test]
fn every_word_must_match_somewhere() {
    let world = sample();
    let reader = world.rebuilt();
    assert_eq!(
        found(&reader, &world, "ledger java deprecated"),
        ["component:old/ledger"]
    );
    assert!(found(&reader, &world, "ledger nowhere").is_empty());
}

#[test]
fn a_misspelled_word_is_found_when_nothing_else_is() {
    let world = sample();
    let reader = world.rebuilt();
    let query = SearchQuery {
        text: "paymnets".to_owned(),
        ..SearchQuery::default()
    };
    let page = search(&reader, &world, &query);
    assert!(page.fuzzy);
    assert_eq!(refs(&page), ["component:default/payments-ledger-api"]);
    assert!(found(&reader, &world, "jvaa").len() == 2, "a tag, two letters swapped");
    assert!(found(&reader, &world, "jxyz").is_empty());
}

#[test]
fn what_was_found_by_its_likeness_is_highlighted_too() {
    let world = sample();
    let query = SearchQuery {
        text: "paymnets".to_owned(),
        highlight: true,
        ..SearchQuery::default()
    };
    let page = search(&world.rebuilt(), &world, &query);
    let light = &page.hits[0].highlights[0];
    assert_eq!(
        (light.field, &light.fragment[light.ranges[0].0..light.ranges[0].1]),
        ("name", "payments")
    );
}

#[test]
fn inline_filters_narrow() {
    let world = sample();
    let reader = world.rebuilt();
    let one = ["component:default/payments-ledger-api"];
    for text in [
        "owner:team-a",
        "owner:group:default/team-a ledger",
        "tag:CORE",
        "kind:component lifecycle:production",
        "tag:java tag:core",
        "ledger namespace:default kind:Component",
    ] {
        assert_eq!(found(&reader, &world, text), one, "{text}");
    }
    assert_eq!(found(&reader, &world, "kind:api kind:group").len(), 2);
    assert!(found(&reader, &world, "kind:nothing").is_empty());
}

#[test]
fn empty_text_lists_everything_by_importance() {
    let world = sample();
    let everything = found(&world.rebuilt(), &world, "");
    assert_eq!(everything.len(), 4);
    assert_eq!(
        everything[0], "component:default/payments-ledger-api",
        "something depends on it"
    );
    assert_eq!(everything[3], "component:old/ledger", "it is deprecated");
}

#[test]
fn filters_hold_whether_the_index_or_the_snapshot_decides() {
    let world = sample();
    let reader = world.rebuilt();
    let kind = |kind: &str| Filter::Field(Field::Kind, Matcher::Eq(kind.to_owned()));
    let api = world
        .snapshot()
        .number(&"api:default/checkoutapi2".parse().unwrap())
        .unwrap();
    let target = world
        .snapshot()
        .number(&"component:default/payments-ledger-api".parse().unwrap())
        .unwrap();
    let many: HashSet<EntityNo> = (0..5_000).map(EntityNo).collect();
    let long = "x".repeat(5_000);
    let filters = [
        Filter::everything(),
        kind("component"),
        Filter::Field(Field::Kind, Matcher::In(vec!["API".to_owned(), "group".to_owned()])),
        Filter::Field(Field::Kind, Matcher::In(Vec::new())),
        Filter::Field(Field::Tag, Matcher::Prefix("ja".to_owned())),
        Filter::Field(Field::Lifecycle, Matcher::Exists(false)),
        Filter::Field(Field::Owner, Matcher::Eq("GROUP:default/team-a".to_owned())),
        Filter::Field(Field::Tag, Matcher::Eq(long)),
        Filter::Not(Box::new(kind("Component"))),
        Filter::Not(Box::new(Filter::Name(Matcher::Eq("LEDGER".to_owned())))),
        Filter::Any(vec![kind("api"), Filter::Title(Matcher::Exists(true))]),
        Filter::Any(Vec::new()),
        Filter::All(vec![kind("component"), Filter::Name(Matcher::Prefix("led".to_owned()))]),
        Filter::Related {
            relation: "dependsOn".to_owned(),
            target,
        },
        Filter::OneOf(Arc::new(HashSet::from([api]))),
        Filter::OneOf(Arc::new(many)),
    ];
    for filter in filters {
        let query = SearchQuery {
            filter: filter.clone(),
            ..SearchQuery::default()
        };
        let mut found = refs(&search(&reader, &world, &query));
        found.sort();
        let mut wanted: Vec<String> = world
            .snapshot()
            .matching(&Viewer::local(), &filter)
            .iter()
            .map(|node| node.entity.as_str().to_owned())
            .collect();
        wanted.sort();
        assert_eq!(found, wanted, "{filter:?}");
    }
}

#[test]
fn facets_count_all_matches_as_they_are_spelled() {
    let world = sample();
    let query = SearchQuery {
        text: "ledger".to_owned(),
        facets: vec![Field::Kind, Field::Tag, Field::Owner],
        first: 1,
        ..SearchQuery::default()
    };
    let page = search(&world.rebuilt(), &world, &query);
    assert_eq!((page.total, page.hits.len()), (3, 1));
    let shown: Vec<String> = page
        .facets
        .iter()
        .map(|(field, buckets)| {
            let buckets: Vec<String> = buckets
                .iter()
                .map(|bucket| format!("{}={}", bucket.value, bucket.count))
                .collect();
            format!("{}: {}", field.path(), buckets.join(" "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "kind: Component=2 API=1",
            "metadata.tags: java=2 Core=1",
            "owner: group:default/team-a=1"
        ]
    );
}

#[test]
fn a_viewer_who_sees_nothing_finds_and_counts_nothing() {
    let world = sample();
    let reader = world.rebuilt();
    let query = SearchQuery {
        facets: vec![Field::Kind],
        ..SearchQuery::default()
    };
    let page = reader.search(&Viewer::nobody(), &world.snapshot(), &query).unwrap();
    assert_eq!((page.total, page.hits.len()), (0, 0));
    assert!(page.facets.iter().all(|(_, buckets)| buckets.is_empty()));
    let values = reader
        .values_of("kind", &world.snapshot(), &Viewer::nobody(), &Filter::everything(), 10)
        .unwrap();
    assert!(values.is_empty());
}

#[test]
fn what_the_snapshot_no_longer_holds_is_not_found() {
    let mut world = sample();
    let reader = world.rebuilt();
    world.commit([], ["component:old/ledger"]);
    let query = SearchQuery {
        text: "tag:java".to_owned(),
        facets: vec![Field::Tag],
        ..SearchQuery::default()
    };
    let page = search(&reader, &world, &query);
    assert_eq!((page.total, page.facets[0].1[0].count), (1, 1));
}

#[test]
fn highlights_show_the_words_in_plain_text() {
    let world = sample();
    let query = SearchQuery {
        text: "ledger correct".to_owned(),
        highlight: true,
        ..SearchQuery::default()
    };
    let page = search(&world.rebuilt(), &world, &query);
    let shown: Vec<(&str, Vec<&str>)> = page.hits[0]
        .highlights
        .iter()
        .map(|light| {
            (
                light.field,
                light
                    .ranges
                    .iter()
                    .map(|(from, to)| &light.fragment[*from..*to])
                    .collect(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("name", vec!["ledger"]),
            ("title", vec!["ledger"]),
            ("description", vec!["corrections"])
        ]
    );
}

#[test]
fn a_fragment_of_a_long_description_begins_near_its_match() {
    let text = format!("{} needle {}", "ä hay ".repeat(300), "straw ö ".repeat(300));
    let world = World::with([component("x").with("metadata/description", json!(text))]);
    let query = SearchQuery {
        text: "needle".to_owned(),
        highlight: true,
        ..SearchQuery::default()
    };
    let page = search(&world.rebuilt(), &world, &query);
    let light = &page.hits[0].highlights[0];
    let (from, to) = light.ranges[0];
    assert_eq!(&light.fragment[from..to], "needle");
    assert!(light.fragment.len() <= 240 && from > 0);
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    // Beyond the number up to which each match is ranked by itself.
    let world =
        World::with((0..3_000).map(|no| component(&format!("svc-{no}")).with("spec/lifecycle", json!("production"))));
    let reader = world.rebuilt();
    let mut seen = Vec::new();
    for offset in (0..3_000).step_by(200) {
        let query = SearchQuery {
            text: "svc".to_owned(),
            first: 200,
            offset,
            ..SearchQuery::default()
        };
        let page = search(&reader, &world, &query);
        assert_eq!(page.total, 3_000);
        seen.extend(refs(&page));
    }
    let mut sorted = seen.clone();
    sorted.sort();
    assert_eq!(sorted.len(), 3_000);
    assert_eq!(seen, sorted, "equals come by name");
    let few = SearchQuery {
        text: "svc-17".to_owned(),
        first: 200,
        ..SearchQuery::default()
    };
    assert_eq!(refs(&search(&reader, &world, &few))[0], "component:default/svc-17");
}

#[test]
fn pages_beyond_the_limits_are_refused_by_name() {
    let world = sample();
    let reader = world.rebuilt();
    for (first, offset, name) in [(201, 0, "search_page_hits_max"), (1, 10_001, "search_page_offset_max")] {
        let query = SearchQuery {
            first,
            offset,
            ..SearchQuery::default()
        };
        let refused = reader.search(&Viewer::local(), &world.snapshot(), &query).unwrap_err();
        assert!(
            matches!(&refused, SearchError::Limit { .. }) && refused.to_string().contains(name),
            "{refused}"
        );
    }
    let none = SearchQuery {
        first: 0,
        ..SearchQuery::default()
    };
    assert_eq!(search(&reader, &world, &none).total, 4);
}

#[test]
fn hostile_text_is_answered() {
    let world = sample();
    let reader = world.rebuilt();
    for text in [
        "\0",
        "\"",
        "\"\"",
        "kind:",
        ":",
        "a:b:c",
        "*",
        "(AND OR NOT)",
        "ledger\0api",
        "💥",
        "-ledger",
        "[a TO b]",
        "owner:\"",
        &"é".repeat(512),
        &"a".repeat(1_024),
        "ﬀ ß İ ẞ",
        "決済",
        "\u{202e}x",
        "1",
        "x y z w v u t",
    ] {
        found(&reader, &world, text);
    }
}
