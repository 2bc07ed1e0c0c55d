//! Reading a backup: every byte is checked before it is believed, and no more than a block is held.

use std::io::{self, Read};

use super::format::{
    BACKUP_FORMAT, FRAME_BYTES, Frame, FrameKind, GivenUp, Header, SIGNATURE, START_BYTES, Trailer, parse_frame,
    take_bytes, version_of,
};
use crate::store::keyvalue::Table;

/// Why a backup cannot be read. `at` counts bytes from the file's beginning, `block` blocks from 1.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    #[error("it is empty")]
    Empty,
    #[error("it is no backup: it does not begin as one")]
    Foreign,
    #[error("it is a backup of format {found}, newer than {BACKUP_FORMAT}, the newest that this version reads")]
    Newer { found: u32 },
    #[error(
        "it is cut off at byte {at}, after {blocks} whole blocks: it was copied in part, or never written to its end"
    )]
    CutOff { at: u64, blocks: u64 },
    #[error("it is damaged at byte {at} ({what})")]
    Damaged { at: u64, what: String },
    #[error("it goes on after its end, at byte {at}: two files were joined, or something was appended")]
    Overlong { at: u64 },
    #[error("its writer gave up: {why}")]
    GivenUp { why: String, again: bool },
    #[error("it holds a table `{table}` that this version does not know; {written_by} wrote it")]
    UnknownTable { table: String, written_by: String },
}

/// A backup that is being read.
pub(super) struct BackupReader<R> {
    input: R,
    /// Bytes that were read.
    at: u64,
    /// Number of the next frame.
    number: u64,
    header: Header,
    packed: Vec<u8>,
    block: Vec<u8>,
}

impl<R: Read> BackupReader<R> {
    /// Reads signature and header.
    pub(super) fn open(mut input: R) -> Result<Self, ReadError> {
        let mut start = [0; START_BYTES];
        let read = fill(&mut input, &mut start)?;
        if read == 0 {
            return Err(ReadError::Empty);
        }
        let signed = read.min(SIGNATURE.len());
        if start[..signed] != SIGNATURE[..signed] {
            return Err(ReadError::Foreign);
        }
        if read < START_BYTES {
            return Err(ReadError::CutOff {
                at: read as u64,
                blocks: 0,
            });
        }
        match version_of(&start) {
            Some(BACKUP_FORMAT) => {}
            Some(found) => return Err(ReadError::Newer { found }),
            None => return Err(damaged(SIGNATURE.len() as u64, "the version of the format")),
        }
        let mut reader = Self {
            input,
            at: start.len() as u64,
            number: 0,
            header: Header {
                written_by: String::new(),
                store_format: 0,
                engine: String::new(),
                lineage: uuid::Uuid::nil(),
                position: bailiwick_schema::Position::ZERO,
                at: bailiwick_schema::Timestamp::ZERO,
            },
            packed: Vec::new(),
            block: Vec::new(),
        };
        let at = reader.at;
        if reader.frame()? != FrameKind::Header {
            return Err(damaged(at, "it has no header"));
        }
        reader.header = serde_json::from_slice(&reader.packed).map_err(|_| damaged(at, "the header"))?;
        Ok(reader)
    }

