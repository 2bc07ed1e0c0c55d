//! What a run costs, counted and not timed: rows that the store reads and writes, entities that are folded.
//!
//! The program counts (`/metrics`); a count is taken before and after a run. The same counts at a thousand entities and at
//! a million show that cost follows the change and not the catalog.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde::Serialize;

use super::ingest::{place, run_once};
use crate::client::Connection;
use crate::failure::{Outcome, While as _, fail};
use crate::server::{Server, Setup};
use crate::truth::{Entity, Truth};

/// Counters of `/metrics` that belong to a run.
const COUNTERS: [&str; 8] = [
    "bailiwick_store_rows_read_total",
    "bailiwick_store_rows_written_total",
    "bailiwick_store_rows_removed_total",
    "bailiwick_store_bytes_written_total",
    "bailiwick_store_batches_total",
    "bailiwick_ledger_rows_total",
    "bailiwick_entities_stitched_total",
    "bailiwick_versions_written_total",
];

/// Counted over all tables together: how long a row is says nothing about what was touched.
const SUMMED: &str = "bailiwick_store_bytes_written_total";
/// Left out: these rows are read by the question whether the run has ended.
const ASKED_FOR: [&str; 2] = [
    "bailiwick_store_rows_read_total{table=\"runs\"",
    "bailiwick_store_rows_read_total{table=\"run_order\"",
];

/// Counts by name and labels; what stayed 0 is left out.
pub(crate) type Counts = BTreeMap<String, u64>;

/// The counts of a catalog.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Counted {
    pub(crate) entities: usize,
    /// A run over a file that was written anew without a change.
    pub(crate) quiet: Counts,
    /// A run over a file in which one descriptor differs, by its description, tags and dependencies.
    pub(crate) one_changed: Counts,
}

/// Counts runs of a server that holds what `file` says; `truth` is of that file, `before` of the one before it.
pub(crate) fn count(server: &Server, setup: &Setup, file: &Path, truth: &Truth, before: &Truth) -> Outcome<Counted> {
    let mut connection = server.connect()?;
    place(file, &setup.file())?;
    let quiet = counted(&mut connection, run_once)?;
    let Some(changed) = truth
        .changed()
        .into_iter()
        .rfind(|entity| truth.kind_of(entity) == "Component")
    else {
        return fail("no component was changed");
    };
    let next = setup.file().with_extension("next");
    put_back(file, &next, truth, changed, before)?;
    std::fs::rename(&next, setup.file()).while_doing("replacing the file")?;
    let one_changed = counted(&mut connection, run_once)?;
    // As it was, for whoever asks next.
    place(file, &setup.file())?;
    run_once(&mut connection)?;
    Ok(Counted {
        entities: truth.entities.len(),
        quiet,
        one_changed,
    })
}

/// Writes a file in which one entity is as it was before.
fn put_back(file: &Path, to: &Path, truth: &Truth, entity: &Entity, before: &Truth) -> Outcome<()> {
    let what = || format!("writing {}", to.display());
    let Some(old) = before.get(&truth.ref_of(entity)) else {
        return fail("an entity was not there before");
    };
    let mut from = std::fs::File::open(file).while_doing(what())?;
    let mut out = std::fs::File::create(to).while_doing(what())?;
    let (start, end) = truth.line_of(entity);
    std::io::copy(&mut (&from).take(start), &mut out).while_doing(what())?;
    out.write_all(&before.line(old)?).while_doing(what())?;
    from.seek(SeekFrom::Start(end)).while_doing(what())?;
    std::io::copy(&mut from, &mut out).while_doing(what())?;
    out.sync_all().while_doing(what())
}

fn counted(connection: &mut Connection, run: impl FnOnce(&mut Connection) -> Outcome<()>) -> Outcome<Counts> {
    let before = read(connection)?;
    run(connection)?;
    let after = read(connection)?;
    let differ = after.into_iter().filter_map(|(name, now)| {
        let grown = now - before.get(&name).copied().unwrap_or(0).min(now);
        (grown > 0).then_some((name, grown))
    });
    Ok(differ.collect())
}

fn read(connection: &mut Connection) -> Outcome<Counts> {
    let (status, text) = connection.page("/metrics")?;
    if status != 200 {
        return fail(format!("/metrics answers {status}"));
    }
    let counts = counters_of(&text);
    match counts.is_empty() {
        true => fail("/metrics has no counters of the store"),
        false => Ok(counts),
    }
}

/// The counters in a page of metrics.
pub(crate) fn counters_of(page: &str) -> Counts {
    let mut counts = Counts::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.rsplit_once(' ') else {
            continue;
        };
        let family = name.split('{').next().unwrap_or_default();
        let known = COUNTERS.contains(&family) && !ASKED_FOR.iter().any(|asked| name.starts_with(asked));
        let (true, Ok(value)) = (known, value.parse::<f64>()) else {
            continue;
        };
        let name = if family == SUMMED { family } else { name };
        *counts.entry(name.to_owned()).or_default() += value as u64;
    }
    counts
}
