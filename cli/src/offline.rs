//! `bailiwick export --data-dir` and `bailiwick verify --data-dir`: on a data directory that no server uses.

use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use bailiwick_catalog::backup::check_not_interrupted;
use bailiwick_catalog::store;
use bailiwick_catalog::verify::{Stage, VerifyReport, verify_rows};
use bailiwick_catalog::{Catalog, CatalogError, Running};
use bailiwick_config::Problems;
use bailiwick_ingestors::kit::chain;
use bailiwick_schema::{OwnerMethod, Viewer, canonical};
use serde_json::json;

use crate::args::{ConfigSource, Offline, SERVER_VARIABLE};
use crate::composition::{self, engine_settings};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::local::config::{kind_problems, load, refused};
use crate::local::kinds;
use crate::{fail_points, progress, report};

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 256 * 1024;
/// Longest time for the index to catch up before a verification; an index that is missing is made again first.
const INDEX_WAIT_MAX: Duration = Duration::from_secs(30 * 60);

/// Where a command reads: this data directory, or, without one, the server.
pub(crate) fn place<'a>(offline: &'a Offline, context: &Context) -> Result<Option<&'a Path>, Failure> {
    match (&offline.data_dir, &context.server_flag) {
        (Some(_), Some(_)) => Err(Failure::usage("--data-dir and --server exclude each other")
            .hint("--data-dir DIR reads a folder that no server uses, --server URL asks a running server")),
        (Some(data_dir), None) => Ok(Some(data_dir)),
        (None, Some(_)) => Ok(None),
        (None, None) if context.env.contains_key(SERVER_VARIABLE) => Ok(None),
        (None, None) => Err(Failure::usage("either --data-dir or --server is needed")
            .hint("--data-dir DIR reads a folder that no server uses, --server URL asks a running server")),
    }
}

pub(crate) fn export(data_dir: &Path, offline: &Offline, content: bool, context: &Context) -> Result<Exit, Failure> {
    let (running, _) = open(data_dir, offline, context)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout().lock());
    let mut written = Ok(());
    let mut line = Vec::new();
    let result = running.catalog().export(&Viewer::local(), content, &mut |value| {
        line.clear();
        canonical::write(&value, &mut line);
        line.push(b'\n');
        written = out.write_all(&line);
        if written.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let written = written.and_then(|()| out.flush());
    running.stop();
    result.map_err(|error| Failure::new(Exit::Failed, format!("the export stopped: {}", chain(&error))))?;
    written?;
    Ok(Exit::Ok)
}

pub(crate) fn verify(data_dir: &Path, offline: &Offline, context: &Context) -> Result<Exit, Failure> {
    let found = match open(data_dir, offline, context) {
        Ok((running, order)) => {
            let result = verify_now(&running.catalog(), &order, context);
            running.stop();
            result
                .map_err(|error| Failure::new(Exit::Failed, format!("the verification stopped: {}", chain(&error))))?
        }
        Err(failure) => verify_damaged(data_dir, offline, failure, context)?,
    };
    let value = json!({
        "agrees": found.agrees(),
        "position": found.position,
        "entities": found.entities,
        "claims": found.claims,
        "edges": found.edges,
        "documents": found.documents,
        "entitiesHash": found.entities_hash,
        "indexSum": found.index_sum,
        "parts": found.parts.iter().map(|part| json!({
            "part": part.part.as_str(),
            "checked": part.checked,
            "differing": part.differing,
            "rebuilt": part.rebuilt,
            "held": part.held,
        })).collect::<Vec<_>>(),
        "differences": found.differences,
        "furtherDifferences": found.further_differences,
    });
    report::print_verify(&value, context)
}

/// Waits until the index has caught up and compares.
fn verify_now(catalog: &Catalog, order: &[OwnerMethod], context: &Context) -> Result<VerifyReport, CatalogError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CatalogError::Stopped(error.to_string()))?;
    let spinner = progress::spinner(context, "waiting for the index");
    let caught_up = runtime.block_on(catalog.wait_for(catalog.head(), INDEX_WAIT_MAX));
    spinner.finish_and_clear();
    caught_up?;
    let bar = progress::bar(context, "verifying");
    let result = catalog.verify_staged(order, &|stage, done, all| told(&bar, stage, done, all));
    bar.finish_and_clear();
    result
}

fn told(bar: &indicatif::ProgressBar, stage: Stage, done: u64, all: u64) {
    bar.set_message(stage.as_str());
    bar.set_length(all.max(done));
    bar.set_position(done);
}

/// A store that cannot be started may be one with damaged rows: then all of them are named, and not only the first.
fn verify_damaged(
    data_dir: &Path,
    offline: &Offline,
    failure: Failure,
    context: &Context,
) -> Result<VerifyReport, Failure> {
    if failure.exit != Exit::Failed {
        return Err(failure);
    }
    let source = ConfigSource {
        config: offline.config.clone(),
        data_dir: Some(data_dir.to_owned()),
    };
    let config = load(&source, None, context).map_err(|problems| refused(&problems))?;
    let options = composition::store_options(&config, fail_points::from(&context.env)?);
    let folder = config.store.data_dir.join("store");
    // What cannot even be opened was told by the first attempt.
    let Ok(store) = store::open(composition::engine_at(&config), &folder, options) else {
        return Err(failure);
    };
    let bar = progress::bar(context, "verifying");
    let found = verify_rows(&*store, &|stage, done, all| told(&bar, stage, done, all));
    bar.finish_and_clear();
    match found {
        Ok(report) if !report.agrees() => Ok(report),
        _ => Err(failure),
    }
}

/// Refuses a folder without a store, so that nothing is made by looking.
pub(crate) fn check_catalog(folder: &Path, shown: &Path) -> Result<(), Failure> {
    if folder.join("store").is_dir() {
        return Ok(());
    }
    Err(Failure::usage(format!("there is no catalog in `{}`", shown.display()))
        .hint("name the folder that `serve` or `ingest` was given as --data-dir"))
}

pub(crate) fn open(
    data_dir: &Path,
    offline: &Offline,
    context: &Context,
) -> Result<(Running, Vec<OwnerMethod>), Failure> {
    let folder = context.working_dir.join(data_dir);
    check_not_interrupted(&folder).map_err(|error| crate::backup::failure(&error.into()))?;
    check_catalog(&folder, data_dir)?;
    let source = ConfigSource {
        config: offline.config.clone(),
        data_dir: Some(data_dir.to_owned()),
    };
    let config = load(&source, None, context).map_err(|problems| refused(&problems))?;
    let kinds = kinds::load(&config.kind_paths).map_err(|error| refused(&Problems(kind_problems(&config, error))))?;
    // Only a configuration that was named says which sources there are; the embedded one may be another's.
    let settings = engine_settings(
        &config,
        &kinds.into(),
        offline.config.is_some(),
        fail_points::from(&context.env)?,
    );
    let spinner = progress::spinner(context, "opening the catalog");
    let running = composition::open(&config, composition::engine_at(&config), settings);
    spinner.finish_and_clear();
    Ok((running?, config.ownership_order))
}
