//! Sources: configured ingestor instances, and what each of them may declare.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// The id of a source: 1 to 63 of `a-z`, `0-9`, `-` and `_`, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SourceId(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("source id `{0}` must be 1 to 63 of a-z, 0-9, - and _, beginning with a letter")]
pub struct SourceIdError(String);

impl SourceId {
    pub fn parse(id: &str) -> Result<Self, SourceIdError> {
        let well_formed = (1..=63).contains(&id.len())
            && id.starts_with(|c: char| c.is_ascii_lowercase())
            && id
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
        if well_formed {
            Ok(Self(id.into()))
        } else {
            Err(SourceIdError(id.escape_default().to_string()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SourceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What a source may declare. Observations are not limited by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowPolicy {
    /// Kinds in lower case; nothing means all.
    pub kinds: Option<Vec<String>>,
    /// Kinds in lower case that stay forbidden even where `kinds` is silent.
    pub denied_kinds: Vec<String>,
    /// Namespaces in lower case; nothing means all.
    pub namespaces: Option<Vec<String>>,
}

impl AllowPolicy {
    pub fn all() -> Self {
        Self {
            kinds: None,
            denied_kinds: Vec::new(),
            namespaces: None,
        }
    }

    /// The finding code that an entity of this kind and namespace earns, if it may not be declared.
    pub fn refusal(&self, kind: &str, namespace: &str) -> Option<&'static str> {
        let listed = |list: &[String], what: &str| list.iter().any(|item| item.eq_ignore_ascii_case(what));
        let kind_allowed = match &self.kinds {
            Some(kinds) => listed(kinds, kind),
            None => !listed(&self.denied_kinds, kind),
        };
        if !kind_allowed {
            return Some("kind_not_allowed");
        }
        let namespace_allowed = self.namespaces.as_ref().is_none_or(|list| listed(list, namespace));
        (!namespace_allowed).then_some("namespace_not_allowed")
    }
}
