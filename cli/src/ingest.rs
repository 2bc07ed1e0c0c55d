//! `bailiwick ingest`: every source once, one after the other, without a server.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_catalog::Catalog;
use bailiwick_catalog::api::FindingsQuery;
use bailiwick_config::Problems;
use bailiwick_ingestors::kit::chain;
use bailiwick_ingestors::scheduler::{ScheduledSource, Surroundings, run_source};
use bailiwick_query::run_view;
use bailiwick_schema::{RunCause, RunRecord, RunStatus, Viewer};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::ack_log::{AckFile, AckLog};
use crate::args::IngestArgs;
use crate::composition::{self, Parts, engine_kind, engine_settings};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::local::config::{load, refused};
use crate::remote::show_run;
use crate::{fail_points, logging, progress, signals};

/// How often the progress line is renewed.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Findings that are printed when the pass has ended.
const FINDINGS_SHOWN: usize = 20;

/// Exits 1 if a run failed or was cut short; one that could not read everything says so in its findings.
pub(crate) fn run(args: &IngestArgs, context: &Context) -> Result<Exit, Failure> {
    let config = load(&args.source, None, context).map_err(|problems| refused(&problems))?;
    let Parts { kinds, sources } = composition::parts(&config).map_err(|problems| refused(&Problems(problems)))?;
    let sources = chosen(sources, &args.sources)?;
    logging::start(config.log, context.stderr_colors());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    let settings = engine_settings(&config, &kinds, true, fail_points::from(&context.env)?);
    let ack_file = args.ack_log.as_deref().map(|path| AckFile::open(path, context));
    let ack_file = ack_file.transpose()?;
    let running = composition::open(&config, engine_kind(config.store.engine), settings)?;
    let surroundings = composition::surroundings(&config, Arc::new(running.sink()), context);
    let catalog = running.catalog();
    let ack_log = ack_file.map(|file| file.follow(running.found_head(), catalog.positions()));
    let ack_log = ack_log.transpose()?;
    let result = runtime.block_on(pass(&surroundings, &sources, &catalog, context));
    let spinner = progress::spinner(context, "writing the index");
    running.stop();
    spinner.finish_and_clear();
    ack_log.map_or(Ok(()), AckLog::finish)?;
    let records = result?;
    let runs: Vec<Value> = records.iter().map(run_view).collect();
    context.print(&Value::Array(runs.clone()), |style| {
        runs.iter().map(|run| show_run(run, style)).collect()
    })?;
    context.note(&format!(
        "the catalog holds {} entities at position {}",
        catalog.status().entities,
        catalog.head()
    ));
    note_findings(&catalog, context);
    let failed = |record: &RunRecord| !matches!(record.status, RunStatus::Succeeded | RunStatus::Partial);
    Ok(if records.iter().any(failed) || records.len() < sources.len() {
        Exit::No
    } else {
        Exit::Ok
    })
}

/// Tells what is wrong in the data, worst first, as far as a screen takes it.
fn note_findings(catalog: &Catalog, context: &Context) {
    let query = FindingsQuery {
        first: FINDINGS_SHOWN,
        ..FindingsQuery::default()
    };
    let page = match catalog.findings(&Viewer::local(), &query) {
        Ok(page) => page,
        Err(error) => return context.note(&format!("the findings cannot be read: {}", chain(&error))),
    };
    for row in &page.items {
        let finding = &row.finding;
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            (None, _) => row.scope.as_ref().map_or_else(String::new, ToString::to_string),
        };
        context.note(&format!(
            "{} {} {place}: {}",
            finding.severity.as_str(),
            finding.code,
            finding.message
        ));
    }
    if page.total > page.items.len() {
        let more = page.total - page.items.len();
        context.note(&format!(
            "and {more} more findings; `bailiwick findings` lists them while the server runs"
        ));
    }
}

/// The sources of these ids, or all.
fn chosen(sources: Vec<ScheduledSource>, ids: &[String]) -> Result<Vec<ScheduledSource>, Failure> {
    for id in ids {
        if !sources.iter().any(|source| source.id.as_str() == id) {
            let known: Vec<&str> = sources.iter().map(|source| source.id.as_str()).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(Failure::usage(format!(
                "there is no source `{id}`; configured are: {known}"
            )));
        }
    }
    let wanted = |source: &ScheduledSource| ids.is_empty() || ids.iter().any(|id| id == source.id.as_str());
    Ok(sources.into_iter().filter(wanted).collect())
}

/// Runs the sources in turn. A signal ends the run that goes on and those after it.
async fn pass(
    surroundings: &Surroundings,
    sources: &[ScheduledSource],
    catalog: &Catalog,
    context: &Context,
) -> Result<Vec<RunRecord>, Failure> {
    let cancel = signals::on_stop()?;
    let mut records = Vec::new();
    for source in sources {
        if cancel.is_cancelled() {
            break;
        }
        let spinner = progress::spinner(context, source.id.as_str());
        let looking = CancellationToken::new();
        let watching = tokio::spawn(watch(
            spinner.clone(),
            source.id.to_string(),
            catalog.clone(),
            looking.clone(),
        ));
        let record = run_source(surroundings, source, RunCause::Operator, &cancel).await;
        looking.cancel();
        // The watcher only draws; how it ended does not matter.
        let _ = watching.await;
        spinner.finish_and_clear();
        records.push(
            record.map_err(|error| Failure::new(Exit::Failed, format!("source `{}`: {}", source.id, chain(&error))))?,
        );
    }
    Ok(records)
}

async fn watch(bar: indicatif::ProgressBar, source: String, catalog: Catalog, done: CancellationToken) {
    if bar.is_hidden() {
        return;
    }
    while !done.is_cancelled() {
        let status = catalog.status();
        bar.set_message(format!(
            "{source}: {} claims, {} entities, position {}",
            status.claims, status.entities, status.position
        ));
        tokio::select! {
            () = done.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
