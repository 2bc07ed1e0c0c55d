//! Numbers for Prometheus: requests as they come, everything else as it stands when it is asked for.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bailiwick_schema::{Severity, Viewer};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::catalog::{Catalog, Field, Filter, FindingsQuery};
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

/// All metrics of the server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RouteLabels, Counter>,
    latency: Family<RouteLabel, Histogram>,
    position: Gauge<u64, AtomicU64>,
    index_position: Gauge<u64, AtomicU64>,
    entities: Family<KindLabel, Gauge>,
    runs: Family<RunLabels, Gauge>,
    findings: Family<SeverityLabel, Gauge>,
    memory: Gauge<u64, AtomicU64>,
    anonymous_memory: Gauge<u64, AtomicU64>,
    up: Gauge,
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
        Self {
            registry,
            requests,
            latency,
            position,
            index_position,
            entities,
            runs,
            findings,
            memory,
            anonymous_memory,
            up,
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
                .replace("=\"0\"", "=…");
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
