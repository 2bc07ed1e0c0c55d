//! A store whose history lies long in the past, for what only old history leads to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bailiwick_catalog::store::{EngineKind, StoreOptions};
use bailiwick_catalog::{EngineSettings, Placement, Running};
use bailiwick_ingestors::kit::{BuildContext, Environment};
use bailiwick_ingestors::registry;
use bailiwick_ingestors::scheduler::{ScheduledSource, Surroundings, run_source};
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{AllowPolicy, Clock, RunCause, RunStatus, SourceId, Timestamp};
use bailiwick_tests::crash::{Generator, Home};
use tokio_util::sync::CancellationToken;

/// 2001-09-09, in microseconds.
const LONG_AGO: i64 = 1_000_000_000_000_000;

struct OldClock(AtomicI64);

impl Clock for OldClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1_000, Ordering::SeqCst))
    }
}

/// Ingests rounds into the home's data directory as its binary would have, long ago.
pub(super) fn live_through(home: &Home<'_>, engine: &str, generator: &Generator, rounds: &[u64]) {
    let kinds = Arc::new(KindSet::builtin());
    let clock: Arc<dyn Clock> = Arc::new(OldClock(AtomicI64::new(LONG_AGO)));
    let placement = Placement {
        engine: engine.parse::<EngineKind>().unwrap(),
        data_dir: home.folder.join("d"),
        store: StoreOptions::default(),
    };
    let settings = EngineSettings::new(Arc::clone(&kinds), Arc::clone(&clock));
    let running = Running::open(&placement, settings).unwrap();
    let surroundings = Surroundings {
        sink: Arc::new(running.sink()),
        clock,
        environment: Arc::new(Environment::new(std::collections::BTreeMap::new())),
        cache_dir: home.folder.join("d/cache"),
    };
    let id = SourceId::parse("org").unwrap();
    let cx = BuildContext {
        source: id.clone(),
        base_dir: home.folder.clone(),
        kinds,
    };
    let options = serde_json::json!({ "paths": ["org"], "watch": false });
    let built = registry::build("files", options, &cx).unwrap_or_else(|problems| panic!("{problems:?}"));
    let source = ScheduledSource {
        id,
        source_type: "files",
        ingestor: built.ingestor,
        schedule: None,
        allow: AllowPolicy::all(),
        rank: 0,
        deadline: None,
        options_hash: built.options_hash,
        run_at_start: false,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for round in rounds {
        home.put(generator, *round).unwrap();
        let cancel = CancellationToken::new();
        let run = run_source(&surroundings, &source, RunCause::Operator, &cancel);
        let record = runtime.block_on(run).unwrap();
        assert_eq!(record.status, RunStatus::Succeeded, "{record:?}");
    }
    running.stop();
}
