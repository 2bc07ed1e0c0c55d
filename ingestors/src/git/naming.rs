//! Refs of repositories: the same from every source that speaks of the same remote.
//!
//! Namespace is the slug of host and owner of the normalised remote, name the slug of the repository; a repository
//! without a remote, and every further live copy of one, is `local/<folder>-<hash of its path>`.

use bailiwick_schema::{ContentHash, EntityRef};

/// Longest name and longest namespace of an entity.
const SLUG_BYTES_MAX: usize = 63;
/// Hex digits that end a shortened or lossy slug.
const HASH_DIGITS: usize = 8;

/// The name of a repository in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepositoryName {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// For people, such as `acme/pay`.
    pub(crate) title: String,
}

impl RepositoryName {
    /// The name of the repository behind a normalised remote, `host/path`.
    pub(crate) fn of_remote(identity: &str) -> Self {
        let (owner, repository) = identity.rsplit_once('/').unwrap_or(("", identity));
        let title = identity.split_once('/').map_or(identity, |(_, path)| path);
        Self {
            namespace: slug(owner, false),
            name: slug(repository, true),
            title: title.to_owned(),
        }
    }

    /// The name of a repository that is known by its path alone.
    pub(crate) fn of_path(path: &str) -> Self {
        let trimmed = path.trim_end_matches('/');
        let trimmed = trimmed.strip_suffix("/.git").unwrap_or(trimmed);
        let folder = trimmed.rsplit('/').next().unwrap_or(trimmed);
        let folder = folder
            .strip_suffix(".git")
            .filter(|rest| !rest.is_empty())
            .unwrap_or(folder);
        let hash = digits(path);
        let mut name = plain(folder, true).0;
        name.truncate(SLUG_BYTES_MAX - HASH_DIGITS - 1);
        let name = name.trim_end_matches(['-', '_', '.']);
        let name = if name.is_empty() {
            format!("repository-{hash}")
        } else {
            format!("{name}-{hash}")
        };
        Self {
            namespace: "local".to_owned(),
            name,
            title: folder.to_owned(),
        }
    }

    pub(crate) fn entity_ref(&self) -> EntityRef {
        EntityRef::new("repository", &self.namespace, &self.name)
            .expect("slugs are not empty and hold no control characters")
    }
}

/// A slug that is valid as a namespace, or as a name where dots and underscores are kept. Ends in a hash if it had to
/// be shortened or lost more than a separator.
fn slug(text: &str, is_name: bool) -> String {
    let (slug, lossy) = plain(text, is_name);
    if !slug.is_empty() && !lossy && slug.len() <= SLUG_BYTES_MAX {
        return slug;
    }
    let mut slug = slug;
    slug.truncate(SLUG_BYTES_MAX - HASH_DIGITS - 1);
    let slug = slug.trim_end_matches(['-', '_', '.']);
    let hash = digits(text);
    if slug.is_empty() {
        format!("x-{hash}")
    } else {
        format!("{slug}-{hash}")
    }
}

/// Letters, digits and single separators in lower case, and whether anything else was dropped.
fn plain(text: &str, is_name: bool) -> (String, bool) {
    let mut slug = String::with_capacity(text.len());
    let mut lossy = false;
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'A'..='Z' => slug.push(c.to_ascii_lowercase()),
            '.' | '_' if is_name => slug.push(c),
            '.' | '_' | '-' | '/' | ':' => {
                if !slug.ends_with('-') {
                    slug.push('-');
                }
            }
            _ => {
                lossy = true;
                if !slug.ends_with('-') {
                    slug.push('-');
                }
            }
        }
    }
    (slug.trim_matches(['-', '_', '.']).to_owned(), lossy)
}

fn digits(text: &str) -> String {
    ContentHash::of(text.as_bytes()).to_string()[..HASH_DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_gives_namespace_name_and_title() {
        let name = RepositoryName::of_remote("github.com/acme/pay");
        assert_eq!(name.entity_ref().as_str(), "repository:github-com-acme/pay");
        assert_eq!(name.title, "acme/pay");
        let nested = RepositoryName::of_remote("gitlab.acme.io/group/sub/pay.api");
        assert_eq!(
            nested.entity_ref().as_str(),
            "repository:gitlab-acme-io-group-sub/pay.api"
        );
        assert_eq!(nested.title, "group/sub/pay.api");
        assert_eq!(
            RepositoryName::of_remote("h.com/pay").entity_ref().as_str(),
            "repository:h-com/pay"
        );
    }

    #[test]
    fn long_and_lossy_slugs_end_in_a_hash_and_stay_apart() {
        let long = RepositoryName::of_remote(&format!("github.com/{}/{}", "a".repeat(80), "b".repeat(80)));
        assert_eq!((long.namespace.len(), long.name.len()), (63, 63));
        let (one, two) = (
            RepositoryName::of_remote("h.com/a/päy"),
            RepositoryName::of_remote("h.com/a/pöy"),
        );
        assert_ne!(one.name, two.name);
        assert!(one.name.starts_with("p-y-"), "{}", one.name);
    }

    #[test]
    fn a_path_gives_a_local_name_with_a_hash() {
        let name = RepositoryName::of_path("/srv/git/Pay.git");
        assert_eq!(name.namespace, "local");
        assert!(name.name.starts_with("pay-") && name.name.len() == 12, "{}", name.name);
        assert_eq!(name.title, "Pay");
        assert_ne!(name.name, RepositoryName::of_path("/srv/other/Pay.git").name);
        for path in ["/", "/…", "/.git", ""] {
            assert!(!RepositoryName::of_path(path).name.is_empty());
        }
    }
}
