//! Puts the parts together: from a configuration to kinds, sources and a running catalog.

use std::path::Path;
use std::sync::Arc;

use bailiwick_catalog::core::plan::SweepPolicy;
use bailiwick_catalog::store::{EngineKind, Retention, StoreError, StoreOptions, engine_of};
use bailiwick_catalog::{CatalogError, EngineSettings, FailPoints, Placement, Running, SourceSetting};
use bailiwick_config::{Config, Problem, SourceConfig, StoreEngine};
use bailiwick_ingestors::kit::{BuildContext, Environment, chain};
use bailiwick_ingestors::registry;
use bailiwick_ingestors::scheduler::{Schedule, ScheduleError, ScheduledSource, Surroundings};
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{AllowPolicy, Clock, ContentHash, Sink, canonical};
use serde_json::{Value, json};

use crate::clock::SystemClock;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::local::config::kind_problems;
use crate::local::kinds;

/// What a configuration gives before anything is opened.
pub(crate) struct Parts {
    pub(crate) kinds: Arc<KindSet>,
    pub(crate) sources: Vec<ScheduledSource>,
}

/// Loads kinds and builds sources. Opens nothing but kind files.
///
/// Errors: every problem that only those who use a value can find, with its place in the configuration.
pub(crate) fn parts(config: &Config) -> Result<Parts, Vec<Problem>> {
    let kinds = kinds::load(&config.kind_paths).map_err(|error| kind_problems(config, error))?;
    let kinds = Arc::new(kinds);
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    for source in &config.sources {
        sources.extend(scheduled(config, source, &kinds, &mut problems));
    }
    if problems.is_empty() {
        Ok(Parts { kinds, sources })
    } else {
        Err(problems)
    }
}

/// One source, ready to be scheduled; nothing if there were problems.
fn scheduled(
    config: &Config,
    source: &SourceConfig,
    kinds: &Arc<KindSet>,
    problems: &mut Vec<Problem>,
) -> Option<ScheduledSource> {
    let before = problems.len();
    let path = |key: &str| match key {
        "" => format!("sources.{}", source.id),
        key => format!("sources.{}.{key}", source.id),
    };
    for kind in source
        .allow
        .kinds
        .iter()
        .flatten()
        .filter(|kind| kinds.get(kind).is_none())
    {
        let known: Vec<&str> = kinds.iter().map(|kind| kind.kind.as_str()).collect();
        let message = format!("`{kind}` is no kind that is known here; known are {}", known.join(", "));
        problems.push(config.problem(&path("allow.kinds"), message));
    }
    let schedule = source.schedule.as_ref().and_then(|expression| {
        let zone = source.time_zone.as_deref().unwrap_or("UTC");
        Schedule::parse(expression, zone)
            .map_err(|error| {
                let key = if matches!(error, ScheduleError::UnknownZone(_)) {
                    "time_zone"
                } else {
                    "schedule"
                };
                problems.push(config.problem(&path(key), chain(&error)));
            })
            .ok()
    });
    let cx = BuildContext {
        source: source.id.clone(),
        base_dir: config.base_dir().to_owned(),
        kinds: Arc::clone(kinds),
    };
    let built = registry::build(&source.source_type, Value::Object(source.options.clone()), &cx)
        .map_err(|found| {
            problems.extend(
                found
                    .into_iter()
                    .map(|one| config.problem(&path(&one.path), one.message)),
            )
        })
        .ok()?;
    let factory = registry::find(&source.source_type)?;
    if problems.len() > before {
        return None;
    }
    let allow = AllowPolicy {
        kinds: source.allow.kinds.clone(),
        denied_kinds: factory.denied_kinds().iter().map(|kind| (*kind).to_owned()).collect(),
        namespaces: source.allow.namespaces.clone(),
    };
    Some(ScheduledSource {
        id: source.id.clone(),
        source_type: factory.source_type(),
        ingestor: built.ingestor,
        schedule,
        options_hash: with_allow(built.options_hash, &allow),
        allow,
        rank: source.rank,
        deadline: source.deadline,
        run_at_start: source.run_at_start,
    })
}

