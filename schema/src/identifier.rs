//! Identifiers: the typed names under which the outside world knows an entity, in normalised form.
//!
//! `type:value`, compared byte for byte after normalisation. Known types have rules of their own (a repository's SSH
//! and HTTPS remotes become one identifier); unknown types are kept as written, so that a later source can bring its
//! own without a change here.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest identifier, in bytes.
pub const IDENTIFIER_BYTES_MAX: usize = 2_048;

/// A normalised identifier, `type:value`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    text: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    #[error("identifier `{0}` has no type; write it as type:value, such as repo:github.com/acme/pay")]
    NoType(String),
    #[error("identifier `{0}` has an empty value")]
    NoValue(String),
    #[error("identifier is longer than {IDENTIFIER_BYTES_MAX} bytes (identifier_bytes_max)")]
    TooLong,
    #[error("`{0}` is no {1}")]
    Malformed(String, &'static str),
}

impl Identifier {
    /// Reads `type:value` and normalises the value by the rule of its type.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let text = text.trim();
        if text.len() > IDENTIFIER_BYTES_MAX {
            return Err(IdentifierError::TooLong);
        }
        let (kind, value) = text
            .split_once(':')
            .ok_or_else(|| IdentifierError::NoType(text.to_owned()))?;
        let well_formed = kind.starts_with(|c: char| c.is_ascii_alphabetic())
            && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !well_formed {
            return Err(IdentifierError::NoType(text.to_owned()));
        }
        Self::new(&kind.to_ascii_lowercase(), value)
    }

    /// Builds an identifier of a known or unknown type from a value as found in the wild.
    pub fn new(kind: &str, value: &str) -> Result<Self, IdentifierError> {
        let value = value.trim();
        if value.is_empty() {
            return Err(IdentifierError::NoValue(format!("{kind}:{value}")));
        }
        if kind.len() + value.len() + 1 > IDENTIFIER_BYTES_MAX {
            return Err(IdentifierError::TooLong);
        }
        let value =
            match kind {
                "repo" => normalise_remote(value)
                    .ok_or_else(|| IdentifierError::Malformed(value.to_owned(), "repository URL"))?,
                "email" => normalise_email(value)
                    .ok_or_else(|| IdentifierError::Malformed(value.to_owned(), "e-mail address"))?,
                "host" | "handle" | "image" | "slack" => value.to_lowercase(),
                _ => value.to_owned(),
            };
        let text = format!("{kind}:{value}");
        // Letters may have a lower case of more bytes.
        if text.len() > IDENTIFIER_BYTES_MAX {
            return Err(IdentifierError::TooLong);
        }
        Ok(Self { text: text.into() })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn kind(&self) -> &str {
        self.text.split_once(':').map_or("", |(kind, _)| kind)
    }

    pub fn value(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, value)| value)
    }
}

