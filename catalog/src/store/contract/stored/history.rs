//! A small catalog with a past: every sort of record that the engine stores comes into being here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bailiwick_schema::{
    AllowPolicy, Claim, ClaimBody, Clock, Closing, ContentHash, Cursor, Delivery, EntityRef, Event, Finding,
    Identifier, IdentifierClaim, Origin, OwnerEvidence, OwnerMethod, Proof, RelationClaim, RunBegin, RunCause, RunId,
    RunOutcome, Scope, ScopeId, Severity, Sink, SourceId, Subject, Timestamp, Viewer,
};
use serde_json::{Value, json};

use crate::running::Running;

/// A clock that moves by a second whenever somebody looks at it.
pub(super) struct TickingClock(AtomicI64);

impl TickingClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_795_000_000)))
    }
}

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

fn identifier(text: &str, exclusive: bool) -> IdentifierClaim {
    IdentifierClaim {
        identifier: Identifier::parse(text).unwrap(),
        exclusive,
    }
}

fn declares(kind: &str, name: &str, spec: Value) -> Claim {
    let entity = json!({
        "apiVersion": "backstage.io/v1alpha1", "kind": kind, "spec": spec,
        "metadata": {
            "name": name, "namespace": "default", "title": format!("{name} — Straße 🦀"), "tags": ["a", "b"],
            "labels": {"tier": "gold"}, "annotations": {"acme.com/pager": name}, "description": "What it does.\n",
        },
    });
    let body = ClaimBody {
        entity: entity.as_object().cloned().unwrap(),
        ..ClaimBody::default()
    };
    let origin = Origin {
        line: Some(3),
        url: Some(format!("https://host.example/{name}.yaml")),
        version: Some("abc".to_owned()),
        ..Origin::path(format!("{kind}/{name}.yaml"))
    };
    let entity = EntityRef::new(kind, "default", name).unwrap();
    let mut claim = Claim::declares(entity, origin, body);
    claim.source_time = Some(Timestamp::from_secs(1_794_000_000));
    claim
}

fn component(name: &str, lifecycle: &str) -> Claim {
    let spec = json!({
        "type": "service", "lifecycle": lifecycle, "owner": "pay", "system": "shop", "dependsOn": ["resource:db"],
    });
    declares("Component", name, spec)
}

fn ledger(lifecycle: &str, host: &str) -> Claim {
    let mut claim = component("ledger", lifecycle);
    claim.body.identifiers = vec![
        identifier("repo:github.com/acme/ledger", true),
        identifier(host, true),
        identifier("image:ghcr.io/acme/base", false),
    ];
    claim.body.owners = vec![OwnerEvidence {
        method: OwnerMethod::Codeowners,
        who: vec!["@acme/pay".to_owned(), "group:default/shop-team".to_owned()],
        detail: "CODEOWNERS:3 `/ledger/ @acme/pay`".to_owned(),
    }];
    claim.body.relations = vec![RelationClaim {
        relation: "builtFrom".to_owned(),
        target: Subject::Identifier(Identifier::parse("repo:github.com/acme/unknown").unwrap()),
    }];
    claim
}

fn observes(of: &str, path: &str) -> Claim {
    let body = ClaimBody {
        facts: json!({"last_commit_at": "2026-11-01T00:00:00Z", "stars": 3})
            .as_object()
            .cloned()
            .unwrap(),
        ..ClaimBody::default()
    };
    let subject = Subject::Identifier(Identifier::parse(of).unwrap());
    Claim::observes(subject, Origin::path(path), body)
}

/// One run of a source.
struct Run<'a> {
    running: &'a Running,
    clock: &'a dyn Clock,
    id: RunId,
}

impl<'a> Run<'a> {
    async fn begin(running: &'a Running, clock: &'a dyn Clock, source: &str, rank: i32) -> Self {
        let (source, started_at) = (SourceId::parse(source).unwrap(), clock.now());
        let id = RunId::at(&source, started_at);
        let begin = RunBegin {
            id: id.clone(),
            source,
            source_type: "git".to_owned(),
            cause: RunCause::Schedule,
            full: true,
            allow: AllowPolicy::all(),
            rank,
            started_at,
        };
        running.sink().run_begin(begin).await.unwrap();
        Self { running, clock, id }
    }

    async fn scope(&self, scope: Scope, items: Vec<Delivery>, closing: Closing) {
        let sink = self.running.sink();
        let opened = sink.scope_open(&self.id, scope, self.clock.now()).await.unwrap();
        sink.deliver(opened.ticket, items).await.unwrap();
        sink.scope_close(opened.ticket, closing).await.unwrap();
    }

    async fn end(self, outcome: RunOutcome) {
        let telemetry = BTreeMap::from([("git.blobs_read".to_owned(), 5)]);
        self.running
            .sink()
            .run_end(&self.id, outcome, self.clock.now(), telemetry)
            .await
            .unwrap();
    }
}

