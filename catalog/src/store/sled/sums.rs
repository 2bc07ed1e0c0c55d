//! A sum over all rows of a table, kept with them and compared when the store is opened.
//!
//! sled takes a damaged stretch of its log for one that was never finished and goes on behind it, so that rows are gone
//! or old without an error. The sum of the rows' hashes tells: it moves in the transaction that changes the rows, and
//! every row is read once when the store is opened. Sums catch damage, not malice.

use xxhash_rust::xxh3::Xxh3;

/// Rows of a table, counted and summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) rows: u64,
    hashes: u128,
}

/// Length of a sum as it is stored.
pub(super) const SUM_BYTES: usize = 24;

impl Sum {
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.hashes = self.hashes.wrapping_add(hash(key, value));
    }

    pub(super) fn subtract(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.hashes = self.hashes.wrapping_sub(hash(key, value));
    }

    pub(super) fn encode(self) -> [u8; SUM_BYTES] {
        let mut bytes = [0; SUM_BYTES];
        bytes[..8].copy_from_slice(&self.rows.to_be_bytes());
        bytes[8..].copy_from_slice(&self.hashes.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SUM_BYTES] = bytes.try_into().ok()?;
        let (rows, hashes) = bytes.split_first_chunk::<8>()?;
        Some(Self {
            rows: u64::from_be_bytes(*rows),
            hashes: u128::from_be_bytes(hashes.try_into().ok()?),
        })
    }
}

fn hash(key: &[u8], value: &[u8]) -> u128 {
    // The length of the key keeps bytes from moving between key and value unseen.
    let mut hasher = Xxh3::with_seed(key.len() as u64);
    hasher.update(key);
    hasher.update(value);
    hasher.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_forgets_the_order_and_nothing_else() {
        let (mut one, mut other) = (Sum::default(), Sum::default());
        one.add(b"a", b"1");
        one.add(b"b", b"2");
        other.add(b"b", b"2");
        other.add(b"a", b"1");
        assert_eq!(one, other);
        assert_eq!(Sum::decode(&one.encode()), Some(one));
        other.subtract(b"a", b"1");
        other.add(b"a1", b"");
        assert_ne!(one, other);
        other.subtract(b"a1", b"");
        other.subtract(b"b", b"2");
        assert_eq!(other, Sum::default());
    }
}
