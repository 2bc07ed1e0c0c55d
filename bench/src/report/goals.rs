//! What is to be reached: the table of goals, and where each figure and its limit come from.

use crate::questions::Operation;
use crate::stages::{Asked, Figures, Pace};

/// A number to reach, and which way is better.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    AtLeast { must: f64, aim: f64 },
    AtMost { must: f64, aim: f64 },
}

impl Goal {
    pub(super) fn numbers(self) -> (f64, f64) {
        match self {
            Self::AtLeast { must, aim } | Self::AtMost { must, aim } => (must, aim),
        }
    }

    /// `aim`, `must`, or that it is missed.
    pub(super) fn verdict(self, figure: f64) -> &'static str {
        let reaches = |wanted: f64| match self {
            Self::AtLeast { .. } => figure >= wanted,
            Self::AtMost { .. } => figure <= wanted,
        };
        let (must, aim) = self.numbers();
        match (reaches(aim), reaches(must)) {
            (true, _) => "aim",
            (_, true) => "must",
            _ => "missed",
        }
    }

    /// Which part of what is possible a figure reaches.
    pub(super) fn share(self, figure: f64, limit: f64) -> f64 {
        match self {
            Self::AtLeast { .. } => figure / limit,
            Self::AtMost { .. } => limit / figure,
        }
    }
}

/// One line of the table of goals.
pub(super) struct Work {
    pub(super) name: &'static str,
    pub(super) goal: Goal,
    /// What Backstage's catalog takes on such a machine.
    pub(super) peer: &'static str,
    pub(super) figure: fn(&Figures) -> Option<f64>,
    /// What it is compared with, in words.
    pub(super) limit_name: &'static str,
    pub(super) limit: fn(&Figures) -> Option<f64>,
}

const fn at_least(must: f64, aim: f64) -> Goal {
    Goal::AtLeast { must, aim }
}

const fn at_most(must: f64, aim: f64) -> Goal {
    Goal::AtMost { must, aim }
}

fn asked(figures: &Figures, operation: Operation) -> Option<&Asked> {
    figures.queries.iter().find(|asked| asked.operation == operation)
}

fn pace(figures: &Figures, operation: Operation) -> Option<Pace> {
    asked(figures, operation).map(|asked| asked.pace)
}

fn bare(figures: &Figures, operation: Operation) -> Option<Pace> {
    asked(figures, operation)?.bare_graphql
}

/// The highest anonymous memory of any stage, in MB.
pub(super) fn peak_anonymous(figures: &Figures) -> Option<f64> {
    let ingest = figures.ingest.as_ref()?.peak.anonymous;
    let serving = figures.serving.map_or(0, |memory| memory.anonymous);
    Some(ingest.max(serving) as f64 / 1e6)
}

fn rate(figures: &Figures, secs: f64) -> f64 {
    figures.entities as f64 / secs
}

/// Declares a line for the latency of an operation, beside its bare GraphQL objects.
macro_rules! latency {
    ($name:literal, $operation:ident, $must:literal, $aim:literal, $peer:literal) => {
        Work {
            name: $name,
            goal: at_most($must, $aim),
            peer: $peer,
            figure: |figures| Some(pace(figures, Operation::$operation)?.p50_ms),
            limit_name: "bare GraphQL objects of the same answer",
            limit: |figures| Some(bare(figures, Operation::$operation)?.p50_ms),
        }
    };
}

/// The same for its rate.
macro_rules! crowd {
    ($name:literal, $operation:ident, $must:literal, $aim:literal, $peer:literal) => {
        Work {
            name: $name,
            goal: at_least($must, $aim),
            peer: $peer,
            figure: |figures| Some(pace(figures, Operation::$operation)?.requests_per_sec),
            limit_name: "bare GraphQL objects of the same answer",
            limit: |figures| Some(bare(figures, Operation::$operation)?.requests_per_sec),
        }
    };
}

/// The goals for 100,000 entities on two cores.
pub(super) const WORKS: &[Work] = &[
    Work {
        name: "full ingest to queryable, entities/s",
        goal: at_least(20_000.0, 40_000.0),
        peer: "175 – 190",
        figure: |figures| Some(rate(figures, figures.ingest.as_ref()?.secs)),
        limit_name: "raw engine batches of the same rows",
        limit: |figures| Some(rate(figures, figures.limits.as_ref()?.engine.figures.load_secs)),
    },
    Work {
        name: "unchanged re-sync, s",
        goal: at_most(1.2, 0.6),
        peer: "2.9",
        figure: |figures| Some(figures.resync.as_ref()?.secs),
        limit_name: "reading and hashing the file",
        limit: |figures| Some(figures.limits.as_ref()?.reading.figures.hash_secs),
    },
    Work {
        name: "1 % changed, all visible over HTTP, s",
        goal: at_most(1.5, 0.8),
        peer: "8.7",
        figure: |figures| Some(figures.change.as_ref()?.secs),
        limit_name: "hashing the lines, raw batches and raw index of 1 %",
        limit: |figures| {
            let limits = figures.limits.as_ref()?;
            Some(
                limits.reading.figures.lines_secs
                    + limits.engine.figures.change_secs
                    + limits.index.figures.change_secs,
            )
        },
    },
    Work {
        name: "peak anonymous memory of ingest and serving, MB",
        goal: at_most(600.0, 400.0),
        peer: "3,000 resident",
        figure: peak_anonymous,
        limit_name: "raw engine and raw index together",
        limit: |figures| {
            let limits = figures.limits.as_ref()?;
            Some((limits.engine.peak.anonymous + limits.index.peak.anonymous) as f64 / 1e6)
        },
    },
    Work {
        name: "disk after a clean stop, MB",
        goal: at_most(450.0, 330.0),
        peer: "3,191",
        figure: |figures| Some(figures.disk.as_ref()?.total as f64 / 1e6),
        limit_name: "raw engine and raw index together",
        limit: |figures| {
            let limits = figures.limits.as_ref()?;
            Some((limits.engine.figures.disk + limits.index.figures.disk) as f64 / 1e6)
        },
    },
    Work {
        name: "restart to the first correct answer, s",
        goal: at_most(1.0, 0.5),
        peer: "1.1 – 2.6",
        figure: |figures| Some(figures.restart.as_ref()?.search_secs),
        limit_name: "raw engine opened and its current rows read, raw index opened",
        limit: |figures| {
            let limits = figures.limits.as_ref()?;
            Some(limits.engine.figures.start_secs + limits.index.figures.open_secs)
        },
    },
    latency!("ref, kind, name and owner by ref, p50 ms", Lookup, 0.2, 0.1, ""),
    crowd!(
        "ref, kind, name and owner at 16 connections, requests/s",
        Lookup,
        15_000.0,
        25_000.0,
        ""
    ),
    latency!("the whole entity by ref, p50 ms", Entity, 0.3, 0.15, "0.55"),
    crowd!(
        "the whole entity at 16 connections, requests/s",
        Entity,
        6_000.0,
        15_000.0,
        "3,356"
    ),
    latency!("page by kind and owner, p50 ms", Page, 0.5, 0.3, "2.25"),
    latency!("text search, p50 ms", Search, 2.0, 0.5, "138"),
    latency!("ordered first page, p50 ms", Ordered, 1.0, 0.5, "323"),
    latency!("facets over tags, p50 ms", Facets, 2.0, 1.0, "244"),
    latency!("two hops, p50 ms", TwoHops, 0.5, 0.3, "2.98, three requests"),
];
