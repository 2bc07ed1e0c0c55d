//! `bailiwick trim --data-dir`: forgets what is past its retention, of a folder that no server uses.

use std::path::Path;

use bailiwick_ingestors::kit::chain;
use bailiwick_schema::Viewer;
use serde_json::{Value, json};

use crate::args::TrimArgs;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{cell, printable};
use crate::{offline, progress};

pub(crate) fn of_folder(data_dir: &Path, args: &TrimArgs, context: &Context) -> Result<Exit, Failure> {
    // What is removed does not come back: nobody's longer retention may be overlooked.
    if args.offline.config.is_none() && !args.defaults {
        return Err(
            Failure::usage("the retention is part of the configuration, and none was named")
                .hint("give the server's own with --config FILE; if it has none, --defaults trims by the defaults"),
        );
    }
    let (running, _) = offline::open(data_dir, &args.offline, context)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    let spinner = progress::spinner(context, "trimming");
    let trimmed = runtime.block_on(running.catalog().trim(&Viewer::local()));
    spinner.finish_and_clear();
    running.stop();
    let trimmed = trimmed.map_err(|error| {
        Failure::new(Exit::Failed, format!("the trimming stopped: {}", chain(&error)))
            .hint("what was removed until then is removed; `bailiwick verify` says whether anything is damaged")
    })?;
    print_trimmed(&json!(trimmed), context)
}

/// What was removed, a line for each sort of thing.
pub(crate) fn print_trimmed(trimmed: &Value, context: &Context) -> Result<Exit, Failure> {
    context.print(trimmed, |_| {
        let counts = trimmed.as_object().into_iter().flatten();
        counts
            .map(|(what, count)| format!("{what:<14} {}\n", printable(&cell(count))))
            .collect()
    })?;
    Ok(Exit::Ok)
}
