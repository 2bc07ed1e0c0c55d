//! The folder of a sled store: what may lie in it, and opening it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use ::sled::{Config, Db, Error};

use super::super::caught::caught;
use super::super::{StoreError, StoreOptions, StoreResult, noted};

/// sled's log.
pub(super) const LOG: &str = "db";
/// Its parameters, written before the log is made.
const PARAMETERS: &str = "conf";
/// What may stand for a folder of this engine, should one of them be lost.
pub(in crate::store) const MARKERS: &[&str] = &[LOG, PARAMETERS, BLOBS];
/// Where it puts messages that are too long for the log.
pub(super) const BLOBS: &str = "blobs";
/// What the names of its snapshots of the page table begin with.
const SNAPSHOT_PREFIX: &str = "snap.";
/// What the names of those end with that are not whole.
const HALF_WRITTEN: &str = ".generating";
/// How often to look whether sled has let go of its lock: half a second in all.
const RELEASE_TRIES: u32 = 500;
const RELEASE_PAUSE: Duration = Duration::from_millis(1);
/// By these another engine is known.
const FJALLS: [&str; 2] = ["version", "keyspaces"];

pub(super) fn unusable(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::Unusable {
        path: path.display().to_string(),
        reason: reason.into(),
    }
}

pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        path: path.display().to_string(),
        reason: reason.into(),
    }
}

fn io_error(error: io::Error) -> StoreError {
    StoreError::Engine(Box::new(error))
}

