//! What a verification found, part by part.

use std::collections::BTreeMap;

use bailiwick_schema::Position;
use serde::Serialize;

use super::DIFFERENCES_MAX;

/// The parts that are compared, in the order in which they are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Every stored row decodes, lies under its own key, and fits the rows that it hangs on.
    Rows,
    /// Scopes, entities and claims agree on who has which claim.
    Claims,
    /// Bodies, summaries and hashes.
    Entities,
    /// Outgoing relations.
    Relations,
    /// What points at each entity.
    Incoming,
    /// Owners, with the whole chain of evidence.
    Ownership,
    /// Who holds which identifier.
    Identifiers,
    /// What is served, and what is filtered by, as a start would load it.
    Snapshot,
    /// Documents of the search index.
    Index,
}

impl Part {
    pub const ALL: [Self; 9] = [
        Self::Rows,
        Self::Claims,
        Self::Entities,
        Self::Relations,
        Self::Incoming,
        Self::Ownership,
        Self::Identifiers,
        Self::Snapshot,
        Self::Index,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Claims => "claims",
            Self::Entities => "entities",
            Self::Relations => "relations",
            Self::Incoming => "incoming",
            Self::Ownership => "ownership",
            Self::Identifiers => "identifiers",
            Self::Snapshot => "snapshot",
            Self::Index => "index",
        }
    }
}

/// One part: how much of it was compared, and the sums of hashes on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartReport {
    pub part: Part,
    /// Rows, entities or documents.
    pub checked: u64,
    pub differing: u64,
    /// Sum of hashes of what the claims add up to, in hex; equal to `held` where nothing differs.
    pub rebuilt: String,
    /// The same of what is stored or served.
    pub held: String,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct VerifyReport {
    pub position: u64,
    pub entities: u64,
    pub claims: u64,
    pub edges: u64,
    pub documents: u64,
    /// Hash over all entities' version hashes, by ref.
    pub entities_hash: String,
    /// Sum over all documents of the index.
    pub index_sum: String,
    /// Every part that was compared.
    pub parts: Vec<PartReport>,
    /// `part: what`, at most [`DIFFERENCES_MAX`].
    pub differences: Vec<String>,
    pub further_differences: u64,
    #[serde(skip)]
    tallies: BTreeMap<Part, Tally>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tally {
    checked: u64,
    differing: u64,
    rebuilt: u64,
    held: u64,
}

impl VerifyReport {
    pub(super) fn at(position: Position) -> Self {
        Self {
            position: position.0,
            ..Self::default()
        }
    }

    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }

    /// Counts things of a part that were looked at.
    pub(super) fn checked(&mut self, part: Part, count: u64) {
        self.tallies.entry(part).or_default().checked += count;
    }

    /// Notes a difference.
    pub(super) fn differs(&mut self, part: Part, what: impl FnOnce() -> String) {
        self.tallies.entry(part).or_default().differing += 1;
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(format!("{}: {}", part.as_str(), what()));
        } else {
            self.further_differences += 1;
        }
    }

    /// Compares one thing by hash, and notes it if it differs.
    pub(super) fn compare(&mut self, part: Part, rebuilt: u64, held: u64, what: impl FnOnce() -> String) {
        self.sum(part, rebuilt, held);
        if rebuilt != held {
            self.differs(part, what);
        }
    }

    /// Counts one thing and adds to the sums of both sides.
    pub(super) fn sum(&mut self, part: Part, rebuilt: u64, held: u64) {
        let tally = self.tallies.entry(part).or_default();
        tally.checked += 1;
        tally.rebuilt = tally.rebuilt.wrapping_add(rebuilt);
        tally.held = tally.held.wrapping_add(held);
    }

    /// Puts the parts into the report.
    pub(super) fn finish(&mut self) {
        let part = |(part, tally): (&Part, &Tally)| PartReport {
            part: *part,
            checked: tally.checked,
            differing: tally.differing,
            rebuilt: format!("{:016x}", tally.rebuilt),
            held: format!("{:016x}", tally.held),
        };
        self.parts = self.tallies.iter().map(part).collect();
    }
}
