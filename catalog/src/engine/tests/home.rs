//! A catalog to be tested, and a source that says what the test wants.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::time::ManualClock;
use bailiwick_schema::{
    AllowPolicy, Claim, ClaimBody, Clock, Closing, ContentHash, Cursor, Delivery, EntityRef, Origin, OwnerMethod,
    Proof, RunBegin, RunCause, RunId, RunOutcome, RunRecord, Scope, ScopeClosed, ScopeId, ScopeTicket, Sink, SourceId,
    Timestamp, Viewer,
};
use serde_json::{Value, json};

use crate::api::{Catalog, FindingsQuery};
use crate::engine::{EngineSettings, EngineSink};
use crate::running::Running;
use crate::search::IndexLocation;
use crate::store::Store;
use crate::store::open::{EngineKind, StoreOptions, open};
use crate::verify::VerifyReport;

pub(super) struct Home {
    running: Option<Running>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) sink: EngineSink,
    pub(super) catalog: Catalog,
    runs: std::cell::Cell<i64>,
}

pub(super) fn entity_ref(text: &str) -> EntityRef {
    EntityRef::parse(text).unwrap()
}

pub(super) fn source(id: &str) -> SourceId {
    SourceId::parse(id).unwrap()
}

pub(super) fn cursor(value: &str) -> Cursor {
    Cursor {
        value: value.to_owned(),
        options: ContentHash::of(b"options"),
    }
}

pub(super) fn whole(version: &str) -> Closing {
    Closing::Complete {
        proof: Proof::Version(version.to_owned()),
        cursor: Some(cursor(version)),
    }
}

/// A declaration of an entity from a file; `spec` and `metadata` are merged in.
pub(super) fn declares(path: &str, entity: &str, metadata: Value, spec: Value) -> Delivery {
    let entity = entity_ref(entity);
    let kind = KindSet::builtin()
        .get(entity.kind())
        .map_or(entity.kind().to_owned(), |decl| decl.kind.clone());
    let mut meta = json!({"name": entity.name(), "namespace": entity.namespace()});
    meta.as_object_mut()
        .unwrap()
        .extend(metadata.as_object().cloned().unwrap_or_default());
    let body = json!({"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": meta, "spec": spec});
    let body = ClaimBody {
        entity: body.as_object().cloned().unwrap(),
        ..ClaimBody::default()
    };
    Delivery::Claim(Box::new(Claim::declares(
        entity,
        Origin {
            line: Some(1),
            ..Origin::path(path)
        },
        body,
    )))
}

pub(super) fn component(path: &str, name: &str) -> Delivery {
    declares(
        path,
        &format!("component:default/{name}"),
        json!({}),
        json!({"type": "service", "lifecycle": "production", "owner": "pay"}),
    )
}

impl Home {
    pub(super) fn memory() -> Self {
        let store = open(EngineKind::Memory, Path::new(""), StoreOptions::default()).unwrap();
        Self::over(store, None)
    }

    pub(super) fn at(path: &Path) -> Self {
        Self::over(open(EngineKind::Fjall, path, StoreOptions::default()).unwrap(), None)
    }

    pub(super) fn over(store: Arc<dyn Store>, sources: Option<Vec<crate::engine::SourceSetting>>) -> Self {
        Self::with(store, |settings| settings.sources = sources)
    }

    /// The same with other settings than the usual ones.
    pub(super) fn with(store: Arc<dyn Store>, change: impl FnOnce(&mut EngineSettings)) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let mut settings = EngineSettings::new(Arc::new(KindSet::builtin()), Arc::clone(&clock) as Arc<dyn Clock>);
        change(&mut settings);
        let running = Running::over(Arc::clone(&store), IndexLocation::Memory, settings).unwrap();
        let (sink, catalog) = (running.sink(), running.catalog());
        Self {
            running: Some(running),
            store,
            clock,
            sink,
            catalog,
            runs: std::cell::Cell::new(0),
        }
    }

    /// Ends engine and follower; the store stays open.
    pub(super) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }

    pub(super) async fn begin(&self, source_id: &str, full: bool) -> RunId {
        self.clock.advance(Duration::from_secs(60));
        self.runs.set(self.runs.get() + 1);
        let id = RunId::new(format!("{source_id}-{}", self.runs.get()));
        let begin = RunBegin {
            id: id.clone(),
            source: source(source_id),
            source_type: "test".to_owned(),
            cause: RunCause::Operator,
            full,
            allow: AllowPolicy::all(),
            rank: 0,
            started_at: self.clock.now(),
        };
        self.sink.run_begin(begin).await.unwrap();
        id
    }

    pub(super) async fn open(&self, run: &RunId, scope: &str, parent: Option<&str>) -> ScopeTicket {
        let scope = Scope {
            id: ScopeId::new(scope),
            parent: parent.map(ScopeId::new),
        };
        self.sink.scope_open(run, scope, self.clock.now()).await.unwrap().ticket
    }

    pub(super) async fn end(&self, run: &RunId) -> RunRecord {
        self.clock.advance(Duration::from_secs(1));
        self.sink
            .run_end(run, RunOutcome::Finished, self.clock.now(), BTreeMap::new())
            .await
            .unwrap()
    }

    /// A run with one scope, delivered and closed.
    pub(super) async fn run(&self, source: &str, scope: &str, items: Vec<Delivery>, closing: Closing) -> RunRecord {
        let run = self.begin(source, true).await;
        let ticket = self.open(&run, scope, None).await;
        self.sink.deliver(ticket, items).await.unwrap();
        assert_eq!(
            self.sink.scope_close(ticket, closing).await.unwrap(),
            ScopeClosed::Accepted
        );
        self.end(&run).await
    }

    pub(super) fn lives(&self, entity: &str) -> bool {
        self.catalog
            .snapshot()
            .get(&Viewer::local(), &entity_ref(entity))
            .is_some()
    }

    pub(super) fn value(&self, entity: &str) -> Value {
        let snapshot = self.catalog.snapshot();
        let node = snapshot
            .get(&Viewer::local(), &entity_ref(entity))
            .unwrap_or_else(|| panic!("{entity} lives"));
        self.catalog.entity_value(node).unwrap()
    }

    pub(super) fn uid(&self, entity: &str) -> uuid::Uuid {
        self.catalog
            .snapshot()
            .get(&Viewer::local(), &entity_ref(entity))
            .unwrap()
            .uid
    }

    pub(super) fn owners(&self, entity: &str) -> Vec<String> {
        let snapshot = self.catalog.snapshot();
        let node = snapshot.get(&Viewer::local(), &entity_ref(entity)).unwrap();
        node.owners
            .iter()
            .map(|no| snapshot.name(*no).unwrap().to_string())
            .collect()
    }

    pub(super) fn codes(&self) -> Vec<String> {
        let query = FindingsQuery {
            first: 1_000,
            ..FindingsQuery::default()
        };
        let page = self.catalog.findings(&Viewer::local(), &query).unwrap();
        page.items.into_iter().map(|row| row.finding.code).collect()
    }

    pub(super) async fn verify(&self) -> VerifyReport {
        self.catalog
            .wait_for(self.catalog.head(), Duration::from_secs(30))
            .await
            .unwrap();
        let report = self.catalog.verify(&OwnerMethod::ALL, &|_, _| {}).unwrap();
        assert_eq!(report.differences, Vec::<String>::new());
        report
    }
}
