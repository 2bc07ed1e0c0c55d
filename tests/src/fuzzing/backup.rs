//! Backups: any bytes are refused or read, what was written is read as it was, and damage is noticed.

use bailiwick_catalog::backup::fuzzing::{framed, read};
use bailiwick_catalog::backup::{BackupSettings, write};
use bailiwick_catalog::store::{Dump as _, Dumped};
use std::ops::ControlFlow;

use super::records::{rows, store_of};

/// The input is tried as a file, as payloads of frames whose checksums are right, and as the rows of a store that is
/// backed up; of that backup a piece is cut off, and a bit is turned.
pub fn backup(bytes: &[u8]) {
    let verdict = |bytes: &[u8]| format!("{:?}", read(bytes));
    assert_eq!(verdict(bytes), verdict(bytes), "the same bytes have the same verdict");
    let _ = read(&framed(&payloads(bytes)));

    let Some(store) = store_of(&rows(bytes)) else { return };
    let mut written = Vec::new();
    let settings = BackupSettings::default();
    let (header, trailer) = write(&store, &settings, &mut written, &mut |_| {}).expect("memory takes it");
    let mut dumped = Vec::new();
    let result = store.dump(&mut |step| {
        if let Dumped::Row { table, key, value } = step {
            dumped.push((table, key.to_vec(), value.to_vec()));
        }
        ControlFlow::Continue(())
    });
    result.expect("memory gives it");
    let (header_read, trailer_read, rows_read) = read(&written).expect("what was written is read");
    assert_eq!((header_read, trailer_read), (header, trailer), "it says what it is of");
    assert_eq!(rows_read, dumped, "every row is there");

    let seed = bytes
        .iter()
        .fold(17_usize, |seed, byte| seed.wrapping_mul(31) ^ usize::from(*byte));
    let at = seed % written.len();
    assert!(
        read(&written[..at]).is_err(),
        "a file that ends at byte {at} is no backup"
    );
    written[at] ^= 1 << (seed % 8);
    assert!(read(&written).is_err(), "a bit that was turned in byte {at} is noticed");
}

/// Payloads one after the other: kind, length (two bytes, the lower first), bytes.
fn payloads(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut payloads = Vec::new();
    while let Some((&[kind, low, high], rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (payload, rest) = rest.split_at(length);
        payloads.push((kind, payload));
        bytes = rest;
    }
    payloads
}
