//! One run of the benchmark: the stages in their order, and the figures as they come.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::args::{RunArgs, STAGES, SoakArgs, WorkloadArgs};
use crate::failure::{Outcome, While as _, fail};
use crate::prepare::{self, Files};
use crate::process::Watch;
use crate::questions::Operation;
use crate::report::{self, page};
use crate::server::Setup;
use crate::stages::soak::{Mix, Soaking, soak};
use crate::stages::{Asking, Counted, Figures, asking, counting, ingest, restart};
use crate::truth::Truth;
use crate::workload::Workload;
use crate::{limits, machine};

/// Before figures of queries count.
const WARM: Duration = Duration::from_millis(500);
/// The size of the catalog that counts are compared with.
const SMALL: usize = 1_000;

/// What is the same for every size and engine.
struct Plan<'a> {
    args: &'a RunArgs,
    binary: PathBuf,
    work: PathBuf,
    operations: Vec<Operation>,
}

impl Plan<'_> {
    fn wants(&self, stage: &str) -> bool {
        self.args.stages.iter().any(|named| named == stage)
    }

    fn setup(&self, engine: &str, folder: &Path) -> Outcome<Setup> {
        Ok(Setup {
            binary: self.binary.clone(),
            engine: engine.to_owned(),
            folder: folder.canonicalize().while_doing("finding the folder")?,
        })
    }
}

pub(crate) fn run(args: &RunArgs) -> Outcome<()> {
    let common = &args.common;
    if let Some(unknown) = args
        .stages
        .iter()
        .find(|stage| !STAGES.split(',').any(|known| known == **stage))
    {
        return fail(format!("there is no stage `{unknown}`; there are {STAGES}"));
    }
    let plan = Plan {
        args,
        operations: operations(&args.queries)?,
        work: prepare::work(common)?,
        binary: prepare::binary(common)?,
    };
    let mut all = Vec::new();
    let sizes = [common.entities].into_iter().chain(args.also.iter().copied());
    for (at, entities) in sizes.enumerate() {
        let files = match at {
            0 => prepare::files(common, entities, &plan.work)?,
            _ => prepare::generated(common, entities, &plan.work)?,
        };
        let first = Truth::read(&files.first)?;
        let second = Truth::read(&files.second)?;
        for engine in &common.engine {
            all.push(measure(&plan, engine, &files, [&first, &second])?);
        }
    }
    let mut small = Vec::new();
    if plan.wants("counters") {
        for engine in &common.engine {
            small.push(count_small(&plan, engine)?);
        }
    }
    if let Some(path) = &common.json {
        let text = serde_json::to_string_pretty(&all).while_doing("writing figures")?;
        std::fs::write(path, text + "\n").while_doing(format!("writing {}", path.display()))?;
    }
    let text = page::run(args, &machine::describe(&plan.work), &all, &small);
    match &common.write {
        Some(path) => report::put(path, report::RUN, &text),
        None => {
            println!("\n{text}");
            Ok(())
        }
    }
}

/// All stages with one engine on one workload. `truths` are of the first file and of the changed one.
fn measure(plan: &Plan<'_>, engine: &str, files: &Files, truths: [&Truth; 2]) -> Outcome<Figures> {
    let [first, second] = truths;
    let entities = first.entities.len();
    let folder = prepare::folder(&plan.work)?;
    let setup = plan.setup(engine, folder.path())?;
    println!("\n{engine}, {entities} entities");
    let mut figures = Figures {
        engine: engine.to_owned(),
        entities,
        bytes: std::fs::metadata(&files.first)
            .while_doing("reading the workload")?
            .len(),
        ..Figures::default()
    };
    ingest::place(&files.first, &setup.file())?;
    let server = setup.start()?;
    server.wait_ready()?;
    let watch = Watch::start(server.pid());
    let ingested = ingest::first(&server, &watch, first)?;
    report::say_ingest(&ingested, entities);
    figures.ingest = Some(ingested);
    if plan.wants("resync") {
        let resync = ingest::again(&server, &setup, &files.first, first)?;
        report::say_resync(&resync);
        figures.resync = Some(resync);
    }
    let mut now = first;
    if plan.wants("change") || plan.wants("counters") {
        watch.take();
        let change = ingest::change(&server, &setup, &files.second, second)?;
        report::say_change(&change, watch.take());
        figures.change = Some(change);
        now = second;
    }
    if plan.wants("queries") {
        watch.take();
        let time = Duration::from_secs_f64(plan.args.secs);
        let asking = Asking {
            connections: plan.args.connections,
            warm: WARM,
            sequential: time,
            crowd: time,
            seed: plan.args.common.seed,
            limits: plan.wants("limits"),
            scratch: folder.path(),
        };
        figures.queries = asking::ask(&server, now, &plan.operations, asking, report::say_asked)?;
        let serving = watch.take();
        println!("  serving            peak {}", report::memory(serving));
        figures.serving = Some(serving);
    }
    if plan.wants("counters") {
        figures.counted = Some(counting::count(&server, &setup, &files.second, second, first)?);
    }
    drop(watch);
    let stopped = server.stop()?;
    let disk = restart::disk(&setup)?;
    report::say_disk(stopped, &disk);
    figures.disk = Some(disk);
    if plan.wants("restart") {
        let (restarted, server) = restart::restart(&setup, now, plan.args.common.seed)?;
        report::say_restart(&restarted);
        figures.restart = Some(restarted);
        server.stop()?;
    }
    if plan.wants("limits") {
        let store = setup.data().join("store");
        let limits = limits::measure(engine, &store, &files.first, entities, folder.path())?;
        report::say_limits(&limits, entities);
        figures.limits = Some(limits);
    }
    if plan.args.keep {
        println!("  kept in {}", folder.keep().display());
    }
    Ok(figures)
}

