//! The command line as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::EXIT_CODES;

/// Where the server is expected when nobody says otherwise.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:7007";
/// The variable that stands for `--server`.
pub(crate) const SERVER_VARIABLE: &str = "BAILIWICK_SERVER";

/// Whose is this? A software catalog that reads your repositories and answers who owns what.
#[derive(Debug, Parser)]
#[command(name = "bailiwick", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
#[command(propagate_version = false, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The server that query commands talk to [default: http://127.0.0.1:7007] [env: BAILIWICK_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// A file that holds the API token, alone
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
    /// When to use colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// No progress and no notes, only results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: read the sources on their schedules and answer queries
    Serve(ServeArgs),
    /// Read the sources once, without a server, and end
    Ingest(IngestArgs),
    /// Show one entity
    Get(GetArgs),
    /// List entities
    List(ListArgs),
    /// Search entities by text
    Search(SearchArgs),
    /// Say who owns an entity, or whatever an identifier names, and how that is known
    Owner(OwnerArgs),
    /// Say which source set each field of an entity, and which claims lost
    Explain(ExplainArgs),
    /// Show what an entity is connected with
    Graph(GraphArgs),
    /// List runs of sources, or start one
    Runs(RunsArgs),
    /// List removals that wait for a decision, and decide them
    Sweeps(SweepsArgs),
    /// List problems in the data
    Findings(FindingsArgs),
    /// List what changed, newest first
    Changes(ChangesArgs),
    /// List the sources
    Sources,
    /// Check descriptor files, for use in a repository's own CI
    Validate(ValidateArgs),
    /// Print all entities as NDJSON
    Export(ExportArgs),
    /// Rebuild everything derived and compare it with what is held, by hash
    Verify(VerifyArgs),
    /// Write everything that is held into one file, while the server goes on
    Backup(BackupArgs),
    /// Make a data directory of a backup
    Restore(RestoreArgs),
    /// Forget what is past its retention now, instead of waiting for the day's trimming
    Trim(TrimArgs),
    /// Check, explain or describe the configuration
    Config(ConfigArgs),
    /// Make API tokens
    Token(TokenArgs),
    /// Say whether the server answers queries, for health checks
    Health,
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigSource {
    /// The configuration file; without one the embedded default holds
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the store, the index and the mirrors, instead of store.data_dir
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) source: ConfigSource,
    /// Address and port to listen on, instead of server.listen
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    pub(crate) source: ConfigSource,
    /// Only the source with this id; may be given more than once
    #[arg(long = "source", value_name = "ID")]
    pub(crate) sources: Vec<String>,
    /// Append the position of every commit to this file once it is durable, one decimal number a line
    #[arg(long, value_name = "FILE")]
    pub(crate) ack_log: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The entity, as kind:namespace/name or kind:name
    #[arg(value_name = "REF")]
    pub(crate) entity: String,
}

#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only this kind
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only this namespace
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// Only what this team or person owns
    #[arg(long, value_name = "REF")]
    pub(crate) owner: Option<String>,
    /// Only with this tag; more than one: with all of them
    #[arg(long)]
    pub(crate) tag: Vec<String>,
    /// Only where the field at a path has this value, such as spec.type=website; may be given more than once
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) filter: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Order by a field, such as metadata.name or metadata.name:desc; may be given more than once
    #[arg(long, value_name = "FIELD[:desc]")]
    pub(crate) order: Vec<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "all")]
    pub(crate) first: usize,
    /// All of them, page by page
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// What to look for; the last word may be a beginning
    #[arg(required = true, num_args = 1..)]
    pub(crate) text: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) first: usize,
}

