//! Backups over HTTP: for operators, one at a time, whole or broken off.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use bailiwick_catalog::backup::{BackupError, check};
use bailiwick_schema::Viewer;
use tower::ServiceExt as _;

use crate::testing::{Fixture, OPERATOR, READER};

fn request(token: Option<&str>, content_type: &str) -> Request<Body> {
    let mut request = Request::post("/api/v1/backup")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, content_type);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::from("{}")).unwrap()
}

fn checked(bytes: &[u8]) -> Result<u64, BackupError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it");
    std::fs::write(&file, bytes).unwrap();
    check(&file, &mut |_| {}).map(|(header, _)| header.position.0)
}

#[tokio::test]
async fn only_an_operator_gets_a_backup_and_it_is_whole() {
    let fixture = Fixture::closed().await;
    let json = "application/json";
    for (token, content_type, status) in [
        (None, json, StatusCode::UNAUTHORIZED),
        (Some("nobody"), json, StatusCode::UNAUTHORIZED),
        (Some(READER), json, StatusCode::FORBIDDEN),
        (Some(OPERATOR), "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let (answered, _, _) = fixture.send(request(token, content_type)).await;
        assert_eq!(answered, status, "{token:?} {content_type}");
    }
    let mut asked = request(Some(OPERATOR), json);
    asked
        .headers_mut()
        .insert(header::ACCEPT_ENCODING, "gzip".parse().unwrap());
    let (status, headers, body) = fixture.send(asked).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_TYPE], "application/octet-stream");
    assert_eq!(headers[header::CONTENT_ENCODING], "identity");
    let position = fixture.app.catalog().head();
    assert_eq!(headers["bailiwick-position"], position.to_string());
    assert_eq!(checked(&body).unwrap(), position.0);
    checked(&body[..body.len() - 1]).unwrap_err();
    let acts = fixture.app.catalog().audit(&Viewer::local(), 10).unwrap();
    assert!(
        acts.iter().any(|act| act.action == "backup" && act.who == "ops"),
        "{acts:?}"
    );
}

#[tokio::test]
async fn one_backup_at_a_time_and_a_client_that_takes_nothing_is_given_up() {
    let fixture = Fixture::open().await;
    let asked = || request(None, "application/json");
    let stalled = fixture.router.clone().oneshot(asked()).await.unwrap();
    assert_eq!(stalled.status(), StatusCode::OK);
    let (status, _, _) = fixture.send(asked()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "one is under way");
    // Nobody takes anything: after the longest wait the next one has its turn.
    let next = async {
        loop {
            let (status, _, body) = fixture.send(asked()).await;
            if status == StatusCode::OK {
                return body;
            }
            tokio::task::yield_now().await;
        }
    };
    let body = tokio::time::timeout(Duration::from_secs(60), next).await.unwrap();
    checked(&body).unwrap();
    // What the first one gets after all is no backup, and says so.
    if let Ok(part) = to_bytes(stalled.into_body(), usize::MAX).await {
        checked(&part).unwrap_err();
    }
}
