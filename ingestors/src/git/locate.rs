//! From configured entries to repositories: globs are walked, paths are looked up, doubles are dropped.
//!
//! Invariants: what cannot be looked at is never taken for gone (`proved` is false then), and the order of the result
//! is that of the configuration. Blocking.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bailiwick_schema::{Finding, ScopeId, Severity};
use tokio_util::sync::CancellationToken;

use super::limits::{GLOB_FOLDERS_MAX, REPOSITORIES_MAX};
use super::location::{Location, Remote, absolute};
use super::options::{Access, Item};

/// Beginning of the scope ids of repositories.
const SCOPE_PREFIX: &str = "repository:";

/// Where a repository is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Local(PathBuf),
    Remote(Remote),
}

/// One repository to read.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) scope: ScopeId,
    pub(crate) place: Place,
    pub(crate) branch: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) access: Access,
}

impl Candidate {
    /// The location for people.
    pub(crate) fn shown(&self) -> String {
        match &self.place {
            Place::Local(path) => path.display().to_string(),
            Place::Remote(remote) => remote.url.clone(),
        }
    }
}

/// What the configuration gives right now.
#[derive(Debug, Default)]
pub(crate) struct Located {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) findings: Vec<Finding>,
    /// Whether every entry could be looked at, so that a repository that is not here is gone.
    pub(crate) proved: bool,
}

/// Looks up all entries. `members` are the scopes that the last proof named: a folder that was a repository then and
/// is damaged now stays one.
pub(crate) fn locate(items: &[Item], base: &Path, members: &[ScopeId], cancel: &CancellationToken) -> Located {
    let mut search = Search {
        members,
        cancel,
        located: Located {
            proved: true,
            ..Located::default()
        },
        seen: HashMap::new(),
    };
    for item in items {
        match &item.location {
            Location::Remote(remote) => {
                let scope = ScopeId::new(format!("{SCOPE_PREFIX}{}", remote.key));
                search.add(item, scope, Place::Remote(remote.clone()), true);
            }
            Location::Path(path) => search.path(item, &absolute(base, path)),
            Location::Glob(glob) => {
                let path = absolute(base, Path::new(glob));
                // A folder may have a name that looks like a glob.
                if path.symlink_metadata().is_ok() {
                    search.path(item, &path)
                } else {
                    search.glob(item, &path)
                }
            }
        }
        if search.located.candidates.len() > REPOSITORIES_MAX {
            search.located.candidates.truncate(REPOSITORIES_MAX);
            let message = format!("more than {REPOSITORIES_MAX} repositories (git_repositories_max); split the source");
            search.unproved("repositories_cut", Severity::Error, message);
            break;
        }
    }
    search.located
}

struct Search<'a> {
    members: &'a [ScopeId],
    cancel: &'a CancellationToken,
    located: Located,
    seen: HashMap<ScopeId, String>,
}

