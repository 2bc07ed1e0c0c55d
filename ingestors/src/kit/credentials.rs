//! Credentials by reference: options name a variable or a file, never the secret itself.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bailiwick_schema::Secret;

use super::Environment;
use super::limits::TOKEN_BYTES_MAX;

/// Where a token stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRef {
    /// In this environment variable.
    Env(String),
    /// In this file; white space around it is cut off. Read anew at each use, so that it can be rotated.
    File(PathBuf),
}

/// Why a token could not be read. Messages name the place and never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("both token_env and token_file are set; keep one of them")]
    Both,
    #[error("environment variable `{0}` (token_env) is not set")]
    NotSet(String),
    #[error("environment variable `{0}` (token_env) is empty")]
    EmptyVariable(String),
    #[error("cannot read `{path}` (token_file): {message}")]
    Unreadable { path: String, message: String },
    #[error("`{path}` (token_file) is empty")]
    EmptyFile { path: String },
    #[error("`{path}` (token_file) is longer than {TOKEN_BYTES_MAX} bytes (token_bytes_max)")]
    TooLong { path: String },
}

impl TokenRef {
    /// Reads the two options `token_env` and `token_file`; neither of them means no token.
    pub fn from_options(env: Option<&str>, file: Option<&Path>) -> Result<Option<Self>, CredentialError> {
        match (env, file) {
            (Some(_), Some(_)) => Err(CredentialError::Both),
            (Some(name), None) => Ok(Some(Self::Env(name.to_owned()))),
            (None, Some(path)) => Ok(Some(Self::File(path.to_owned()))),
            (None, None) => Ok(None),
        }
    }

    /// Reads the token. Blocks on a file.
    pub fn resolve(&self, environment: &Environment) -> Result<Secret, CredentialError> {
        match self {
            Self::Env(name) => {
                let value = environment
                    .get(name)
                    .ok_or_else(|| CredentialError::NotSet(name.clone()))?
                    .trim();
                if value.is_empty() {
                    return Err(CredentialError::EmptyVariable(name.clone()));
                }
                Ok(Secret::new(value))
            }
            Self::File(path) => read_token(path),
        }
    }
}

fn read_token(path: &Path) -> Result<Secret, CredentialError> {
    let shown = path.display().to_string();
    let unreadable = |error: std::io::Error| CredentialError::Unreadable {
        path: shown.clone(),
        message: error.to_string(),
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(TOKEN_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > TOKEN_BYTES_MAX {
        return Err(CredentialError::TooLong { path: shown });
    }
    match text.trim() {
        "" => Err(CredentialError::EmptyFile { path: shown }),
        token => Ok(Secret::new(token)),
    }
}
