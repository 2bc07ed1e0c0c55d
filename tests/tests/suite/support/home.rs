//! A running catalog on a temporary folder, and sources that deliver into it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bailiwick_catalog::api::{ChangesQuery, FindingRow, FindingsQuery};
use bailiwick_catalog::store::{EngineKind, StoreOptions};
use bailiwick_catalog::{Catalog, EngineSettings, Placement, Running};
use bailiwick_ingestors::kit::{BuildContext, Environment};
use bailiwick_ingestors::registry;
use bailiwick_ingestors::scheduler::{ScheduledSource, Surroundings, run_source};
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{AllowPolicy, Clock, EntityRef, Position, RunCause, RunRecord, SourceId, Timestamp, Viewer};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Longest wait for the index; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that moves by a millisecond whenever somebody looks at it.
struct TickingClock(AtomicI64);

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1_000, Ordering::SeqCst))
    }
}

/// A catalog that lives as long as the test.
pub(crate) struct Home {
    folder: TempDir,
    kinds: Arc<KindSet>,
    clock: Arc<dyn Clock>,
    environment: Arc<Environment>,
    running: Option<Running>,
}

impl Drop for Home {
    fn drop(&mut self) {
        self.close();
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with_environment(BTreeMap::new())
    }

    pub(crate) fn with_environment(variables: BTreeMap<String, String>) -> Self {
        let mut home = Self {
            folder: tempfile::tempdir().unwrap(),
            kinds: Arc::new(KindSet::builtin()),
            // 2026-11-01, after every commit of the test repositories.
            clock: Arc::new(TickingClock(AtomicI64::new(1_793_491_200_000_000))),
            environment: Arc::new(Environment::new(variables)),
            running: None,
        };
        home.open();
        home
    }

    pub(crate) fn open(&mut self) {
        let placement = Placement {
            engine: EngineKind::Fjall,
            data_dir: self.data_dir(),
            store: StoreOptions::default(),
        };
        let settings = EngineSettings::new(Arc::clone(&self.kinds), Arc::clone(&self.clock));
        self.running = Some(Running::open(&placement, settings).unwrap());
    }

    /// Ends the catalog; its files stay.
    pub(crate) fn close(&mut self) {
        if let Some(running) = self.running.take() {
            // Stopping waits for threads, which a worker of the runtime must not do.
            std::thread::spawn(move || running.stop()).join().unwrap();
        }
    }

