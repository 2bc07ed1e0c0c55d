//! The HTTP surface: routes, hosts, tokens, bodies, and the contracts that are checked in.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bailiwick_schema::kind::KindSet;
use serde_json::{Value, json};

use super::*;
use crate::limits::BODY_BYTES_MAX;
use crate::testing::{Fixture, OPERATOR, READER};

const QUERY: &str = r#"{"query":"{ position }"}"#;

fn post(path: &str) -> axum::http::request::Builder {
    Request::post(path)
        .header(header::HOST, "localhost:7007")
        .header(header::CONTENT_TYPE, "application/json")
}

fn as_json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(body)))
}

fn code(body: &[u8]) -> String {
    as_json(body)["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Compares a generated file with the one that is checked in, or renews it where that is asked for.
fn contract(name: &str, generated: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../schema/contracts")
        .join(name);
    #[expect(
        clippy::disallowed_methods,
        reason = "the test is told by its environment to renew the file"
    )]
    let renew = std::env::var("BAILIWICK_UPDATE_CONTRACTS").is_ok();
    if renew {
        std::fs::write(&path, generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let first_difference = kept.lines().zip(generated.lines()).position(|(one, two)| one != two);
    assert!(
        kept == generated,
        "schema/contracts/{name} differs from what the code yields (first at line {}); if that is meant, renew it \
         with `BAILIWICK_UPDATE_CONTRACTS=1 cargo test -p bailiwick-query contract` and review the difference",
        first_difference.unwrap_or_else(|| kept.lines().count().min(generated.lines().count())) + 1
    );
}

#[test]
fn the_graphql_schema_is_the_contract_that_is_checked_in() {
    contract("schema.graphql", &crate::sdl(&KindSet::builtin()).unwrap());
}

#[test]
fn the_openapi_document_is_the_contract_that_is_checked_in() {
    contract("openapi.json", &format!("{:#}\n", openapi()));
}

#[test]
fn the_metrics_are_the_contract_that_is_checked_in() {
    contract("metrics.txt", &crate::metric_names());
}

#[tokio::test]
async fn every_route_and_no_other_is_in_the_openapi_document() {
    let fixture = Fixture::open().await;
    let document = openapi();
    let described = document["paths"].as_object().unwrap();
    let mut served: Vec<&str> = routes()
        .iter()
        .map(|(path, _)| *path)
        .filter(|path| !path.starts_with("/assets/"))
        .collect();
    served.sort_unstable();
    let mut paths: Vec<&str> = described.keys().map(String::as_str).collect();
    paths.sort_unstable();
    assert_eq!(served, paths);
    for (path, methods) in described {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(header::HOST, "localhost");
            let (status, _, body) = fixture.send(request.body(Body::empty()).unwrap()).await;
            let taken = methods.get(method.to_lowercase()).is_some();
            assert_eq!(
                status != StatusCode::METHOD_NOT_ALLOWED,
                taken,
                "{method} {path}: {status}"
            );
            if !taken {
                assert_eq!(code(&body), "BAD_REQUEST");
            }
        }
    }
}

#[test]
fn vendored_files_are_unmodified() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/vendor");
    #[expect(
        clippy::disallowed_methods,
        reason = "no crate in the tree computes this hash; coreutils do"
    )]
    let check = std::process::Command::new("sha256sum")
        .args(["--check", "SHA256SUMS"])
        .current_dir(&folder)
        .output();
    match check {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => println!("not checked, there is no sha256sum: {error}"),
    }
}

#[tokio::test]
async fn the_pages_come_whole_from_the_binary() {
    let fixture = Fixture::closed().await;
    for path in ["/", "/graphiql"] {
        let (status, headers, body) = fixture.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: pages hold no data and need no token");
        let html = String::from_utf8(body).unwrap();
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("script-src 'self';"),
            "{policy}"
        );
        assert!(
            !html.contains("http://") && !html.contains("https://") && !html.contains("<script>"),
            "{path}"
        );
        for part in html.split(['"']).filter(|part| part.starts_with("/assets/")) {
            let (status, headers, body) = fixture.get(part).await;
            assert_eq!(status, StatusCode::OK, "{part}");
            assert!(!body.is_empty() && headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        }
    }
}

