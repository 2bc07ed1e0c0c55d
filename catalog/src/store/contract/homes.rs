//! The engines under test.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::Home;
use crate::store::fjall::FjallEngine;
use crate::store::keyvalue::KeyValue;
use crate::store::sled::SledEngine;
use crate::store::{EngineKind, Store, StoreOptions, StoreResult, open};

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

/// An engine with files.
pub(crate) trait OnDisk: KeyValue + Sized {
    const KIND: EngineKind;

    fn at(path: &Path) -> StoreResult<Self>;

    /// Brings what the engine keeps in memory into files of every kind that it has.
    fn spread_for_test(&self) {}
}

impl OnDisk for FjallEngine {
    const KIND: EngineKind = EngineKind::Fjall;

    fn at(path: &Path) -> StoreResult<Self> {
        Self::open(path, &StoreOptions::default())
    }

    fn spread_for_test(&self) {
        self.flush_for_test();
    }
}

impl OnDisk for SledEngine {
    const KIND: EngineKind = EngineKind::Sled;

    fn at(path: &Path) -> StoreResult<Self> {
        Self::open(path, &StoreOptions::default())
    }
}

/// A folder that goes with the test.
pub(crate) struct DiskHome<E> {
    pub(crate) folder: TempDir,
    engine: PhantomData<E>,
}

pub(crate) type FjallHome = DiskHome<FjallEngine>;
pub(crate) type SledHome = DiskHome<SledEngine>;

impl<E: OnDisk> Home for DiskHome<E> {
    const KEEPS: bool = true;

    fn fresh() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            engine: PhantomData,
        }
    }

    fn open(&self) -> Arc<dyn Store> {
        let path = self.folder.path().join("deep/store");
        open(E::KIND, &path, StoreOptions::default()).unwrap()
    }
}

/// Makes a test of each clause for each engine with files.
macro_rules! on_disk {
    ($($clause:ident,)+) => {
        mod fjall {
            $(#[test]
            fn $clause() {
                super::$clause::<crate::store::fjall::FjallEngine>();
            })+
        }
        mod sled {
            $(#[test]
            fn $clause() {
                super::$clause::<crate::store::sled::SledEngine>();
            })+
        }
    };
}
pub(crate) use on_disk;
