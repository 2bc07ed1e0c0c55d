//! The configuration as people write it.
//!
//! The JSON Schema in `schema/contracts/config.schema.json` is made from these types and is also what a file is checked
//! against, so ranges and forms that a schema can express stand here; [`crate::Config`] holds what is left. The
//! defaults of the fields are those of the embedded `config/bailiwick.yaml`; a test compares the two.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "Configuration of Bailiwick")]
pub struct ConfigWire {
    /// The API.
    pub server: ServerWire,
    /// Where the catalog is kept.
    pub store: StoreWire,
    /// Who may use the API.
    pub auth: AuthWire,
    /// What the program says about its work, on standard error.
    pub log: LogWire,
    /// Kinds of your own.
    pub kinds: KindsWire,
    /// How removals are guarded.
    pub sweeps: SweepsWire,
    /// How long the past is kept.
    pub retention: RetentionWire,
    /// How the owner of an entity is found.
    pub ownership: OwnershipWire,
    /// Where metadata comes from.
    pub sources: Vec<SourceWire>,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerWire {
    /// Address and port; port 0 takes a free one. Beyond loopback the server refuses to start without a token in
    /// `auth.tokens`.
    #[schemars(length(min = 1))]
    pub listen: String,
}

impl Default for ServerWire {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7007".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreWire {
    /// `fjall` and `sled` keep the catalog on disk; `memory` forgets it at the end of the process.
    pub engine: StoreEngineWire,
    /// Folder of the store, the search index and the mirrors of remote repositories. Made if it is missing.
    #[schemars(length(min = 1))]
    pub data_dir: String,
    /// Memory for the store's cache of blocks, in MiB.
    #[schemars(range(min = 8, max = 16_384))]
    pub cache_mib: u64,
    /// Free space of the disk, in MiB, below which nothing more is written; 0 for no watch. Never more than an eighth of
    /// the file system.
    #[schemars(range(max = 1_048_576))]
    pub min_free_mib: u64,
}

impl Default for StoreWire {
    fn default() -> Self {
        Self {
            engine: StoreEngineWire::Fjall,
            data_dir: "data".to_owned(),
            cache_mib: 64,
            min_free_mib: 64,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreEngineWire {
    Fjall,
    Sled,
    Memory,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthWire {
    /// API tokens. None: everybody who reaches the loopback address may do everything.
    pub tokens: Vec<TokenWire>,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenWire {
    /// Whose token it is, for the audit log; unique, letters, digits, `-`, `_` and `.`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"))]
    pub name: String,
    /// What `bailiwick token new` printed as the hash. The token itself stands nowhere in the configuration.
    #[schemars(regex(pattern = r"^blake3:[0-9a-f]{64}$"))]
    pub hash: String,
    /// Functional groups of the holder.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether the holder may start runs and decide sweeps.
    #[serde(default)]
    pub operate: bool,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogWire {
    /// `text` for people, `json` for machines, one object a line.
    pub format: LogFormatWire,
    /// How much is said.
    pub level: LogLevelWire,
}

impl Default for LogWire {
    fn default() -> Self {
        Self {
            format: LogFormatWire::Text,
            level: LogLevelWire::Info,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormatWire {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevelWire {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KindsWire {
    /// Files that declare kinds, or folders whose `*.yaml` files do.
    #[schemars(inner(length(min = 1)))]
    pub paths: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SweepsWire {
    /// A removal beyond both bounds at once is held until somebody decides.
    pub guard: GuardWire,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GuardWire {
    /// Claims.
    #[schemars(range(max = 1_000_000_000))]
    pub claims: u64,
    /// Share of the claims of the scope, in percent.
    #[schemars(range(max = 100))]
    pub percent: u32,
}

impl Default for GuardWire {
    fn default() -> Self {
        Self { claims: 5, percent: 20 }
    }
}

/// What is older goes once a day, while the server runs.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionWire {
    /// Versions of entities and the log of changes, in days. Of what each entity was before, the newest version stays.
    #[schemars(range(min = 1, max = 36_500))]
    pub history_days: u32,
    /// Events, by the time at which they happened, in days.
    #[schemars(range(min = 1, max = 36_500))]
    pub events_days: u32,
    /// How long an applied removal can be undone, in days.
    #[schemars(range(min = 2, max = 36_500))]
    pub sweeps_days: u32,
    /// Runs that have ended, in days. The last one of each source stays.
    #[schemars(range(min = 1, max = 36_500))]
    pub runs_days: u32,
    /// What operators did, in days.
    #[schemars(range(min = 1, max = 36_500))]
    pub audit_days: u32,
}

impl Default for RetentionWire {
    fn default() -> Self {
        Self {
            history_days: 400,
            events_days: 400,
            sweeps_days: 90,
            runs_days: 90,
            audit_days: 400,
        }
    }
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OwnershipWire {
    /// Kinds of evidence, strongest first. Evidence of a kind that is left out is shown and decides nothing.
    #[schemars(length(min = 1))]
    pub order: Vec<OwnerMethodWire>,
}

impl Default for OwnershipWire {
    fn default() -> Self {
        use OwnerMethodWire::{Codeowners, Committers, Explicit, Inherited, Label, RepositoryAdmin};
        Self {
            order: vec![Explicit, Codeowners, Label, Inherited, RepositoryAdmin, Committers],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnerMethodWire {
    Explicit,
    Codeowners,
    Label,
    Inherited,
    RepositoryAdmin,
    Committers,
}

/// One source. Besides these keys it takes those of its type.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub struct SourceWire {
    /// Unique; a changed id is a new source. 1 to 63 of `a-z`, `0-9`, `-` and `_`, beginning with a letter.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,62}$"))]
    pub id: String,
    /// What sort of source it is, such as `git` or `files`.
    #[schemars(length(min = 1))]
    pub r#type: String,
    /// Standard cron expression of 5 fields. Without one the source runs at the start and when something wakes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// IANA name of the time zone of the schedule; without one it is UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What the source may declare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<AllowWire>,
    /// Whose word counts when sources disagree on a field: the higher rank wins, among equals the id.
    #[serde(default)]
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub rank: i32,
    /// Longest time for one run, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub deadline_secs: Option<u64>,
    /// Whether the source runs when the server starts.
    #[serde(default = "yes")]
    pub run_at_start: bool,
    /// The id that the source had before; its claims move to the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,62}$"))]
    pub previous_id: Option<String>,
}

/// The keys of [`SourceWire`]; every other key of a source belongs to its type.
pub(crate) const SOURCE_KEYS: &[&str] = &[
    "id",
    "type",
    "schedule",
    "time_zone",
    "allow",
    "rank",
    "deadline_secs",
    "run_at_start",
    "previous_id",
];

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AllowWire {
    /// Kinds, whatever their case. Without this key: all that sources of the type may declare by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(inner(length(min = 1)))]
    pub kinds: Option<Vec<String>>,
    /// Namespaces, whatever their case. Without this key: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(inner(length(min = 1)))]
    pub namespaces: Option<Vec<String>>,
}
