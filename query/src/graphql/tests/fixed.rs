//! The fixed contract: every field and argument that the outside may script against.

use super::*;

#[tokio::test]
async fn an_entity_is_found_by_ref_whatever_its_case() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(r#"{ entity(ref: "Component:Default/LEDGER") { ref kind metadata { name } owner { ref } } }"#)
        .await;
    assert_eq!(
        data["entity"],
        json!({"ref": "component:default/ledger", "kind": "Component", "metadata": {"name": "ledger"}, "owner": {"ref": "group:default/pay"}})
    );
    assert_eq!(
        fixture.data(r#"{ entity(ref: "component:nothing") { ref } }"#).await["entity"],
        Value::Null
    );
    let error = fixture.error(r#"{ entity(ref: "no ref at all") { ref } }"#).await;
    assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{error}");
}

#[tokio::test]
async fn entities_are_listed_with_everything_that_scripts_rely_on() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ entities(first: 10, filter: {kind: {eq: "Component"}, owner: {eq: "group:default/pay"}, tag: {eq: "java"}},
                  orderBy: [{field: "metadata.name", direction: ASC}]) {
                totalCount
                nodes {
                  ref kind metadata { name namespace title description labels annotations tags } spec
                  relations(type: "dependsOn", direction: OUTGOING, first: 5) { nodes { type target { ref } } }
                  owner { ref }
                }
                pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"#,
        )
        .await;
    let page = &data["entities"];
    assert_eq!(page["totalCount"], 1);
    let node = &page["nodes"][0];
    assert_eq!(node["ref"], "component:default/ledger");
    assert_eq!(node["metadata"]["description"], "Handles ledger for everybody.");
    assert_eq!(
        node["metadata"]["labels"],
        json!({"tier": "gold", "acme.com/team": "pay"})
    );
    assert_eq!(
        node["metadata"]["annotations"],
        json!({"acme.com/pager": "ledger-pager"})
    );
    assert_eq!(node["metadata"]["tags"], json!(["data", "java"]));
    assert_eq!(node["spec"]["system"], "shop");
    assert_eq!(
        node["relations"]["nodes"],
        json!([{"type": "dependsOn", "target": {"ref": "component:default/cart"}}])
    );
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
}

#[tokio::test]
async fn pages_lead_on_without_gap_or_repetition() {
    let fixture = Fixture::open().await;
    for order in [
        "",
        r#", orderBy: [{field: "kind", direction: DESC}]"#,
        r#", orderBy: [{field: "metadata.title"}]"#,
    ] {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let data = fixture
                .data(&format!(
                    "{{ entities(first: 2{after}{order}) {{ totalCount nodes {{ ref }} edges {{ cursor node {{ ref }} }} pageInfo {{ hasNextPage endCursor }} }} }}"
                ))
                .await;
            let page = &data["entities"];
            assert_eq!(page["totalCount"], 7);
            let edges = page["edges"].as_array().unwrap();
            assert_eq!(edges.last().unwrap()["cursor"], page["pageInfo"]["endCursor"]);
            seen.extend(
                page["nodes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|node| node["ref"].as_str().unwrap().to_owned()),
            );
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = format!(", after: {}", page["pageInfo"]["endCursor"]);
        }
        let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (7, 7), "{order}: {seen:?}");
    }
}

#[tokio::test]
async fn an_unknown_order_is_refused_with_the_known_ones() {
    let fixture = Fixture::open().await;
    let error = fixture
        .error(r#"{ entities(orderBy: [{field: "spec.color"}]) { totalCount } }"#)
        .await;
    assert_eq!(error["extensions"]["code"], "BAD_REQUEST");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("spec.color") && message.contains("metadata.name"),
        "{message}"
    );
}

#[tokio::test]
async fn a_cursor_of_another_order_or_of_nobody_is_refused() {
    let fixture = Fixture::open().await;
    let data = fixture.data("{ entities(first: 1) { pageInfo { endCursor } } }").await;
    let cursor = data["entities"]["pageInfo"]["endCursor"].clone();
    let other = fixture
        .error(&format!(
            r#"{{ entities(after: {cursor}, orderBy: [{{field: "kind"}}]) {{ totalCount }} }}"#
        ))
        .await;
    assert_eq!(other["extensions"]["code"], "BAD_REQUEST");
    for junk in ["x", "zz", "7b7d", "ffff", "é"] {
        let error = fixture
            .error(&format!(r#"{{ entities(after: "{junk}") {{ totalCount }} }}"#))
            .await;
        assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{junk}");
    }
}

#[tokio::test]
async fn aggregates_count_values() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ aggregate(groupBy: "metadata.tags", filter: {kind: {eq: "Component"}}) { buckets { value count } } }"#,
        )
        .await;
    assert_eq!(
        data["aggregate"]["buckets"],
        json!([{"value": "java", "count": 2}, {"value": "data", "count": 1}])
    );
    for (path, value, count) in [
        ("kind", "Component", 2),
        ("spec.lifecycle", "production", 2),
        ("owner", "group:default/pay", 3),
        ("metadata.labels.tier", "gold", 2),
        ("spec.system", "shop", 2),
    ] {
        let data = fixture
            .data(&format!(
                r#"{{ aggregate(groupBy: "{path}") {{ buckets {{ value count }} }} }}"#
            ))
            .await;
        let buckets = data["aggregate"]["buckets"].as_array().unwrap();
        assert!(
            buckets.contains(&json!({"value": value, "count": count})),
            "{path}: {buckets:?}"
        );
    }
}

