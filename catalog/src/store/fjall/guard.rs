//! The numbers of the last batches, in a keyspace of their own.
//!
//! fjall ends the replay of a journal at what it cannot read, and goes on with the next journal: batches in the middle
//! may be missing without an error. Each batch writes its number into one of [`RING`] rows, in turn; after a start each
//! row must hold the last number that belongs there. Journals hold fewer batches than there are rows, unless these are
//! tiny; older batches lie in table files, whose blocks have checksums.

use ::fjall::{Keyspace, Readable, Snapshot};

/// The name of the keyspace.
pub(super) const NAME: &str = "bailiwick_guard";

/// Rows.
const RING: u64 = 8_192;

/// The row of a batch: key and value.
pub(super) fn row(batch: u64) -> ([u8; 2], [u8; 8]) {
    let place = u16::try_from(batch % RING).expect("the ring is smaller");
    (place.to_be_bytes(), batch.to_be_bytes())
}

/// The number of the last batch. Errors: of fjall, and why the rows are not those of a whole store.
pub(super) fn last(keyspace: &Keyspace, snapshot: &Snapshot) -> ::fjall::Result<Result<u64, String>> {
    let mut found = Vec::new();
    for row in snapshot.iter(keyspace) {
        let (key, value) = row.into_inner()?;
        let (Ok(place), Ok(number)) = (<[u8; 2]>::try_from(&*key), <[u8; 8]>::try_from(&*value)) else {
            return Ok(Err("a row of its guard is malformed".to_owned()));
        };
        found.push((u64::from(u16::from_be_bytes(place)), u64::from_be_bytes(number)));
    }
    Ok(whole(&found))
}

fn whole(found: &[(u64, u64)]) -> Result<u64, String> {
    let last = found.iter().map(|(_, number)| *number).max().unwrap_or(0);
    let first = last.saturating_sub(RING - 1).max(1);
    let expected = |place: u64| first + (place + RING - first % RING) % RING;
    let right = found
        .iter()
        .filter(|(place, number)| *number > 0 && *number == expected(*place))
        .count() as u64;
    let missing = (last + 1 - first) - right.min(last + 1 - first);
    if missing > 0 && last > 0 {
        return Err(format!(
            "{missing} of its last writes are missing, and later ones are there"
        ));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(batches: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
        let rows: std::collections::BTreeMap<_, _> = batches.map(|batch| (batch % RING, batch)).collect();
        rows.into_iter().collect()
    }

    #[test]
    fn a_missing_batch_is_seen_as_long_as_its_row_is_not_written_again() {
        assert_eq!(whole(&[]), Ok(0));
        for last in [1, 2, RING - 1, RING, RING + 1, 3 * RING, 3 * RING + 7] {
            assert_eq!(whole(&ring(1..=last)), Ok(last));
            for missing in [1, 2, RING / 2, RING - 1] {
                let gone = last.saturating_sub(missing);
                if gone == 0 {
                    continue;
                }
                let hole = ring((1..=last).filter(|batch| *batch != gone));
                assert!(whole(&hole).is_err(), "{gone} of {last}");
            }
            if last > RING {
                assert_eq!(whole(&ring((1..=last).filter(|batch| *batch != last - RING))), Ok(last));
            }
        }
    }
}
