//! The configuration as the program uses it: parsed, checked, paths absolute.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailiwick_schema::{OwnerMethod, SourceId};
use serde_json::{Map, Value};

use crate::load::Document;
use crate::problem::Problem;

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub store: Store,
    pub auth: Auth,
    pub log: LogSettings,
    /// Files that declare kinds, or folders of such files.
    pub kind_paths: Vec<PathBuf>,
    pub guard: GuardConfig,
    pub retention: RetentionConfig,
    /// Kinds of evidence that decide, strongest first.
    pub ownership_order: Vec<OwnerMethod>,
    /// In the order of the configuration; ids differ.
    pub sources: Vec<SourceConfig>,
    pub(crate) document: Document,
    pub(crate) effective: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub listen: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreEngine {
    Fjall,
    Sled,
    Memory,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub engine: StoreEngine,
    pub data_dir: PathBuf,
    pub cache_bytes: u64,
    pub min_free_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Names differ.
    pub tokens: Vec<TokenConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenConfig {
    pub name: String,
    /// `blake3:` and 64 hex digits.
    pub hash: String,
    pub groups: Vec<String>,
    pub operate: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: LogLevel,
}

/// A removal over both bounds is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardConfig {
    pub claims: u64,
    pub percent: u32,
}

/// How long the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    pub history: Duration,
    pub events: Duration,
    pub sweeps: Duration,
    pub runs: Duration,
    pub audit: Duration,
}

/// What a source may declare, as configured; what its type forbids by default is not in here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowConfig {
    /// In lower case; nothing where the key is missing.
    pub kinds: Option<Vec<String>>,
    /// In lower case; nothing where the key is missing.
    pub namespaces: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    pub id: SourceId,
    pub source_type: String,
    pub schedule: Option<String>,
    pub time_zone: Option<String>,
    pub allow: AllowConfig,
    pub rank: i32,
    pub deadline: Option<Duration>,
    pub run_at_start: bool,
    pub previous_id: Option<SourceId>,
    /// The keys of the source's type, unchecked; relative paths in them start at [`Config::base_dir`].
    pub options: Map<String, Value>,
}

impl Config {
    /// Where relative paths in the configuration start. Absolute.
    pub fn base_dir(&self) -> &Path {
        &self.document.base_dir
    }

    /// A problem that somebody else found in the value at `path` (`sources.code.repositories.0`), with its place.
    pub fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        let steps = self.document.tree.find(path);
        let origin = self.document.tree.nearest(&steps).origin.clone();
        Problem {
            path: path.to_owned(),
            ..self.document.problem(&steps, origin, message.into())
        }
    }
}