#[tokio::test]
async fn foreign_hosts_are_refused_by_an_open_server() {
    let fixture = Fixture::open().await;
    for host in ["evil.example", "localhost.evil.example:7007", "192.168.0.1"] {
        for path in [
            "/",
            "/graphql?query=%7Bposition%7D",
            "/healthz",
            "/api/v1/export",
            "/metrics",
        ] {
            let request = Request::get(path)
                .header(header::HOST, host)
                .body(Body::empty())
                .unwrap();
            let (status, _, body) = fixture.send(request).await;
            assert_eq!(
                (status, code(&body).as_str()),
                (StatusCode::FORBIDDEN, "FORBIDDEN"),
                "{host} {path}"
            );
        }
    }
    let closed = Fixture::closed().await;
    let request = Request::get("/healthz")
        .header(header::HOST, "catalog.acme.com")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        closed.send(request).await.0,
        StatusCode::OK,
        "with tokens any name will do"
    );
}

#[tokio::test]
async fn a_post_takes_json_only() {
    let fixture = Fixture::open().await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/graphql",
    ] {
        for path in ["/graphql", "/api/v1/verify", "/api/v1/trim"] {
            let request = Request::post(path)
                .header(header::HOST, "localhost")
                .header(header::CONTENT_TYPE, content_type)
                .body(Body::from(QUERY))
                .unwrap();
            let (status, _, body) = fixture.send(request).await;
            assert_eq!(
                (status, code(&body).as_str()),
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_REQUEST"),
                "{content_type} {path}"
            );
        }
    }
    let request = Request::post("/graphql")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "Application/JSON; charset=utf-8")
        .body(Body::from(QUERY))
        .unwrap();
    assert_eq!(fixture.send(request).await.0, StatusCode::OK);
}