impl Search<'_> {
    fn unproved(&mut self, code: &str, severity: Severity, message: String) {
        self.located.proved = false;
        self.located.findings.push(Finding::new(code, severity, message));
    }

    fn path(&mut self, item: &Item, path: &Path) {
        match path.metadata() {
            Ok(_) => {}
            Err(error) => {
                let message = format!(
                    "`{}` cannot be found ({error}): mend the path or take it out of `repositories`; what is known of \
                     it stays until then",
                    path.display()
                );
                self.unproved("repository_not_found", Severity::Error, message);
                return;
            }
        }
        match repository_above(path) {
            Some(root) => self.add_local(item, &root, true),
            None => {
                let was_one = self.members.iter().any(|member| {
                    let held = member.as_str().strip_prefix(SCOPE_PREFIX).unwrap_or("");
                    held.starts_with('/') && canonical(path).starts_with(held)
                });
                let message = format!(
                    "`{}` is not a git repository and lies in none: nothing is read from it; clone it with git \
                     instead of unpacking an archive",
                    path.display()
                );
                if was_one {
                    self.unproved("not_a_repository", Severity::Error, message);
                } else {
                    self.located
                        .findings
                        .push(Finding::new("not_a_repository", Severity::Warning, message));
                }
            }
        }
    }

    fn add_local(&mut self, item: &Item, path: &Path, named: bool) {
        let path = canonical(path);
        let scope = ScopeId::new(format!("{SCOPE_PREFIX}{}", path.to_string_lossy()));
        self.add(item, scope, Place::Local(path), named);
    }

    fn add(&mut self, item: &Item, scope: ScopeId, place: Place, named: bool) {
        if let Some(first) = self.seen.get(&scope) {
            // Two globs may overlap; an entry that names a repository again was meant to say something.
            if named && *first != item.shown {
                let message = format!(
                    "`{}` names the same repository as `{first}`, which is the one that counts",
                    item.shown
                );
                self.located
                    .findings
                    .push(Finding::new("repository_repeated", Severity::Info, message));
            }
            return;
        }
        self.seen.insert(scope.clone(), item.shown.clone());
        self.located.candidates.push(Candidate {
            scope,
            place,
            branch: item.branch.clone(),
            name: item.name.clone().filter(|_| named),
            access: item.access.clone(),
        });
    }

    fn glob(&mut self, item: &Item, pattern: &Path) {
        let shown = pattern.display().to_string();
        let matcher = globset::GlobBuilder::new(&pattern.to_string_lossy())
            .literal_separator(true)
            .build();
        let matcher = match matcher {
            Ok(glob) => glob.compile_matcher(),
            Err(error) => {
                self.unproved(
                    "repository_glob_invalid",
                    Severity::Error,
                    format!("`{shown}` is no glob: {error}"),
                );
                return;
            }
        };
        let fixed: PathBuf = pattern
            .components()
            .take_while(|part| !has_meta(&part.as_os_str().to_string_lossy()))
            .collect();
        let depth_max = match shown.contains("**") {
            true => usize::MAX,
            false => pattern.components().count(),
        };
        let mut folders = vec![fixed];
        let mut looked_at = 0;
        while let Some(folder) = folders.pop() {
            looked_at += 1;
            if looked_at > GLOB_FOLDERS_MAX || self.cancel.is_cancelled() {
                let message = format!("`{shown}` crosses more than {GLOB_FOLDERS_MAX} folders (git_glob_folders_max)");
                self.unproved("repository_glob_too_wide", Severity::Error, message);
                return;
            }
            match children(&folder) {
                Ok(children) => self.glob_folder(item, &matcher, children, depth_max, &mut folders),
                Err(error) => {
                    let message = format!("`{}` cannot be listed for `{shown}` ({error})", folder.display());
                    self.unproved("repository_not_found", Severity::Error, message);
                }
            }
        }
    }

    fn glob_folder(
        &mut self,
        item: &Item,
        matcher: &globset::GlobMatcher,
        children: Vec<PathBuf>,
        depth_max: usize,
        folders: &mut Vec<PathBuf>,
    ) {
        // Taken from the end, so that the result is in order.
        let mut deeper = Vec::new();
        for child in children {
            let is_repository = looks_like_repository(&child);
            if matcher.is_match(&child) {
                let scope = format!("{SCOPE_PREFIX}{}", canonical(&child).to_string_lossy());
                if is_repository || self.members.iter().any(|member| member.as_str() == scope) {
                    self.add_local(item, &child, false);
                    continue;
                }
            }
            // A link is followed where the glob names it, but not on the way down, where it could lead in circles.
            let may_descend = !is_repository && child.components().count() < depth_max && !child.is_symlink();
            if may_descend {
                deeper.push(child);
            }
        }
        deeper.reverse();
        folders.extend(deeper);
    }
}

/// The folders in a folder, by name; links to folders count.
fn children(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != ".git") && path.is_dir() {
            children.push(path);
        }
    }
    children.sort();
    Ok(children)
}

/// The repository that a path is or lies in.
fn repository_above(path: &Path) -> Option<PathBuf> {
    canonical(path)
        .ancestors()
        .find(|folder| looks_like_repository(folder))
        .map(Path::to_owned)
}

fn looks_like_repository(path: &Path) -> bool {
    let is_bare = || path.join("HEAD").is_file() && path.join("objects").is_dir();
    path.join(".git").symlink_metadata().is_ok() || is_bare()
}

fn canonical(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // The `.git` folder of a work tree is the repository of that work tree.
    match path.file_name() {
        Some(name) if name == ".git" => path.parent().map_or_else(|| path.clone(), Path::to_owned),
        _ => path,
    }
}

fn has_meta(part: &str) -> bool {
    part.contains(['*', '?', '[', '{'])
}

#[cfg(test)]
mod tests {
    use super::super::options::{GitOptions, RepositoryItem};
    use super::super::testing::TestRepo;
    use super::*;

    fn items(entries: &[&str]) -> Vec<Item> {
        let repositories: Vec<&str> = entries.to_vec();
        let options: GitOptions = serde_json::from_value(serde_json::json!({ "repositories": repositories })).unwrap();
        options.settings().unwrap().items
    }

