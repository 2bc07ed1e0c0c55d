//! Free space under a store, watched before each write.
//!
//! An engine that meets a full disk stops until it is opened again, and one of them cannot be opened while the disk is
//! full. So a write that would leave less than a reserve is refused before the engine sees it; it is tried again once
//! there is room, without a restart. Others may fill the disk between the look and the write: the engine's own error is
//! the second line.

use std::path::PathBuf;

use super::{StoreError, StoreResult};

/// Space that is kept free if nothing else is configured, in bytes.
pub const MIN_FREE_BYTES_DEFAULT: u64 = 64 << 20;

/// The reserve is never more than this part of the file system.
pub const RESERVE_PART: u64 = 8;

/// The watch over one folder.
#[derive(Debug)]
pub(crate) struct Space {
    folder: PathBuf,
    min_free_bytes: u64,
}

impl Space {
    pub(crate) fn new(folder: PathBuf, min_free_bytes: u64) -> Self {
        Self { folder, min_free_bytes }
    }

    /// Whether `bytes` more can be written. Errors: `Full`. A file system that does not say is trusted.
    pub(crate) fn check(&self, bytes: u64) -> StoreResult<()> {
        if self.min_free_bytes == 0 {
            return Ok(());
        }
        let Ok(found) = rustix::fs::statvfs(&self.folder) else {
            return Ok(());
        };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let reserve = self
            .min_free_bytes
            .min(found.f_blocks.saturating_mul(found.f_frsize) / RESERVE_PART);
        if free >= reserve.saturating_add(bytes) {
            return Ok(());
        }
        Err(StoreError::Full {
            path: self.folder.display().to_string(),
            free,
            reserve,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_no_reserve_asks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let space = |min| Space::new(folder.path().to_owned(), min);
        space(1).check(1).unwrap();
        space(0).check(u64::MAX).unwrap();
        let error = space(1).check(u64::MAX).unwrap_err();
        assert!(error.to_string().contains("no space left"), "{error}");
        Space::new(folder.path().join("missing"), 1).check(1).unwrap();
    }
}
