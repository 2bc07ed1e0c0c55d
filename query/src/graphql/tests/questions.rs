//! The questions of people: who owns this, why does it say so, what changed.

use super::*;

#[tokio::test]
async fn the_owner_of_anything_comes_with_its_evidence() {
    let fixture = Fixture::open().await;
    for of in [
        "component:default/ledger",
        "repo:github.com/acme/ledger",
        "https://github.com/acme/ledger/tree/main/src",
        "git@github.com:acme/ledger.git",
        "ledger",
    ] {
        let data = fixture
            .data(&format!(
                r#"{{ owner(of: "{of}") {{ outcome message contested entity {{ ref }} owners {{ ref }} resolvedBy
                     evidence {{ method who owners {{ ref }} detail source origin standing }} }} }}"#
            ))
            .await;
        let answer = &data["owner"];
        assert_eq!(answer["outcome"], "OWNED", "{of}: {answer:#}");
        assert_eq!(answer["entity"]["ref"], "component:default/ledger", "{of}");
        assert_eq!(answer["owners"][0]["ref"], "group:default/pay", "{of}");
        assert!(answer["resolvedBy"].is_string(), "{of}");
        let methods: Vec<&str> = answer["evidence"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["method"].as_str().unwrap())
            .collect();
        assert!(
            methods.contains(&"explicit") && methods.contains(&"codeowners"),
            "{of}: {answer:#}"
        );
    }
}

#[tokio::test]
async fn a_contested_identifier_and_a_name_nobody_has_are_clear_answers() {
    let fixture = Fixture::open().await;
    let contested = fixture
        .data(r#"{ owner(of: "host:twice.acme.com") { outcome contested message identifier candidates { ref entity { kind } } entity { ref } owners { ref } } }"#)
        .await;
    let answer = &contested["owner"];
    assert_eq!(
        (&answer["outcome"], &answer["contested"]),
        (&json!("CONTESTED"), &json!(true)),
        "{answer:#}"
    );
    assert_eq!(answer["candidates"].as_array().unwrap().len(), 2);
    assert_eq!(answer["owners"], json!([]));
    for of in [
        "nothing-at-all",
        "",
        "  ",
        "\u{1F600}",
        "arn:aws:s3:::nobody",
        "{}",
        "../../etc/passwd",
    ] {
        let (_, answer) = fixture
            .post(json!({"query": "query($of: String!) { owner(of: $of) { outcome tried entity { ref } } }", "variables": {"of": of}}))
            .await;
        assert_eq!(answer["data"]["owner"]["outcome"], "NOTHING", "{of}: {answer:#}");
    }
}

#[tokio::test]
async fn relations_lead_on_in_both_directions_to_any_depth() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ entity(ref: "component:cart") {
                 relations(direction: INCOMING) { totalCount nodes { type direction target { ref exists title entity {
                   relations(type: "partOf") { nodes { target { entity { relations(type: "hasPart", first: 1) { totalCount nodes { target { ref } } pageInfo { hasNextPage } } } } } } } } } }
                 both: relations { nodes { type target { ref } } }
               } }"#,
        )
        .await;
    let incoming = data["entity"]["relations"]["nodes"].as_array().unwrap();
    let dependency = incoming.iter().find(|one| one["type"] == "dependencyOf").unwrap();
    assert_eq!(dependency["target"]["ref"], "component:default/ledger");
    let shop = &dependency["target"]["entity"]["relations"]["nodes"][0]["target"]["entity"]["relations"];
    assert!(shop["totalCount"].as_u64().unwrap() >= 2, "{data:#}");
    assert_eq!(shop["pageInfo"]["hasNextPage"], true);
    let both: Vec<&str> = data["entity"]["both"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["type"].as_str().unwrap())
        .collect();
    assert!(
        both.contains(&"ownedBy") && both.contains(&"dependencyOf") && both.contains(&"providesApi"),
        "{both:?}"
    );
}

#[tokio::test]
async fn an_owner_that_does_not_exist_is_named_all_the_same() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(r#"{ entity(ref: "api:cart-api") { relations(type: "ownedBy") { nodes { target { ref kind namespace name exists entity { ref } } } } } }"#)
        .await;
    assert_eq!(
        data["entity"]["relations"]["nodes"][0]["target"],
        json!({"ref": "group:default/nobody", "kind": "group", "namespace": "default", "name": "nobody", "exists": false, "entity": null})
    );
}