    fn find(entries: &[&str], base: &Path, members: &[ScopeId]) -> (Vec<String>, Vec<String>, bool) {
        let located = locate(&items(entries), base, members, &CancellationToken::new());
        let root = format!("repository:{}", base.canonicalize().unwrap().display());
        let scopes = located
            .candidates
            .iter()
            .map(|c| c.scope.as_str().replacen(&root, "", 1))
            .collect();
        let codes = located.findings.iter().map(|finding| finding.code.clone()).collect();
        (scopes, codes, located.proved)
    }

    #[test]
    fn paths_globs_and_urls_become_scopes_once_each() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["code/b", "code/a", "deep/x/y/c"] {
            TestRepo::new(folder.path().join(name));
        }
        std::fs::create_dir_all(folder.path().join("code/no-repository")).unwrap();
        let base = folder.path();
        assert_eq!(find(&["code/*"], base, &[]).0, ["/code/a", "/code/b"]);
        assert_eq!(find(&["**"], base, &[]).0, ["/code/a", "/code/b", "/deep/x/y/c"]);
        assert_eq!(find(&["code/b", "code/*"], base, &[]).0, ["/code/b", "/code/a"]);
        let url = format!("file://{}/code/a", base.display());
        assert_eq!(find(&[&url, "code/a/.git"], base, &[]).0, ["/code/a"]);
        assert_eq!(
            find(&["https://h.com/a/b", "git@h.com:A/b.git"], base, &[]).0,
            ["repository:h.com/a/b"]
        );
    }

    #[test]
    fn a_missing_path_proves_nothing_and_an_empty_glob_does() {
        let folder = tempfile::tempdir().unwrap();
        TestRepo::new(folder.path().join("a"));
        let (scopes, codes, proved) = find(&["a", "missing"], folder.path(), &[]);
        assert_eq!(
            (scopes.len(), codes, proved),
            (1, vec!["repository_not_found".to_owned()], false)
        );
        assert_eq!(find(&["z*"], folder.path(), &[]), (vec![], vec![], true));
        assert!(!find(&["missing/*"], folder.path(), &[]).2);
    }

    #[test]
    fn a_folder_below_a_repository_is_that_repository_and_an_archive_is_none() {
        let folder = tempfile::tempdir().unwrap();
        TestRepo::new(folder.path().join("a")).write("docs/x", "");
        std::fs::create_dir(folder.path().join("archive")).unwrap();
        assert_eq!(find(&["a/docs"], folder.path(), &[]).0, ["/a"]);
        assert_eq!(
            find(&["archive"], folder.path(), &[]),
            (vec![], vec!["not_a_repository".to_owned()], true)
        );
        let path = folder.path().join("archive").canonicalize().unwrap();
        let member = ScopeId::new(format!("repository:{}", path.display()));
        assert!(
            !find(&["archive"], folder.path(), std::slice::from_ref(&member)).2,
            "it was one before"
        );
        assert_eq!(
            find(&["*"], folder.path(), &[member]).0,
            ["/a", "/archive"],
            "it is still there, damaged"
        );
    }

    #[test]
    fn options_name_what_is_wrong() {
        let bad = |value: serde_json::Value| -> String {
            let options: GitOptions = match serde_json::from_value(value) {
                Ok(options) => options,
                Err(error) => return error.to_string(),
            };
            options
                .settings()
                .unwrap_err()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        };
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let cases = [
            (r#"{"repositories": []}"#, "repositories: must name"),
            (
                r#"{"repositories": ["https://u:p@h/a"]}"#,
                "repositories.0: the URL holds",
            ),
            (r#"{"repositories": [{"url": "/a", "colour": 1}]}"#, "colour"),
            (
                r#"{"repositories": [{"url": "http://h.com/a/b", "token_env": "T"}]}"#,
                "unencrypted",
            ),
            (
                r#"{"repositories": ["/a"], "descriptors": {"include": ["["]}}"#,
                "descriptors.include.0",
            ),
            (r#"{"repositories": ["/a"], "concurrency": 0}"#, "concurrency"),
            (r#"{"repositories": [{"url": "/a", "branch": "a b"}]}"#, "branch"),
        ];
        for (options, part) in cases {
            let message = bad(json(options));
            assert!(message.contains(part), "{options}: {message}");
        }
        assert_eq!(RepositoryItem::at("/a").url, "/a");
    }
}
