//! Making tokens, and reading their hashes.

use bailiwick_schema::Secret;
use uuid::Uuid;

/// How every token begins, so that scanners for leaked secrets can tell it.
pub const PREFIX: &str = "bwk_";
const HASH_PREFIX: &str = "blake3:";

/// A new token of 244 random bits, and the hash to put into the configuration.
pub fn generate() -> (Secret, String) {
    let token = format!("{PREFIX}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let hash = hash_of(&token);
    (Secret::new(token), hash)
}

/// The hash of a token as the configuration lists it.
pub fn hash_of(token: &str) -> String {
    format!("{HASH_PREFIX}{}", blake3::hash(token.as_bytes()).to_hex())
}

pub(super) fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let hex = text.strip_prefix(HASH_PREFIX)?;
    blake3::Hash::from_hex(hex).ok().map(|hash| *hash.as_bytes())
}
