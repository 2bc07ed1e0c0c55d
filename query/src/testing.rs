//! A small catalog in memory, with the API over it, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use bailiwick_catalog::store::open::{EngineKind, StoreOptions};
use bailiwick_catalog::{EngineSettings, FailPoints, Placement, Running};
use bailiwick_schema::control::SourceStatus;
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::time::ManualClock;
use bailiwick_schema::{
    AllowPolicy, Claim, ClaimBody, Closing, Control, ControlError, Delivery, EntityRef, Finding, Identifier,
    IdentifierClaim, Origin, OwnerEvidence, OwnerMethod, Proof, RunBegin, RunCause, RunId, RunOutcome, Scope, Severity,
    Sink, SourceId, Subject, Timestamp,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{ApiParts, AppState, AuthConfig, Readiness, TokenHash, router, token};

/// A token that operates, and one that only reads.
pub(crate) const OPERATOR: &str = "bwk_operator";
pub(crate) const READER: &str = "bwk_reader";

/// A kind of an operator's own, with all that is awkward in a schema.
const MODEL: &str = r#"
kind: MachineModel
plural: machinemodels
api_versions: [acme.com/v1]
description: A trained model.
relation_pairs:
  - {forward: ownedBy, inverse: ownerOf}
relations:
  - {field: owner, relation: ownedBy, default_kind: Group}
spec_schema:
  type: object
  properties:
    owner: {type: string}
    weights_count: {type: integer}
    "acme:accuracy": {type: number}
    published: {type: boolean}
    runs: {type: array, items: {type: object, properties: {id: {type: string}, took: {type: number}}}}
    free: {type: object}
    either: {oneOf: [{type: string}, {type: integer}]}
    a_b: {type: string}
    aB: {type: string}
"#;

pub(crate) struct TestControl;

#[async_trait]
impl Control for TestControl {
    async fn trigger(&self, source: &str) -> Result<RunId, ControlError> {
        if source == "code" {
            return Ok(RunId::new("code-queued"));
        }
        Err(ControlError::UnknownSource {
            id: source.to_owned(),
            known: "code".to_owned(),
        })
    }

    async fn sources(&self) -> Vec<SourceStatus> {
        vec![SourceStatus {
            id: SourceId::parse("code").unwrap(),
            source_type: "git".to_owned(),
            schedule: Some("*/10 * * * *".to_owned()),
            time_zone: Some("Europe/Berlin".to_owned()),
            next_run_at: None,
            running: None,
            queued: Some(RunId::new("code-queued")),
            failures: 0,
        }]
    }

    async fn is_queued(&self, run: &RunId) -> bool {
        run.as_str() == "code-queued"
    }
}

/// The catalog of the tests; stops when dropped.
pub(crate) struct Fixture {
    pub(crate) app: AppState,
    pub(crate) router: Router,
    pub(crate) run: RunId,
    running: Option<Running>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            // Stopping blocks on threads, which an async test must not do on its own thread.
            std::thread::spawn(move || running.stop()).join().unwrap();
        }
    }
}

impl Fixture {
    /// An open catalog with a little organisation in it.
    pub(crate) async fn open() -> Self {
        Self::with(AuthConfig::default()).await
    }

    /// The same behind two tokens.
    pub(crate) async fn closed() -> Self {
        let token = |name: &str, secret: &str, operate| TokenHash {
            name: name.to_owned(),
            hash: token::hash_of(secret),
            groups: Vec::new(),
            operate,
        };
        Self::with(AuthConfig {
            tokens: vec![token("ops", OPERATOR, true), token("dashboard", READER, false)],
        })
        .await
    }

    async fn with(auth: AuthConfig) -> Self {
        let kinds = Arc::new(KindSet::with_custom(&[("model.yaml", MODEL)]).unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_700_000_000)));
        let placement = Placement {
            engine: EngineKind::Memory,
            data_dir: "unused".into(),
            store: StoreOptions::default(),
        };
        let clock_of_server = Arc::clone(&clock) as _;
        let settings = EngineSettings::new(kinds, Arc::clone(&clock) as _);
        let running = Running::open(&placement, settings).unwrap();
        let run = fill(&running.sink()).await;
        let catalog = running.catalog();
        catalog.wait_for(catalog.head(), Duration::from_secs(20)).await.unwrap();
        let app = AppState::new(ApiParts {
            catalog,
            control: Arc::new(TestControl),
            auth,
            owner_order: OwnerMethod::ALL.to_vec(),
            readiness: Readiness::ready(),
            clock: clock_of_server,
            fail_points: FailPoints::default(),
        })
        .unwrap();
        Self {
            router: router(app.clone()),
            app,
            run,
            running: Some(running),
            clock,
        }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (
            parts.status,
            parts.headers,
            to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        )
    }

    /// Sends a GraphQL request by POST and gives the whole answer.
    pub(crate) async fn post(&self, body: Value) -> (StatusCode, Value) {
        let request = Request::post("/graphql")
            .header(header::HOST, "localhost:7007")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, _, body) = self.send(request).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Runs a query that must succeed, and gives its data.
    pub(crate) async fn data(&self, query: &str) -> Value {
        let (status, mut answer) = self.post(json!({ "query": query })).await;
        assert!(
            status.is_success() && answer.get("errors").is_none(),
            "{query}: {answer:#}"
        );
        answer["data"].take()
    }

    /// Runs a query that must fail, and gives its first error.
    pub(crate) async fn error(&self, query: &str) -> Value {
        let (_, mut answer) = self.post(json!({ "query": query })).await;
        assert!(answer.get("errors").is_some(), "{query}: {answer:#}");
        answer["errors"][0].take()
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        self.send(
            Request::get(path)
                .header(header::HOST, "localhost")
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }
}