#[tokio::test]
async fn an_entity_tells_its_history_facts_identifiers_and_ownership() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ entity(ref: "component:ledger") { apiVersion uid etag position createdAt updatedAt facts identifiers json
                 metadata { uid etag links json } owners { ref entity { ref } }
                 ownership { owners { ref } evidence { method standing } }
                 findings { totalCount nodes { code } } history(first: 5) { position at change etag owners { ref } } } }"#,
        )
        .await;
    let entity = &data["entity"];
    assert_eq!(entity["uid"], entity["metadata"]["uid"]);
    assert_eq!(
        entity["facts"]["git"]["last_commit_at"], "2026-01-01T00:00:00Z",
        "{entity:#}"
    );
    assert!(
        entity["identifiers"]
            .to_string()
            .contains("repo:github.com/acme/ledger")
    );
    assert_eq!(entity["history"][0]["etag"], entity["etag"]);
    assert!(entity["createdAt"].is_string() && entity["updatedAt"].is_string());
    assert_eq!(entity["owners"][0]["entity"]["ref"], "group:default/pay");
}

#[tokio::test]
async fn explain_says_who_said_it() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ explain(ref: "component:ledger", field: "spec.lifecycle") { ref fields { path value
                 winner { source scope path line url version assertion requestedAt since stale value reason }
                 losers { source reason } contributors { source } } } }"#,
        )
        .await;
    let field = &data["explain"]["fields"][0];
    assert_eq!(field["path"], "spec.lifecycle", "{data:#}");
    assert_eq!(field["winner"]["source"], "code");
    assert_eq!(field["winner"]["path"], "ledger.yaml");
    assert_eq!(
        fixture.data(r#"{ explain(ref: "component:none") { ref } }"#).await["explain"],
        Value::Null
    );
}

#[tokio::test]
async fn the_change_log_the_sources_and_the_runs_can_be_read() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ position changes(first: 3) { nodes { position ordinal at cause source run ref change target { entity { kind } } } }
                 of: changes(ref: "component:cart", after: 0) { nodes { ref change } }
                 sources { id type schedule timeZone claims scopes retired queued lastRun { id status } }
                 runs(source: "code", first: 5) { nodes { id status cause sourceType startedAt endedAt telemetry } }
                 pendingSweeps { id state entities { ref } } appliedSweeps { id } }"#,
        )
        .await;
    assert_eq!(data["changes"]["nodes"].as_array().unwrap().len(), 3, "{data:#}");
    assert_eq!(
        data["of"]["nodes"][0],
        json!({"ref": "component:default/cart", "change": "CREATED"})
    );
    assert_eq!(data["sources"][0]["timeZone"], "Europe/Berlin");
    assert_eq!(data["sources"][0]["retired"], false);
    assert_eq!(data["runs"]["nodes"][0]["id"], fixture.run.as_str());
    assert_eq!(
        (&data["pendingSweeps"], &data["appliedSweeps"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test]
async fn deciding_a_sweep_that_is_not_there_is_not_found() {
    let fixture = Fixture::open().await;
    for mutation in [
        r#"mutation { decideSweep(id: "77", approve: true) { claims appliedId position } }"#,
        r#"mutation { decideSweep(id: "77", decision: REJECT) { claims } }"#,
        r#"mutation { undoSweep(id: "nothing") { claims } }"#,
    ] {
        let error = fixture.error(mutation).await;
        assert_eq!(error["extensions"]["code"], "NOT_FOUND", "{mutation}: {error}");
    }
    let neither = fixture.error(r#"mutation { decideSweep(id: "77") { claims } }"#).await;
    assert_eq!(neither["extensions"]["code"], "BAD_REQUEST");
}

#[tokio::test]
async fn a_request_waits_for_its_position_or_says_that_it_did_not_come() {
    let fixture = Fixture::open().await;
    let (_, answer) = fixture.post(json!({"query": "{ position }"})).await;
    let position = answer["extensions"]["position"].as_u64().unwrap();
    assert_eq!(answer["data"]["position"], position);
    let (_, seen) = fixture
        .post(json!({"query": "{ entities(atLeast: 1) { totalCount } }", "extensions": {"atLeast": position}}))
        .await;
    assert_eq!(seen["data"]["entities"]["totalCount"], 7);
}

#[tokio::test]
async fn a_position_that_never_comes_is_a_timeout_with_a_code() {
    let fixture = Fixture::open().await;
    for body in [
        json!({"query": "query($p: Long) { entity(ref: \"component:cart\", atLeast: $p) { ref } }", "variables": {"p": 1_000_000}}),
        json!({"query": "{ position }", "extensions": {"atLeast": 1_000_000}}),
    ] {
        let (status, answer) = fixture.post(body).await;
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "POSITION_TIMEOUT",
            "{answer}"
        );
        assert_eq!(status, 504);
    }
}
