//! The engines under test.

use std::sync::Arc;

use tempfile::TempDir;

use super::Home;
use crate::store::{EngineKind, Store, StoreOptions, open};

/// Gone when it is dropped.
pub(crate) struct MemoryHome;

impl Home for MemoryHome {
    const KEEPS: bool = false;

    fn fresh() -> Self {
        Self
    }

    fn open(&self) -> Arc<dyn Store> {
        open(EngineKind::Memory, "unused".as_ref(), StoreOptions::default()).unwrap()
    }
}

/// A folder that goes with the test.
pub(crate) struct FjallHome(pub(crate) TempDir);

impl Home for FjallHome {
    const KEEPS: bool = true;

    fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> Arc<dyn Store> {
        open(
            EngineKind::Fjall,
            &self.0.path().join("deep/store"),
            StoreOptions::default(),
        )
        .unwrap()
    }
}
