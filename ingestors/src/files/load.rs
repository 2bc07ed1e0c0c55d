//! Opening a file and making sure that what is parsed is one state of it.
//!
//! Small files are read into memory, again if they changed meanwhile. Big ones are parsed as they are read, and count
//! only if size and time of the file are the same afterwards.

use std::fs::{File, Metadata};
use std::io::{BufReader, Cursor, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use bailiwick_schema::ContentHash;
use tokio_util::sync::CancellationToken;

use super::limits::{MEMORY_FILE_BYTES_MAX, READ_ATTEMPTS_MAX};
use super::notes::Notes;
use super::tree::{FsTree, tree_error};
use crate::descriptors::TreeError;

const BUFFER_BYTES: usize = 256 * 1024;

/// A file, ready to be parsed.
pub(super) enum Loaded {
    /// It says what the notes of the last run say.
    Unchanged(Notes, Content),
    Changed(Content),
    /// It changes faster than it can be read.
    Unsteady,
}

pub(super) enum Content {
    Memory { bytes: Vec<u8>, hash: ContentHash },
    Stream { file: File, stamp: Stamp },
}

/// What tells that a file was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

/// Opens a file and compares it with the notes of the last run. Blocks.
pub(super) fn load(
    tree: &FsTree,
    path: &Path,
    notes: Option<Notes>,
    cancel: &CancellationToken,
) -> Result<Loaded, TreeError> {
    for _ in 0..READ_ATTEMPTS_MAX {
        let (mut file, metadata) = tree.open(path)?;
        let stamp = Stamp::of(&metadata);
        let content = if stamp.bytes <= MEMORY_FILE_BYTES_MAX {
            let mut bytes = Vec::with_capacity(usize::try_from(stamp.bytes).unwrap_or(0) + 1);
            let limit = MEMORY_FILE_BYTES_MAX.saturating_add(1);
            file.by_ref()
                .take(limit)
                .read_to_end(&mut bytes)
                .map_err(|error| tree_error(&error))?;
            if !steady(&file, stamp)? || bytes.len() as u64 != stamp.bytes {
                continue;
            }
            let hash = ContentHash::of(&bytes);
            if let Some(notes) = notes.as_ref().filter(|notes| notes.hold(hash, tree)) {
                return Ok(Loaded::Unchanged(notes.clone(), Content::Memory { bytes, hash }));
            }
            Content::Memory { bytes, hash }
        } else {
            if let Some(notes) = &notes {
                let hash = hash_of(&mut file, cancel)?;
                if !steady(&file, stamp)? {
                    continue;
                }
                file.seek(SeekFrom::Start(0)).map_err(|error| tree_error(&error))?;
                if notes.hold(hash, tree) {
                    return Ok(Loaded::Unchanged(notes.clone(), Content::Stream { file, stamp }));
                }
            }
            Content::Stream { file, stamp }
        };
        return Ok(Loaded::Changed(content));
    }
    Ok(Loaded::Unsteady)
}

pub(super) fn steady(file: &File, stamp: Stamp) -> Result<bool, TreeError> {
    Ok(Stamp::of(&file.metadata().map_err(|error| tree_error(&error))?) == stamp)
}

fn hash_of(file: &mut File, cancel: &CancellationToken) -> Result<ContentHash, TreeError> {
    let mut reader = Hashing::new(file);
    let mut buffer = vec![0; BUFFER_BYTES];
    while reader.read(&mut buffer).map_err(|error| tree_error(&error))? > 0 {
        if cancel.is_cancelled() {
            return Err(TreeError::Unreadable("the run was cancelled".to_owned()));
        }
    }
    Ok(reader.finish().0)
}

/// Hashes what is read through it.
pub(super) struct Hashing<R> {
    inner: R,
    hasher: blake3::Hasher,
}

impl<R> Hashing<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: blake3::Hasher::new(),
        }
    }

    /// The hash of everything read so far, as [`ContentHash::of`] would give it, and the reader.
    pub(super) fn finish(self) -> (ContentHash, R) {
        let full = self.hasher.finalize();
        let mut short = [0; 16];
        short.copy_from_slice(&full.as_bytes()[..16]);
        (ContentHash::from_bytes(short), self.inner)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// The reader of a file's content.
pub(super) enum Reader {
    Memory(Cursor<Vec<u8>>, ContentHash),
    Stream(Box<BufReader<Hashing<File>>>, Stamp),
}

impl Content {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Memory { bytes, .. } => bytes.len() as u64,
            Self::Stream { stamp, .. } => stamp.bytes,
        }
    }

    /// The same content for a reader that may leave it half read, which [`Self::rewind`] takes up again.
    pub(super) fn try_clone(&self) -> std::io::Result<Self> {
        Ok(match self {
            Self::Memory { bytes, hash } => Self::Memory {
                bytes: bytes.clone(),
                hash: *hash,
            },
            Self::Stream { file, stamp } => Self::Stream {
                file: file.try_clone()?,
                stamp: *stamp,
            },
        })
    }

    /// Begins again at the first byte.
    pub(super) fn rewind(mut self) -> std::io::Result<Self> {
        if let Self::Stream { file, .. } = &mut self {
            file.seek(SeekFrom::Start(0))?;
        }
        Ok(self)
    }

    pub(super) fn reader(self) -> Reader {
        match self {
            Self::Memory { bytes, hash } => Reader::Memory(Cursor::new(bytes), hash),
            Self::Stream { file, stamp } => Reader::Stream(
                Box::new(BufReader::with_capacity(BUFFER_BYTES, Hashing::new(file))),
                stamp,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_stream_is_that_of_its_bytes() {
        let bytes = vec![7; 300_000];
        let mut reader = Hashing::new(&bytes[..]);
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
        assert_eq!(reader.finish().0, ContentHash::of(&bytes));
    }
}
