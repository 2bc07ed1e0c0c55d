//! The vocabulary of Bailiwick: refs, kinds, claims, scopes, relations, identifiers, findings and their validation.
//!
//! Everything here is a value or a port. Nothing does IO, reads a clock or knows how a claim is stored or served.
//! The three ports that cross crates ([`Sink`], [`Control`], [`OnCall`]) stand here because `ingestors` never sees
//! the catalog and `query` never sees a source; the binary wires them.

pub mod canonical;
pub mod claim;
pub mod control;
pub mod descriptor;
pub mod entity_ref;
pub mod finding;
pub mod identifier;
pub mod kind;
pub mod limits;
pub mod ownership;
pub mod position;
pub mod run;
pub mod scope;
pub mod secret;
pub mod sink;
pub mod source;
pub mod time;
pub mod viewer;
pub mod yaml;

pub use canonical::ContentHash;
pub use claim::{Assertion, Claim, ClaimBody, IdentifierClaim, Origin, RelationClaim, Subject};
pub use control::{Control, ControlError, OnCall, OnCallAnswer, OnCallError};
pub use entity_ref::{EntityRef, EntityRefError};
pub use finding::{Finding, Severity};
pub use identifier::{Identifier, IdentifierError};
pub use limits::Limit;
pub use ownership::{OwnerEvidence, OwnerMethod};
pub use position::Position;
pub use run::{RunCause, RunCounts, RunId, RunOutcome, RunRecord, RunStatus};
pub use scope::{Closing, Cursor, Proof, Scope, ScopeId};
pub use secret::Secret;
pub use sink::{Delivery, Event, RunBegin, ScopeClosed, ScopeOpened, ScopeTicket, Sink, SinkError};
pub use source::{AllowPolicy, SourceId, SourceIdError};
pub use time::{Clock, Timestamp};
pub use viewer::Viewer;
