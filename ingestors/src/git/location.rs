//! Where a repository is: a path, a glob of paths, or a remote. Parsing and normal forms; no IO.

use std::path::{Path, PathBuf};

use bailiwick_schema::identifier::normalise_remote;

/// A parsed entry of `repositories`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Path(PathBuf),
    Glob(String),
    Remote(Remote),
}

/// A repository behind a URL. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    /// The URL to fetch from, without a password; with the user name for ssh only, where it is part of the address.
    pub(crate) url: String,
    scheme: Scheme,
    username: Option<String>,
    host: String,
    /// `host/path` in lower case: the identity, equal for all spellings.
    pub(crate) identity: String,
    /// Like the identity, with the port where one is given.
    pub(crate) key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Https,
    Http,
    Ssh,
    Git,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LocationError {
    #[error("is empty")]
    Empty,
    #[error("contains a control character")]
    ControlCharacter,
    #[error("scheme `{0}` is not supported; use a path, file://, https://, ssh:// or user@host:path")]
    Scheme(String),
    #[error("`{0}` names no host and path")]
    NoHost(String),
    #[error("the URL holds a password; put it into a variable or file and name that with token_env or token_file")]
    Password,
    #[error("`{0}` would be read as an option by ssh")]
    Option(String),
}

impl Location {
    pub(crate) fn parse(text: &str) -> Result<Self, LocationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(LocationError::ControlCharacter);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme.to_ascii_lowercase().as_str() {
                "file" => Ok(Self::Path(file_path(rest))),
                "https" => Remote::from_url(Scheme::Https, rest).map(Self::Remote),
                "http" => Remote::from_url(Scheme::Http, rest).map(Self::Remote),
                "ssh" | "git+ssh" | "ssh+git" => Remote::from_url(Scheme::Ssh, rest).map(Self::Remote),
                "git" => Remote::from_url(Scheme::Git, rest).map(Self::Remote),
                other => Err(LocationError::Scheme(other.to_owned())),
            };
        }
        let before_slash = text.split('/').next().unwrap_or(text);
        if let Some((host, _)) = before_slash.split_once(':')
            && !host.is_empty()
            && !host.starts_with('.')
        {
            let path = &text[host.len() + 1..];
            return Remote::scp_like(host, path).map(Self::Remote);
        }
        if text.contains(['*', '?', '[', '{']) {
            return Ok(Self::Glob(text.to_owned()));
        }
        Ok(Self::Path(PathBuf::from(text)))
    }

    pub(crate) fn username(&self) -> Option<String> {
        match self {
            Self::Remote(remote) => remote.username.clone(),
            Self::Path(_) | Self::Glob(_) => None,
        }
    }
}

impl Remote {
    fn from_url(scheme: Scheme, rest: &str) -> Result<Self, LocationError> {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (user, host_and_port) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err(LocationError::Password);
        }
        // A query may hold a token, and no git server needs one.
        let path = tail.split(['?', '#']).next().unwrap_or("");
        let prefix = match scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
            Scheme::Ssh => "ssh",
            Scheme::Git => "git",
        };
        let port = host_and_port.rsplit_once(':').map(|(_, port)| port);
        let port = port.filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        let address = match user.filter(|user| scheme == Scheme::Ssh && !user.is_empty()) {
            Some(user) => format!("{user}@{host_and_port}"),
            None => host_and_port.to_owned(),
        };
        Self::build(scheme, format!("{prefix}://{address}{path}"), user, port)
    }

    fn scp_like(user_and_host: &str, path: &str) -> Result<Self, LocationError> {
        let user = user_and_host.rsplit_once('@').map(|(user, _)| user);
        // Kept as it is: the path of the short form is relative to the home folder, that of `ssh://` is not.
        Self::build(Scheme::Ssh, format!("{user_and_host}:{path}"), user, None)
    }

    fn build(scheme: Scheme, url: String, user: Option<&str>, port: Option<&str>) -> Result<Self, LocationError> {
        let identity = normalise_remote(&url).ok_or_else(|| LocationError::NoHost(url.clone()))?;
        let (host, path) = identity.split_once('/').unwrap_or((&identity, ""));
        if host.starts_with('-') || user.is_some_and(|user| user.starts_with('-')) {
            return Err(LocationError::Option(url));
        }
        let default_port = match scheme {
            Scheme::Https => "443",
            Scheme::Http => "80",
            Scheme::Ssh => "22",
            Scheme::Git => "9418",
        };
        let key = match port.filter(|port| *port != default_port) {
            Some(port) => format!("{host}:{port}/{path}"),
            None => identity.clone(),
        };
        let username = user.filter(|user| !user.is_empty()).map(str::to_owned);
        let host = host.to_owned();
        Ok(Self {
            url,
            scheme,
            username,
            host,
            identity,
            key,
        })
    }

    pub(crate) fn is_ssh(&self) -> bool {
        self.scheme == Scheme::Ssh
    }

    pub(crate) fn is_http(&self) -> bool {
        matches!(self.scheme, Scheme::Http | Scheme::Https)
    }

    /// Whether a token sent there could be read on the way.
    pub(crate) fn sends_credentials_in_clear(&self) -> bool {
        let loopback = matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        matches!(self.scheme, Scheme::Http | Scheme::Git) && !loopback
    }
}

