//! Numbers for Prometheus: requests as they come, everything else as it stands when it is asked for.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bailiwick_schema::{Severity, Viewer};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::catalog::{Catalog, CatalogCounters, Field, Filter, FindingsQuery, StoreCounters, TableCounters};
use crate::error::ApiError;

/// Upper bounds of the latency buckets, in seconds.
const LATENCY_BOUNDS_SECS: [f64; 12] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// Newest runs of the ledger that are counted.
const RUNS_COUNTED: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    source: String,
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SeverityLabel {
    severity: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabel {
    table: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadLabels {
    table: String,
    how: String,
}

/// What the catalog reads, folds and writes: the cost of its work, counted.
struct Work {
    rows_read: Family<ReadLabels, Counter>,
    rows_written: Family<TableLabel, Counter>,
    rows_removed: Family<TableLabel, Counter>,
    bytes_written: Family<TableLabel, Counter>,
    batches: Counter,
    ledger_rows: Counter,
    entities_stitched: Counter,
    versions_written: Counter,
}

impl Work {
    fn register(registry: &mut Registry) -> Self {
        let work = Self {
            rows_read: Family::default(),
            rows_written: Family::default(),
            rows_removed: Family::default(),
            bytes_written: Family::default(),
            batches: Counter::default(),
            ledger_rows: Counter::default(),
            entities_stitched: Counter::default(),
            versions_written: Counter::default(),
        };
        registry.register(
            "store_rows_read",
            "Rows read from the store, by table, one by one (get) or in order (scan)",
            work.rows_read.clone(),
        );
        let by_table = [
            (
                "store_rows_written",
                "Rows written to the store, by table",
                &work.rows_written,
            ),
            (
                "store_rows_removed",
                "Removals written to the store, by table",
                &work.rows_removed,
            ),
            (
                "store_bytes_written",
                "Keys and values written to the store before compression, in bytes, by table",
                &work.bytes_written,
            ),
        ];
        for (name, help, family) in by_table {
            registry.register(name, help, family.clone());
        }
        let totals = [
            ("store_batches", "Atomic durable writes of the store", &work.batches),
            (
                "ledger_rows",
                "States of runs and acts written to the ledger",
                &work.ledger_rows,
            ),
            (
                "entities_stitched",
                "Entities folded from their claims, those that came to what was there too",
                &work.entities_stitched,
            ),
            (
                "versions_written",
                "Versions of entities written",
                &work.versions_written,
            ),
        ];
        for (name, help, counter) in totals {
            registry.register(name, help, counter.clone());
        }
        work
    }

    /// Takes over what the catalog has counted since it was started.
    fn take(&self, counters: &CatalogCounters) {
        let set = |counter: &Counter, count: u64| counter.inner().store(count, Ordering::Relaxed);
        for counted in &counters.store.tables {
            let table = counted.table.to_owned();
            for (how, count) in [("get", counted.got), ("scan", counted.scanned)] {
                let labels = ReadLabels {
                    table: table.clone(),
                    how: how.to_owned(),
                };
                set(&self.rows_read.get_or_create(&labels), count);
            }
            let label = TableLabel { table };
            set(&self.rows_written.get_or_create(&label), counted.put);
            set(&self.rows_removed.get_or_create(&label), counted.removed);
            set(&self.bytes_written.get_or_create(&label), counted.bytes_written);
        }
        set(&self.batches, counters.store.batches);
        set(&self.ledger_rows, counters.store.ledger_rows);
        set(&self.entities_stitched, counters.entities_stitched);
        set(&self.versions_written, counters.versions_written);
    }
}

/// All metrics of the server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RouteLabels, Counter>,
    latency: Family<RouteLabel, Histogram>,
    position: Gauge<u64, AtomicU64>,
    index_position: Gauge<u64, AtomicU64>,
    log_begins: Gauge<u64, AtomicU64>,
    entities: Family<KindLabel, Gauge>,
    runs: Family<RunLabels, Gauge>,
    findings: Family<SeverityLabel, Gauge>,
    memory: Gauge<u64, AtomicU64>,
    anonymous_memory: Gauge<u64, AtomicU64>,
    up: Gauge,
    work: Work,
    /// Families are cleared before they are filled, so scrapes go one by one.
    scrape: Mutex<()>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("bailiwick");
        let requests = Family::<RouteLabels, Counter>::default();
        registry.register(
            "http_requests",
            "Requests answered, by route and status code",
            requests.clone(),
        );
        let latency = Family::<RouteLabel, Histogram>::new_with_constructor(|| Histogram::new(LATENCY_BOUNDS_SECS));
        registry.register(
            "http_request_duration_seconds",
            "Time to answer a request, by route",
            latency.clone(),
        );
        let position = Gauge::<u64, AtomicU64>::default();
        registry.register("position", "Position of the last commit", position.clone());
        let index_position = Gauge::<u64, AtomicU64>::default();
        registry.register(
            "index_position",
            "Position up to which the search index has followed",
            index_position.clone(),
        );
        let log_begins = Gauge::<u64, AtomicU64>::default();
        registry.register(
            "log_begins_position",
            "Oldest position whose commit is kept",
            log_begins.clone(),
        );
        let entities = Family::<KindLabel, Gauge>::default();
        registry.register("entities", "Live entities, by kind", entities.clone());
        let runs = Family::<RunLabels, Gauge>::default();
        registry.register(
            "recent_runs",
            "Runs among the newest 1,000 of the ledger, by source and status",
            runs.clone(),
        );
        let findings = Family::<SeverityLabel, Gauge>::default();
        registry.register("findings", "Findings, by severity", findings.clone());
        let memory = Gauge::<u64, AtomicU64>::default();
        registry.register(
            "process_resident_memory_bytes",
            "Resident memory of the process",
            memory.clone(),
        );
        let anonymous_memory = Gauge::<u64, AtomicU64>::default();
        registry.register(
            "process_anonymous_memory_bytes",
            "Anonymous resident memory of the process",
            anonymous_memory.clone(),
        );
        let up = Gauge::default();
        registry.register(
            "engine_up",
            "1 while the engine takes commits, 0 after it has stopped",
            up.clone(),
        );
        let work = Work::register(&mut registry);
        Self {
            registry,
            requests,
            latency,
            position,
            index_position,
            log_begins,
            entities,
            runs,
            findings,
            memory,
            anonymous_memory,
            up,
            work,
            scrape: Mutex::new(()),
        }
    }

    /// Counts one answered request. `route` is the pattern of the route, never the path as asked for.
    pub(crate) fn observe(&self, route: &str, code: u16, took: Duration) {
        let route = route.to_owned();
        self.latency
            .get_or_create(&RouteLabel { route: route.clone() })
            .observe(took.as_secs_f64());
        self.requests.get_or_create(&RouteLabels { route, code }).inc();
    }

    /// Everything in OpenMetrics text. Blocks on the store.
    pub(crate) fn render(&self, catalog: &Catalog) -> Result<String, ApiError> {
        let _scrape = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        // Totals of the catalog belong to the server, not to a viewer.
        let viewer = Viewer::local();
        let status = catalog.status();
        self.position.set(status.position.0);
        self.index_position.set(status.index_position.0);
        self.log_begins.set(catalog.log_begins()?.0);
        self.up.set(i64::from(status.failed.is_none()));
        self.entities.clear();
        for bucket in catalog
            .snapshot()
            .aggregate(&viewer, Field::Kind, &Filter::everything())
        {
            self.entities
                .get_or_create(&KindLabel { kind: bucket.value })
                .set(whole(bucket.count));
        }
        self.runs.clear();
        for run in catalog.runs(&viewer, None, RUNS_COUNTED)? {
            let labels = RunLabels {
                source: run.source.to_string(),
                status: run.status.as_str().to_owned(),
            };
            self.runs.get_or_create(&labels).inc();
        }
        for severity in [Severity::Info, Severity::Warning, Severity::Error] {
            let query = FindingsQuery {
                severity: Some(severity),
                ..FindingsQuery::default()
            };
            let total = catalog.findings(&viewer, &query)?.total;
            self.findings
                .get_or_create(&SeverityLabel {
                    severity: severity.as_str().to_owned(),
                })
                .set(whole(total));
        }
        self.work.take(&catalog.counters());
        if let Some(memory) = ProcessMemory::read() {
            self.memory.set(memory.resident_bytes);
            self.anonymous_memory.set(memory.anonymous_bytes);
        }
        self.encode()
    }

    fn encode(&self) -> Result<String, ApiError> {
        let mut out = String::with_capacity(4 * 1024);
        text::encode(&mut out, &self.registry).map_err(|error| ApiError::internal(&error))?;
        Ok(out)
    }

    /// Name, type, help and labels of every metric, for the checked-in list.
    pub(crate) fn documented() -> String {
        let metrics = Self::new();
        // A family without members does not print, so each gets one.
        let any = || "…".to_owned();
        metrics.observe("…", 0, Duration::ZERO);
        let _ = metrics.entities.get_or_create(&KindLabel { kind: any() });
        let _ = metrics.runs.get_or_create(&RunLabels {
            source: any(),
            status: any(),
        });
        let _ = metrics.findings.get_or_create(&SeverityLabel { severity: any() });
        metrics.work.take(&CatalogCounters {
            store: StoreCounters {
                tables: vec![TableCounters {
                    table: "…",
                    ..TableCounters::default()
                }],
                ..StoreCounters::default()
            },
            entities_stitched: 0,
            versions_written: 0,
        });
        let text = metrics.encode().unwrap_or_default();
        let mut out = String::new();
        let mut lines = text.lines().filter(|line| !line.starts_with("# EOF")).peekable();
        while let Some(line) = lines.next() {
            if line.starts_with('#') {
                let _ = writeln!(out, "{line}");
                continue;
            }
            // Of each family one line: its name with the names of its labels.
            let name = line
                .split(' ')
                .next()
                .unwrap_or_default()
                .replace("\"…\"", "…")
                .replace("=\"0\"", "=…")
                .replace("=\"get\"", "=…")
                .replace("=\"scan\"", "=…");
            let _ = writeln!(out, "{name}\n");
            while lines.peek().is_some_and(|next| !next.starts_with('#')) {
                lines.next();
            }
        }
        out
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

struct ProcessMemory {
    resident_bytes: u64,
    anonymous_bytes: u64,
}

impl ProcessMemory {
    /// From the kernel; nothing where there is no such file.
    /// Source: Linux manual page proc_pid_status(5), fields `VmRSS` and `RssAnon`, in KiB.
    fn read() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/self/status").ok()?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':')
                .trim()
                .split(' ')
                .next()?
                .parse::<u64>()
                .ok()
                .map(|kib| kib * 1024)
        };
        Some(Self {
            resident_bytes: field("VmRSS")?,
            anonymous_bytes: field("RssAnon")?,
        })
    }
}