    /// A folder for the test's own files.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where catalog and caches lie.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn catalog(&self) -> Catalog {
        self.running.as_ref().expect("the catalog is open").catalog()
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings {
            sink: Arc::new(self.running.as_ref().expect("the catalog is open").sink()),
            clock: Arc::clone(&self.clock),
            environment: Arc::clone(&self.environment),
            cache_dir: self.data_dir().join("cache"),
        }
    }

    /// The messages with which options are refused.
    pub(crate) fn refused(&self, source_type: &str, options: &Value) -> Vec<String> {
        let problems = self.build(source_type, options).err().expect("the options are refused");
        problems.iter().map(ToString::to_string).collect()
    }

    fn build(
        &self,
        source_type: &str,
        options: &Value,
    ) -> Result<bailiwick_ingestors::kit::BuiltSource, Vec<bailiwick_ingestors::kit::OptionProblem>> {
        let source = SourceId::parse("tested").unwrap();
        let cx = BuildContext {
            source,
            base_dir: self.path().to_owned(),
            kinds: Arc::clone(&self.kinds),
        };
        registry::build(source_type, options.clone(), &cx)
    }

    /// A source that may declare every kind.
    pub(crate) fn source(&self, id: &str, source_type: &str, options: &Value) -> ScheduledSource {
        let built = self.build(source_type, options).unwrap();
        ScheduledSource {
            id: SourceId::parse(id).unwrap(),
            source_type: registry::find(source_type).unwrap().source_type(),
            ingestor: built.ingestor,
            schedule: None,
            allow: AllowPolicy::all(),
            rank: 0,
            deadline: None,
            options_hash: built.options_hash,
            run_at_start: false,
        }
    }

    /// A git source named `code` over repositories.
    pub(crate) fn git(&self, repositories: &[&str]) -> ScheduledSource {
        self.source("code", "git", &serde_json::json!({ "repositories": repositories }))
    }

    /// Runs a source once, and waits until the index shows what it did.
    pub(crate) async fn run(&self, source: &ScheduledSource) -> RunRecord {
        let cancel = CancellationToken::new();
        let record = run_source(&self.surroundings(), source, RunCause::Operator, &cancel)
            .await
            .unwrap();
        self.settle().await;
        record
    }

    /// The same without waiting for the index.
    pub(crate) async fn run_only(&self, source: &ScheduledSource) -> RunRecord {
        let cancel = CancellationToken::new();
        run_source(&self.surroundings(), source, RunCause::Operator, &cancel)
            .await
            .unwrap()
    }

    pub(crate) async fn settle(&self) {
        let catalog = self.catalog();
        catalog.wait_for(catalog.head(), PATIENCE).await.unwrap();
    }

    pub(crate) fn has(&self, entity: &str) -> bool {
        let entity = EntityRef::parse(entity).unwrap();
        self.catalog().snapshot().get(&Viewer::local(), &entity).is_some()
    }

    pub(crate) fn value(&self, entity: &str) -> Value {
        let entity = EntityRef::parse(entity).unwrap();
        let snapshot = self.catalog().snapshot();
        let node = snapshot
            .get(&Viewer::local(), &entity)
            .unwrap_or_else(|| panic!("`{entity}` is not there"));
        self.catalog().entity_value(node).unwrap()
    }

    pub(crate) fn uid(&self, entity: &EntityRef) -> String {
        self.catalog()
            .snapshot()
            .get(&Viewer::local(), entity)
            .expect("the entity is there")
            .uid
            .to_string()
    }

    /// Refs of a kind, sorted.
    pub(crate) fn refs(&self, kind: &str) -> Vec<EntityRef> {
        let mut refs = Vec::new();
        let mut visit = |value: Value| {
            let entity = EntityRef::parse(value["ref"].as_str().unwrap()).unwrap();
            if entity.kind().eq_ignore_ascii_case(kind) {
                refs.push(entity);
            }
            std::ops::ControlFlow::Continue(())
        };
        self.catalog().export(&Viewer::local(), true, &mut visit).unwrap();
        refs
    }

    pub(crate) fn findings(&self) -> Vec<FindingRow> {
        let query = FindingsQuery {
            first: 10_000,
            ..FindingsQuery::default()
        };
        self.catalog().findings(&Viewer::local(), &query).unwrap().items
    }

    /// Codes of all findings with the files that they are about, sorted.
    pub(crate) fn codes(&self) -> Vec<(String, String)> {
        let rows = self.findings().into_iter();
        let mut codes: Vec<(String, String)> = rows
            .map(|row| (row.finding.code, row.finding.file.unwrap_or_default()))
            .collect();
        codes.sort();
        codes
    }

    pub(crate) fn has_finding(&self, code: &str, file: &str) -> bool {
        self.codes().iter().any(|(one, of)| one == code && of.ends_with(file))
    }

    /// Entities that changed after a position, sorted and without repetition.
    pub(crate) fn changed_since(&self, position: Position) -> Vec<String> {
        let query = ChangesQuery {
            after: Some(position),
            limit: 1_000,
            ..ChangesQuery::default()
        };
        let changes = self.catalog().changes(&Viewer::local(), &query).unwrap();
        let mut refs: Vec<String> = changes.into_iter().map(|change| change.entity.to_string()).collect();
        refs.sort();
        refs.dedup();
        refs
    }

    /// What is derived equals what is rebuilt.
    pub(crate) fn verify(&self) {
        let order = bailiwick_schema::OwnerMethod::ALL;
        let report = self.catalog().verify(order.as_slice(), &|_, _| {}).unwrap();
        assert!(report.agrees(), "{:?}", report.differences);
    }
}
