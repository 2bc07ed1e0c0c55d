//! How a row lies in sled: whole in its table's tree, or, if it is long, in parts in a tree of their own.
//!
//! sled writes a message of more than a quarter of a log segment (128 KiB) into a file of its own below `blobs/`, which
//! it makes durable neither by itself nor by syncing the log; a message may be a leaf of 16 rows. So no value in any
//! tree is longer than [`PIECE_BYTES_MAX`], and that folder stays empty unless keys are extreme.
//!
//! A value in a table's tree begins with one byte: [`WHOLE`], and the row's value follows; or [`SPLIT`], and its length
//! follows as eight bytes, big-endian. The parts lie under the table's name, a zero byte, the key, and the number of the
//! part in four bytes: no two rows share such a key, as equal ones of equal length have equal keys.

use ::sled::{IVec, Tree};

use super::super::keyvalue::Table;

/// Longest value in any tree, in bytes.
pub const PIECE_BYTES_MAX: usize = 6 << 10;

const WHOLE: u8 = 0;
const SPLIT: u8 = 1;

/// A row's value as its table's tree holds it.
pub(super) enum Stored {
    Whole(IVec),
    /// In so many bytes.
    Split(u64),
}

/// Why bytes are no row: a fragment for an error.
pub(super) type NoRow = &'static str;

/// What goes into the table's tree, and the parts of it that go elsewhere.
pub(super) fn pack(value: &[u8]) -> (IVec, std::slice::Chunks<'_, u8>) {
    if value.len() < PIECE_BYTES_MAX {
        let mut packed = Vec::with_capacity(value.len() + 1);
        packed.push(WHOLE);
        packed.extend_from_slice(value);
        return (packed.into(), [].chunks(PIECE_BYTES_MAX));
    }
    let mut packed = [SPLIT; 9];
    packed[1..].copy_from_slice(&(value.len() as u64).to_be_bytes());
    (IVec::from(&packed), value.chunks(PIECE_BYTES_MAX))
}

/// Reads what a table's tree holds.
pub(super) fn unpack(packed: &IVec) -> Result<Stored, NoRow> {
    match packed.split_first() {
        Some((&WHOLE, value)) => Ok(Stored::Whole(packed.subslice(1, value.len()))),
        Some((&SPLIT, length)) => {
            let length = length
                .try_into()
                .map_err(|_| "the length of a split row is malformed")?;
            Ok(Stored::Split(u64::from_be_bytes(length)))
        }
        _ => Err("a row begins with an unknown byte"),
    }
}

/// How many parts a split row has.
pub(super) fn part_count(length: u64) -> Result<u32, NoRow> {
    u32::try_from(length.div_ceil(PIECE_BYTES_MAX as u64)).map_err(|_| "a split row is impossibly long")
}

/// Under which key a part lies.
pub(super) fn part_key(table: Table, key: &[u8], part: u32) -> Vec<u8> {
    let name = table.name().as_bytes();
    let mut bytes = Vec::with_capacity(name.len() + 1 + key.len() + 4);
    bytes.extend_from_slice(name);
    bytes.push(0);
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(&part.to_be_bytes());
    bytes
}

/// Puts a row together, reading each of its parts.
pub(super) fn join<E: From<NoRow>>(
    length: u64,
    mut part: impl FnMut(u32) -> Result<Option<IVec>, E>,
) -> Result<IVec, E> {
    let mut whole = Vec::new();
    for number in 0..part_count(length)? {
        let bytes = part(number)?.ok_or("a part of a split row is missing")?;
        whole.extend_from_slice(&bytes);
    }
    if whole.len() as u64 == length {
        Ok(whole.into())
    } else {
        Err(E::from("a split row has not the length that it should have"))
    }
}

/// Why a row could not be read.
pub(super) enum Unread {
    Sled(::sled::Error),
    NoRow(NoRow),
}

impl From<::sled::Error> for Unread {
    fn from(error: ::sled::Error) -> Self {
        Self::Sled(error)
    }
}

impl From<NoRow> for Unread {
    fn from(reason: NoRow) -> Self {
        Self::NoRow(reason)
    }
}

/// A row's value, from what its table's tree holds.
pub(super) fn value(parts: &Tree, table: Table, key: &[u8], packed: &IVec) -> Result<IVec, Unread> {
    match unpack(packed)? {
        Stored::Whole(value) => Ok(value),
        Stored::Split(length) => join(length, |part| Ok(parts.get(part_key(table, key, part))?)),
    }
}
