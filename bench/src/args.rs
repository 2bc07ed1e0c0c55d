//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// All stages of a run.
pub(crate) const STAGES: &str = "resync,change,queries,restart,counters,limits";

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
    /// Load at a fixed rate for minutes, while the catalog changes
    Soak(SoakArgs),
    /// Write a workload: entities.ndjson and entities.mutated.ndjson
    Workload(WorkloadArgs),
    /// One limit alone, as `run` measures it
    #[command(subcommand)]
    Limit(LimitCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum LimitCommand {
    /// Batches of the rows of a store, into an empty one
    Engine(EngineArgs),
    /// Indexing of the entities of a file
    Index(IndexArgs),
    /// Reading and hashing of a file
    Reading(ReadingArgs),
    /// A server that answers what a file holds
    Bare(BareArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// Name of the store engine
    #[arg(long)]
    pub(crate) engine: String,
    /// Folder of a store that nobody has open; it is only read
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// Empty folder
    #[arg(long, value_name = "DIR")]
    pub(crate) target: PathBuf,
    /// How many entities the store holds
    #[arg(long, value_name = "COUNT")]
    pub(crate) entities: usize,
}

#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    /// File of one entity a line
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Empty folder
    #[arg(long, value_name = "DIR")]
    pub(crate) target: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReadingArgs {
    /// File of one entity a line
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct BareArgs {
    /// File with the answer as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) answer: PathBuf,
    /// As GraphQL objects of that shape, not as bytes
    #[arg(long)]
    pub(crate) graphql: bool,
}

/// What every measurement needs.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The optimised binary; without one, `cargo build --release` makes it
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// Size of the workload
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub(crate) entities: usize,
    /// Seed of the workload and of the questions
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many entities the changed file changes, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    pub(crate) changed: f64,
    /// A folder with entities.ndjson and entities.mutated.ndjson, instead of a workload of --entities and --seed
    #[arg(long, value_name = "DIR")]
    pub(crate) input: Option<PathBuf>,
    /// Folder for workload and data, on a real disk; a temporary one within it is used and removed [default: target]
    #[arg(long, value_name = "DIR")]
    pub(crate) work: Option<PathBuf>,
    /// Store engines, one after another
    #[arg(long, value_name = "ENGINES", value_delimiter = ',', default_value = "fjall")]
    pub(crate) engine: Vec<String>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Put the result between its marks in this file, docs/benchmarks.md by habit
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// The day, for the page
    #[arg(long, value_name = "DATE")]
    pub(crate) date: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Further sizes of the workload, after the first
    #[arg(long, value_name = "COUNTS", value_delimiter = ',')]
    pub(crate) also: Vec<usize>,
    /// Only these stages; ingest is always there
    #[arg(long, value_name = "STAGES", value_delimiter = ',', default_value = STAGES)]
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
    /// Leave the data folders and say where they are
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Minutes of load
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0)]
    pub(crate) minutes: f64,
    /// Requests in a second
    #[arg(long, value_name = "COUNT", default_value_t = 2_000)]
    pub(crate) rate: u32,
    /// Connections
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    pub(crate) connections: usize,
    /// Seconds from one re-sync to the next
    #[arg(long, value_name = "SECS", default_value_t = 10.0)]
    pub(crate) every: f64,
    /// A file of operations and their shares, instead of bench/mixes/soak.mix
    #[arg(long, value_name = "FILE")]
    pub(crate) mix: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WorkloadArgs {
    /// Size of the workload
    #[arg(long, value_name = "COUNT")]
    pub(crate) entities: usize,
    /// Seed
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many entities the changed file changes, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    pub(crate) changed: f64,
    /// Folder for the two files
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}
