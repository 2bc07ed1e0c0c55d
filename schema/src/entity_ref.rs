//! Entity refs: `kind:namespace/name`, compared without case.
//!
//! A ref is a name, not a promise: it may point at nothing. The text is kept in lower case, the form in which it is
//! stored, compared and served; how an entity spells its own name stays in its metadata.
//! Source of the grammar: Backstage `@backstage/catalog-model` 1.10.1, `parseEntityRef`, and its documentation page
//! "Entity References".

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The namespace of an entity that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Longest ref that is read, in bytes. Names and namespaces of entities are at most 63 characters each; the rest is
/// room for refs to things that are not entities yet.
pub const REF_BYTES_MAX: usize = 512;

/// A parsed entity ref in lower case. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityRef {
    text: Arc<str>,
}

/// Why a text is no entity ref.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntityRefError {
    #[error("entity ref is empty")]
    Empty,
    #[error("entity ref is longer than {REF_BYTES_MAX} bytes (entity_ref_bytes_max)")]
    TooLong,
    #[error("entity ref `{0}` names no kind, and none is implied here; write it as kind:namespace/name")]
    NoKind(String),
    #[error("entity ref `{0}` has an empty {1}; write it as kind:namespace/name")]
    EmptyPart(String, &'static str),
    #[error("entity ref `{0}` contains a control character")]
    ControlCharacter(String),
    /// Its parts, written as one text, would be read as other parts.
    #[error("entity ref `{0}` is ambiguous: no kind holds `:` or `/`, no namespace `/`, and no end is blank")]
    Ambiguous(String),
}

impl EntityRef {
    /// Reads a full ref. The namespace may be left out and is then `default`; the kind may not.
    pub fn parse(text: &str) -> Result<Self, EntityRefError> {
        Self::parse_inner(text, None, DEFAULT_NAMESPACE)
    }

    /// Reads a ref in a context that implies a kind, a namespace or both.
    pub fn parse_with_defaults(
        text: &str,
        default_kind: Option<&str>,
        default_namespace: &str,
    ) -> Result<Self, EntityRefError> {
        Self::parse_inner(text, default_kind, default_namespace)
    }

    /// Builds a ref from parts that are known to be valid (a validated envelope).
    pub fn new(kind: &str, namespace: &str, name: &str) -> Result<Self, EntityRefError> {
        for (part, what) in [(kind, "kind"), (namespace, "namespace"), (name, "name")] {
            if part.is_empty() {
                return Err(EntityRefError::EmptyPart(format!("{kind}:{namespace}/{name}"), what));
            }
        }
        Self::checked(kind, namespace, name)
    }