#[tokio::test]
async fn get_answers_queries_and_never_mutations() {
    let fixture = Fixture::open().await;
    let (status, _, body) = fixture.get("/graphql?query=%7B%20position%20%7D").await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    assert!(as_json(&body)["data"]["position"].as_u64().is_some());
    let mutation = "/graphql?query=mutation%20%7B%20triggerRun(source%3A%20%22code%22)%20%7B%20id%20%7D%20%7D";
    let (status, _, body) = fixture.get(mutation).await;
    assert_eq!(
        (status, code(&body).as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST")
    );
    let sneaky = "/graphql?query=query%20a%20%7Bposition%7D%20mutation%20b%20%7BtriggerRun(source%3A%22code%22)%7Bid%7D%7D&operationName=b";
    assert_eq!(fixture.get(sneaky).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let (status, _, body) = fixture.get("/graphql").await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"));
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_request_is_refused() {
    let fixture = Fixture::open().await;
    let huge = format!(
        r#"{{"query":"{{ position }}","variables":{{"x":"{}"}}}}"#,
        "y".repeat(BODY_BYTES_MAX)
    );
    let chunked = Body::from_stream(futures_util::stream::iter(
        huge.as_bytes()
            .chunks(60_000)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect::<Vec<_>>(),
    ));
    for body in [Body::from(huge.clone()), chunked] {
        let (status, _, body) = fixture.send(post("/graphql").body(body).unwrap()).await;
        assert_eq!(
            (status, code(&body).as_str()),
            (StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED")
        );
        assert_eq!(as_json(&body)["errors"][0]["extensions"]["limit"], "body_bytes_max");
    }
    let deep = format!(
        r#"{{"query":"{{ position }}","variables":{{"x":{}1{}}}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let junk: [&[u8]; 8] = [
        b"",
        b"{",
        b"[]",
        br#"[{"query":"{ position }"}]"#,
        b"\x00\xff",
        br#"{"query":5}"#,
        b"null",
        deep.as_bytes(),
    ];
    for body in junk {
        let (status, _, answer) = fixture
            .send(post("/graphql").body(Body::from(body.to_vec())).unwrap())
            .await;
        assert_eq!(
            (status, code(&answer).as_str()),
            (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

#[tokio::test]
async fn a_modern_client_gets_the_modern_content_type_and_status() {
    let fixture = Fixture::open().await;
    let send = async |query: &str, accept: &str| {
        let request = post("/graphql")
            .header(header::ACCEPT, accept)
            .body(Body::from(json!({"query": query}).to_string()))
            .unwrap();
        let (status, headers, _) = fixture.send(request).await;
        (
            status.as_u16(),
            headers[header::CONTENT_TYPE].to_str().unwrap().to_owned(),
        )
    };
    let modern = "application/graphql-response+json, application/json;q=0.9";
    assert_eq!(
        send("{ position }", modern).await,
        (200, "application/graphql-response+json".to_owned())
    );
    assert_eq!(send("{ nothing }", modern).await.0, 400);
    assert_eq!(
        send("{ nothing }", "application/json").await,
        (200, "application/json".to_owned())
    );
}

#[tokio::test]
async fn with_tokens_all_that_shows_data_asks_for_one() {
    let fixture = Fixture::closed().await;
    for path in [
        "/graphql?query=%7Bposition%7D",
        "/metrics",
        "/api/v1/export",
        "/api/v1/version",
    ] {
        let (status, headers, body) = fixture.get(path).await;
        assert_eq!(
            (status, code(&body).as_str()),
            (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
            "{path}"
        );
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
        let with = Request::get(path)
            .header(header::AUTHORIZATION, format!("Bearer {READER}"))
            .body(Body::empty())
            .unwrap();
        assert_eq!(fixture.send(with).await.0, StatusCode::OK, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(fixture.get(path).await.0, StatusCode::OK, "{path}");
    }
    let verify = |token: &str| {
        post("/api/v1/verify")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::from("{}"))
            .unwrap()
    };
    assert_eq!(fixture.send(verify(READER)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(fixture.send(verify("bwk_guess")).await.0, StatusCode::UNAUTHORIZED);
    let (status, _, report) = fixture.send(verify(OPERATOR)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(as_json(&report)["agrees"], true, "{}", as_json(&report));
}

#[tokio::test]
async fn a_token_that_only_reads_changes_nothing() {
    let fixture = Fixture::closed().await;
    for mutation in [
        r#"mutation { triggerRun(source: "code") { id } }"#,
        r#"mutation { decideSweep(id: "1", approve: true) { claims } }"#,
        r#"mutation { undoSweep(id: "1") { claims } }"#,
    ] {
        let request = |token: &str| {
            post("/graphql")
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .body(Body::from(json!({"query": mutation}).to_string()))
                .unwrap()
        };
        assert_eq!(code(&fixture.send(request(READER)).await.2), "FORBIDDEN", "{mutation}");
        assert_ne!(
            code(&fixture.send(request(OPERATOR)).await.2),
            "FORBIDDEN",
            "{mutation}"
        );
    }
}

#[tokio::test]
async fn readiness_tells_the_truth() {
    let fixture = Fixture::open().await;
    let (status, _, body) = fixture.get("/readyz").await;
    assert_eq!((status, &as_json(&body)["status"]), (StatusCode::OK, &json!("ready")));
    fixture.app.readiness().set_starting("loading the graph");
    let (status, _, body) = fixture.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        as_json(&body)["reasons"][0]
            .as_str()
            .unwrap()
            .contains("loading the graph")
    );
    fixture.app.readiness().set_stopping();
    assert_eq!(fixture.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fixture.get("/healthz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_show_the_catalog() {
    let fixture = Fixture::open().await;
    fixture.get("/graphql?query=%7Bposition%7D").await;
    fixture.get("/nowhere/at/all").await;
    let (status, headers, body) = fixture.get("/metrics").await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(
        headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    for line in [
        r#"bailiwick_http_requests_total{route="/graphql",code="200"} 1"#,
        r#"bailiwick_http_requests_total{route="other",code="404"} 1"#,
        r#"bailiwick_entities{kind="Component"} 2"#,
        r#"bailiwick_findings{severity="error"}"#,
        r#"bailiwick_recent_runs{source="code",status="succeeded"} 1"#,
        "bailiwick_engine_up 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn an_export_is_a_line_for_each_entity() {
    let fixture = Fixture::open().await;
    let (status, headers, body) = fixture.get("/api/v1/export").await;
    assert_eq!(
        (status, headers[header::CONTENT_TYPE].to_str().unwrap()),
        (StatusCode::OK, "application/x-ndjson")
    );
    let lines: Vec<Value> = String::from_utf8(body)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 7);
    assert!(lines.iter().all(|line| line["uid"].is_string()));
    let (_, _, content) = fixture.get("/api/v1/export?content=true").await;
    assert!(!String::from_utf8(content).unwrap().contains("\"uid\""));
    assert_eq!(
        fixture.get("/api/v1/export?content=maybe").await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_same_form() {
    let fixture = Fixture::open().await;
    let (status, _, body) = fixture.get("/wp-admin.php").await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::NOT_FOUND, "NOT_FOUND"));
}

#[tokio::test]
async fn the_header_for_a_position_must_be_one() {
    let fixture = Fixture::open().await;
    let with = |value: &str| {
        post("/graphql")
            .header("Bailiwick-At-Least", value)
            .body(Body::from(QUERY))
            .unwrap()
    };
    assert_eq!(fixture.send(with("1")).await.0, StatusCode::OK);
    assert_eq!(code(&fixture.send(with("soon")).await.2), "BAD_REQUEST");
}
