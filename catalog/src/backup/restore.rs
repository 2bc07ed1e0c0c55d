//! Restoring: the whole file is checked, then loaded beside the store's place, and at last renamed into it.
//!
//! Until the renaming the data directory has no `store/` but a `store.restoring/`, which nothing opens: whoever finds it
//! is told that a restore was interrupted. The next restore into the same directory begins anew.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use bailiwick_schema::Position;
use uuid::Uuid;

use super::file::sync_folder;
use super::format::{Header, Trailer};
use super::reader::BackupReader;
use super::{BackupError, Step};
use crate::store::layout::FORMAT_VERSION;
use crate::store::{EngineKind, StoreError, StoreOptions, load};

/// The store's folder in a data directory.
const STORE: &str = "store";

/// The folder of a store that is being restored.
const RESTORING: &str = "store.restoring";

/// Things of a data directory that are named when it is not empty.
const NAMED_MAX: usize = 5;

/// Bytes read from the file at once.
const READ_BYTES: usize = 256 << 10;

/// What a restore made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub header: Header,
    pub trailer: Trailer,
    /// Of the restored store; not that of the one that was backed up.
    pub lineage: Uuid,
    pub position: Position,
    pub engine: EngineKind,
}

/// Checks a backup from its first byte to its last.
pub fn check(file: &Path, progress: &mut dyn FnMut(Step)) -> Result<(Header, Trailer), BackupError> {
    read(file, &mut |bytes| progress(Step::Checked { bytes }), |_, _, _| Ok(()))
}

/// Makes a data directory of a backup.
///
/// The directory must be missing or empty, but for what an interrupted restore left. The store gets a lineage of its
/// own, so that whatever followed the old one, such as an index, is made again.
/// Errors: as of reading, `NotEmpty`, `NewerRows`, and `Store` for what the engine says; then the directory holds no
/// store.
pub fn restore(
    file: &Path,
    engine: EngineKind,
    data_dir: &Path,
    options: &StoreOptions,
    progress: &mut dyn FnMut(Step),
) -> Result<Restored, BackupError> {
    check_empty(data_dir)?;
    let (header, _) = check(file, progress)?;
    check_rows_format(&header)?;

    let place = data_dir.join(STORE);
    let restoring = data_dir.join(RESTORING);
    let failed = |path: &Path, source| BackupError::Write {
        path: path.to_owned(),
        source,
    };
    if restoring.try_exists().map_err(|error| failed(&restoring, error))? {
        std::fs::remove_dir_all(&restoring).map_err(|error| failed(&restoring, error))?;
    }
    std::fs::create_dir_all(&restoring).map_err(|error| failed(&restoring, error))?;
    sync_folder(&restoring).map_err(|error| failed(&restoring, error))?;

    let mut load = load(engine, &restoring, options)?;
    let (header, trailer) = read(
        file,
        &mut |bytes| progress(Step::Restored { bytes }),
        |table, key, value| load.put(table, key, value),
    )?;
    let store = load.finish()?;
    let (lineage, position) = (store.lineage(), store.head()?);
    if position != header.position {
        let what = format!("the rows show position {position}, the header says {}", header.position);
        return Err(StoreError::Corrupt { what }.into());
    }
    // The engine lets go of its files before they get their place.
    drop(store);
    if engine == EngineKind::Memory {
        std::fs::remove_dir_all(&restoring).map_err(|error| failed(&restoring, error))?;
    } else {
        std::fs::rename(&restoring, &place).map_err(|error| failed(&place, error))?;
        sync_folder(&place).map_err(|error| failed(&place, error))?;
    }
    Ok(Restored {
        header,
        trailer,
        lineage,
        position,
        engine,
    })
}

/// Refuses a data directory into which a restore was begun and not ended.
/// Errors: `Unusable`, with what to do.
pub fn check_not_interrupted(data_dir: &Path) -> Result<(), StoreError> {
    let restoring = data_dir.join(RESTORING);
    if !restoring.is_dir() {
        return Ok(());
    }
    Err(StoreError::Unusable {
        path: data_dir.display().to_string(),
        reason: format!(
            "a restore into it was interrupted, and `{RESTORING}` holds a part of a store only; restore it again, or \
             remove that folder"
        ),
    })
}

fn check_rows_format(header: &Header) -> Result<(), BackupError> {
    if header.store_format > FORMAT_VERSION {
        return Err(BackupError::NewerRows {
            found: header.store_format,
            written_by: header.written_by.clone(),
        });
    }
    Ok(())
}

/// Says what lies in a folder in which nothing but the remains of a restore may lie.
fn check_empty(data_dir: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Read {
        path: data_dir.to_owned(),
        source: super::ReadError::Io(source),
    };
    let entries = match std::fs::read_dir(data_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(BackupError::NoFolder {
                path: data_dir.to_owned(),
            });
        }
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        if name != RESTORING {
            found.push(name.to_string_lossy().into_owned());
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    found.sort();
    let more = found.len().saturating_sub(NAMED_MAX);
    let mut holds = found[..found.len() - more].join("`, `");
    if more > 0 {
        holds = format!("{holds}` and {more} more things");
    } else {
        holds.push('`');
    }
    Err(BackupError::NotEmpty {
        path: data_dir.to_owned(),
        holds: format!("`{holds}"),
    })
}

fn read(
    file: &Path,
    progress: &mut dyn FnMut(u64),
    mut row: impl FnMut(crate::store::keyvalue::Table, &[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<(Header, Trailer), BackupError> {
    /// Either side of a copy may fail.
    enum Failed {
        Reading(super::ReadError),
        Loading(StoreError),
    }
    impl From<super::ReadError> for Failed {
        fn from(error: super::ReadError) -> Self {
            Self::Reading(error)
        }
    }
    let path = || PathBuf::from(file);
    let reading = |source| BackupError::Read { path: path(), source };
    let input = File::open(file).map_err(|error| reading(error.into()))?;
    let reader = BackupReader::open(BufReader::with_capacity(READ_BYTES, input)).map_err(reading)?;
    let result = reader.read(progress, |table, key, value| {
        row(table, key, value).map_err(Failed::Loading)
    });
    result.map_err(|failed| match failed {
        Failed::Reading(error) => reading(error),
        Failed::Loading(error) => error.into(),
    })
}
