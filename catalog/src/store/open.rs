//! Which engines there are, and opening one by its name in the configuration.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use bailiwick_schema::Limit;

use super::fjall::FjallEngine;
use super::keeping;
use super::layout::{KeyValueStore, Loader, keys};
use super::memory::MemoryEngine;
use super::sled::SledEngine;
use super::space::MIN_FREE_BYTES_DEFAULT;
use super::{Load, Store, StoreResult, fjall, memory, sled};
use crate::fail_point::FailPoints;

/// Cache of the engine on disk if nothing else is configured, in bytes.
pub const CACHE_BYTES_DEFAULT: u64 = 64 << 20;

/// The engines that `store.engine` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineKind {
    /// Nothing is kept.
    Memory,
    #[default]
    Fjall,
    Sled,
}

/// An unknown engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no store engine `{}`; known are {}", .0.escape_default(), EngineKind::known())]
pub struct EngineKindError(pub String);

impl EngineKind {
    pub const ALL: [Self; 3] = [Self::Memory, Self::Fjall, Self::Sled];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => memory::NAME,
            Self::Fjall => fjall::NAME,
            Self::Sled => sled::NAME,
        }
    }

    fn known() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EngineKind {
    type Err = EngineKindError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| EngineKindError(name.to_owned()))
    }
}

/// What an operator may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Memory for blocks read from disk. The operating system caches the files too.
    pub cache_bytes: u64,
    /// Free space of the file system below which writes are refused, but never more than an eighth of it; 0 for none.
    pub min_free_bytes: u64,
    /// Told of [`crate::FailPoint::BatchHalfWritten`].
    pub fail_points: FailPoints,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: CACHE_BYTES_DEFAULT,
            min_free_bytes: MIN_FREE_BYTES_DEFAULT,
            fail_points: FailPoints::default(),
        }
    }
}

/// Opens a store, or sets up a new one in an empty or missing folder. `path` is the store's own folder; the memory
/// engine ignores it. Blocks while the engine reads its journal (about a second for a million records).
/// Errors: `Locked`, `Unusable`, `Corrupt` and `Engine`; then nothing is held open.
pub fn open(engine: EngineKind, path: &Path, options: StoreOptions) -> StoreResult<Arc<dyn Store>> {
    let shown = path.display().to_string();
    Ok(match engine {
        EngineKind::Memory => Arc::new(KeyValueStore::open(MemoryEngine::new(), &shown)?),
        EngineKind::Fjall => Arc::new(KeyValueStore::open(FjallEngine::open(path, &options)?, &shown)?),
        EngineKind::Sled => Arc::new(KeyValueStore::open(SledEngine::open(path, &options)?, &shown)?),
    })
}

/// The engine whose files lie in a folder; nothing if there are none that any engine is known by.
pub fn engine_of(path: &Path) -> Option<EngineKind> {
    let has = |names: &[&str]| names.iter().any(|name| path.join(name).exists());
    if has(fjall::MARKERS) {
        Some(EngineKind::Fjall)
    } else if has(sled::MARKERS) {
        Some(EngineKind::Sled)
    } else {
        None
    }
}

/// Begins to fill a new store in an empty or missing folder with the rows of another; see [`Load`].
/// Errors: as of [`open`], and `Unusable` if the store holds anything.
pub fn load(engine: EngineKind, path: &Path, options: &StoreOptions) -> StoreResult<Box<dyn Load>> {
    let shown = path.display().to_string();
    Ok(match engine {
        EngineKind::Memory => Box::new(Loader::over(MemoryEngine::new(), shown)?),
        EngineKind::Fjall => Box::new(Loader::over(FjallEngine::open(path, options)?, shown)?),
        EngineKind::Sled => Box::new(Loader::over(SledEngine::open(path, options)?, shown)?),
    })
}

/// The limits of the store.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "store_text_key_bytes_max",
        value: keys::TEXT_KEY_BYTES_MAX as u64,
        unit: "bytes",
        effect: "a longer text is found by its beginning and a hash of the whole",
    },
    Limit {
        name: "store_value_bytes_max",
        value: fjall::VALUE_BYTES_MAX as u64,
        unit: "bytes",
        effect: "the commit is refused",
    },
    Limit {
        name: "store_past_bytes_max",
        value: sled::PAST_BYTES_MAX as u64,
        unit: "bytes",
        effect: "with sled, reads that began longest ago end with an error and may be tried again",
    },
    Limit {
        name: "store_piece_bytes_max",
        value: sled::PIECE_BYTES_MAX as u64,
        unit: "bytes",
        effect: "with sled, a longer value is kept in pieces",
    },
    Limit {
        name: "store_journal_bytes_max",
        value: fjall::JOURNAL_BYTES_MAX,
        unit: "bytes",
        effect: "tables are flushed to disk until the journal is smaller",
    },
    Limit {
        name: "trim_batch_rows_max",
        value: keeping::TRIM_BATCH_ROWS_MAX as u64,
        unit: "rows",
        effect: "the rest of what is past its retention goes in the next batch, after waiting commits",
    },
    Limit {
        name: "trim_looked_rows_max",
        value: keeping::TRIM_LOOKED_ROWS_MAX as u64,
        unit: "rows",
        effect: "the trimming goes on in the next batch, after waiting commits",
    },
    Limit {
        name: "entity_numbers_max",
        value: 1 << 32,
        unit: "entities",
        effect: "the commit is refused",
    },
];
