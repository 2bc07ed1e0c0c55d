//! What is stored: plain records, decided by the engine in full. Stores keep them and know no policy.

use bailiwick_schema::{
    Assertion, ContentHash, Cursor, EntityRef, Event, Finding, Identifier, IdentifierClaim, Origin, OwnerMethod,
    Position, Proof, RunId, ScopeId, SourceId, Subject, Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The number of an entity in this store: dense from 0, never reused, given back to a ref that returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityNo(pub u32);

/// The number of a scope in this store: dense from 0, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeNo(pub u32);

/// The key of a claim within its scope: 8 bytes of the origin path's hash, then 8 bytes of the subject's, so that all
/// claims of one origin lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClaimId(pub [u8; 16]);

impl ClaimId {
    pub fn new(origin_path: &str, subject: &Subject) -> Self {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&Self::origin_prefix(origin_path));
        let subject = match subject {
            Subject::Ref(entity) => ContentHash::of_parts(&[b"ref", entity.as_str().as_bytes()]),
            Subject::Identifier(identifier) => ContentHash::of_parts(&[b"identifier", identifier.as_str().as_bytes()]),
        };
        id[8..].copy_from_slice(&subject.as_bytes()[..8]);
        Self(id)
    }

    pub fn origin_prefix(origin_path: &str) -> [u8; 8] {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&ContentHash::of(origin_path.as_bytes()).as_bytes()[..8]);
        prefix
    }

    pub fn origin(&self) -> [u8; 8] {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&self.0[..8]);
        prefix
    }
}

/// The full key of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClaimKey {
    pub scope: ScopeNo,
    pub id: ClaimId,
}

/// What comparing needs of a claim: small, and kept apart from its body, so that a scope of a million claims is
/// compared without reading them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimHead {
    pub key: ClaimKey,
    pub hash: ContentHash,
    /// The entity it counts for; nothing while its subject resolves to nobody.
    pub entity: Option<EntityNo>,
    pub requested_at: Timestamp,
    /// Its origin could not be read lately; it stands as it was.
    pub stale: bool,
}

/// A claim whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredClaim {
    pub head: ClaimHead,
    pub subject: Subject,
    pub assertion: Assertion,
    pub origin: Origin,
    pub source_time: Option<Timestamp>,
    /// Since when it has said what it says (the first request with this hash).
    pub since: Timestamp,
    /// Canonical JSON of the claim's body.
    pub body: Vec<u8>,
}

impl StoredClaim {
    /// A copy for those who have the body decoded already.
    pub fn without_body(&self) -> Self {
        Self {
            head: self.head.clone(),
            subject: self.subject.clone(),
            assertion: self.assertion,
            origin: self.origin.clone(),
            source_time: self.source_time,
            since: self.since,
            body: Vec::new(),
        }
    }
}

/// An entity's lasting identity, live or retired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityIdentity {
    pub no: EntityNo,
    pub entity: EntityRef,
    /// An allocation, not content: outside all hashes, kept while retired, given back to whatever returns.
    pub uid: Uuid,
    pub live: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Created,
    Updated,
    Deleted,
}

impl ChangeKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// One outgoing relation; the inverse half is read from the graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Relation {
    pub relation: String,
    pub target: EntityRef,
}

/// The fields that lists, filters and facets use, taken from the body once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Kind as the entity spells it.
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub title: Option<String>,
    pub entity_type: Option<String>,
    pub lifecycle: Option<String>,
    pub tags: Vec<String>,
    pub labels: Vec<(String, String)>,
}

/// Who owns an entity, how that is known, and who disagrees.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ownership {
    /// The effective owners, the first one leading; empty for what nobody owns.
    pub owners: Vec<EntityRef>,
    /// The whole chain, strongest first.
    pub evidence: Vec<EvidenceItem>,
    /// Nothing stronger than inheritance decides, so that the owners of its parents matter.
    pub asks_parents: bool,
}

impl Ownership {
    /// Whether nothing that is said about the entity itself decides who owns it.
    pub fn is_inherited(&self) -> bool {
        let inherited = OwnerMethod::Inherited.as_str();
        !self
            .evidence
            .iter()
            .any(|item| item.standing == EvidenceItem::DECISIVE && item.method != inherited)
    }
}