    /// Hands over all rows, block by block; `progress` hears of the bytes read. What was handed over is the whole
    /// backup only if this succeeds.
    pub(super) fn read<E: From<ReadError>>(
        mut self,
        progress: &mut dyn FnMut(u64),
        mut row: impl FnMut(Table, &[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(Header, Trailer), E> {
        let mut counted = Trailer::default();
        let mut hasher = blake3::Hasher::new();
        loop {
            let at = self.at;
            match self.frame()? {
                FrameKind::Rows => {
                    let block = std::mem::take(&mut self.block);
                    hasher.update(&block);
                    counted.blocks += 1;
                    counted.bytes += block.len() as u64;
                    let damaged = || damaged(at, &format!("block {} is no block of rows", counted.blocks));
                    let mut rest = block.as_slice();
                    let name = take_bytes(&mut rest).ok_or_else(damaged)?;
                    let name = std::str::from_utf8(name).map_err(|_| damaged())?;
                    let table = Table::ALL.iter().copied().find(|table| table.name() == name);
                    let table = table.ok_or_else(|| ReadError::UnknownTable {
                        table: name.escape_default().to_string(),
                        written_by: self.header.written_by.clone(),
                    })?;
                    let mut rows = 0;
                    while !rest.is_empty() {
                        let key = take_bytes(&mut rest).ok_or_else(damaged)?;
                        let value = take_bytes(&mut rest).ok_or_else(damaged)?;
                        row(table, key, value)?;
                        rows += 1;
                    }
                    counted.rows += rows;
                    *counted.tables.entry(name.to_owned()).or_default() += rows;
                    self.block = block;
                    progress(self.at);
                }
                FrameKind::Failure => {
                    let GivenUp { why, again } =
                        serde_json::from_slice(&self.packed).map_err(|_| damaged(at, "the failure"))?;
                    return Err(ReadError::GivenUp { why, again }.into());
                }
                FrameKind::Header => return Err(damaged(at, "a second header").into()),
                FrameKind::Trailer => {
                    let trailer: Trailer =
                        serde_json::from_slice(&self.packed).map_err(|_| damaged(at, "the trailer"))?;
                    counted.hash = hasher.finalize().to_hex().to_string();
                    if trailer != counted {
                        return Err(damaged(at, "the trailer counts other rows than there are").into());
                    }
                    if fill(&mut self.input, &mut [0; 1]).map_err(ReadError::from)? > 0 {
                        return Err(ReadError::Overlong { at: self.at }.into());
                    }
                    progress(self.at);
                    return Ok((self.header, trailer));
                }
            }
        }
    }

    /// Reads a frame, checks it and leaves its payload in `packed`, of rows in `block` too.
    fn frame(&mut self) -> Result<FrameKind, ReadError> {
        let at = self.at;
        let mut head = [0; FRAME_BYTES];
        self.fill_or_cut_off(at, &mut head)?;
        let frame = parse_frame(self.number, &head)
            .ok_or_else(|| damaged(at, &format!("the head of block {} does not fit", self.number)))?;
        let Frame {
            kind,
            length,
            packed,
            checksum,
        } = frame;
        let mut payload = std::mem::take(&mut self.packed);
        payload.clear();
        // Memory is taken as bytes arrive: a length is only a promise.
        let read = (&mut self.input).take(packed as u64).read_to_end(&mut payload)?;
        self.packed = payload;
        self.at += read as u64;
        if read < packed {
            return Err(self.cut_off());
        }
        if *blake3::hash(&self.packed).as_bytes() != checksum {
            let what = format!("the checksum of block {} does not fit", self.number);
            return Err(damaged(at, &what));
        }
        if kind == FrameKind::Rows {
            self.block.clear();
            self.block.resize(length, 0);
            let unpacked = lz4_flex::block::decompress_into(&self.packed, &mut self.block);
            if unpacked.ok() != Some(length) {
                return Err(damaged(at, &format!("block {} cannot be unpacked", self.number)));
            }
        }
        self.number += 1;
        Ok(kind)
    }

    fn fill_or_cut_off(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), ReadError> {
        let read = fill(&mut self.input, bytes)?;
        self.at = at + read as u64;
        if read < bytes.len() {
            return Err(self.cut_off());
        }
        Ok(())
    }

    fn cut_off(&self) -> ReadError {
        ReadError::CutOff {
            at: self.at,
            blocks: self.number.saturating_sub(1),
        }
    }
}

fn damaged(at: u64, what: &str) -> ReadError {
    ReadError::Damaged {
        at,
        what: what.to_owned(),
    }
}

/// Reads until the buffer is full or the input ends; gives the number of bytes.
fn fill(input: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
