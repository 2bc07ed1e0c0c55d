//! The folder of a fjall store: what may lie in it, and what must.
//!
//! fjall clears away what it takes for rests of a start that was cut off: a keyspace without its file `current`, tables
//! that the newest list of a keyspace does not name. When one small file is lost or changed, that is the data. So those
//! files are checked before it looks, while its lock is held. The forms are those of fjall 3.1 and lsm-tree 3.1.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

use super::super::noted::{self, Note};
use super::super::{StoreError, StoreResult};

/// The file by which fjall knows its folders; written last when one is set up.
const MARKER: &str = "version";
/// The marker begins with this.
const MAGIC: &[u8] = b"FJL";
const LOCK: &str = "lock";
/// The first journal; it has its full length from the beginning, all zeros.
const FIRST_JOURNAL: &str = "0.jnl";
/// One folder for each keyspace, by number. 0 is fjall's own.
const KEYSPACES: &str = "keyspaces";
/// In the folder of a keyspace: the number of the newest list of its tables, a checksum of that list, and its kind.
const CURRENT: &str = "current";
const CURRENT_BYTES: usize = 25;
/// The only kind of checksum there is.
const XXH3: u8 = 0;

/// What may stand for a folder of this engine, should one of them be lost.
pub(in crate::store) const MARKERS: &[&str] = &[MARKER, KEYSPACES];

/// By these another engine is known.
const SLEDS: [&str; 2] = ["db", "conf"];

/// How often a lock is asked for that is held; whoever ends lets go of it a moment later.
const LOCK_TRIES: u32 = 3;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of a journal that are looked at in one step.
const LOOK_BYTES: usize = 64 << 10;

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

/// Refuses what fjall would mix its files with or take for nothing, and clears away a first start that was cut off
/// before anything could be stored. `noted` is what lies beside the engine's files.
/// Errors: `Unusable`, `Damaged`, `Locked`, `Engine`.
pub(super) fn prepare(path: &Path, noted: Option<Note>) -> StoreResult<()> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(unusable(path, "it is a file; name a folder"));
        }
        Err(error) => return Err(io_error(error)),
    };
    match std::fs::read(path.join(MARKER)) {
        // Made before it is written: a first start may have ended in between.
        Ok(marker) if marker.len() <= MAGIC.len() && noted.is_none() => (),
        Ok(marker) => {
            if !marker.starts_with(MAGIC) && noted.is_none() {
                return Err(unusable(
                    path,
                    "its files are of another format or of another program; name an empty folder or a new one",
                ));
            }
            if !marker.starts_with(MAGIC) {
                return Err(damaged(path, format!("its file `{MARKER}` is not what was written")));
            }
            if !path.join(KEYSPACES).is_dir() {
                return Err(damaged(path, format!("its folder `{KEYSPACES}` is missing")));
            }
            let _lock = lock(path)?;
            return check_keyspaces(path, noted);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(io_error(error)),
    }
    if SLEDS.iter().all(|name| path.join(name).exists()) {
        return Err(unusable(
            path,
            "it holds a store of the engine `sled`; set `store.engine: sled`, or name another folder",
        ));
    }
    let mut any = false;
    for entry in entries {
        let name = entry.map_err(io_error)?.file_name();
        match name.to_str() {
            Some(LOCK | KEYSPACES | MARKER | noted::FILE) => any = true,
            Some(name) if name.ends_with(".jnl") => any = true,
            _ => {
                let reason = format!(
                    "it holds other things, such as `{}`; name an empty folder or a new one",
                    name.display()
                );
                return Err(unusable(path, reason));
            }
        }
    }
    if any { cut_off(path, noted.is_some()) } else { Ok(()) }
}

