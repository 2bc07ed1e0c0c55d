//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures Bailiwick: ingest, queries, memory, disk and restart, over HTTP, on the real binary.
#[derive(Debug, Parser)]
#[command(name = "bench", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ingest, re-sync, change, ask, stop, start again
    Run(RunArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The optimised binary
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: PathBuf,
    /// Folder with entities.ndjson and entities.mutated.ndjson
    #[arg(long, value_name = "DIR")]
    pub(crate) input: PathBuf,
    /// Folder for data, on a real disk; a temporary one within it is used and removed
    #[arg(long, value_name = "DIR", default_value = "target")]
    pub(crate) work: PathBuf,
    /// Store engines, one after another
    #[arg(long, value_name = "ENGINES", value_delimiter = ',', default_value = "fjall")]
    pub(crate) engine: Vec<String>,
    /// Only these stages; ingest is always there
    #[arg(
        long,
        value_name = "STAGES",
        value_delimiter = ',',
        default_value = "resync,change,queries,restart"
    )]
    pub(crate) stages: Vec<String>,
    /// Only these operations (files of bench/queries/)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) queries: Vec<String>,
    /// Seconds that each operation is asked for, one after another and from many connections
    #[arg(long, value_name = "SECS", default_value_t = 4.0)]
    pub(crate) secs: f64,
    /// Connections of the crowd
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    pub(crate) connections: usize,
    /// Seed of the questions
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Leave the data folder and say where it is
    #[arg(long)]
    pub(crate) keep: bool,
}