/// One link of the chain of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// A method of [`bailiwick_schema::OwnerMethod`], as text.
    pub method: String,
    /// As the evidence names them.
    pub who: Vec<String>,
    /// The known entities among them.
    pub owners: Vec<EntityRef>,
    pub detail: String,
    /// The source that says so; nothing for what follows from other entities.
    pub source: Option<String>,
    pub origin: Option<String>,
    /// One of the constants below.
    pub standing: String,
}

impl EvidenceItem {
    /// The strongest evidence that names a known owner.
    pub const DECISIVE: &'static str = "decisive";
    /// Weaker, and names the same owner.
    pub const AGREES: &'static str = "agrees";
    /// Weaker, and names somebody else.
    pub const OVERRULED: &'static str = "overruled";
    /// Names nobody whom the catalog knows.
    pub const UNRESOLVED: &'static str = "unresolved";
}

/// One version of an entity. The change log's record of a change *is* this version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityVersion {
    pub no: EntityNo,
    pub position: Position,
    pub entity: EntityRef,
    pub uid: Uuid,
    pub at: Timestamp,
    pub change: ChangeKind,
    /// Over body, relations and ownership; not over uid, position or time.
    pub hash: ContentHash,
    pub summary: Summary,
    /// Sorted by relation, then target; no duplicates.
    pub relations: Vec<Relation>,
    pub ownership: Ownership,
    /// Sorted.
    pub identifiers: Vec<IdentifierClaim>,
    /// Whose owner it gets when nothing says who owns it, nearest first.
    pub inherits_from: Vec<EntityRef>,
    /// What this entity was before it moved, as one of its claims says.
    pub continues: Option<EntityRef>,
    /// Identifiers and names (`name:pay`) whose holders matter to it: when they change, it is stitched again.
    pub watches: Vec<String>,
}

/// A version to be written, with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    pub version: EntityVersion,
    /// Canonical JSON: `apiVersion`, `kind`, `metadata`, `spec`, `facts`, `identifiers`. Empty for a deletion.
    pub body: Vec<u8>,
}

/// Why a commit was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitCause {
    /// A source delivered.
    Ingest,
    /// A proved absence removed claims.
    Sweep,
    /// Kinds, ranks or rules changed.
    Rules,
    /// A person decided something.
    Operator,
}

/// The log's row for one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedCommit {
    pub position: Position,
    /// Never goes back from one commit to the next.
    pub at: Timestamp,
    pub cause: CommitCause,
    pub source: Option<SourceId>,
    pub run: Option<RunId>,
    /// In order; the ordinal of a change is its index here.
    pub changes: Vec<LoggedChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedChange {
    pub no: EntityNo,
    pub entity: EntityRef,
    pub change: ChangeKind,
}

/// What a scope is known as, and where reading it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRecord {
    pub no: ScopeNo,
    pub source: SourceId,
    /// The source's type and rank, as stitching needs them where no configuration is at hand.
    pub source_type: String,
    pub rank: i32,
    pub id: ScopeId,
    pub parent: Option<ScopeId>,
    pub cursor: Option<Cursor>,
    pub proof: Option<Proof>,
    pub proved_at: Option<Timestamp>,
    /// The members that the last proof named, sorted.
    pub members: Vec<ScopeId>,
    /// Claims held in this scope itself.
    pub claims: u64,
    /// The next sweep waits for a decision, however small (a sweep of this scope was undone).
    pub next_sweep_pending: bool,
    /// A proved listing no longer names it and its claims are swept.
    pub retired: bool,
}

/// Where a sweep stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepState {
    /// Computed when its scope was proved; the end of the run settles it.
    Due,
    /// Held by the guard; a person decides.
    Pending { reason: String },
    /// Rejected: quiet until the set changes.
    Rejected { by: String, at: Timestamp },
}

/// The claims that a proved scope no longer shows. One per scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRecord {
    pub scope: ScopeNo,
    pub state: SweepState,
    /// Request time of the proof: a claim that is newer is not missing.
    pub proved_at: Timestamp,
    pub run: RunId,
    /// Sorted; claims of this scope, or of retired scopes below it.
    pub missing: Vec<ClaimKey>,
    pub retires: Vec<ScopeId>,
}

/// What an applied sweep removed, so that `undoSweep` can bring it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedSweep {
    pub id: String,
    pub scope: ScopeNo,
    pub at: Timestamp,
    pub by: String,
    pub removed: u64,
}

/// An identifier held by an entity for some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentifierRow {
    pub identifier: Identifier,
    pub entity: EntityNo,
    pub exclusive: bool,
    pub since: Timestamp,
    /// Nothing while it is valid.
    pub until: Option<Timestamp>,
}