fn declares(kind: &str, api_version: &str, name: &str, metadata: Value, spec: Value, file: &str) -> Claim {
    let mut full = json!({ "name": name, "namespace": "default" });
    full.as_object_mut()
        .unwrap()
        .extend(metadata.as_object().unwrap().clone());
    let entity = json!({ "apiVersion": api_version, "kind": kind, "metadata": full, "spec": spec });
    let Value::Object(entity) = entity else { unreachable!() };
    let body = ClaimBody {
        entity,
        ..ClaimBody::default()
    };
    Claim::declares(EntityRef::new(kind, "default", name).unwrap(), Origin::path(file), body)
}

/// A little organisation: two teams, a system, services with tags and labels, an API, a custom kind, identifiers that
/// are clear and contested, evidence that agrees and one finding.
fn claims() -> Vec<Claim> {
    let backstage = "backstage.io/v1alpha1";
    let service = |name: &str, owner: &str, tags: &[&str], lifecycle: &str, extra: Value| {
        let metadata = json!({
            "title": format!("The {name} service"),
            "description": format!("Handles {name} for everybody."),
            "tags": tags,
            "labels": {"tier": "gold", "acme.com/team": "pay"},
            "annotations": {"acme.com/pager": format!("{name}-pager")},
        });
        let mut spec = json!({ "type": "service", "lifecycle": lifecycle, "owner": owner, "system": "shop" });
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let mut claim = declares("Component", backstage, name, metadata, spec, &format!("{name}.yaml"));
        claim.body.facts = json!({ "default_branch": "main" }).as_object().unwrap().clone();
        claim
    };
    let mut ledger = service(
        "ledger",
        "pay",
        &["java", "data"],
        "production",
        json!({ "dependsOn": ["component:cart"] }),
    );
    ledger.body.identifiers = vec![
        IdentifierClaim {
            identifier: Identifier::parse("repo:github.com/acme/ledger").unwrap(),
            exclusive: true,
        },
        IdentifierClaim {
            identifier: Identifier::parse("host:twice.acme.com").unwrap(),
            exclusive: true,
        },
    ];
    ledger.body.owners = vec![OwnerEvidence {
        method: OwnerMethod::Codeowners,
        who: vec!["group:default/pay".to_owned()],
        detail: "CODEOWNERS:3 `/ledger/ @acme/pay`".to_owned(),
    }];
    let mut cart = service(
        "cart",
        "shop-team",
        &["java"],
        "experimental",
        json!({ "providesApis": ["cart-api"] }),
    );
    cart.body.identifiers = vec![IdentifierClaim {
        identifier: Identifier::parse("host:twice.acme.com").unwrap(),
        exclusive: true,
    }];
    let group = |name: &str| {
        declares(
            "Group",
            backstage,
            name,
            json!({}),
            json!({ "type": "team", "children": [] }),
            &format!("{name}.yaml"),
        )
    };
    let spec = json!({
        "owner": "pay", "weights_count": 8_000_000_000_u64, "acme:accuracy": 0.5, "published": "yes",
        "runs": [{"id": "r1", "took": 1.5}, "odd"], "free": {"x": 1}, "either": 3, "a_b": "x",
    });
    vec![
        ledger,
        cart,
        group("pay"),
        group("shop-team"),
        declares(
            "System",
            backstage,
            "shop",
            json!({}),
            json!({ "owner": "pay" }),
            "shop.yaml",
        ),
        declares(
            "API",
            backstage,
            "cart-api",
            json!({ "tags": ["data"] }),
            json!({ "type": "openapi", "lifecycle": "production", "owner": "group:default/nobody", "definition": "openapi: 3.1.0" }),
            "cart-api.yaml",
        ),
        declares("MachineModel", "acme.com/v1", "fraud", json!({}), spec, "fraud.yaml"),
        Claim::observes(
            Subject::Identifier(Identifier::parse("repo:github.com/acme/ledger").unwrap()),
            Origin::path(":facts"),
            ClaimBody {
                facts: json!({ "last_commit_at": "2026-01-01T00:00:00Z" })
                    .as_object()
                    .unwrap()
                    .clone(),
                ..ClaimBody::default()
            },
        ),
    ]
}

/// One run of source `code` that proves its only scope.
async fn fill(sink: &dyn Sink) -> RunId {
    let source = SourceId::parse("code").unwrap();
    let at = Timestamp::from_secs(1_700_000_000);
    let run = RunId::at(&source, at);
    let begin = RunBegin {
        id: run.clone(),
        source,
        source_type: "git".to_owned(),
        cause: RunCause::Startup,
        full: true,
        allow: AllowPolicy::all(),
        rank: 0,
        started_at: at,
    };
    sink.run_begin(begin).await.unwrap();
    let opened = sink.scope_open(&run, Scope::root("repository:acme"), at).await.unwrap();
    let mut items: Vec<Delivery> = claims()
        .into_iter()
        .map(|claim| Delivery::Claim(Box::new(claim)))
        .collect();
    items.push(Delivery::Finding(
        Finding::new("bad_yaml", Severity::Error, "the file is no YAML; close the bracket").at(
            "x.yaml",
            Some(3),
            Some(7),
        ),
    ));
    sink.deliver(opened.ticket, items).await.unwrap();
    let closing = Closing::Complete {
        proof: Proof::Version("abc".to_owned()),
        cursor: None,
    };
    sink.scope_close(opened.ticket, closing).await.unwrap();
    sink.run_end(&run, RunOutcome::Finished, at, BTreeMap::new())
        .await
        .unwrap();
    run
}
