//! Writing a backup: rows come in, frames go out, and no more than a block is held.

use std::io::{self, Write};

use super::format::{
    BLOCK_BYTES, BLOCK_BYTES_MAX, FrameKind, GivenUp, Header, Trailer, frame_bytes, packed_max, push_bytes, start_bytes,
};

/// Writes frames.
pub(super) struct BackupWriter<W> {
    out: W,
    /// Number of the next frame.
    number: u64,
    table: &'static str,
    /// The block under construction, unpacked; empty between blocks.
    block: Vec<u8>,
    /// A frame as it goes out.
    frame: Vec<u8>,
    hasher: blake3::Hasher,
    trailer: Trailer,
}

impl<W: Write> BackupWriter<W> {
    /// Writes signature and header.
    pub(super) fn begin(mut out: W, header: &Header) -> io::Result<Self> {
        out.write_all(&start_bytes())?;
        let mut writer = Self {
            out,
            number: 0,
            table: "",
            block: Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8),
            frame: Vec::new(),
            hasher: blake3::Hasher::new(),
            trailer: Trailer::default(),
        };
        let header = serde_json::to_vec(header)?;
        writer.note(FrameKind::Header, &header)?;
        Ok(writer)
    }

    /// Takes a row; true if a block was written. Rows of a table come together.
    pub(super) fn row(&mut self, table: &'static str, key: &[u8], value: &[u8]) -> io::Result<bool> {
        let mut written = false;
        if self.table != table {
            written = self.flush()?;
            self.table = table;
        }
        // Lengths take a few bytes more.
        if self.block.len() + key.len() + value.len() + 64 > BLOCK_BYTES_MAX {
            written |= self.flush()?;
            if key.len() + value.len() + table.len() + 64 > BLOCK_BYTES_MAX {
                let what =
                    format!("a row of table `{table}` has more than backup_block_bytes_max ({BLOCK_BYTES_MAX}) bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
        }
        if self.block.is_empty() {
            push_bytes(&mut self.block, table.as_bytes());
        }
        push_bytes(&mut self.block, key);
        push_bytes(&mut self.block, value);
        self.trailer.rows += 1;
        *self.trailer.tables.entry(table.to_owned()).or_default() += 1;
        if self.block.len() >= BLOCK_BYTES {
            written |= self.flush()?;
        }
        Ok(written)
    }

    /// What was written so far.
    pub(super) fn counts(&self) -> &Trailer {
        &self.trailer
    }

    /// Writes the last block and the trailer, and hands the output back, flushed.
    pub(super) fn finish(mut self) -> io::Result<(W, Trailer)> {
        self.flush()?;
        self.trailer.hash = self.hasher.finalize().to_hex().to_string();
        let trailer = serde_json::to_vec(&self.trailer)?;
        self.note(FrameKind::Trailer, &trailer)?;
        self.out.flush()?;
        Ok((self.out, self.trailer))
    }

    /// Ends what is no backup with the reason, for whoever receives it as a stream.
    pub(super) fn give_up(mut self, why: &GivenUp) -> io::Result<()> {
        let why = serde_json::to_vec(why)?;
        self.note(FrameKind::Failure, &why)?;
        self.out.flush()
    }

    fn flush(&mut self) -> io::Result<bool> {
        if self.block.is_empty() {
            return Ok(false);
        }
        self.hasher.update(&self.block);
        self.trailer.blocks += 1;
        self.trailer.bytes += self.block.len() as u64;
        self.frame.clear();
        self.frame.resize(packed_max(self.block.len()), 0);
        let packed = lz4_flex::block::compress_into(&self.block, &mut self.frame).map_err(io::Error::other)?;
        self.frame.truncate(packed);
        let length = self.block.len();
        let packed = std::mem::take(&mut self.frame);
        self.send(FrameKind::Rows, length, &packed)?;
        self.frame = packed;
        self.block.clear();
        // A huge row should not hold its memory for the rest of the backup.
        self.block.shrink_to(2 * BLOCK_BYTES);
        self.frame.shrink_to(2 * BLOCK_BYTES);
        Ok(true)
    }

    fn note(&mut self, kind: FrameKind, json: &[u8]) -> io::Result<()> {
        self.send(kind, json.len(), json)
    }

    fn send(&mut self, kind: FrameKind, length: usize, packed: &[u8]) -> io::Result<()> {
        let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "a block is too long for its frame");
        let length = u32::try_from(length).map_err(|_| too_long())?;
        let frame = frame_bytes(self.number, kind, length, packed).ok_or_else(too_long)?;
        self.out.write_all(&frame)?;
        self.out.write_all(packed)?;
        self.number += 1;
        Ok(())
    }
}
