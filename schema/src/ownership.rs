//! Evidence of ownership: who is said to own a thing, by which kind of proof, and where that is written.

use serde::{Deserialize, Serialize};

/// The kinds of evidence, strongest first in the default order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerMethod {
    /// `spec.owner` of the entity, or an `ownedBy` relation that a source declares.
    Explicit,
    /// The last matching line of a CODEOWNERS file for the path where the entity is described.
    Codeowners,
    /// A label or tag that names an owner.
    Label,
    /// The owner of the system, domain or parent that the entity is part of.
    Inherited,
    /// Administrators of the repository that the entity is built from.
    RepositoryAdmin,
    /// Those who committed most in recent weeks.
    Committers,
}

impl OwnerMethod {
    pub const ALL: [Self; 6] = [
        Self::Explicit,
        Self::Codeowners,
        Self::Label,
        Self::Inherited,
        Self::RepositoryAdmin,
        Self::Committers,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Codeowners => "codeowners",
            Self::Label => "label",
            Self::Inherited => "inherited",
            Self::RepositoryAdmin => "repository_admin",
            Self::Committers => "committers",
        }
    }
}

/// One piece of evidence as a source emits it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OwnerEvidence {
    pub method: OwnerMethod,
    /// Who, in the order of the evidence: an entity ref (`group:default/pay`), an identifier (`email:…`,
    /// `handle:github.com/@acme/pay`). What names no known entity stays as evidence and owns
    /// nothing, unless it is an explicit owner (docs/adr/0004).
    pub who: Vec<String>,
    /// Where it is written: file, line and pattern, in words for people.
    pub detail: String,
}