#[tokio::test]
async fn search_finds_as_you_type() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ search(query: "ledg", first: 5, filter: {kind: {eq: "Component"}}, facets: ["kind"]) {
                 totalCount nodes { score entity { ref } highlights { field fragment ranges { start end } } }
                 facets { field buckets { value count } } pageInfo { hasNextPage } } }"#,
        )
        .await;
    let page = &data["search"];
    assert_eq!(
        page["nodes"][0]["entity"]["ref"], "component:default/ledger",
        "{page:#}"
    );
    assert!(page["nodes"][0]["score"].as_f64().unwrap() > 0.0);
    assert_eq!(
        page["facets"][0],
        json!({"field": "kind", "buckets": [{"value": "Component", "count": 1}]})
    );
    let (_, answer) = fixture
        .post(json!({"query": "{ search(query: \"cart\") { totalCount } }"}))
        .await;
    assert!(answer["extensions"]["indexPosition"].as_u64().unwrap() > 0, "{answer}");
}

#[tokio::test]
async fn a_run_is_asked_for_and_followed() {
    let fixture = Fixture::open().await;
    let data = fixture.data(r#"mutation { triggerRun(source: "code") { id } }"#).await;
    let id = data["triggerRun"]["id"].as_str().unwrap().to_owned();
    let queued = fixture
        .data(&format!(r#"{{ run(id: "{id}") {{ status position }} }}"#))
        .await;
    assert_eq!(queued["run"], json!({"status": "QUEUED", "position": null}));
    let done = fixture
        .data(&format!(
            r#"{{ run(id: "{}") {{ status position counts {{ entitiesChanged }} }} }}"#,
            fixture.run
        ))
        .await;
    assert_eq!(done["run"]["status"], "SUCCEEDED");
    assert!(done["run"]["position"].as_u64().unwrap() > 0);
    assert_eq!(
        fixture.data(r#"{ run(id: "nothing") { status } }"#).await["run"],
        Value::Null
    );
    let error = fixture
        .error(r#"mutation { triggerRun(source: "other") { id } }"#)
        .await;
    assert_eq!(error["extensions"]["code"], "NOT_FOUND");
    assert!(error["message"].as_str().unwrap().contains("code"), "{error}");
}

#[tokio::test]
async fn findings_say_what_and_where() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ findings(filter: {code: "bad_yaml", severity: ERROR, source: "code", file: "x.yaml"}, first: 10) {
                 totalCount nodes { code severity message source scope file line column ref } } }"#,
        )
        .await;
    assert_eq!(data["findings"]["totalCount"], 1);
    assert_eq!(
        data["findings"]["nodes"][0],
        json!({
            "code": "bad_yaml", "severity": "ERROR", "message": "the file is no YAML; close the bracket",
            "source": "code", "scope": "repository:acme", "file": "x.yaml", "line": 3, "column": 7, "ref": null,
        })
    );
    assert_eq!(
        fixture
            .data(r#"{ findings(filter: {code: "none"}) { totalCount } }"#)
            .await["findings"]["totalCount"],
        0
    );
}

#[tokio::test]
async fn filters_combine() {
    let fixture = Fixture::open().await;
    for (filter, expected) in [
        (
            r#"{name: {prefix: "ca"}}"#,
            vec!["api:default/cart-api", "component:default/cart"],
        ),
        (
            r#"{name: {in: ["cart", "ledger"]}, not: {lifecycle: {eq: "production"}}}"#,
            vec!["component:default/cart"],
        ),
        (
            r#"{or: [{kind: {eq: "system"}}, {kind: {eq: "API"}}]}"#,
            vec!["api:default/cart-api", "system:default/shop"],
        ),
        (
            r#"{and: [{tag: {eq: "data"}}, {type: {eq: "openapi"}}]}"#,
            vec!["api:default/cart-api"],
        ),
        (
            r#"{label: {eq: "tier=gold"}, tag: {in: ["data", "x"]}}"#,
            vec!["component:default/ledger"],
        ),
        (
            r#"{label: {key: "tier", value: "gold"}, name: {eq: "cart"}}"#,
            vec!["component:default/cart"],
        ),
        (
            r#"{label: {key: "tier"}, name: {eq: "cart"}}"#,
            vec!["component:default/cart"],
        ),
        (r#"{owner: {eq: "shop-team"}}"#, vec!["component:default/cart"]),
        (r#"{owner: {exists: false}, kind: {eq: "Component"}}"#, vec![]),
        (
            r#"{path: [{path: "spec.dependsOn", eq: "component:cart"}]}"#,
            vec!["component:default/ledger"],
        ),
        (
            r#"{path: [{path: "metadata.annotations.acme.com/pager", eq: "cart-pager"}]}"#,
            vec!["component:default/cart"],
        ),
        (
            r#"{path: [{path: "metadata.name", in: ["cart"]}, {path: "kind", eq: "component"}]}"#,
            vec!["component:default/cart"],
        ),
        (
            r#"{related: {relation: "dependsOn", target: "component:default/cart"}}"#,
            vec!["component:default/ledger"],
        ),
        (r#"{namespace: {eq: "elsewhere"}}"#, vec![]),
    ] {
        let data = fixture
            .data(&format!(
                "{{ entities(filter: {filter}) {{ totalCount nodes {{ ref }} }} }}"
            ))
            .await;
        let refs: Vec<&str> = data["entities"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["ref"].as_str().unwrap())
            .collect();
        let mut sorted = refs.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "{filter}");
        assert_eq!(data["entities"]["totalCount"], expected.len(), "{filter}");
    }
}