/// Refuses what sled would mix its files with, and clears away a first start that was cut off before anything could be
/// stored. Errors: `Unusable`, `Damaged`, `Locked`, `Engine`.
pub(super) fn prepare(path: &Path) -> StoreResult<()> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(unusable(path, "it is a file; name a folder"));
        }
        Err(error) => return Err(io_error(error)),
    };
    if FJALLS.iter().all(|name| path.join(name).exists()) {
        return Err(unusable(
            path,
            "it holds a store of the engine `fjall`; set `store.engine: fjall`, or name another folder",
        ));
    }
    let (mut parameters, mut snapshot, mut noted) = (false, false, false);
    for entry in entries {
        let name = entry.map_err(io_error)?.file_name();
        if name.to_str().is_some_and(is_half_written) {
            clear_away(path, &path.join(&name))?;
            continue;
        }
        match name.to_str() {
            Some(PARAMETERS) => parameters = true,
            Some(noted::FILE) => noted = says_batches(path).map_err(io_error)?,
            Some(LOG | BLOBS) => (),
            Some(name) if name.starts_with(SNAPSHOT_PREFIX) => snapshot = true,
            _ => {
                let reason = format!(
                    "it holds other things, such as `{}`; name an empty folder or a new one",
                    name.display()
                );
                return Err(unusable(path, reason));
            }
        }
    }
    let log_bytes = match std::fs::metadata(path.join(LOG)) {
        Ok(log) if log.is_file() => Some(log.len()),
        Ok(_) => {
            return Err(unusable(
                path,
                "its `db` is not a file; name an empty folder or a new one",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_error(error)),
    };
    if log_bytes.unwrap_or(0) == 0 {
        if snapshot || noted {
            let state = if log_bytes.is_some() { "empty" } else { "missing" };
            return Err(damaged(path, format!("its file `{LOG}` is {state}")));
        }
        if parameters {
            cut_off(path)?;
        }
    } else if !parameters {
        return Err(damaged(path, format!("its file `{PARAMETERS}` is missing")));
    }
    Ok(())
}

/// A snapshot of the page table that was being written when the process ended, or when the disk was full. sled would
/// take it for the newest one and fail; the log has all that was in it.
fn is_half_written(name: &str) -> bool {
    name.starts_with(SNAPSHOT_PREFIX) && name.ends_with(HALF_WRITTEN)
}

/// Removes a file of a process that is gone; another process that has the store open keeps its own.
fn clear_away(path: &Path, file: &Path) -> StoreResult<()> {
    match File::open(path.join(LOG)) {
        Ok(log) => match log.try_lock() {
            Ok(()) => {
                std::fs::remove_file(file).map_err(io_error)?;
                unlock(&log);
                Ok(())
            }
            Err(std::fs::TryLockError::WouldBlock) => Err(locked(path)),
            Err(std::fs::TryLockError::Error(error)) => Err(io_error(error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error(error)),
    }
}

/// Whether the note beside the store speaks of batches, or was damaged. It is made before the first one.
fn says_batches(path: &Path) -> io::Result<bool> {
    match noted::read(path)? {
        Some(note) => Ok(note.batches > 0),
        None => Ok(std::fs::metadata(path.join(noted::FILE))?.len() > 0),
    }
}

/// A first start that ended before the log had a byte: its parameters may be half written, and nothing is stored.
fn cut_off(path: &Path) -> StoreResult<()> {
    match File::open(path.join(LOG)) {
        // sled holds this lock while it sets a store up.
        Ok(log) => match log.try_lock() {
            Ok(()) => unlock(&log),
            Err(std::fs::TryLockError::WouldBlock) => return Err(locked(path)),
            Err(std::fs::TryLockError::Error(error)) => return Err(io_error(error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(io_error(error)),
    }
    std::fs::remove_file(path.join(PARAMETERS)).map_err(io_error)
}

fn locked(path: &Path) -> StoreError {
    StoreError::Locked {
        path: path.display().to_string(),
    }
}

/// Opens sled's files. Reads the whole log since the last start.
pub(super) fn open(path: &Path, options: &StoreOptions) -> StoreResult<Db> {
    let config = Config::new()
        .path(path)
        .cache_capacity(options.cache_bytes)
        // Each batch is flushed by its writer, who then syncs; the flusher's own sync does not replace that.
        .flush_every_ms(None);
    let opened = caught(|| config.open());
    // sled keeps what it was opened with alive until its last thread lets go; nothing of it is used after an error.
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(open_error(path, error)),
        Err(panic) => Err(damaged(path, format!("sled cannot make sense of its files ({panic})"))),
    }
}

fn open_error(path: &Path, error: Error) -> StoreError {
    match error {
        // The library gives this no kind of its own.
        Error::Io(error) if error.to_string().contains("could not acquire lock") => locked(path),
        Error::Unsupported(message) => unusable(
            path,
            format!(
                "sled refuses its files ({message}): they are of another version, of another program, or damaged; \
                 restore a backup with `bailiwick restore`, or name an empty folder and ingest again"
            ),
        ),
        error if is_damage(&error) => damaged(path, error.to_string()),
        error => super::failed(error),
    }
}

/// Whether an error speaks of the files' content: everything but what the file system refuses for reasons of its own.
pub(super) fn is_damage(error: &Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
    match error {
        Error::Io(error) => matches!(error.kind(), InvalidData | InvalidInput | NotFound | UnexpectedEof),
        _ => true,
    }
}

/// Waits until sled's threads have let go of its lock, which they hold a moment longer than its handle lives: whoever
/// opens the folder next would find it in use.
#[expect(
    clippy::disallowed_methods,
    reason = "a lock can be waited for or looked at; waiting might never end"
)]
pub(super) fn wait_for_release(log: &File) {
    for _ in 0..RELEASE_TRIES {
        if log.try_lock().is_ok() {
            unlock(log);
            return;
        }
        std::thread::sleep(RELEASE_PAUSE);
    }
    tracing::warn!("sled has not let go of its lock");
}

/// Lets go of a lock. Closing the file might not: a process that is being started has it open for a moment.
fn unlock(log: &File) {
    if let Err(error) = log.unlock() {
        tracing::warn!(%error, "cannot unlock the store");
    }
}

/// Makes the names in a new folder durable, and its own name.
pub(super) fn sync_names(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Makes messages durable that sled put into files of their own. It puts none there but for extreme keys.
pub(super) fn sync_blobs(path: &Path) -> io::Result<()> {
    let folder = path.join(BLOBS);
    let mut any = false;
    for entry in std::fs::read_dir(&folder)? {
        any = true;
        match File::open(entry?.path()) {
            Ok(file) => file.sync_all()?,
            // sled removes what it needs no longer.
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            Err(error) => return Err(error),
        }
    }
    if any { File::open(folder)?.sync_all() } else { Ok(()) }
}
