//! What becomes of the address of a repository, for fuzz targets and their replay.

use bailiwick_schema::EntityRef;

use super::location::{Location, identity_of_origin};
use super::naming::RepositoryName;

/// A remote as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRead {
    /// The URL to fetch from.
    pub url: String,
    /// `host/path`.
    pub identity: String,
    /// The name of the user to log in as, if one is given.
    pub username: Option<String>,
}

/// Reads an entry of `repositories`; nothing for what is refused, and for paths and globs.
pub fn remote(text: &str) -> Option<RemoteRead> {
    let location = Location::parse(text).ok()?;
    let username = location.username();
    match location {
        Location::Remote(remote) => Some(RemoteRead {
            url: remote.url,
            identity: remote.identity,
            username,
        }),
        Location::Path(_) | Location::Glob(_) => None,
    }
}

/// The identity of a clone by the URL of its `origin`.
pub fn origin(url: &str) -> Option<String> {
    identity_of_origin(url)
}

/// The ref of a repository by its identity, or by its path.
pub fn repository(text: &str, is_remote: bool) -> EntityRef {
    let name = if is_remote {
        RepositoryName::of_remote(text)
    } else {
        RepositoryName::of_path(text)
    };
    name.entity_ref()
}
