//! A file that appears whole or not at all: written beside its place, made durable, then renamed.
//!
//! What a killed process leaves behind is called `.NAME.partial`, is no whole backup, and is written over by the next
//! attempt. Two processes that write the same file are told apart by a lock on it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write};
use std::path::{Path, PathBuf};

use super::BackupError;
use super::format::SIGNATURE;

/// A backup under construction. Dropped before [`PartialFile::keep`] it leaves nothing behind.
#[derive(Debug)]
pub struct PartialFile {
    file: File,
    partial: PathBuf,
    target: PathBuf,
    replace: bool,
    kept: bool,
}

impl PartialFile {
    /// Begins to write `target`. With `replace` a file that is there is replaced at the end, and stays until then.
    /// Errors: `Exists`, `Busy`, and `Write` for what the file system says.
    pub fn create(target: &Path, replace: bool) -> Result<Self, BackupError> {
        let name = target.file_name().ok_or_else(|| BackupError::Write {
            path: target.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidInput, "it names no file"),
        })?;
        check_target(target, replace)?;
        let mut partial_name = OsString::from(".");
        partial_name.push(name);
        partial_name.push(".partial");
        let partial = target.with_file_name(partial_name);
        let failed = |source| BackupError::Write {
            path: partial.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&partial).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BackupError::Busy {
                    path: target.to_owned(),
                });
            }
            // Some file systems know no locks.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if !is_ours(&mut file).map_err(failed)? {
            return Err(BackupError::Exists { path: partial });
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        Ok(Self {
            file,
            partial,
            target: target.to_owned(),
            replace,
            kept: false,
        })
    }

    /// What was written, to be read from its beginning.
    pub fn reopen(&mut self) -> Result<&File, BackupError> {
        self.file.rewind().map_err(|source| self.failed(source))?;
        Ok(&self.file)
    }

    /// Makes the file durable and gives it its name.
    pub fn keep(mut self) -> Result<(), BackupError> {
        self.file.sync_all().map_err(|source| self.failed(source))?;
        check_target(&self.target, self.replace)?;
        std::fs::rename(&self.partial, &self.target).map_err(|source| self.failed(source))?;
        self.kept = true;
        sync_folder(&self.target).map_err(|source| self.failed(source))
    }

    /// The error of a failed write.
    pub fn failed(&self, source: io::Error) -> BackupError {
        BackupError::Write {
            path: self.target.clone(),
            source,
        }
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is written over by the next attempt.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// Refuses to write over what is there, as far as `replace` allows.
fn check_target(target: &Path, replace: bool) -> Result<(), BackupError> {
    let path = || target.to_owned();
    match std::fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() => Err(BackupError::Folder { path: path() }),
        // A device or a pipe would be replaced by a file.
        Ok(found) if !found.is_file() && !found.is_symlink() => Err(BackupError::Device { path: path() }),
        Ok(_) if !replace => Err(BackupError::Exists { path: path() }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(BackupError::Write { path: path(), source }),
    }
}

/// Whether a file that bears the name of a partial one may be written over: it is empty or begins as a backup.
fn is_ours(file: &mut File) -> io::Result<bool> {
    let mut start = Vec::new();
    file.take(SIGNATURE.len() as u64).read_to_end(&mut start)?;
    Ok(SIGNATURE.starts_with(&start))
}

/// Makes a renaming durable.
pub(super) fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")))?;
    match folder.sync_all() {
        // Not every system lets a folder be synced.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}
