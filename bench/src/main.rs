//! The benchmark of the whole program: one command that leaves `docs/benchmarks.md` as its result.
//!
//! It starts the real binary on a workload of its own making, asks over HTTP as a dashboard would, compares the answers
//! with the workload, and reads the rest from the kernel. It knows none of the program's crates: what it measures is
//! what anybody else would see.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measuring program prints, reads the clock, waits, and starts what it measures"
)]

mod args;
mod client;
mod draw;
mod failure;
mod limits;
mod machine;
mod prepare;
mod process;
mod questions;
mod report;
mod run;
mod server;
mod stages;
mod truth;
mod workload;
mod wrk;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Soak(args) => run::soaked(&args),
        Command::Workload(args) => run::workload(&args),
        Command::Limit(command) => limits::run(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