/// Whom a finding belongs to: whoever reads that again replaces it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FindingOwner {
    /// Emitted by a source while reading an origin of a scope (empty path: the scope as such).
    Origin { scope: ScopeNo, origin: [u8; 8] },
    /// Found by the engine about an entity.
    Entity(EntityNo),
    /// Found by the engine about a source.
    Source(SourceId),
    /// Found by the engine about what an entity points at and what identifies it, at the end of a run.
    Links(EntityNo),
}

/// A finding as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFinding {
    pub owner: FindingOwner,
    pub source: Option<SourceId>,
    pub scope: Option<ScopeId>,
    pub first_seen: Timestamp,
    pub finding: Finding,
}

impl StoredFinding {
    /// Tells findings of one owner apart, and gives them an order: what it says, without when.
    pub fn id(&self) -> ContentHash {
        let bytes = postcard::to_allocvec(&self.finding).expect("a finding serialises into memory");
        ContentHash::of(&bytes)
    }
}

/// A person's act, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub at: Timestamp,
    pub who: String,
    pub action: String,
    pub subject: String,
    pub outcome: String,
}

/// One atomic write. `position` of every version is the head it expects plus one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Commit {
    pub log: Option<LoggedCommit>,
    pub identities: Vec<EntityIdentity>,
    pub versions: Vec<NewVersion>,
    pub claims_put: Vec<StoredClaim>,
    /// Heads whose body stays: another entity, another request time, stale or fresh again.
    pub heads_put: Vec<ClaimHead>,
    /// With the entity that each counted for, so that its row there goes too.
    pub claims_removed: Vec<(ClaimKey, Option<EntityNo>)>,
    /// (claim, entity) pairs that no longer hold because the claim counts for another entity now.
    pub entity_claims_removed: Vec<(EntityNo, ClaimKey)>,
    /// Claims waiting for an identifier to resolve, put and removed.
    pub waiting_put: Vec<(Identifier, ClaimKey)>,
    pub waiting_removed: Vec<(Identifier, ClaimKey)>,
    pub identifiers_put: Vec<IdentifierRow>,
    pub identifiers_removed: Vec<(Identifier, EntityNo)>,
    /// Owners whose findings are replaced as a whole, by what `findings_put` brings for them.
    pub findings_cleared: Vec<FindingOwner>,
    pub findings_put: Vec<StoredFinding>,
    pub scopes_put: Vec<ScopeRecord>,
    pub sweeps_put: Vec<SweepRecord>,
    pub sweeps_removed: Vec<ScopeNo>,
    /// Removed claims kept for `undoSweep`, under the sweep's id.
    pub applied_sweeps: Vec<(AppliedSweep, Vec<StoredClaim>)>,
    pub events_put: Vec<(SourceId, Event)>,
    /// Small named values of the engine, such as the hash of the kinds in force.
    pub meta_put: Vec<(String, Vec<u8>)>,
}

impl Commit {
    /// Whether there is anything in it apart from its log row.
    pub fn is_empty(&self) -> bool {
        let Self {
            log: _,
            identities,
            versions,
            claims_put,
            heads_put,
            claims_removed,
            entity_claims_removed,
            waiting_put,
            waiting_removed,
            identifiers_put,
            identifiers_removed,
            findings_cleared,
            findings_put,
            scopes_put,
            sweeps_put,
            sweeps_removed,
            applied_sweeps,
            events_put,
            meta_put,
        } = self;
        identities.is_empty()
            && versions.is_empty()
            && claims_put.is_empty()
            && heads_put.is_empty()
            && claims_removed.is_empty()
            && entity_claims_removed.is_empty()
            && waiting_put.is_empty()
            && waiting_removed.is_empty()
            && identifiers_put.is_empty()
            && identifiers_removed.is_empty()
            && findings_cleared.is_empty()
            && findings_put.is_empty()
            && scopes_put.is_empty()
            && sweeps_put.is_empty()
            && sweeps_removed.is_empty()
            && applied_sweeps.is_empty()
            && events_put.is_empty()
            && meta_put.is_empty()
    }
}

/// A write that has no position.
#[derive(Debug, Clone, Default)]
pub struct LedgerWrite {
    pub runs: Vec<bailiwick_schema::RunRecord>,
    /// Cursors and proofs that moved although there was nothing to commit.
    pub scopes: Vec<ScopeRecord>,
    pub audit: Vec<AuditRecord>,
    pub meta: Vec<(String, Vec<u8>)>,
}
