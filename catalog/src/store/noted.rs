//! How many batches a store has acknowledged, in a small file of our own beside the engine's.
//!
//! Engines take a log whose end is missing for one that was cut off while it was written, and open an older state
//! without a word. Whoever opens an engine compares what it has with what is noted here: less than that was lost.
//!
//! Invariants: a batch is noted after it is durable, so that no crash makes the note too high; two places are written in
//! turn, each smaller than a sector and with its own checksum, so that a note cut off leaves the one before. It is not
//! synced with each batch: after a power cut it may say too little, never too much. A note that is missing or damaged
//! itself costs this guard and nothing else: it is made anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

/// The name of the file.
pub(super) const FILE: &str = "noted";

const MAGIC: [u8; 8] = *b"bw-note1";

/// Distance of the two places, in bytes: no sector holds both.
const PLACE_BYTES: u64 = 4_096;

const NOTE_BYTES: usize = 28;

/// What is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Note {
    /// Batches that were acknowledged since the store was set up.
    pub(super) batches: u64,
    /// Tables that the store has.
    pub(super) tables: u32,
}

impl Note {
    fn encode(self) -> [u8; NOTE_BYTES] {
        let mut bytes = [0; NOTE_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.batches.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.tables.to_be_bytes());
        let check = xxh3_64(&bytes[..20]);
        bytes[20..].copy_from_slice(&check.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; NOTE_BYTES] = bytes.first_chunk()?;
        let note = Self {
            batches: u64::from_be_bytes(bytes[8..16].try_into().ok()?),
            tables: u32::from_be_bytes(bytes[16..20].try_into().ok()?),
        };
        (note.encode() == *bytes).then_some(note)
    }

    /// Why a store that has so many batches is not the one that was noted: a fragment for an error.
    pub(super) fn missing(self, batches: u64) -> Option<String> {
        (batches < self.batches).then(|| {
            format!(
                "{} writes were acknowledged and the last {} of them are missing",
                self.batches,
                self.batches - batches
            )
        })
    }
}

/// The highest note in a store's folder; nothing if there is none that can be read.
pub(super) fn read(folder: &Path) -> io::Result<Option<Note>> {
    let mut bytes = Vec::new();
    match File::open(folder.join(FILE)) {
        Ok(file) => file.take(2 * PLACE_BYTES).read_to_end(&mut bytes)?,
        // Whether the folder is one is for others to say.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let places = bytes.chunks(usize::try_from(PLACE_BYTES).expect("a page fits"));
    Ok(places.filter_map(Note::decode).max())
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct Noted {
    file: File,
    failed: bool,
}

impl Noted {
    /// Opens or makes the file and notes what the store has.
    pub(super) fn open(folder: &Path, now: Note) -> io::Result<Self> {
        let path = folder.join(FILE);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        let mut noted = Self { file, failed: false };
        // Both places, so that neither holds anything else.
        noted.put(now, 0)?;
        noted.put(now, 1)?;
        Ok(noted)
    }

    /// Notes what was made durable. A failure is logged: the store goes on without its note.
    pub(super) fn note(&mut self, now: Note) {
        if let Err(error) = self.put(now, now.batches % 2)
            && !self.failed
        {
            self.failed = true;
            tracing::warn!(%error, "cannot note the number of writes beside the store");
        }
    }

    fn put(&mut self, note: Note, place: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(place * PLACE_BYTES))?;
        self.file.write_all(&note.encode())
    }

    /// Makes the note durable, at a clean stop.
    pub(super) fn sync(&self) {
        if let Err(error) = self.file.sync_data() {
            tracing::warn!(%error, "cannot sync the note beside the store");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(batches: u64) -> Note {
        Note { batches, tables: 3 }
    }

    #[test]
    fn the_highest_note_counts_and_a_cut_one_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        let mut noted = Noted::open(folder.path(), note(5)).unwrap();
        for batches in 6..=9 {
            noted.note(note(batches));
            assert_eq!(read(folder.path()).unwrap(), Some(note(batches)));
        }
        noted.sync();
        let path = folder.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..NOTE_BYTES {
            let mut damaged = whole.clone();
            damaged[usize::try_from(PLACE_BYTES).unwrap() + at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(read(folder.path()).unwrap(), Some(note(8)));
        }
        for garbage in [Vec::new(), b"no note".to_vec(), vec![0; 9_000], vec![0xff; 4_100]] {
            std::fs::write(&path, garbage).unwrap();
            assert_eq!(read(folder.path()).unwrap(), None);
        }
        drop(Noted::open(folder.path(), note(7)).unwrap());
        assert_eq!(read(folder.path()).unwrap(), Some(note(7)), "made anew");
    }

    #[test]
    fn fewer_batches_than_noted_are_named() {
        assert_eq!(note(9).missing(9), None);
        assert_eq!(note(9).missing(10), None, "a note may lag");
        assert!(note(9).missing(7).unwrap().contains("last 2"));
    }
}