/// What may be declared decides what becomes of an unchanged file, so another policy asks for a full read.
fn with_allow(options: ContentHash, allow: &AllowPolicy) -> ContentHash {
    let allow = json!({ "kinds": allow.kinds, "denied": allow.denied_kinds, "namespaces": allow.namespaces });
    ContentHash::of_parts(&[options.to_string().as_bytes(), &canonical::to_vec(&allow)])
}

/// What the engine is told. Without `sources` no source counts as retired.
pub(crate) fn engine_settings(
    config: &Config,
    kinds: &Arc<KindSet>,
    with_sources: bool,
    fail_points: FailPoints,
) -> EngineSettings {
    let sources = config.sources.iter().map(|source| SourceSetting {
        id: source.id.clone(),
        source_type: source.source_type.clone(),
        rank: source.rank,
        previous_id: source.previous_id.clone(),
    });
    EngineSettings {
        sources: with_sources.then(|| sources.collect()),
        sweep_policy: SweepPolicy {
            claims: config.guard.claims,
            percent: config.guard.percent.into(),
        },
        owner_order: config.ownership_order.clone(),
        retention: retention(config),
        fail_points,
        min_free_bytes: config.store.min_free_bytes,
        ..EngineSettings::new(Arc::clone(kinds), clock())
    }
}

fn retention(config: &Config) -> Retention {
    let kept = config.retention;
    Retention {
        history: kept.history,
        events: kept.events,
        sweeps: kept.sweeps,
        runs: kept.runs,
        audit: kept.audit,
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Opens the catalog of a configuration. Blocking.
pub(crate) fn open(config: &Config, engine: EngineKind, settings: EngineSettings) -> Result<Running, Failure> {
    let placement = Placement {
        engine,
        data_dir: config.store.data_dir.clone(),
        store: store_options(config, settings.fail_points.clone()),
    };
    Running::open(&placement, settings).map_err(|error| cannot_open(&error, &config.store.data_dir))
}

pub(crate) fn store_options(config: &Config, fail_points: FailPoints) -> StoreOptions {
    StoreOptions {
        cache_bytes: config.store.cache_bytes,
        min_free_bytes: config.store.min_free_bytes,
        fail_points,
    }
}

/// The engine of a folder that is only looked at: its files tell, whatever the configuration says.
pub(crate) fn engine_at(config: &Config) -> EngineKind {
    engine_of(&config.store.data_dir.join("store")).unwrap_or_else(|| match engine_kind(config.store.engine) {
        EngineKind::Memory => EngineKind::default(),
        engine => engine,
    })
}

pub(crate) fn engine_kind(engine: StoreEngine) -> EngineKind {
    match engine {
        StoreEngine::Fjall => EngineKind::Fjall,
        StoreEngine::Sled => EngineKind::Sled,
        StoreEngine::Memory => EngineKind::Memory,
    }
}

pub(crate) fn surroundings(config: &Config, sink: Arc<dyn Sink>, context: &Context) -> Surroundings {
    Surroundings {
        sink,
        clock: clock(),
        environment: Arc::new(Environment::new(context.env.clone())),
        cache_dir: config.store.data_dir.join("cache"),
    }
}

fn cannot_open(error: &CatalogError, data_dir: &Path) -> Failure {
    let what = chain(error);
    match error {
        CatalogError::Store(StoreError::Locked { .. }) => Failure::new(Exit::Unavailable, what)
            .hint("stop the server that uses it, or ask that server with --server URL"),
        CatalogError::Store(StoreError::Unusable { .. }) => Failure::new(Exit::Usage, what)
            .hint("name another folder with --data-dir DIR, or move this one away and let the sources be read again"),
        CatalogError::Store(error) if error.is_damage() => cannot(&what, data_dir).hint(
            "restore a backup with `bailiwick restore`, or name an empty folder with --data-dir DIR and let the sources \
             be read again",
        ),
        CatalogError::Store(StoreError::Full { .. }) => {
            cannot(&what, data_dir).hint("make room on that disk, or lower `store.min_free_mib`")
        }
        _ => cannot(&what, data_dir).hint("see that the folder can be written to and the disk is not full"),
    }
}

fn cannot(what: &str, data_dir: &Path) -> Failure {
    let what = format!("cannot open the catalog in `{}`: {what}", data_dir.display());
    Failure::new(Exit::Failed, what)
}