/// Counts the runs of a small catalog, to compare with.
fn count_small(plan: &Plan<'_>, engine: &str) -> Outcome<Counted> {
    let folder = prepare::folder(&plan.work)?;
    let files = prepare::generated(&plan.args.common, SMALL, &plan.work)?;
    let (first, second) = (Truth::read(&files.first)?, Truth::read(&files.second)?);
    let setup = plan.setup(engine, folder.path())?;
    ingest::place(&files.first, &setup.file())?;
    let server = setup.start()?;
    server.wait_ready()?;
    let watch = Watch::start(server.pid());
    ingest::first(&server, &watch, &first)?;
    drop(watch);
    ingest::change(&server, &setup, &files.second, &second)?;
    let counted = counting::count(&server, &setup, &files.second, &second, &first)?;
    server.stop()?;
    Ok(counted)
}

pub(crate) fn soaked(args: &SoakArgs) -> Outcome<()> {
    let common = &args.common;
    let text = match &args.mix {
        Some(path) => std::fs::read_to_string(path).while_doing(format!("reading {}", path.display()))?,
        None => include_str!("../mixes/soak.mix").to_owned(),
    };
    let mix = Mix::parse(&text)?;
    let work = prepare::work(common)?;
    let binary = prepare::binary(common)?;
    let files = prepare::files(common, common.entities, &work)?;
    let truth = Truth::read(&files.first)?;
    let soaking = Soaking {
        time: Duration::try_from_secs_f64(args.minutes * 60.0).while_doing("reading --minutes")?,
        rate: args.rate.max(1),
        connections: args.connections.max(1),
        every: Duration::try_from_secs_f64(args.every).while_doing("reading --every")?,
        seed: common.seed,
    };
    let mut all = Vec::new();
    for engine in &common.engine {
        let folder = prepare::folder(&work)?;
        let setup = Setup {
            binary: binary.clone(),
            engine: engine.clone(),
            folder: folder.path().canonicalize().while_doing("finding the folder")?,
        };
        println!("\n{engine}, {} entities", truth.entities.len());
        ingest::place(&files.first, &setup.file())?;
        let server = setup.start()?;
        server.wait_ready()?;
        let watch = Watch::start(server.pid());
        report::say_ingest(&ingest::first(&server, &watch, &truth)?, truth.entities.len());
        drop(watch);
        let soaked = soak(&server, &setup, [&files.first, &files.second], &truth, &mix, &soaking)?;
        server.stop()?;
        report::say_soaked(&soaked);
        all.push(soaked);
    }
    if let Some(path) = &common.json {
        let text = serde_json::to_string_pretty(&all).while_doing("writing figures")?;
        std::fs::write(path, text + "\n").while_doing(format!("writing {}", path.display()))?;
    }
    let text = page::soak(args, &mix, &machine::describe(&work), &all);
    match &common.write {
        Some(path) => report::put(path, report::SOAK, &text)?,
        None => println!("\n{text}"),
    }
    match all.iter().map(|soaked| soaked.errors).sum::<usize>() {
        0 => Ok(()),
        errors => fail(format!("{errors} answers were wrong")),
    }
}

pub(crate) fn workload(args: &WorkloadArgs) -> Outcome<()> {
    std::fs::create_dir_all(&args.out).while_doing(format!("making {}", args.out.display()))?;
    let workload = Workload {
        entities: args.entities,
        seed: args.seed,
        changed_percent: args.changed,
    };
    for written in workload.write(&args.out)? {
        println!("{} bytes, sha256 {}", written.bytes, written.sha256);
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
