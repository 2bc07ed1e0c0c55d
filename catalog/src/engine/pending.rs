//! The commit under construction, and what it changes of what is held.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bailiwick_schema::{ClaimBody, RunId, SourceId};
use foldhash::quality::RandomState;

use crate::store::{
    ClaimHead, ClaimKey, Commit, CommitCause, EntityIdentity, EntityNo, NewVersion, ScopeNo, StoredClaim,
};

/// What a claim will be once the commit is made.
#[derive(Debug, Clone)]
pub(super) enum PendingClaim {
    /// With its body decoded, so that it is not parsed again to be stitched.
    Put(StoredClaim, Arc<ClaimBody>),
    /// Another head for the held body.
    Head(ClaimHead),
    /// With the entity that it counted for.
    Removed(Option<EntityNo>),
}

#[derive(Default)]
pub(super) struct Pending {
    pub(super) commit: Commit,
    pub(super) cause: Option<CommitCause>,
    pub(super) source: Option<SourceId>,
    pub(super) run: Option<RunId>,
    pub(super) claims: HashMap<ClaimKey, PendingClaim, RandomState>,
    pub(super) identities: BTreeMap<EntityNo, EntityIdentity>,
    /// Claims that count for an entity from now on (true), or no longer (false).
    pub(super) entity_claims: HashMap<EntityNo, BTreeMap<ClaimKey, bool>, RandomState>,
    /// Entities to be stitched.
    pub(super) touched: BTreeSet<EntityNo>,
    /// Scopes whose number of claims changed; their records join the commit when it is made.
    pub(super) touched_scopes: BTreeSet<ScopeNo>,
    /// Scopes that were brought content by a reading that has not proved them yet.
    pub(super) unproved: BTreeSet<ScopeNo>,
    /// Versions made by other means than stitching.
    pub(super) reissued: Vec<NewVersion>,
    pub(super) since: Option<Instant>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.claims.is_empty()
            && self.identities.is_empty()
            && self.touched.is_empty()
            && self.reissued.is_empty()
            && self.commit.is_empty()
    }

    pub(super) fn note_entity_claim(&mut self, entity: EntityNo, key: ClaimKey, counts: bool) {
        self.entity_claims.entry(entity).or_default().insert(key, counts);
        self.touched.insert(entity);
    }
}
