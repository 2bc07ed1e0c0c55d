//! Invariants of a version, shared by debug assertions and tests.

use crate::store::{ChangeKind, NewVersion};

/// What is wrong with a version that the engine is about to write; nothing if it holds.
pub fn version_violation(new: &NewVersion) -> Option<String> {
    let version = &new.version;
    if (version.change == ChangeKind::Deleted) != new.body.is_empty() {
        return Some(format!(
            "{}: a deletion has no body, everything else has one",
            version.entity
        ));
    }
    if !version.relations.is_sorted() || version.relations.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some(format!("{}: relations are sorted and unique", version.entity));
    }
    if !version
        .identifiers
        .is_sorted_by(|one, two| one.identifier < two.identifier)
    {
        return Some(format!("{}: identifiers are sorted and unique", version.entity));
    }
    None
}
