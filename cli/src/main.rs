//! The binary `bailiwick`: the command line, and the place where the parts of the program are put together.
//!
//! Environment, system clock and signals are met here and nowhere else; everything below gets them handed in. The
//! query commands are clients of the API like any other and hold no privilege of their own.

mod ack_log;
mod args;
mod backup;
mod clock;
mod composition;
mod context;
mod exit;
mod fail_points;
mod ingest;
mod local;
mod logging;
mod offline;
mod output;
mod progress;
mod remote;
mod report;
mod serve;
mod signals;
mod trim;
mod yaml;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Steadier memory under many threads than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return exit::usage(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    let mut context = Context::new(&cli.global);
    if matches!(&cli.command, Command::Verify(args) if args.json) {
        context.format = args::Format::Json;
    }
    match run(cli, &context) {
        Ok(exit) => exit.into(),
        Err(failure) => context.report(failure),
    }
}

fn run(cli: Cli, context: &Context) -> Result<Exit, Failure> {
    match cli.command {
        Command::Serve(args) => serve::run(&args, context),
        Command::Ingest(args) => ingest::run(&args, context),
        Command::Export(args) => match offline::place(&args.offline, context)? {
            Some(data_dir) => offline::export(data_dir, &args.offline, args.content, context),
            None => remote::run(Command::Export(args), context),
        },
        Command::Verify(args) => match offline::place(&args.offline, context)? {
            Some(data_dir) => offline::verify(data_dir, &args.offline, context),
            None => remote::run(Command::Verify(args), context),
        },
        Command::Backup(args) => match offline::place(&args.offline, context)? {
            Some(data_dir) => backup::of_folder(data_dir, &args, context),
            None => remote::run(Command::Backup(args), context),
        },
        Command::Restore(args) => backup::restore(&args, context),
        Command::Trim(args) => match offline::place(&args.offline, context)? {
            Some(data_dir) => trim::of_folder(data_dir, &args, context),
            None => remote::run(Command::Trim(args), context),
        },
        Command::Validate(args) => local::validate::run(&args, context),
        Command::Config(args) => local::config::run(&args, context),
        Command::Token(args) => local::token::run(&args, context),
        Command::Completions(args) => local::completions::run(&args),
        command => remote::run(command, context),
    }
}