#[derive(Debug, Args)]
pub(crate) struct OwnerArgs {
    /// An entity ref, or an identifier such as repo:github.com/acme/pay or email:a@acme.com
    #[arg(value_name = "REF-OR-IDENTIFIER")]
    pub(crate) of: String,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The entity, as kind:namespace/name or kind:name
    #[arg(value_name = "REF")]
    pub(crate) entity: String,
    /// Only this field, such as spec.owner
    #[arg(value_name = "FIELD")]
    pub(crate) field: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// Relations as the entity has them: ownedBy, partOf, dependsOn
    Out,
    /// Their inverses: ownerOf, hasPart, dependencyOf
    In,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Tree,
    Dot,
    Mermaid,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// The entity, as kind:namespace/name or kind:name
    #[arg(value_name = "REF")]
    pub(crate) entity: String,
    /// How many steps to follow
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub(crate) depth: u8,
    /// Which relations to follow
    #[arg(long, default_value = "out")]
    pub(crate) direction: Direction,
    /// How to draw it; ignored with --output json or yaml
    #[arg(long, default_value = "tree")]
    pub(crate) format: GraphFormat,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RunsArgs {
    /// Only runs of this source
    #[arg(long, value_name = "ID")]
    pub(crate) source: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) first: usize,
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Start a run of a source
    Trigger {
        /// The id of the source
        #[arg(value_name = "SOURCE")]
        source: String,
        /// Wait until it has ended and search shows what it read; exits 1 if the run failed
        #[arg(long)]
        wait: bool,
    },
    /// Show one run
    Show {
        /// The id of the run
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SweepsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SweepsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SweepsCommand {
    /// List sweeps that wait (the default)
    List {
        /// Rejected ones too
        #[arg(long)]
        all: bool,
        /// Those that were applied and can be undone, instead
        #[arg(long, conflicts_with = "all")]
        applied: bool,
    },
    /// Remove what is still missing
    Approve {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Keep the claims, quietly, until the set changes
    Reject {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Bring back what an applied sweep removed
    Undo {
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FindingsArgs {
    /// Only this code, such as duplicate_ref
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Only of this severity: info, warning or error
    #[arg(long)]
    pub(crate) severity: Option<String>,
    /// Only of this source
    #[arg(long, value_name = "ID")]
    pub(crate) source: Option<String>,
    /// Only about this entity
    #[arg(long, value_name = "REF")]
    pub(crate) entity: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) first: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ChangesArgs {
    /// Only of this entity
    #[arg(long, value_name = "REF")]
    pub(crate) entity: Option<String>,
    /// Only after this position, oldest first
    #[arg(long, value_name = "POSITION")]
    pub(crate) after: Option<u64>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) first: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Files, folders or globs; in a folder every *.yaml, *.yml, *.json and *.ndjson file that could be a descriptor is read
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Files or folders that declare further kinds; may be given more than once
    #[arg(long = "kinds", value_name = "PATH")]
    pub(crate) kinds: Vec<PathBuf>,
}

/// Where `export`, `verify` and `backup` read without a server.
#[derive(Debug, Args)]
pub(crate) struct Offline {
    /// Read this data directory; no server may be running on it
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// With --data-dir: the configuration file that the server has, if it has one
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Takes exactly one of --data-dir (no server running) and --server.")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) offline: Offline,
    /// Only what was said: sorted, without uids and positions, so that two catalogs can be compared
    #[arg(long)]
    pub(crate) content: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Takes exactly one of --data-dir (no server running) and --server.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) offline: Offline,
    /// The same as --output json
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Takes exactly one of --data-dir (no server running) and --server.")]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) offline: Offline,
    /// The file to write; it appears when it is whole and durable
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The folder to make; it must be missing or empty
    #[arg(long, value_name = "DIR", required_unless_present = "check")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The store engine, instead of store.engine
    #[arg(long, value_name = "ENGINE")]
    pub(crate) engine: Option<String>,
    /// The configuration file that the server will have, if it has one
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Only check that the file is whole and undamaged; restore nothing
    #[arg(long, conflicts_with_all = ["data_dir", "engine", "config"])]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Takes exactly one of --data-dir (no server running) and --server.")]
pub(crate) struct TrimArgs {
    #[command(flatten)]
    pub(crate) offline: Offline,
    /// With --data-dir: by the default retention, where the server has no configuration file
    #[arg(long, conflicts_with = "config")]
    pub(crate) defaults: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Name every problem of the configuration, with its place
    Check(ConfigSource),
    /// Print the JSON Schema of the configuration
    Schema,
    /// Print the configuration that holds, and where each value comes from; secrets are left out
    Show(ConfigSource),
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token: it is printed once, its hash goes into the configuration
    New {
        /// Whose token it is, for the audit log
        #[arg(long, default_value = "admin")]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    pub(crate) shell: clap_complete::Shell,
}
