//! What is past its retention, and what callers are told of it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::testing::{Fixture, OPERATOR, READER};

const HISTORY: &str = r#"{ changes(first: 500) { nodes { position } logBegins }
                           entity(ref: "component:cart") { history { position oldestKept } } }"#;

async fn trim(fixture: &Fixture, token: Option<&str>) -> (StatusCode, Value) {
    let mut request = Request::post("/api/v1/trim")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let (status, _, body) = fixture.send(request.body(Body::from("{}")).unwrap()).await;
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn what_was_trimmed_is_told_to_whoever_asks_for_it() {
    let fixture = Fixture::open().await;
    let before = fixture.data(HISTORY).await;
    assert_eq!(before["changes"]["logBegins"], 1);
    assert_eq!(before["entity"]["history"][0]["oldestKept"], false);
    assert!(fixture.data("{ changes(after: 0) { logBegins } }").await["changes"]["logBegins"].is_u64());

    fixture.clock.advance(Duration::from_secs(500 * 24 * 60 * 60));
    let (status, trimmed) = trim(&fixture, None).await;
    assert_eq!(status, StatusCode::OK, "{trimmed}");
    let head = fixture.data("{ position }").await["position"].as_u64().unwrap();
    assert_eq!(trimmed["commits"], head - 1, "the head stays");

    let after = fixture.data(HISTORY).await;
    assert_eq!(after["changes"]["logBegins"], head);
    let positions = after["changes"]["nodes"].as_array().unwrap();
    assert!(positions.iter().all(|change| change["position"] == head), "{after:#}");
    let oldest = after["entity"]["history"].as_array().unwrap().last().unwrap();
    assert_eq!(oldest["oldestKept"], oldest["position"].as_u64().unwrap() < head);

    let error = fixture.error("{ changes(after: 0) { nodes { position } } }").await;
    assert_eq!(error["extensions"]["code"], "POSITION_TRIMMED", "{error:#}");
    assert!(
        error["message"].as_str().unwrap().contains("retention.history_days"),
        "{error:#}"
    );
    let from_there = format!("{{ changes(after: {}) {{ nodes {{ position }} }} }}", head - 1);
    assert_eq!(
        fixture.data(&from_there).await["changes"]["nodes"],
        after["changes"]["nodes"]
    );
    assert_eq!(
        trim(&fixture, None).await.1["batches"],
        json!(0),
        "nothing is left to do"
    );
}

#[tokio::test]
async fn trimming_takes_a_token_that_operates() {
    let fixture = Fixture::closed().await;
    for (token, expected) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some("bwk_guess"), StatusCode::UNAUTHORIZED),
        (Some(READER), StatusCode::FORBIDDEN),
        (Some(OPERATOR), StatusCode::OK),
    ] {
        let (status, answer) = trim(&fixture, token).await;
        assert_eq!(status, expected, "{answer}");
    }
}
