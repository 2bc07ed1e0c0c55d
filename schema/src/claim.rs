//! Claims: what one source says about one subject.
//!
//! A claim is keyed by (source, scope, origin path, subject). A later request replaces the same key only. Absent is
//! silent; an explicit `null` in [`ClaimBody::entity`] says "known to be none".

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ContentHash, EntityRef, Identifier, OwnerEvidence, Timestamp, canonical};

/// Whom a claim or a relation is about: an entity by name, or whatever holds an identifier, resolved late.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Ref(EntityRef),
    Identifier(Identifier),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ref(entity) => entity.fmt(f),
            Self::Identifier(identifier) => identifier.fmt(f),
        }
    }
}

/// Where in its scope a claim comes from.
///
/// `path` is part of the claim's key: a file path in a repository, an API path, or a name with a leading colon for
/// what has no file (`:repository`, `:facts`). The rest is evidence and may change without making it another claim.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    pub path: String,
    /// First line of the document in its file, from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// Where a person can look at it.
    #[serde(default)]
    pub url: Option<String>,
    /// Commit, resource version or serial under which it was read.
    #[serde(default)]
    pub version: Option<String>,
}

impl Origin {
    pub fn path(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }
}

/// A declaration says that there is such an entity; an observation adds facts to one that something declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assertion {
    Declares,
    Observes,
}

/// An identifier that the subject is said to hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdentifierClaim {
    pub identifier: Identifier,
    /// Only one entity can hold an exclusive identifier; two that claim it contest it, and it resolves to nobody.
    pub exclusive: bool,
}

/// A relation that is not a field of `spec`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelationClaim {
    /// The name of the outgoing half, such as `partOf`.
    pub relation: String,
    pub target: Subject,
}

/// What a claim says. All parts may be empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimBody {
    /// A partial entity: `apiVersion`, `kind`, `metadata`, `spec`, as far as they are said.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub entity: Map<String, Value>,
    /// Observed values; they appear as `facts.<source type>.<key>`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<IdentifierClaim>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<RelationClaim>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<OwnerEvidence>,
    /// The subject is what this other entity was before it moved: it takes the uid of that one once it is retired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continues: Option<EntityRef>,
}

impl ClaimBody {
    /// The canonical bytes of [`Self::entity`] within those of a body that says nothing else.
    pub fn entity_in<'a>(&self, canonical: &'a [u8]) -> Option<&'a [u8]> {
        let only = self.facts.is_empty()
            && self.identifiers.is_empty()
            && self.relations.is_empty()
            && self.owners.is_empty()
            && self.continues.is_none();
        let entity = canonical.strip_prefix(b"{\"entity\":")?.strip_suffix(b"}")?;
        only.then_some(entity)
    }

    /// Canonical JSON, equal to [`canonical::to_vec`] of the body's serde form, without building that form first.
    pub fn to_canonical(&self) -> Vec<u8> {
        fn field(name: &str, out: &mut Vec<u8>) {
            out.push(if out.is_empty() { b'{' } else { b',' });
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
        }
        fn list<T: Serialize>(name: &str, items: &[T], out: &mut Vec<u8>) {
            if !items.is_empty() {
                field(name, out);
                let value = serde_json::to_value(items).expect("parts of a claim body have string keys only");
                canonical::write(&value, out);
            }
        }
        let mut out = Vec::with_capacity(1_024);
        // In the order of their names: that is what makes the form canonical.
        if let Some(continues) = &self.continues {
            field("continues", &mut out);
            canonical::write(&Value::String(continues.to_string()), &mut out);
        }
        for (name, map) in [("entity", &self.entity), ("facts", &self.facts)] {
            if !map.is_empty() {
                field(name, &mut out);
                canonical::write_map(map, &mut out);
            }
        }
        list("identifiers", &self.identifiers, &mut out);
        list("owners", &self.owners, &mut out);
        list("relations", &self.relations, &mut out);
        if out.is_empty() {
            out.push(b'{');
        }
        out.push(b'}');
        out
    }
}

/// One claim as a source emits it. Source, scope and request time are added by the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub subject: Subject,
    pub assertion: Assertion,
    pub origin: Origin,
    /// When the request for it began, if the source knows better than the opening of its scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// The source's own time of the content (commit time, `updatedAt`), for fields whose rule is `newest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_time: Option<Timestamp>,
    pub body: ClaimBody,
    #[serde(skip)]
    sealed: Sealed,
}

/// The encoded form of a claim, made ahead of time; no part of what the claim says.
#[derive(Debug, Clone, Default)]
struct Sealed(Option<(Vec<u8>, ContentHash)>);

impl PartialEq for Sealed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Claim {
    pub fn declares(entity: EntityRef, origin: Origin, body: ClaimBody) -> Self {
        Self::new(Subject::Ref(entity), Assertion::Declares, origin, body)
    }

    pub fn observes(subject: Subject, origin: Origin, body: ClaimBody) -> Self {
        Self::new(subject, Assertion::Observes, origin, body)
    }

    fn new(subject: Subject, assertion: Assertion, origin: Origin, body: ClaimBody) -> Self {
        Self {
            subject,
            assertion,
            origin,
            requested_at: None,
            source_time: None,
            body,
            sealed: Sealed::default(),
        }
    }

    /// Encodes the claim now, on the caller's thread, so that [`Self::take_encoded`] costs nothing. Nothing of it may
    /// be changed afterwards.
    pub fn seal(&mut self) {
        self.sealed = Sealed(Some(self.encode()));
    }

    /// What [`Self::encode`] gives, made before if the claim is sealed.
    pub fn take_encoded(&mut self) -> (Vec<u8>, ContentHash) {
        self.sealed.0.take().unwrap_or_else(|| self.encode())
    }

    /// The canonical bytes of the body, as stored, and the hash that tells whether the claim changed.
    ///
    /// The hash covers assertion, body and the line and URL of the origin. It leaves out the version (every commit has
    /// a new one; the scope's cursor knows it) and all times.
    pub fn encode(&self) -> (Vec<u8>, ContentHash) {
        let bytes = self.body.to_canonical();
        let assertion = [u8::from(self.assertion == Assertion::Declares)];
        let line = self.origin.line.unwrap_or(0).to_le_bytes();
        let url = self.origin.url.as_deref().unwrap_or("");
        let hash = ContentHash::of_parts(&[&assertion, &line, url.as_bytes(), &bytes]);
        (bytes, hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_quick_canonical_form_is_the_canonical_form() {
        let identifier = Identifier::parse("repo:github.com/acme/pay").unwrap();
        let full = ClaimBody {
            entity: json!({"kind": "X", "a": [1, {"z": null, "b": "é\n"}]})
                .as_object()
                .cloned()
                .unwrap(),
            facts: json!({"b": 1}).as_object().cloned().unwrap(),
            identifiers: vec![IdentifierClaim {
                identifier: identifier.clone(),
                exclusive: true,
            }],
            relations: vec![RelationClaim {
                relation: "partOf".to_owned(),
                target: Subject::Identifier(identifier),
            }],
            owners: vec![OwnerEvidence {
                method: crate::OwnerMethod::Label,
                who: vec!["x".into()],
                detail: "d".into(),
            }],
            continues: Some(EntityRef::parse("a:b/c").unwrap()),
        };
        for body in [full, ClaimBody::default()] {
            let value = serde_json::to_value(&body).unwrap();
            assert_eq!(body.to_canonical(), canonical::to_vec(&value));
            assert_eq!(serde_json::from_slice::<ClaimBody>(&body.to_canonical()).unwrap(), body);
        }
    }
}