/// A folder without the marker: a first start that was cut off, or a store that lost it.
fn cut_off(path: &Path, noted: bool) -> StoreResult<()> {
    let _lock = lock(path)?;
    let journal = path.join(FIRST_JOURNAL);
    let keyspaces = path.join(KEYSPACES);
    let nothing = !noted
        && is_empty(&keyspaces).map_err(io_error)?
        && is_zeros(&journal).map_err(io_error)?
        && journals(path).map_err(io_error)? <= 1;
    if !nothing {
        return Err(damaged(path, format!("its file `{MARKER}` is missing or cut short")));
    }
    let removed = [
        std::fs::remove_file(&journal),
        std::fs::remove_dir(&keyspaces),
        std::fs::remove_file(path.join(MARKER)),
    ];
    for outcome in removed {
        match outcome {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(error)),
            _ => (),
        }
    }
    Ok(())
}

fn journals(path: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(path)? {
        count += usize::from(entry?.path().extension().is_some_and(|end| end == "jnl"));
    }
    Ok(count)
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

fn is_zeros(file: &Path) -> io::Result<bool> {
    let mut file = match File::open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; LOOK_BYTES];
    loop {
        match io::Read::read(&mut file, &mut bytes)? {
            0 => return Ok(true),
            read if bytes[..read].iter().any(|byte| *byte != 0) => return Ok(false),
            _ => (),
        }
    }
}

/// fjall's lock, held until this is dropped.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file might not let go of it: a process that is being started has it open for a moment.
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "cannot unlock the store");
        }
    }
}

/// Takes fjall's lock. A lock file that is missing costs nothing and is made anew.
#[expect(
    clippy::disallowed_methods,
    reason = "a lock can be waited for or looked at; waiting might never end"
)]
fn lock(path: &Path) -> StoreResult<Lock> {
    let lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.join(LOCK))
        .map_err(io_error)?;
    for attempt in 1.. {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(io_error(error)),
            Err(TryLockError::WouldBlock) if attempt == LOCK_TRIES => {
                return Err(StoreError::Locked {
                    path: path.display().to_string(),
                });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
        }
    }
    Ok(Lock(lock))
}

/// Each keyspace that was ever set up has its list of tables, and the list is what was written.
fn check_keyspaces(path: &Path, noted: Option<Note>) -> StoreResult<()> {
    let entries = std::fs::read_dir(path.join(KEYSPACES)).map_err(io_error)?;
    let mut set_up = 0_u32;
    for entry in entries {
        let folder = entry.map_err(io_error)?;
        let shown = format!("{KEYSPACES}/{}", folder.file_name().display());
        let current = match std::fs::read(folder.path().join(CURRENT)) {
            Ok(bytes) => bytes,
            // A keyspace that was being made. There may be one for each new table, and none else: see below.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(damaged(path, format!("`{shown}` is a file")));
            }
            Err(error) => return Err(io_error(error)),
        };
        let (number, check) = decode_current(&current)
            .ok_or_else(|| damaged(path, format!("its file `{shown}/{CURRENT}` is not what was written")))?;
        let list = match std::fs::read(folder.path().join(format!("v{number}"))) {
            Ok(list) => list,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(path, format!("its file `{shown}/v{number}` is missing")));
            }
            Err(error) => return Err(io_error(error)),
        };
        if xxh3_128(&list) != check {
            return Err(damaged(
                path,
                format!("its file `{shown}/v{number}` is not what was written"),
            ));
        }
        set_up += 1;
    }
    // One more is fjall's own.
    let expected = noted.map_or(0, |noted| noted.tables.saturating_add(1));
    if set_up < expected {
        let missing = expected - set_up;
        return Err(damaged(path, format!("{missing} of its tables are missing")));
    }
    Ok(())
}

/// The number of the list and its checksum.
fn decode_current(bytes: &[u8]) -> Option<(u64, u128)> {
    let bytes: &[u8; CURRENT_BYTES] = bytes.try_into().ok()?;
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    let (check, kind) = rest.split_first_chunk::<16>()?;
    (kind == [XXH3]).then_some((u64::from_le_bytes(*number), u128::from_le_bytes(*check)))
}