/// The `host/path` form of a git remote, so that its SSH, scp-like, HTTPS and `git://` spellings are one.
///
/// Host and path are lower-cased (the large hosts compare paths without case), credentials, port, query, a trailing
/// `.git` and slashes are dropped; an IPv6 address keeps its brackets. Returns nothing for local paths and for what has no host and path.
/// Source of the forms: git 2.47 documentation, `git-fetch`, section "GIT URLS".
pub fn normalise_remote(remote: &str) -> Option<String> {
    let remote = remote.trim().to_lowercase();
    // What stands before `://` is a scheme unless it has a part of a path in it.
    let url = remote.split_once("://").filter(|(scheme, _)| {
        scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    });
    let (host, path) = if let Some((scheme, rest)) = url {
        if scheme.eq_ignore_ascii_case("file") {
            return None;
        }
        rest.split_once('/')?
    } else {
        // `git@host:path` (a colon before any slash), or the bare `host/path` of an identifier.
        let start = remote.split('/').next().unwrap_or_default();
        let is_bracketed = start.starts_with('[') || start.contains("@[");
        let outside = start.find(']').filter(|_| is_bracketed).unwrap_or(0);
        let colon = remote[outside..].find(':').map(|at| outside + at);
        let slash = remote[outside..].find('/').map(|at| outside + at);
        match (colon, slash) {
            (Some(colon), Some(slash)) if colon < slash => (&remote[..colon], &remote[colon + 1..]),
            (Some(colon), None) => (&remote[..colon], &remote[colon + 1..]),
            _ => remote.split_once('/')?,
        }
    };
    let host = host.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next()?,
        None => host.split(':').next()?,
    };
    let path = path.split(['?', '#']).next()?;
    // scp-like `host:22/path` is a port in practice: `ssh://` without its scheme.
    let mut path = path.trim_matches('/');
    while let Some(shorter) = path.strip_suffix(".git") {
        path = shorter.trim_end_matches('/');
    }
    let host_is_plausible = !host.is_empty()
        && !host.starts_with('.')
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    let path_is_plausible = !path.is_empty() && !path.chars().any(|c| c.is_control() || c.is_whitespace());
    let is_ipv6 = host.contains(':');
    (host_is_plausible && path_is_plausible).then(|| match is_ipv6 {
        true => format!("[{host}]/{path}"),
        false => format!("{host}/{path}"),
    })
}

fn normalise_email(email: &str) -> Option<String> {
    let email = email.to_lowercase();
    let mut email = email.as_str();
    while let Some(inner) = email
        .strip_prefix("mailto:")
        .or_else(|| email.strip_prefix(['<', '>']))
        .or_else(|| email.strip_suffix(['<', '>']))
    {
        email = inner;
    }
    let (local, domain) = email.rsplit_once('@')?;
    let plausible = !local.is_empty() && !domain.is_empty() && !email.contains(char::is_whitespace);
    plausible.then(|| email.to_owned())
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

impl Serialize for Identifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let trusted = !deserializer.is_human_readable();
        let text = String::deserialize(deserializer)?;
        // Binary forms are our own stored records: normalising them again could make another identifier of one.
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
    fn every_spelling_of_a_remote_is_one_identifier() {
        for remote in [
            "git@github.com:Acme/Pay.git",
            "https://github.com/acme/pay",
            "https://token:x@github.com/acme/pay.git/",
            "ssh://git@github.com:22/acme/pay.git",
            "git://github.com/acme/pay/",
            "github.com/acme/pay",
            "GitHub.com:acme/pay",
        ] {
            assert_eq!(
                Identifier::new("repo", remote).unwrap().as_str(),
                "repo:github.com/acme/pay",
                "{remote}"
            );
        }
    }

    #[test]
    fn a_local_path_is_no_remote() {
        for path in [
            "/srv/git/pay.git",
            "file:///srv/git/pay.git",
            "../pay",
            "pay",
            "",
            "http://",
            "https://host",
        ] {
            assert_eq!(normalise_remote(path), None, "{path}");
        }
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        for text in [
            "repo:git@h:a/b.git",
            "email:Bob@Example.com",
            "slack:#Pay",
            "arn:aws:s3:::Bucket",
            "handle:h/@A/B",
            "repo:ssh://git@[::1]:22/a/b.git",
            "repo:git@[::1]:a/b",
            "repo:h:a/b.git/.GIT",
            "repo:h/a://b",
            "email:<mailto:<bob@example.com>>",
        ] {
            let once = Identifier::parse(text).unwrap();
            assert_eq!(Identifier::parse(once.as_str()).unwrap(), once);
        }
    }

    #[test]
    fn what_is_no_identifier_says_why() {
        assert!(matches!(Identifier::parse("nothing"), Err(IdentifierError::NoType(_))));
        assert!(matches!(Identifier::parse("repo:"), Err(IdentifierError::NoValue(_))));
        assert!(matches!(
            Identifier::parse("email:bob"),
            Err(IdentifierError::Malformed(..))
        ));
        assert!(matches!(
            Identifier::parse(&format!("x:{}", "y".repeat(3000))),
            Err(IdentifierError::TooLong)
        ));
    }
}