    fn parse_inner(text: &str, default_kind: Option<&str>, default_namespace: &str) -> Result<Self, EntityRefError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EntityRefError::Empty);
        }
        if text.len() > REF_BYTES_MAX {
            return Err(EntityRefError::TooLong);
        }
        let slash = text.find('/');
        // A colon after the slash belongs to the name.
        let colon = text.find(':').filter(|colon| slash.is_none_or(|slash| *colon < slash));
        let (kind, rest) = match colon {
            Some(colon) => (&text[..colon], &text[colon + 1..]),
            None => (
                default_kind.ok_or_else(|| EntityRefError::NoKind(text.to_owned()))?,
                text,
            ),
        };
        let (namespace, name) = match rest.split_once('/') {
            Some((namespace, name)) => (namespace, name),
            None => (default_namespace, rest),
        };
        for (part, what) in [(kind, "kind"), (namespace, "namespace"), (name, "name")] {
            if part.is_empty() {
                return Err(EntityRefError::EmptyPart(text.to_owned(), what));
            }
        }
        Self::checked(kind, namespace, name)
    }

    fn checked(kind: &str, namespace: &str, name: &str) -> Result<Self, EntityRefError> {
        let mut text = String::with_capacity(kind.len() + namespace.len() + name.len() + 2);
        for part in [kind, ":", namespace, "/", name] {
            text.push_str(part);
        }
        if text.is_ascii() {
            text.make_ascii_lowercase();
        } else {
            text = text.to_lowercase();
        }
        if text.len() > REF_BYTES_MAX {
            return Err(EntityRefError::TooLong);
        }
        // Control characters beyond ASCII are two bytes that begin with this one.
        let may_control = |byte: u8| byte.is_ascii_control() || byte == 0xc2;
        if text.bytes().any(may_control) && text.chars().any(char::is_control) {
            return Err(EntityRefError::ControlCharacter(text.escape_default().to_string()));
        }
        if kind.contains([':', '/']) || namespace.contains('/') || text.trim().len() != text.len() {
            return Err(EntityRefError::Ambiguous(text));
        }
        Ok(Self { text: text.into() })
    }

    /// The whole ref, `kind:namespace/name`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The kind in lower case.
    pub fn kind(&self) -> &str {
        self.parts().0
    }

    /// The namespace in lower case.
    pub fn namespace(&self) -> &str {
        self.parts().1
    }

    /// The name in lower case.
    pub fn name(&self) -> &str {
        self.parts().2
    }

    fn parts(&self) -> (&str, &str, &str) {
        let (kind, rest) = self.text.split_once(':').unwrap_or(("", &self.text));
        let (namespace, name) = rest.split_once('/').unwrap_or((DEFAULT_NAMESPACE, rest));
        (kind, namespace, name)
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

impl FromStr for EntityRef {
    type Err = EntityRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for EntityRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for EntityRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let trusted = !deserializer.is_human_readable();
        let text = String::deserialize(deserializer)?;
        // Binary forms are our own stored records: what was a ref when written is read as it is, without parsing it
        // again, which would cost more than the rest of a record.
        if trusted {
            return Ok(Self { text: text.into() });
        }
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_is_lower_case_and_gets_the_default_namespace() {
        assert_eq!(
            EntityRef::parse("Component:Ledger").unwrap().as_str(),
            "component:default/ledger"
        );
        assert_eq!(EntityRef::parse("API:Pay/V1").unwrap().as_str(), "api:pay/v1");
    }

    #[test]
    fn a_context_implies_kind_and_namespace() {
        let parse = |text| EntityRef::parse_with_defaults(text, Some("Group"), "pay").map(|r| r.to_string());
        assert_eq!(parse("team").unwrap(), "group:pay/team");
        assert_eq!(parse("user:bob").unwrap(), "user:pay/bob");
        assert_eq!(parse("x/team").unwrap(), "group:x/team");
    }

    #[test]
    fn a_colon_after_the_slash_belongs_to_the_name() {
        let parsed = EntityRef::parse_with_defaults("ns/a:b", Some("Resource"), "default").unwrap();
        assert_eq!(
            (parsed.kind(), parsed.namespace(), parsed.name()),
            ("resource", "ns", "a:b")
        );
    }

    #[test]
    fn parts_that_would_be_read_as_others_make_no_ref() {
        for (kind, namespace, name) in [
            ("a:b", "c", "d"),
            ("a/b", "c", "d"),
            ("a", "b/c", "d"),
            (" a", "b", "c"),
            ("a", "b", "c "),
        ] {
            let refused = EntityRef::new(kind, namespace, name);
            assert!(matches!(refused, Err(EntityRefError::Ambiguous(_))), "{refused:?}");
        }
        let refused = EntityRef::parse_with_defaults("x", Some("a/b"), "default");
        assert!(matches!(refused, Err(EntityRefError::Ambiguous(_))), "{refused:?}");
    }

    #[test]
    fn what_is_no_ref_says_why() {
        for text in ["", "  ", "x", ":x", "a:/x", "a:b/", "a:"] {
            assert!(EntityRef::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(EntityRef::parse(&"x".repeat(600)), Err(EntityRefError::TooLong));
        assert!(EntityRef::parse("component:a\u{0}b").is_err());
    }
}
