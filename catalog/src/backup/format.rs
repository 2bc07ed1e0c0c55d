//! The bytes of a backup: a signature, then frames.
//!
//! ```text
//! signature  8 bytes   \x89 B W K \r \n \x1a \n: no text, and broken by whatever takes it for text
//! version    8 bytes   of this format, 4 bytes, and their complement; numbers are big-endian
//! frame      a header, any number of row blocks, a trailer (or why there is none); nothing after it
//!   kind       1 byte   1 header, 2 rows, 3 trailer, 4 a failure
//!   length     4 bytes  of the payload unpacked
//!   packed     4 bytes  of the payload as it lies here: LZ4 for rows, itself otherwise
//!   checksum  32 bytes  BLAKE3 of the packed payload
//!   guard      8 bytes  BLAKE3, cut, of the frame's number (8 bytes) and the 41 bytes before it
//!   payload
//! ```
//!
//! All but rows are JSON objects; a reader takes no offence at members that it does not know. A block of rows is
//! the name of a table and its rows, each text and each key and value behind its length (LEB128). The guard tells a
//! damaged length from a file that is cut off, and blocks that are missing, doubled or of another backup from those of
//! this one.

use std::collections::BTreeMap;

use bailiwick_schema::{Position, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What every backup begins with.
pub(super) const SIGNATURE: [u8; 8] = *b"\x89BWK\r\n\x1a\n";

/// The version of the format above. Newer ones are refused, older ones are read for ever.
pub const BACKUP_FORMAT: u32 = 1;

/// Length of what comes before the first frame, in bytes.
pub(super) const START_BYTES: usize = SIGNATURE.len() + 8;

/// What comes before the first frame.
pub(super) fn start_bytes() -> [u8; START_BYTES] {
    let mut start = [0; START_BYTES];
    start[..8].copy_from_slice(&SIGNATURE);
    start[8..12].copy_from_slice(&BACKUP_FORMAT.to_be_bytes());
    start[12..].copy_from_slice(&(!BACKUP_FORMAT).to_be_bytes());
    start
}

/// The version that stands after the signature; nothing if it is damaged.
pub(super) fn version_of(start: &[u8; START_BYTES]) -> Option<u32> {
    let number = |at: usize| u32::from_be_bytes([start[at], start[at + 1], start[at + 2], start[at + 3]]);
    let (version, complement) = (number(8), number(12));
    (version == !complement && version > 0).then_some(version)
}

/// A block of rows is closed when it holds this many bytes.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// Longest block, in bytes unpacked; a single row may make a block longer than [`BLOCK_BYTES`].
pub(super) const BLOCK_BYTES_MAX: usize = 1 << 30;

/// Longest header or trailer, in bytes.
pub(super) const NOTE_BYTES_MAX: usize = 1 << 20;

/// Bytes of a frame before its payload.
pub(super) const FRAME_BYTES: usize = 1 + 4 + 4 + 32 + GUARD_BYTES;

const GUARD_BYTES: usize = 8;

/// LZ4 packs no better than this, so a longer claim is a lie.
const PACKING_MAX: usize = 256;

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the program that wrote it.
    pub written_by: String,
    /// The format of the rows.
    pub store_format: u32,
    /// The engine that the rows come from; they go into any.
    pub engine: String,
    pub lineage: Uuid,
    /// The last commit that it holds.
    pub position: Position,
    /// When it was begun.
    pub at: Timestamp,
}

/// What a backup holds, counted; written last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trailer {
    pub rows: u64,
    /// Blocks of rows.
    pub blocks: u64,
    /// Bytes of all blocks, unpacked.
    pub bytes: u64,
    /// Rows by table; tables without rows are left out.
    pub tables: BTreeMap<String, u64>,
    /// BLAKE3 over all blocks, unpacked, in hex: equal for equal content.
    pub hash: String,
}

/// Why a stream ends without being a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GivenUp {
    pub(super) why: String,
    /// Whether the next attempt may well succeed.
    pub(super) again: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FrameKind {
    Header = 1,
    Rows = 2,
    Trailer = 3,
    Failure = 4,
}

/// The fixed part of a frame, as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) length: usize,
    pub(super) packed: usize,
    pub(super) checksum: [u8; 32],
}

/// The fixed part of a frame for a payload.
pub(super) fn frame_bytes(number: u64, kind: FrameKind, length: u32, packed: &[u8]) -> Option<[u8; FRAME_BYTES]> {
    let mut bytes = [0; FRAME_BYTES];
    bytes[0] = kind as u8;
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    bytes[5..9].copy_from_slice(&u32::try_from(packed.len()).ok()?.to_be_bytes());
    bytes[9..41].copy_from_slice(blake3::hash(packed).as_bytes());
    let guard = guard(number, &bytes[..41]);
    bytes[41..].copy_from_slice(&guard);
    Some(bytes)
}

/// Reads the fixed part of a frame; nothing if it is damaged, or of another place.
pub(super) fn parse_frame(number: u64, bytes: &[u8; FRAME_BYTES]) -> Option<Frame> {
    if bytes[41..] != guard(number, &bytes[..41]) {
        return None;
    }
    let kind = match bytes[0] {
        1 => FrameKind::Header,
        2 => FrameKind::Rows,
        3 => FrameKind::Trailer,
        4 => FrameKind::Failure,
        _ => return None,
    };
    let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
    let (length, packed) = (number(1), number(5));
    let bounded = match kind {
        FrameKind::Rows => length <= BLOCK_BYTES_MAX && length / PACKING_MAX <= packed && packed <= packed_max(length),
        FrameKind::Header | FrameKind::Trailer | FrameKind::Failure => length == packed && length <= NOTE_BYTES_MAX,
    };
    let mut checksum = [0; 32];
    checksum.copy_from_slice(&bytes[9..41]);
    bounded.then_some(Frame {
        kind,
        length,
        packed,
        checksum,
    })
}

pub(super) fn packed_max(length: usize) -> usize {
    lz4_flex::block::get_maximum_output_size(length)
}

fn guard(number: u64, frame: &[u8]) -> [u8; GUARD_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_be_bytes());
    hasher.update(frame);
    let mut guard = [0; GUARD_BYTES];
    guard.copy_from_slice(&hasher.finalize().as_bytes()[..GUARD_BYTES]);
    guard
}

/// Appends bytes behind their length.
pub(super) fn push_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    let mut left = bytes.len();
    while left >= 0x80 {
        into.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    into.push(left as u8);
    into.extend_from_slice(bytes);
}

/// Takes bytes behind their length from the front; nothing if there are fewer.
pub(super) fn take_bytes<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            let (bytes, rest) = from.split_at_checked(length)?;
            *from = rest;
            return Some(bytes);
        }
    }
    None
}
