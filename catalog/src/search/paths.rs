//! Values by their path: `metadata.annotations.x`, `spec.y.z`, for any field without a change of the schema.
//!
//! Paths and values are compared in lower case. The members of a list stand under the path of the list; a key with
//! dots stays as it is written, so `metadata.labels.app.kubernetes.io/name` is found under just that.
//!
//! The index holds hashes: most values of a catalog are URLs and descriptions that one entity alone has, and a
//! dictionary of their texts cost more than the rest of the index together. What a value is called is read from the
//! body of an entity that has it.

use std::collections::{HashMap, HashSet};

use super::limits::{PATH_BYTES_MAX, PATH_TERMS_MAX, PATH_VALUE_BYTES_MAX};
use super::scalars::for_scalars;

/// Bytes of a term that stand for its path.
pub(crate) const PREFIX_BYTES: usize = 4;

/// Bytes of a term that stand for its value. Two of a hundred million values of one path share them with a
/// probability of 1 in 3,000.
pub(crate) const VALUE_BYTES: usize = 8;

/// The indexed form of a path and a value: the beginnings of two hashes.
pub(crate) type Term = [u8; PREFIX_BYTES + VALUE_BYTES];

/// Most paths whose hash is kept at hand.
const PATHS_KEPT: usize = 4_096;

/// Paths whose values nearly every entity has for itself. Names and titles are found in the snapshot, descriptions and
/// links by their words; a term for each of them would double the index.
const UNINDEXED: [&str; 4] = [
    "metadata.name",
    "metadata.title",
    "metadata.description",
    "metadata.links",
];

/// Whether the values of a path have terms.
pub(crate) fn is_indexed(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    !UNINDEXED.iter().any(|unindexed| is_at_or_below(&path, unindexed))
}

fn is_at_or_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The indexed term of a path and a value; nothing if either is too long to be indexed.
pub(crate) fn term(path: &str, value: &str) -> Option<Term> {
    (path.len() <= PATH_BYTES_MAX && value.len() <= PATH_VALUE_BYTES_MAX).then(|| joined(prefix(path), value))
}

/// What all terms of a path begin with.
pub(crate) fn prefix(path: &str) -> [u8; PREFIX_BYTES] {
    hash_of(path)
}

fn joined(prefix: [u8; PREFIX_BYTES], value: &str) -> Term {
    let mut term = [0; PREFIX_BYTES + VALUE_BYTES];
    term[..PREFIX_BYTES].copy_from_slice(&prefix);
    term[PREFIX_BYTES..].copy_from_slice(&hash_of::<VALUE_BYTES>(value));
    term
}

/// The beginning of the hash of a text in lower case.
fn hash_of<const N: usize>(text: &str) -> [u8; N] {
    let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    let hash = if is_lower {
        blake3::hash(text.as_bytes())
    } else {
        blake3::hash(text.to_lowercase().as_bytes())
    };
    let mut first = [0; N];
    first.copy_from_slice(&hash.as_bytes()[..N]);
    first
}

/// Makes the terms of bodies; keeps the hashes of paths that come again and again.
#[derive(Default)]
pub(crate) struct TermMaker {
    prefixes: HashMap<Box<str>, [u8; PREFIX_BYTES], foldhash::quality::RandomState>,
    seen: HashSet<Term, foldhash::quality::RandomState>,
    is_cut: bool,
}

/// What becomes of a path and a value.
pub(crate) enum Pair {
    Indexed(Term),
    /// Its words are searched, its path is not.
    Unindexed,
    /// It was there before, or is too long, or one too many.
    LeftOut,
}

impl TermMaker {
    /// Begins with another body.
    pub(crate) fn begin(&mut self) {
        self.seen.clear();
        self.is_cut = false;
    }

    /// Whether some values of the body had to be left out because there are too many.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What to do with a pair of the body.
    pub(crate) fn pair(&mut self, path: &str, value: &str) -> Pair {
        if path.len() > PATH_BYTES_MAX || value.len() > PATH_VALUE_BYTES_MAX {
            return Pair::LeftOut;
        }
        if UNINDEXED.iter().any(|unindexed| is_at_or_below(path, unindexed)) {
            return Pair::Unindexed;
        }
        let term = joined(self.prefix(path), value);
        if self.seen.contains(&term) {
            return Pair::LeftOut;
        }
        if self.seen.len() >= PATH_TERMS_MAX {
            self.is_cut = true;
            return Pair::LeftOut;
        }
        self.seen.insert(term);
        Pair::Indexed(term)
    }

    fn prefix(&mut self, path: &str) -> [u8; PREFIX_BYTES] {
        if let Some(known) = self.prefixes.get(path) {
            return *known;
        }
        let new = prefix(path);
        if self.prefixes.len() < PATHS_KEPT {
            self.prefixes.insert(path.into(), new);
        }
        new
    }
}

/// The value behind the last bytes of a term of this path, as the body spells it.
pub(crate) fn spelling(body: &[u8], path: &str, value_hash: &[u8]) -> Option<String> {
    let wanted = path.to_lowercase();
    let mut found = None;
    let read = for_scalars(body, &mut |path, value| {
        if found.is_none() && path.to_lowercase() == wanted && hash_of::<VALUE_BYTES>(value) == value_hash {
            found = Some(value.to_owned());
        }
    });
    read.ok().and(found)
}
