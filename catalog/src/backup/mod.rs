//! Backups: one file with every row of one consistent view of a store, of no engine's format.
//!
//! Invariants: a backup is taken without stopping writes and in bounded memory; a file bears its name only when it is
//! whole and durable; nothing is restored from a file before all of it was checked, and half a restore is never opened.
//! The rows are those of the store's own format (`store::layout`), so a backup is as complete as the store. The search
//! index is no part of it: it is made again. Knows no HTTP; whoever streams a backup hands in a writer.

mod file;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod reader;
mod restore;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bailiwick_schema::{Limit, Timestamp, Viewer};

pub use file::PartialFile;
pub use format::{BACKUP_FORMAT, Header, Trailer};
pub use reader::ReadError;
pub use restore::{Restored, check, check_not_interrupted, restore};

use crate::api::{Catalog, CatalogError};
use crate::fail_point::{FailPoint, FailPoints};
use crate::store::layout::FORMAT_VERSION;
use crate::store::{Dumped, Retry, Store, StoreError};
use format::GivenUp;
use writer::BackupWriter;

/// The limits of backups.
pub const LIMITS: &[Limit] = &[Limit {
    name: "backup_block_bytes_max",
    value: format::BLOCK_BYTES_MAX as u64,
    unit: "bytes",
    effect: "the backup fails, or the file counts as damaged",
}];

/// Why a backup or a restore failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("`{}` cannot be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the backup cannot be sent")]
    Send(#[source] io::Error),
    #[error("`{}` is there already", .path.display())]
    Exists { path: PathBuf },
    #[error("`{}` is a folder; name a file", .path.display())]
    Folder { path: PathBuf },
    #[error("`{}` is a device or a pipe; name a file", .path.display())]
    Device { path: PathBuf },
    #[error("another backup to `{}` is under way", .path.display())]
    Busy { path: PathBuf },
    #[error("`{}` cannot be restored", .path.display())]
    Read { path: PathBuf, source: ReadError },
    #[error(
        "the rows of the backup are of format {found}, which {written_by} wrote; this version reads {FORMAT_VERSION}"
    )]
    NewerRows { found: u32, written_by: String },
    #[error("`{}` is not empty: it holds {holds}", .path.display())]
    NotEmpty { path: PathBuf, holds: String },
    #[error("`{}` is a file; name a folder", .path.display())]
    NoFolder { path: PathBuf },
}

/// How far a backup, a check or a restore has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Rows and bytes before packing that were written, and the table that they are of.
    Written { rows: u64, bytes: u64, table: &'static str },
    /// Bytes of the file that were checked.
    Checked { bytes: u64 },
    /// Bytes of the file that were restored.
    Restored { bytes: u64 },
}

/// What a backup needs to know besides the store.
#[derive(Debug, Clone, Default)]
pub struct BackupSettings {
    /// When it is made.
    pub at: Timestamp,
    /// Told of [`FailPoint::Backup`] after each block.
    pub fail_points: FailPoints,
}

impl Catalog {
    /// Writes a backup of the catalog as it is now, while it goes on; see `write`.
    /// Errors: `NotAllowed` for who does not operate, before anything is written.
    pub fn backup(
        &self,
        viewer: &Viewer,
        settings: &BackupSettings,
        out: impl Write,
        progress: &mut dyn FnMut(Step),
    ) -> Result<(Header, Trailer), CatalogError> {
        Self::operator(viewer, "back the catalog up")?;
        write(&**self.store(), settings, out, progress).map_err(|error| match error {
            BackupError::Store(error) => CatalogError::Store(error),
            other => CatalogError::Invalid(crate::engine::chain(&other)),
        })
    }
}

/// Writes a backup of a store as it is now. What was written is a backup only if this succeeds.
///
/// Errors: `Store` if rows cannot be read, `Send` if `out` takes no more.
pub fn write(
    store: &dyn Store,
    settings: &BackupSettings,
    out: impl Write,
    progress: &mut dyn FnMut(Step),
) -> Result<(Header, Trailer), BackupError> {
    let mut out = Some(out);
    let mut writing: Option<(Header, BackupWriter<_>)> = None;
    let mut failed = None;
    let dumped = store.dump(&mut |dumped| {
        let result = match (dumped, &mut writing) {
            (Dumped::Head(head), _) => out.take().map_or(Ok(()), |out| {
                let header = Header {
                    written_by: format!("bailiwick {}", env!("CARGO_PKG_VERSION")),
                    store_format: head.format,
                    engine: store.engine_name().to_owned(),
                    lineage: head.lineage,
                    position: head.position,
                    at: settings.at,
                };
                let writer = BackupWriter::begin(out, &header)?;
                writing = Some((header, writer));
                Ok(())
            }),
            (Dumped::Row { table, key, value }, Some((_, writer))) => {
                writer.row(table.name(), key, value).map(|block_ended| {
                    if block_ended {
                        let counts = writer.counts();
                        progress(Step::Written {
                            rows: counts.rows,
                            bytes: counts.bytes,
                            table: table.name(),
                        });
                        settings.fail_points.reach(FailPoint::Backup);
                    }
                })
            }
            (Dumped::Row { .. }, None) => Err(io::Error::other("the store gave rows before it said whose")),
        };
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    if let Some(error) = failed {
        return Err(BackupError::Send(error));
    }
    if let Err(error) = dumped {
        if let Some((_, writer)) = writing {
            let given_up = GivenUp {
                why: crate::engine::chain(&error),
                again: error.retry() == Retry::Now,
            };
            // Whoever took the rest may be gone; the store's failure is what counts.
            drop(writer.give_up(&given_up));
        }
        return Err(error.into());
    }
    let (header, writer) = writing.ok_or_else(|| StoreError::Corrupt {
        what: "the store: it gave nothing".into(),
    })?;
    let (_, trailer) = writer.finish().map_err(BackupError::Send)?;
    Ok((header, trailer))
}

/// Writes a backup into a file that appears when it is whole and durable. With `replace` a file that is there is
/// replaced then.
pub fn write_file(
    store: &dyn Store,
    settings: &BackupSettings,
    target: &Path,
    replace: bool,
    progress: &mut dyn FnMut(Step),
) -> Result<(Header, Trailer), BackupError> {
    let mut file = PartialFile::create(target, replace)?;
    let written = write(store, settings, &mut file, progress).map_err(|error| match error {
        BackupError::Send(source) => file.failed(source),
        other => other,
    })?;
    file.keep()?;
    Ok(written)
}

/// Checks what was received into `file` and gives it its name.
/// Errors: `Read` if it is no whole backup; then nothing is left behind.
pub fn keep_received(
    mut file: PartialFile,
    target: &Path,
    progress: &mut dyn FnMut(Step),
) -> Result<(Header, Trailer), BackupError> {
    let reading = |source| BackupError::Read {
        path: target.to_owned(),
        source,
    };
    let input: &File = file.reopen()?;
    let reader = reader::BackupReader::open(BufReader::new(input)).map_err(reading)?;
    let checked = reader.read::<ReadError>(&mut |bytes| progress(Step::Checked { bytes }), |_, _, _| Ok(()));
    let checked = checked.map_err(reading)?;
    file.keep()?;
    Ok(checked)
}
