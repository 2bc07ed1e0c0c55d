//! Law 11: closed by default.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use bailiwick_ingestors::scheduler::Scheduler;
use bailiwick_query::{AuthConfig, TokenHash, check_bind, token};
use serde_json::json;

use crate::support::{Api, Home};

/// Every route that shows or changes data.
const DATA: &[(&str, &str)] = &[
    ("GET", "/graphql?query=%7B__typename%7D"),
    ("POST", "/graphql"),
    ("GET", "/metrics"),
    ("GET", "/api/v1/export"),
    ("POST", "/api/v1/verify"),
];

fn one_token() -> AuthConfig {
    let hash = token::hash_of("secret");
    AuthConfig {
        tokens: vec![TokenHash {
            name: "ops".to_owned(),
            hash,
            groups: Vec::new(),
            operate: true,
        }],
    }
}

#[test]
fn law_11_closed_by_default_no_address_beyond_loopback_without_authentication() {
    for open in ["127.0.0.1:7007", "127.3.2.1:1", "[::1]:7007", "[::ffff:127.0.0.1]:7007"] {
        let address: SocketAddr = open.parse().unwrap();
        assert!(check_bind(address, &AuthConfig::default()).is_ok(), "{open}");
    }
    for closed in [
        "0.0.0.0:7007",
        "10.0.0.1:7007",
        "[::]:7007",
        "[fe80::1]:7007",
        "203.0.113.9:80",
    ] {
        let address: SocketAddr = closed.parse().unwrap();
        let refused = check_bind(address, &AuthConfig::default()).unwrap_err().to_string();
        assert!(refused.contains("token new"), "{closed}: {refused}");
        assert!(check_bind(address, &one_token()).is_ok(), "{closed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn law_11_an_open_server_answers_loopback_names_and_json_only() {
    let home = Home::new();
    let api = Api::open(
        home.catalog(),
        Arc::new(Scheduler::start(home.surroundings(), Vec::new())),
    );
    for host in ["localhost", "localhost:7007", "127.0.0.1:7007", "[::1]:7007"] {
        assert_eq!(api.get("/healthz", host).await.0, StatusCode::OK, "{host}");
    }
    for host in [
        "evil.test",
        "evil.test:7007",
        "127.0.0.1.evil.test",
        "localhost.evil.test",
        "10.0.0.1:7007",
        "",
    ] {
        for path in [
            "/readyz",
            "/",
            "/graphiql",
            "/metrics",
            "/api/v1/export",
            "/graphql?query=%7B__typename%7D",
        ] {
            let (status, body) = api.get(path, host).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{host} {path}: {body}");
        }
    }
    let query = json!({ "query": "{ __typename }" }).to_string();
    assert_eq!(
        api.post("/graphql", "application/json", query.clone()).await.0,
        StatusCode::OK
    );
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let (status, body) = api.post("/graphql", content_type, query.clone()).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}: {body}");
    }
    // A link cannot change anything.
    let (status, body) = api
        .get(
            "/graphql?query=mutation%7BtriggerRun(source:%22a%22)%7Bid%7D%7D",
            "localhost",
        )
        .await;
    assert!(
        status.is_client_error() || body.contains("\"errors\""),
        "{status}: {body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn law_11_with_tokens_configured_every_data_route_asks_for_one() {
    let home = Home::new();
    let control = Arc::new(Scheduler::start(home.surroundings(), Vec::new()));
    let api = Api::closed(home.catalog(), control, "secret");
    for (method, path) in DATA {
        for token in [None, Some(""), Some("wrong"), Some("secre"), Some("secrets")] {
            let api = api.showing(token);
            let (status, body) = match *method {
                "GET" => api.get(path, "localhost").await,
                _ => {
                    api.post(
                        path,
                        "application/json",
                        json!({ "query": "{ __typename }" }).to_string(),
                    )
                    .await
                }
            };
            assert_eq!(
                status,
                StatusCode::UNAUTHORIZED,
                "{method} {path} with {token:?}: {body}"
            );
        }
    }
    let (status, body) = api
        .post(
            "/graphql",
            "application/json",
            json!({ "query": "{ entities(first: 1) { totalCount } }" }).to_string(),
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{body}");
}
