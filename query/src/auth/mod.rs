//! Who asks: bearer tokens, and what an open server on loopback accepts.
//!
//! Without tokens the server may only listen on loopback, and then takes only requests that name a loopback host, so
//! that no web page can reach it through a name of its own (DNS rebinding). With tokens every route but those that
//! hold no data asks for one, on loopback too. There are no cookies, so there is nothing for another site to ride on.
//! Tokens are random and long; their plain BLAKE3 hash is stored, since there is nothing to guess.

mod host;
#[cfg(test)]
mod tests;
pub mod token;

use std::net::SocketAddr;

use axum::http::{HeaderMap, Uri, header};
use bailiwick_schema::Viewer;
use subtle::ConstantTimeEq;

use crate::error::{ApiError, Code};

/// Longest token that is looked at, in bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 512;

/// Tokens that may use the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthConfig {
    pub tokens: Vec<TokenHash>,
}

/// A token as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHash {
    /// For the audit log.
    pub name: String,
    /// `blake3:` and 64 hex digits, as [`token::generate`] makes it.
    pub hash: String,
    pub groups: Vec<String>,
    /// Whether its holder may start sources and decide sweeps.
    pub operate: bool,
}

/// Why a server may not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error(
        "{0} is not a loopback address and no token is configured; make one with `bailiwick token new` and list its \
         hash, or listen on 127.0.0.1"
    )]
    OpenBeyondLoopback(SocketAddr),
    #[error("the hash of token `{0}` must be `blake3:` and 64 hex digits, as `bailiwick token new` prints it")]
    BadHash(String),
    #[error("two tokens are named `{0}`; the audit log could not tell them apart")]
    DuplicateName(String),
}

/// Whether a server may listen at an address: loopback always, elsewhere only with a token.
pub fn check_bind(address: SocketAddr, config: &AuthConfig) -> Result<(), AuthError> {
    if address.ip().to_canonical().is_loopback() || !config.tokens.is_empty() {
        return Ok(());
    }
    Err(AuthError::OpenBeyondLoopback(address))
}

/// [`AuthConfig`], checked, and able to say who a request comes from.
pub(crate) struct Gate {
    tokens: Vec<([u8; 32], Viewer)>,
}

impl Gate {
    pub(crate) fn new(config: &AuthConfig) -> Result<Self, AuthError> {
        let mut tokens = Vec::with_capacity(config.tokens.len());
        for (at, token) in config.tokens.iter().enumerate() {
            if config.tokens[..at].iter().any(|other| other.name == token.name) {
                return Err(AuthError::DuplicateName(token.name.clone()));
            }
            let hash = token::parse_hash(&token.hash).ok_or_else(|| AuthError::BadHash(token.name.clone()))?;
            tokens.push((hash, Viewer::token(&token.name, token.groups.clone(), token.operate)));
        }
        Ok(Self { tokens })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Refuses what an open server must not serve. Runs for every route.
    pub(crate) fn check_host(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
        if !self.is_open() || host::is_loopback(headers, uri) {
            return Ok(());
        }
        Err(ApiError::new(
            Code::Forbidden,
            "without tokens the server answers only to loopback names (localhost, 127.0.0.1, [::1]) in Host",
        ))
    }

    /// The viewer of a request.
    pub(crate) fn viewer(&self, headers: &HeaderMap) -> Result<Viewer, ApiError> {
        if self.is_open() {
            return Ok(Viewer::local());
        }
        let refused = |message: &str| Err(ApiError::new(Code::Unauthenticated, message));
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return refused("a token is needed; send it as `Authorization: Bearer …`");
        };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        let Some((_, token)) = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
            return refused("the Authorization header must be `Bearer` and a token");
        };
        let token = token.trim();
        if token.len() > TOKEN_BYTES_MAX {
            return refused("the token is not known");
        }
        let hash = blake3::hash(token.as_bytes());
        // All are compared, each in constant time, so that time tells nothing about which one came close.
        let mut found = None;
        for (known, viewer) in &self.tokens {
            if bool::from(known.ct_eq(hash.as_bytes())) {
                found = Some(viewer);
            }
        }
        found
            .cloned()
            .ok_or_else(|| ApiError::new(Code::Unauthenticated, "the token is not known"))
    }
}