fn claims(claims: impl IntoIterator<Item = Claim>) -> Vec<Delivery> {
    claims
        .into_iter()
        .map(|claim| Delivery::Claim(Box::new(claim)))
        .collect()
}

fn whole(version: &str) -> Closing {
    Closing::Complete {
        proof: Proof::Version(version.to_owned()),
        cursor: Some(Cursor {
            value: version.to_owned(),
            options: ContentHash::of(b"options"),
        }),
    }
}

fn services(of: &str, count: usize) -> Vec<Delivery> {
    claims((0..count).map(|number| component(&format!("{of}-{number}"), "production")))
}

fn finding() -> Delivery {
    Delivery::Finding(
        Finding::new("bad_yaml", Severity::Error, "the file is no YAML; close the bracket").at(
            "x.yaml",
            Some(3),
            Some(7),
        ),
    )
}

/// Lives through three runs, a removal, two that are held, a decision, and what waits for others.
pub(super) async fn live_through(running: &Running, clock: &dyn Clock) {
    let listing = ScopeId::new("repositories");
    let members = || {
        ["repository:a", "repository:b", "repository:c"]
            .map(|member| Delivery::Member(ScopeId::new(member)))
            .to_vec()
    };
    let below = |id: &str| Scope::below(&listing, id);
    let listed = || Closing::Complete {
        proof: Proof::Listing,
        cursor: None,
    };
    let team = |name: &str| declares("Group", name, json!({"type": "team", "children": []}));

    let run = Run::begin(running, clock, "code", 0).await;
    run.scope(Scope::root("repositories"), members(), listed()).await;
    let mut items = claims([
        ledger("production", "host:old.acme.com"),
        team("pay"),
        team("shop-team"),
        declares("System", "shop", json!({"owner": "pay"})),
        declares("Resource", "db", json!({"type": "database", "owner": "nobody"})),
        component("short-lived", "experimental"),
        observes("repo:github.com/acme/ledger", ":facts"),
        observes("repo:github.com/acme/unknown", ":facts-of-nobody"),
    ]);
    items.push(finding());
    items.push(Delivery::Event(Box::new(Event {
        id: "e-1".to_owned(),
        kind: "commit_activity".to_owned(),
        subject: Subject::Ref(EntityRef::new("component", "default", "ledger").unwrap()),
        at: Timestamp::from_secs(1_793_000_000),
        data: json!({"commits": 4, "by": ["ana"]}),
    })));
    run.scope(below("repository:a"), items, whole("1")).await;
    run.scope(below("repository:b"), services("b", 8), whole("1")).await;
    run.scope(below("repository:c"), services("c", 8), whole("1")).await;
    run.end(RunOutcome::Finished).await;

    let run = Run::begin(running, clock, "org", 7).await;
    let mut contested = component("cart", "production");
    contested.body.identifiers = vec![identifier("host:new.acme.com", true)];
    contested.body.continues = Some(EntityRef::new("component", "default", "basket").unwrap());
    let mut overruling = ledger("deprecated", "host:old.acme.com");
    overruling.body.facts = json!({"reviewed": null}).as_object().cloned().unwrap();
    run.scope(Scope::root("files"), claims([contested, overruling]), whole("1"))
        .await;
    run.end(RunOutcome::Finished).await;

    // One is gone, one cannot be read, many are missing from two repositories.
    let run = Run::begin(running, clock, "code", 0).await;
    run.scope(Scope::root("repositories"), members(), listed()).await;
    let mut items = claims([
        ledger("experimental", "host:new.acme.com"),
        team("pay"),
        team("shop-team"),
        declares("System", "shop", json!({"owner": "shop-team"})),
        observes("repo:github.com/acme/unknown", ":facts-of-nobody"),
    ]);
    items.push(Delivery::Unreadable {
        origin: "Resource/db.yaml".to_owned(),
        finding: Finding::new(
            "unreadable",
            Severity::Warning,
            "the file cannot be read; see its rights",
        ),
    });
    run.scope(below("repository:a"), items, whole("2")).await;
    run.scope(below("repository:b"), services("b", 1), whole("2")).await;
    run.scope(below("repository:c"), services("c", 1), whole("2")).await;
    run.end(RunOutcome::Finished).await;

    let catalog = running.catalog();
    let sweeps = catalog.pending_sweeps(&Viewer::local(), false).unwrap();
    assert_eq!(sweeps.len(), 2, "two removals are held: {sweeps:?}");
    catalog
        .decide_sweep(&Viewer::local(), &sweeps[0].id, false)
        .await
        .unwrap();
    let run = Run::begin(running, clock, "broken", 0).await;
    run.end(RunOutcome::Failed {
        message: "the host does not answer".to_owned(),
    })
    .await;
}
