//! The API over a catalog, asked without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use bailiwick_catalog::Catalog;
use bailiwick_query::{ApiParts, AppState, AuthConfig, Readiness, TokenHash, router, token};
use bailiwick_schema::{Control, OwnerMethod};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// The HTTP surface with, perhaps, a token to show.
pub(crate) struct Api {
    router: Router,
    token: Option<String>,
}

impl Api {
    /// Without tokens, as it may run on loopback.
    pub(crate) fn open(catalog: Catalog, control: Arc<dyn Control>) -> Self {
        Self {
            router: build(catalog, control, AuthConfig::default()),
            token: None,
        }
    }

    /// With one token, which requests show.
    pub(crate) fn closed(catalog: Catalog, control: Arc<dyn Control>, secret: &str) -> Self {
        let hash = TokenHash {
            name: "tester".to_owned(),
            hash: token::hash_of(secret),
            groups: Vec::new(),
            operate: true,
        };
        let auth = AuthConfig { tokens: vec![hash] };
        Self {
            router: build(catalog, control, auth),
            token: Some(secret.to_owned()),
        }
    }

    /// The same surface, showing another token or none.
    pub(crate) fn showing(&self, token: Option<&str>) -> Self {
        Self {
            router: self.router.clone(),
            token: token.map(str::to_owned),
        }
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> (StatusCode, String) {
        if let Some(token) = &self.token {
            let value = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let headers = format!("{:?}\n", response.headers());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, headers + &String::from_utf8_lossy(&body))
    }

    pub(crate) async fn get(&self, path: &str, host: &str) -> (StatusCode, String) {
        self.send(
            Request::get(path)
                .header(header::HOST, host)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn post(&self, path: &str, content_type: &str, body: String) -> (StatusCode, String) {
        let request = Request::post(path)
            .header(header::HOST, "localhost:7007")
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    /// The data of a GraphQL operation that must succeed.
    pub(crate) async fn data(&self, query: &str) -> Value {
        let (status, text) = self
            .post("/graphql", "application/json", json!({ "query": query }).to_string())
            .await;
        let body = text.split_once('\n').unwrap().1;
        let mut answer: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{status}: {text}"));
        assert!(
            status.is_success() && answer.get("errors").is_none(),
            "{query}: {answer:#}"
        );
        answer["data"].take()
    }
}

fn build(catalog: Catalog, control: Arc<dyn Control>, auth: AuthConfig) -> Router {
    let owner_order = OwnerMethod::ALL.to_vec();
    let parts = ApiParts {
        catalog,
        control,
        auth,
        owner_order,
        readiness: Readiness::ready(),
        clock: Arc::new(bailiwick_schema::time::ManualClock::at(
            bailiwick_schema::Timestamp::from_secs(1_700_000_000),
        )),
        fail_points: bailiwick_catalog::FailPoints::default(),
    };
    router(AppState::new(parts).unwrap())
}