/// The path of a `file://` URL; a host, if any, is `localhost` by convention and left out.
fn file_path(rest: &str) -> PathBuf {
    let path = match rest.find('/') {
        Some(slash) => &rest[slash..],
        None => rest,
    };
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let decoded = escaped
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

/// The remote of a local clone, if its `origin` names a host; a path is none.
pub(crate) fn identity_of_origin(url: &str) -> Option<String> {
    match Location::parse(url) {
        Ok(Location::Remote(remote)) => Some(remote.identity),
        // The password stays out of the normal form; whoever cloned so is not to be refused for it.
        Err(LocationError::Password) => normalise_remote(url),
        _ => None,
    }
}

/// An absolute path without `.` and `..`, from `base` where it is relative. Looks at no disk.
pub(crate) fn absolute(base: &Path, path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in base.join(path).components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(text: &str) -> Remote {
        match Location::parse(text) {
            Ok(Location::Remote(remote)) => remote,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_spelling_of_a_location_is_recognised() {
        assert_eq!(Location::parse("/srv/pay"), Ok(Location::Path("/srv/pay".into())));
        assert_eq!(Location::parse("./pay"), Ok(Location::Path("./pay".into())));
        assert_eq!(
            Location::parse("file:///srv/a%20b.git"),
            Ok(Location::Path("/srv/a b.git".into()))
        );
        assert_eq!(Location::parse("/srv/*"), Ok(Location::Glob("/srv/*".into())));
        assert_eq!(remote("git@github.com:Acme/Pay.git").url, "git@github.com:Acme/Pay.git");
        assert_eq!(remote("ssh://git@h.com:2222/a.git").url, "ssh://git@h.com:2222/a.git");
        assert_eq!(remote("git@github.com:Acme/Pay.git").username.as_deref(), Some("git"));
        assert_eq!(
            remote("https://bob@github.com/acme/pay?token=x").url,
            "https://github.com/acme/pay"
        );
    }

    #[test]
    fn one_repository_has_one_key_however_it_is_reached() {
        let spellings = [
            "git@h.com:A/b.git",
            "https://h.com/a/b",
            "ssh://git@h.com:22/a/b.git/",
            "https://h.com:443/A/B",
        ];
        for spelling in spellings {
            assert_eq!(remote(spelling).key, "h.com/a/b", "{spelling}");
        }
        assert_eq!(remote("http://127.0.0.1:8080/a/b").key, "127.0.0.1:8080/a/b");
        assert_eq!(remote("http://127.0.0.1:8080/a/b").identity, "127.0.0.1/a/b");
    }

    #[test]
    fn what_is_unsafe_or_unknown_is_refused() {
        assert_eq!(Location::parse("https://bob:pw@h.com/a"), Err(LocationError::Password));
        assert_eq!(
            Location::parse("ext::sh -c x"),
            Err(LocationError::NoHost("ext::sh -c x".to_owned()))
        );
        assert!(matches!(Location::parse("ftp://h/a"), Err(LocationError::Scheme(_))));
        assert!(Location::parse("ssh://-oProxyCommand=x/a").is_err());
        assert!(matches!(Location::parse("a\0b"), Err(LocationError::ControlCharacter)));
        assert_eq!(Location::parse("  "), Err(LocationError::Empty));
    }

    #[test]
    fn the_origin_of_a_clone_is_a_remote_only_with_a_host() {
        assert_eq!(identity_of_origin("git@h.com:a/b.git").as_deref(), Some("h.com/a/b"));
        assert_eq!(
            identity_of_origin("https://x:secret@h.com/a/b").as_deref(),
            Some("h.com/a/b")
        );
        for path in ["/srv/a.git", "../a", "file:///srv/a.git", "a/b"] {
            assert_eq!(identity_of_origin(path), None, "{path}");
        }
    }
}
