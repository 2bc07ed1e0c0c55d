//! What the last run saw of each file, so that watching can tell a change from noise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What tells that a file was written to; nothing for a file that is not there.
pub(super) type Stamp = Option<(u64, Option<SystemTime>)>;

/// The stamp of a file as it is now, links followed.
pub(super) fn stamp_of(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

/// Files by path with their stamps from before they were read. Shared by the runs of a source and its watcher.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<BTreeMap<PathBuf, Stamp>>>);

impl Seen {
    pub(super) fn replace(&self, stamps: BTreeMap<PathBuf, Stamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamps);
    }

    /// What the last run saw; nothing before the first has ended.
    pub(super) fn get(&self) -> Option<BTreeMap<PathBuf, Stamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
