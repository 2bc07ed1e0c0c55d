//! Sources: what they may declare, two that say the same, those that leave the configuration.

use bailiwick_schema::{AllowPolicy, RunBegin, RunCause, RunId, Sink};
use serde_json::json;

use super::home::{Home, component, declares, entity_ref, source, whole};
use crate::engine::SourceSetting;

#[tokio::test]
async fn a_kind_outside_allow_is_a_finding_and_no_entity() {
    let home = Home::memory();
    let id = RunId::new("limited");
    let begin = RunBegin {
        id: id.clone(),
        source: source("code"),
        source_type: "git".to_owned(),
        cause: RunCause::Operator,
        full: true,
        allow: AllowPolicy {
            kinds: None,
            denied_kinds: vec!["user".to_owned()],
            namespaces: None,
        },
        rank: 0,
        started_at: bailiwick_schema::Timestamp::ZERO,
    };
    home.sink.run_begin(begin).await.unwrap();
    let ticket = home.open(&id, "repo", None).await;
    let user = declares("org.yaml", "user:default/bob", json!({}), json!({"memberOf": []}));
    home.sink
        .deliver(ticket, vec![user, component("c.yaml", "c")])
        .await
        .unwrap();
    home.sink.scope_close(ticket, whole("1")).await.unwrap();
    home.end(&id).await;
    assert!(!home.lives("user:default/bob") && home.lives("component:default/c"));
    assert!(home.codes().contains(&"kind_not_allowed".to_owned()));
    home.verify().await;
}

#[tokio::test]
async fn two_origins_of_one_source_never_mix() {
    let home = Home::memory();
    let items = vec![
        declares(
            "b.yaml",
            "component:default/x",
            json!({"title": "b", "tags": ["b"]}),
            json!({}),
        ),
        declares("a.yaml", "component:default/X", json!({"title": "a"}), json!({})),
    ];
    home.run("code", "repo", items, whole("1")).await;
    let value = home.value("component:default/x");
    assert_eq!(
        (&value["metadata"]["title"], value["metadata"].get("tags")),
        (&json!("a"), None)
    );
    assert_eq!(home.codes(), ["duplicate_ref"]);
    let left = vec![declares(
        "b.yaml",
        "component:default/x",
        json!({"title": "b"}),
        json!({}),
    )];
    home.run("code", "repo", left, whole("2")).await;
    assert_eq!(home.value("component:default/x")["metadata"]["title"], "b");
    assert!(home.codes().is_empty());
    home.verify().await;
}

#[tokio::test]
async fn a_source_that_left_keeps_its_claims_and_a_renamed_one_takes_them_along() {
    let store = crate::store::open::open(
        crate::store::open::EngineKind::Memory,
        std::path::Path::new(""),
        crate::store::open::StoreOptions::default(),
    )
    .unwrap();
    let setting = |id: &str, previous: Option<&str>| SourceSetting {
        id: source(id),
        source_type: "test".to_owned(),
        rank: 0,
        previous_id: previous.map(source),
    };
    let mut home = Home::over(std::sync::Arc::clone(&store), Some(vec![setting("code", None)]));
    home.run("code", "repo", vec![component("c.yaml", "c")], whole("1"))
        .await;
    home.stop();
    let mut home = Home::over(std::sync::Arc::clone(&store), Some(vec![]));
    assert!(home.lives("component:default/c"));
    assert!(home.codes().contains(&"source_retired".to_owned()));
    home.stop();
    let home = Home::over(store, Some(vec![setting("renamed", Some("code"))]));
    assert!(
        !home.codes().contains(&"source_retired".to_owned()),
        "{:?}",
        home.codes()
    );
    let record = home
        .run("renamed", "repo", vec![component("c.yaml", "c")], whole("1"))
        .await;
    assert_eq!(
        record.counts.claims_changed, 0,
        "its claims are the same under the new id"
    );
    home.verify().await;
}

#[tokio::test]
async fn what_points_at_nothing_is_a_finding_until_it_is_there() {
    let home = Home::memory();
    home.run("code", "repo", vec![component("c.yaml", "c")], whole("1"))
        .await;
    assert_eq!(home.codes(), ["relation_target_missing"]);
    let team = declares(
        "g",
        "group:default/pay",
        json!({}),
        json!({"type": "team", "children": []}),
    );
    home.run("org", "repo", vec![team], whole("1")).await;
    assert_eq!(home.codes(), Vec::<String>::new());
    home.run("org", "repo", vec![], whole("2")).await;
    assert_eq!(home.codes(), ["relation_target_missing"]);
    let history = home
        .catalog
        .versions(&bailiwick_schema::Viewer::local(), &entity_ref("group:default/pay"), 10)
        .unwrap();
    assert_eq!(history.len(), 2, "created and deleted");
}

#[tokio::test]
async fn every_ignored_declaration_has_its_own_finding() {
    let home = Home::memory();
    for scope in ["a", "b", "c", "d"] {
        let claim = declares("catalog-info.yaml", "component:default/x", json!({}), json!({}));
        home.run("code", scope, vec![claim], whole("1")).await;
    }
    assert_eq!(home.codes(), ["duplicate_ref"; 3]);
    home.verify().await;
}
