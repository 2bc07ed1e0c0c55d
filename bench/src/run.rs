//! One run of the benchmark: the stages in their order, and the figures as they come.

use std::time::Duration;

use crate::args::RunArgs;
use crate::failure::{Outcome, While as _, fail};
use crate::process::{Memory, Watch};
use crate::questions::Operation;
use crate::server::Setup;
use crate::stages::{Asked, Asking, Figures, asking, ingest, restart};
use crate::truth::Truth;

/// Before figures of queries count.
const WARM: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &RunArgs) -> Outcome<()> {
    let operations = operations(&args.queries)?;
    let first = args.input.join("entities.ndjson");
    let second = args.input.join("entities.mutated.ndjson");
    let wants = |stage: &str| args.stages.iter().any(|named| named == stage);
    println!("reading {}", first.display());
    let truth = Truth::read(&first)?;
    let changed = match wants("change") {
        true => Some(Truth::read(&second)?),
        false => None,
    };
    let mut all = Vec::new();
    for engine in &args.engine {
        let folder = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&args.work)
            .while_doing(format!("making a folder in {}", args.work.display()))?;
        let setup = Setup {
            binary: args.binary.clone(),
            engine: engine.clone(),
            folder: folder.path().canonicalize().while_doing("finding the folder")?,
        };
        println!("\n{engine}, {} entities", truth.entities.len());
        let mut figures = Figures {
            engine: engine.clone(),
            entities: truth.entities.len(),
            bytes: std::fs::metadata(&first).while_doing("reading the workload")?.len(),
            ..Figures::default()
        };
        ingest::place(&first, &setup.file())?;
        let server = setup.start()?;
        server.wait_ready()?;
        let watch = Watch::start(server.pid());
        let ingested = ingest::first(&server, &watch, &truth)?;
        println!(
            "  full ingest        {:8.2} s  {:.0} entities/s, CPU {:.1} s, peak {}",
            ingested.secs,
            truth.entities.len() as f64 / ingested.secs,
            ingested.cpu_secs,
            memory(ingested.peak)
        );
        figures.ingest = Some(ingested);
        if wants("resync") {
            let resync = ingest::again(&server, &setup, &first, &truth)?;
            println!(
                "  unchanged re-sync  {:8.3} s  CPU {:.2} s",
                resync.secs, resync.cpu_secs
            );
            figures.resync = Some(resync);
        }
        let mut now = &truth;
        if let Some(changed) = &changed {
            let change = ingest::change(&server, &setup, &second, changed)?;
            println!(
                "  {:5} changed      {:8.3} s  CPU {:.2} s, the run {:.3} s, peak {}",
                change.entities,
                change.secs,
                change.cpu_secs,
                change.run_secs,
                memory(watch.take())
            );
            figures.change = Some(change);
            now = changed;
        }
        if wants("queries") {
            watch.take();
            let plan = Asking {
                connections: args.connections,
                warm: WARM,
                sequential: Duration::from_secs_f64(args.secs),
                crowd: Duration::from_secs_f64(args.secs),
                seed: args.seed,
            };
            figures.queries = asking::ask(&server, now, &operations, plan, tell)?;
            let serving = watch.take();
            println!("  serving            peak {}", memory(serving));
            figures.serving = Some(serving);
        }
        drop(watch);
        let stopped = server.stop()?;
        let disk = restart::disk(&setup)?;
        println!("  clean stop         {:8.2} s", stopped.as_secs_f64());
        println!("  disk               {:8.1} MB  {}", mb(disk.total), parts(&disk));
        figures.disk = Some(disk);
        if wants("restart") {
            let (restarted, server) = restart::restart(&setup, now, args.seed)?;
            println!(
                "  restart            {:8.3} s  search {:.3} s, CPU {:.2} s, then {}",
                restarted.secs,
                restarted.search_secs,
                restarted.cpu_secs,
                memory(restarted.memory)
            );
            figures.restart = Some(restarted);
            server.stop()?;
        }
        if args.keep {
            println!("  kept in {}", folder.keep().display());
        }
        all.push(figures);
    }
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&all).while_doing("writing figures")?;
        std::fs::write(path, text + "\n").while_doing(format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn operations(names: &[String]) -> Outcome<Vec<Operation>> {
    if names.is_empty() {
        return Ok(Operation::ALL.to_vec());
    }
    let find = |name: &String| match Operation::named(name) {
        Some(operation) => Ok(operation),
        None => fail(format!("there is no operation `{name}`; see bench/queries/")),
    };
    names.iter().map(find).collect()
}

fn tell(asked: &Asked) {
    println!(
        "  {:<17}  {:8.3} ms p50, {:.3} p95, {:.3} p99; {:.0} requests/s, {:.3} ms p50, {:.3} p99; CPU {:.3} ms, {} bytes",
        asked.operation.name(),
        asked.p50_ms,
        asked.p95_ms,
        asked.p99_ms,
        asked.requests_per_sec,
        asked.crowd_p50_ms,
        asked.crowd_p99_ms,
        asked.cpu_ms,
        asked.answer_bytes,
    );
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn memory(memory: Memory) -> String {
    format!(
        "{:.0} MB anonymous ({:.0} resident)",
        mb(memory.anonymous),
        mb(memory.resident)
    )
}

fn parts(disk: &crate::stages::Disk) -> String {
    let parts: Vec<String> = disk
        .parts
        .iter()
        .map(|(name, bytes)| format!("{name} {:.1}", mb(*bytes)))
        .collect();
    parts.join(", ")
}
