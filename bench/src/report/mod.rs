//! What is said while it runs, and the page that stays.

mod goals;
pub(crate) mod page;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use crate::failure::{Outcome, While as _, fail};
use crate::limits::Limits;
use crate::process::Memory;
use crate::stages::soak::Soaked;
use crate::stages::{Asked, Change, Disk, Ingest, Restart, Resync};

/// Names of the generated parts of the page.
pub(crate) const RUN: &str = "run";
pub(crate) const SOAK: &str = "soak";

/// Replaces a generated part of a file; what stands around it is written by hand and stays.
/// Errors: a file without the marks of the part; it is left alone.
pub(crate) fn put(path: &Path, part: &str, text: &str) -> Outcome<()> {
    let held = std::fs::read_to_string(path).while_doing(format!("reading {}", path.display()))?;
    let Some(page) = replaced(&held, part, text) else {
        return fail(format!(
            "{} has no marks `{}` and `{}`",
            path.display(),
            mark(part, "begin"),
            mark(part, "end")
        ));
    };
    std::fs::write(path, page).while_doing(format!("writing {}", path.display()))?;
    println!("\nwritten to {}", path.display());
    Ok(())
}

fn mark(part: &str, which: &str) -> String {
    format!("<!-- bench {part}: {which} -->")
}

fn replaced(page: &str, part: &str, text: &str) -> Option<String> {
    let (begin, end) = (mark(part, "begin"), mark(part, "end"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", text.trim()))
}

pub(crate) fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

pub(crate) fn memory(memory: Memory) -> String {
    format!(
        "{:.0} MB anonymous ({:.0} resident)",
        mb(memory.anonymous),
        mb(memory.resident)
    )
}

pub(crate) fn say_ingest(ingest: &Ingest, entities: usize) {
    println!(
        "  full ingest        {:8.2} s  {:.0} entities/s, the run {:.2} s, CPU {:.1} s, {} commits, peak {}, then {}",
        ingest.secs,
        entities as f64 / ingest.secs,
        ingest.run_secs,
        ingest.cpu_secs,
        ingest.commits,
        memory(ingest.peak),
        memory(ingest.after),
    );
}

pub(crate) fn say_resync(resync: &Resync) {
    println!(
        "  unchanged re-sync  {:8.3} s  CPU {:.2} s",
        resync.secs, resync.cpu_secs
    );
}

pub(crate) fn say_change(change: &Change, peak: Memory) {
    println!(
        "  {:5} changed      {:8.3} s  the run {:.3} s, CPU {:.2} s, peak {}",
        change.entities,
        change.secs,
        change.run_secs,
        change.cpu_secs,
        memory(peak)
    );
}

pub(crate) fn say_asked(asked: &Asked) {
    let pace = &asked.pace;
    print!(
        "  {:<17}  {:8.3} ms p50, {:.3} p95, {:.3} p99; {:.0} requests/s, {:.3} ms p50, {:.3} p99; CPU {:.3} ms, {} bytes",
        asked.operation.name(),
        pace.p50_ms,
        pace.p95_ms,
        pace.p99_ms,
        pace.requests_per_sec,
        pace.crowd_p50_ms,
        pace.crowd_p99_ms,
        asked.cpu_ms,
        asked.answer_bytes,
    );
    if let Some(wrk) = asked.wrk_per_sec {
        print!("; wrk {wrk:.0}/s");
    }
    for (name, bare) in [("bytes", &asked.bare_bytes), ("GraphQL", &asked.bare_graphql)] {
        if let Some(bare) = bare {
            print!("; bare {name} {:.3} ms, {:.0}/s", bare.p50_ms, bare.requests_per_sec);
        }
    }
    println!();
}

pub(crate) fn say_disk(stopped: Duration, disk: &Disk) {
    let parts: Vec<String> = disk
        .parts
        .iter()
        .map(|(name, bytes)| format!("{name} {:.1}", mb(*bytes)))
        .collect();
    println!("  clean stop         {:8.2} s", stopped.as_secs_f64());
    println!("  disk               {:8.1} MB  {}", mb(disk.total), parts.join(", "));
}

pub(crate) fn say_restart(restart: &Restart) {
    println!(
        "  restart            {:8.3} s  search {:.3} s, CPU {:.2} s, then {}",
        restart.secs,
        restart.search_secs,
        restart.cpu_secs,
        memory(restart.memory)
    );
}

pub(crate) fn say_limits(limits: &Limits, entities: usize) {
    let per_sec = |secs: f64| entities as f64 / secs;
    let (engine, index, reading) = (&limits.engine.figures, &limits.index.figures, &limits.reading.figures);
    println!(
        "  limit: engine      {:8.2} s  {:.0} entities/s, {} rows, {:.1} MB, 1 % {:.3} s, start {:.3} s, disk {:.1} MB, peak {}",
        engine.load_secs,
        per_sec(engine.load_secs),
        engine.rows,
        mb(engine.bytes),
        engine.change_secs,
        engine.start_secs,
        mb(engine.disk),
        memory(limits.engine.peak)
    );
    println!(
        "  limit: index       {:8.2} s  {:.0} documents/s, two threads {:.0}/s, 1 % {:.3} s, open {:.3} s, disk {:.1} MB, peak {}",
        index.one_thread_secs,
        per_sec(index.one_thread_secs),
        per_sec(index.two_threads_secs),
        index.change_secs,
        index.open_secs,
        mb(index.disk),
        memory(limits.index.peak)
    );
    println!(
        "  limit: reading     {:8.3} s  and hashing; {:.3} s and hashing lines; {:.3} s and parsing them",
        reading.hash_secs, reading.lines_secs, reading.parse_secs
    );
}

pub(crate) fn say_soaked(soaked: &Soaked) {
    println!(
        "  {} answers in {:.0} s, {} errors; {} re-syncs, {:.2} s p50, {:.2} s highest; {:.2} cores",
        soaked.answers,
        soaked.secs,
        soaked.errors,
        soaked.resyncs,
        soaked.resync_p50_secs,
        soaked.resync_highest_secs,
        soaked.cores
    );
    for complaint in &soaked.complaints {
        println!("  {complaint}");
    }
    for latency in &soaked.latencies {
        println!(
            "  {:<17}  {:8.3} ms p50, {:.3} p99, {:.3} p99.9, {:.3} highest; {} answers",
            latency.operation.name(),
            latency.p50_ms,
            latency.p99_ms,
            latency.p999_ms,
            latency.highest_ms,
            latency.answers
        );
    }
    for (at, minute) in soaked.minutes.iter().enumerate() {
        println!(
            "  minute {:<10}  {:8.1} MB anonymous on average, peak {}",
            at + 1,
            mb(minute.mean_anonymous),
            memory(minute.peak)
        );
    }
}
