//! Backups as bytes in memory, for fuzz targets and for the test that replays what they found. No part of the crate's
//! promises.

use super::format::{FrameKind, Header, Trailer, frame_bytes, packed_max, start_bytes};
use super::reader::{BackupReader, ReadError};
use crate::store::keyvalue::Table;

/// A row of a backup: table, key, value.
pub type Row = (Table, Vec<u8>, Vec<u8>);

/// Reads a backup whole.
pub fn read(bytes: &[u8]) -> Result<(Header, Trailer, Vec<Row>), ReadError> {
    let mut rows = Vec::new();
    let reader = BackupReader::open(bytes)?;
    let (header, trailer) = reader.read::<ReadError>(&mut |_| {}, |table, key, value| {
        rows.push((table, key.to_vec(), value.to_vec()));
        Ok(())
    })?;
    Ok((header, trailer, rows))
}

/// Puts payloads into frames whose lengths and checksums are right, whatever is in them; rows are packed.
pub fn framed(payloads: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = start_bytes().to_vec();
    for (number, (kind, payload)) in (0..).zip(payloads) {
        let kind = match kind % 4 {
            0 => FrameKind::Header,
            1 => FrameKind::Rows,
            2 => FrameKind::Trailer,
            _ => FrameKind::Failure,
        };
        let packed = match kind {
            FrameKind::Rows => {
                let mut packed = vec![0; packed_max(payload.len())];
                let length = lz4_flex::block::compress_into(payload, &mut packed).unwrap_or_default();
                packed.truncate(length);
                packed
            }
            _ => payload.to_vec(),
        };
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        bytes.extend(frame_bytes(number, kind, length, &packed).into_iter().flatten());
        bytes.extend(packed);
    }
    bytes
}
