//! Keys: how records lie in order.
//!
//! Numbers are big-endian, so that they sort as numbers; what is read newest first is stored inverted. A text is
//! escaped and terminated, so that no text is the beginning of another, whatever it holds. Keys are built and compared,
//! never read back, except for their fixed tails.

use bailiwick_schema::{ContentHash, Position, SourceId, Timestamp};

use crate::store::{ClaimId, ClaimKey, EntityNo, FindingOwner, ScopeNo};

/// Longest text that is kept whole in a key, in bytes; of a longer one the beginning and a hash are. Engines take keys
/// of up to 64 KiB.
pub const TEXT_KEY_BYTES_MAX: usize = 4_096;

/// Escapes a zero byte of a text.
const ESCAPED_ZERO: [u8; 2] = [0, 0xff];
/// Ends a text. Sorts before any continuation of it.
const TEXT_END: [u8; 2] = [0, 1];
/// Ends a text that is cut; its hash follows.
const TEXT_CUT: [u8; 2] = [0, 2];

/// Length of [`claim`].
pub const CLAIM_KEY_BYTES: usize = 20;

pub fn entity(no: EntityNo) -> [u8; 4] {
    no.0.to_be_bytes()
}

pub fn scope(no: ScopeNo) -> [u8; 4] {
    no.0.to_be_bytes()
}

pub fn position(position: Position) -> [u8; 8] {
    position.0.to_be_bytes()
}

/// A version of an entity; the newest sorts first.
pub fn version(no: EntityNo, position: Position) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&no.0.to_be_bytes());
    key[4..].copy_from_slice(&(!position.0).to_be_bytes());
    key
}

pub fn claim(key: ClaimKey) -> [u8; CLAIM_KEY_BYTES] {
    let mut bytes = [0; CLAIM_KEY_BYTES];
    bytes[..4].copy_from_slice(&key.scope.0.to_be_bytes());
    bytes[4..].copy_from_slice(&key.id.0);
    bytes
}

/// What the keys of all claims of an origin begin with.
pub fn origin(scope: ScopeNo, origin: [u8; 8]) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&scope.0.to_be_bytes());
    bytes[4..].copy_from_slice(&origin);
    bytes
}

pub fn entity_claim(no: EntityNo, key: ClaimKey) -> [u8; 4 + CLAIM_KEY_BYTES] {
    let mut bytes = [0; 4 + CLAIM_KEY_BYTES];
    bytes[..4].copy_from_slice(&no.0.to_be_bytes());
    bytes[4..].copy_from_slice(&claim(key));
    bytes
}

/// Reads the claim key that `bytes` end with; nothing if they are too short.
pub fn trailing_claim(bytes: &[u8]) -> Option<ClaimKey> {
    let tail: &[u8; CLAIM_KEY_BYTES] = bytes.last_chunk()?;
    let (scope, id) = tail.split_first_chunk::<4>()?;
    Some(ClaimKey {
        scope: ScopeNo(u32::from_be_bytes(*scope)),
        id: ClaimId(id.try_into().ok()?),
    })
}

/// A text alone.
pub fn text(text: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(text.len() + 2);
    push_text(&mut key, text);
    key
}

/// A text and a fixed tail.
pub fn text_and(text: &str, tail: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(text.len() + 2 + tail.len());
    push_text(&mut key, text);
    key.extend_from_slice(tail);
    key
}

/// Two texts, ordered by the first.
pub fn texts(first: &str, second: &str) -> Vec<u8> {
    let mut key = text(first);
    push_text(&mut key, second);
    key
}

fn push_text(key: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let kept = &bytes[..bytes.len().min(TEXT_KEY_BYTES_MAX)];
    if kept.contains(&0) {
        for byte in kept {
            match byte {
                0 => key.extend_from_slice(&ESCAPED_ZERO),
                other => key.push(*other),
            }
        }
    } else {
        key.extend_from_slice(kept);
    }
    if kept.len() < bytes.len() {
        key.extend_from_slice(&TEXT_CUT);
        key.extend_from_slice(ContentHash::of(bytes).as_bytes());
    } else {
        key.extend_from_slice(&TEXT_END);
    }
}

/// A time of which the latest sorts first.
pub fn time_descending(at: Timestamp) -> [u8; 8] {
    // Flipping the sign bit makes negative times sort before positive ones.
    let ascending = at.micros().cast_unsigned() ^ (1 << 63);
    (!ascending).to_be_bytes()
}

/// The place of a run among all runs, or among those of a source.
pub fn run_order(source: Option<&SourceId>, started_at: Timestamp, id: &str) -> Vec<u8> {
    let mut key = run_order_of(source);
    key.extend_from_slice(&time_descending(started_at));
    push_text(&mut key, id);
    key
}

/// What the places of all runs, or of those of a source, begin with. No source has an empty id.
pub fn run_order_of(source: Option<&SourceId>) -> Vec<u8> {
    text(source.map_or("", SourceId::as_str))
}

/// What the keys of all findings of an owner begin with.
pub fn finding_owner(owner: &FindingOwner) -> Vec<u8> {
    let mut key = Vec::with_capacity(32);
    match owner {
        FindingOwner::Origin { scope, origin } => {
            key.push(1);
            key.extend_from_slice(&self::origin(*scope, *origin));
        }
        FindingOwner::Entity(no) => {
            key.push(2);
            key.extend_from_slice(&entity(*no));
        }
        FindingOwner::Source(source) => {
            key.push(3);
            push_text(&mut key, source.as_str());
        }
        FindingOwner::Links(no) => {
            key.push(4);
            key.extend_from_slice(&entity(*no));
        }
    }
    key
}

/// What the keys of all findings of a scope begin with, whatever their origin.
pub fn findings_of_scope(scope: ScopeNo) -> Vec<u8> {
    let mut key = vec![1];
    key.extend_from_slice(&self::origin(scope, [0; 8])[..4]);
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_sort_as_they_do_alone(one in "\\PC{0,12}|[a\u{0}\u{1}]{0,6}", other in "\\PC{0,12}|[a\u{0}\u{1}]{0,6}") {
            prop_assert_eq!(text(&one).cmp(&text(&other)), one.as_bytes().cmp(other.as_bytes()));
        }

        #[test]
        fn no_text_is_the_beginning_of_another(one in "[a\u{0}\u{1}ÿ]{0,6}", other in "[a\u{0}\u{1}ÿ]{0,6}") {
            prop_assert_eq!(text(&one).starts_with(&text(&other)), one == other);
        }

        #[test]
        fn later_times_sort_first(one: i64, other: i64) {
            let key = |micros| time_descending(Timestamp::from_micros(micros));
            prop_assert_eq!(key(one).cmp(&key(other)), other.cmp(&one));
        }

        #[test]
        fn a_claim_key_is_read_back_from_any_tail(scope: u32, id: [u8; 16], no: u32) {
            let key = ClaimKey { scope: ScopeNo(scope), id: ClaimId(id) };
            prop_assert_eq!(trailing_claim(&entity_claim(EntityNo(no), key)), Some(key));
            prop_assert_eq!(trailing_claim(&claim(key)[1..]), None);
        }
    }

    #[test]
    fn texts_too_long_for_a_key_stay_apart() {
        let long = "x".repeat(200_000);
        let keys = [
            text(&long),
            text(&format!("{long}y")),
            text(&long[..TEXT_KEY_BYTES_MAX]),
        ];
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
        let zeros = text(&"\0".repeat(200_000));
        assert!(zeros.len() < 2 * TEXT_KEY_BYTES_MAX + 32, "{}", zeros.len());
    }
}
