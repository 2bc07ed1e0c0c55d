//! Paths in the trees of one commit: look-up, links, the whole walk, and the difference between two trees.
//!
//! Invariants: a path never leaves the tree (links are followed inside of it only, submodules are not followed); a
//! missing tree is named with its path and never silently empty. It does not know what the files mean.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::tree::EntryKind;

use super::client::{Entry, GitError, Repo};
use super::limits::{LINK_HOPS_MAX, PATH_BYTES_MAX, TREE_ENTRIES_MAX};
use crate::descriptors::TreeError;

/// Trees kept decoded for look-ups.
pub(super) const CACHED_TREES_MAX: usize = 256;

/// A file found at a path; `link_to` is where a link led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: ObjectId,
    /// The path of the file itself, which differs from the asked one if links were followed.
    pub(crate) path: String,
}

/// Why a path gives no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PathError {
    #[error("there is no such file")]
    NotFound,
    #[error("it is a folder or a submodule")]
    NotAFile,
    #[error("the link `{link}` leads out of the repository")]
    Outside { link: String },
    #[error("the link `{link}` leads nowhere or in a circle")]
    Broken { link: String },
    #[error(transparent)]
    Git(#[from] GitError),
}

/// The trees of one commit.
pub(crate) struct TreeView<'repo> {
    repo: &'repo Repo,
    root: ObjectId,
    /// Files that are known to stand at these paths themselves, without any link on the way.
    known: HashMap<String, ObjectId>,
    cached: RefCell<HashMap<ObjectId, Rc<Vec<Entry>>>>,
}

/// What a walk over all trees met.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Folders that could not be read, with the reason.
    pub(crate) unreadable: Vec<(String, GitError)>,
    /// Names that no file system could hold, or too long; as shown to people.
    pub(crate) invalid: Vec<String>,
    /// Whether the walk stopped at [`TREE_ENTRIES_MAX`].
    pub(crate) cut: bool,
}

impl Walked {
    pub(crate) fn is_whole(&self) -> bool {
        self.unreadable.is_empty() && !self.cut
    }
}

/// One file as the walk meets it: a blob, a link or a submodule, never a folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visited<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) kind: EntryKind,
    pub(crate) id: ObjectId,
}

/// One path that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: Vec<u8>,
    pub(crate) old: Option<(EntryKind, ObjectId)>,
    pub(crate) new: Option<(EntryKind, ObjectId)>,
}

impl<'repo> TreeView<'repo> {
    pub(crate) fn new(repo: &'repo Repo, root: ObjectId) -> Self {
        Self {
            repo,
            root,
            known: HashMap::new(),
            cached: RefCell::default(),
        }
    }

    /// A view that finds `known` without reading trees; each must be a file of this commit at its own path.
    pub(crate) fn knowing(repo: &'repo Repo, root: ObjectId, known: HashMap<String, ObjectId>) -> Self {
        Self {
            known,
            ..Self::new(repo, root)
        }
    }

    /// The blob at `path`, if it was known from the start.
    pub(crate) fn known(&self, path: &str) -> Option<ObjectId> {
        self.known.get(path).copied()
    }

    pub(crate) fn repo(&self) -> &'repo Repo {
        self.repo
    }

    fn entries(&self, id: ObjectId) -> Result<Rc<Vec<Entry>>, GitError> {
        if let Some(entries) = self.cached.borrow().get(&id) {
            return Ok(Rc::clone(entries));
        }
        let entries = Rc::new(self.repo.tree(id)?);
        let mut cached = self.cached.borrow_mut();
        if cached.len() >= CACHED_TREES_MAX {
            cached.clear();
        }
        cached.insert(id, Rc::clone(&entries));
        Ok(entries)
    }

    /// The file at `path`, through links inside of the tree. `path` is relative to the root, with `/`.
    pub(crate) fn file(&self, path: &str) -> Result<Found, PathError> {
        if let Some(id) = self.known(path) {
            return Ok(Found {
                id,
                path: path.to_owned(),
            });
        }
        let mut todo = normalise(&[], path).ok_or_else(|| PathError::Outside { link: path.to_owned() })?;
        let mut hops = 0;
        'restart: loop {
            let mut folder = self.root;
            for depth in 0..todo.len() {
                let entries = self.entries(folder)?;
                let name = &todo[depth];
                let entry = entries.iter().find(|entry| entry.name == name.as_bytes().as_bstr());
                let Some(entry) = entry.cloned() else {
                    return Err(self.absent(hops, path));
                };
                let is_last = depth + 1 == todo.len();
                match entry.kind {
                    EntryKind::Tree if !is_last => folder = entry.id,
                    EntryKind::Blob | EntryKind::BlobExecutable if is_last => {
                        return Ok(Found {
                            id: entry.id,
                            path: todo.join("/"),
                        });
                    }
                    EntryKind::Link => {
                        hops += 1;
                        if hops > LINK_HOPS_MAX {
                            return Err(PathError::Broken { link: path.to_owned() });
                        }
                        let link = todo[..=depth].join("/");
                        let target = self.link_target(entry.id, &link)?;
                        let Some(mut resolved) = normalise(&todo[..depth], &target) else {
                            return Err(PathError::Outside { link });
                        };
                        resolved.extend_from_slice(&todo[depth + 1..]);
                        todo = resolved;
                        continue 'restart;
                    }
                    EntryKind::Tree | EntryKind::Commit if is_last => return Err(PathError::NotAFile),
                    _ => return Err(self.absent(hops, path)),
                }
            }
            return Err(PathError::NotAFile);
        }
    }

    fn absent(&self, hops: usize, path: &str) -> PathError {
        if hops > 0 {
            PathError::Broken { link: path.to_owned() }
        } else {
            PathError::NotFound
        }
    }

    fn link_target(&self, id: ObjectId, link: &str) -> Result<String, PathError> {
        let target = self.repo.blob(id, PATH_BYTES_MAX as u64, "git_path_bytes_max")?;
        String::from_utf8(target).map_err(|_| PathError::Broken { link: link.to_owned() })
    }
}

/// Joins `path` to the folder `base` and resolves `.` and `..`; nothing if it leaves the root or is absolute.
fn normalise(base: &[String], path: &str) -> Option<Vec<String>> {
    if path.starts_with('/') || path.contains('\0') || path.len() > PATH_BYTES_MAX {
        return None;
    }
    let mut parts = base.to_vec();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name.to_owned()),
        }
    }
    Some(parts)
}

/// Walks all trees below `root` in order of their paths within each folder and shows every file to `visit`.
pub(crate) fn walk(repo: &Repo, root: ObjectId, visit: &mut dyn FnMut(Visited<'_>)) -> Result<Walked, GitError> {
    let mut walked = Walked::default();
    let mut folders: Vec<(Vec<u8>, ObjectId)> = vec![(Vec::new(), root)];
    let mut entries_seen = 0_usize;
    while let Some((folder, id)) = folders.pop() {
        let entries = match repo.tree(id) {
            Ok(entries) => entries,
            Err(GitError::Cancelled) => return Err(GitError::Cancelled),
            Err(error) => {
                walked.unreadable.push((shown(&folder), error));
                continue;
            }
        };
        for entry in entries {
            entries_seen += 1;
            if entries_seen > TREE_ENTRIES_MAX {
                walked.cut = true;
                return Ok(walked);
            }
            let Some(path) = join(&folder, &entry.name) else {
                walked
                    .invalid
                    .push(format!("{}/{}", shown(&folder), entry.name.to_str_lossy()));
                continue;
            };
            match entry.kind {
                EntryKind::Tree => folders.push((path, entry.id)),
                kind => visit(Visited {
                    path: &path,
                    kind,
                    id: entry.id,
                }),
            }
        }
    }
    Ok(walked)
}

/// The paths of files that differ between two trees.
///
/// Errors: any tree that cannot be read, so that a difference is never taken for whole when it is not; and the limit
/// of entries.
pub(crate) fn diff(repo: &Repo, old: ObjectId, new: ObjectId) -> Result<Vec<Change>, GitError> {
    let mut changes = Vec::new();
    let mut folders: Vec<(Vec<u8>, Option<ObjectId>, Option<ObjectId>)> = vec![(Vec::new(), Some(old), Some(new))];
    let mut entries_seen = 0_usize;
    while let Some((folder, old, new)) = folders.pop() {
        if old == new {
            continue;
        }
        let mut before: HashMap<Vec<u8>, (EntryKind, ObjectId)> = HashMap::new();
        if let Some(old) = old {
            before.extend(
                repo.tree(old)?
                    .into_iter()
                    .map(|entry| (entry.name.into(), (entry.kind, entry.id))),
            );
        }
        let after = match new {
            Some(new) => repo.tree(new)?,
            None => Vec::new(),
        };
        entries_seen += before.len() + after.len();
        if entries_seen > 2 * TREE_ENTRIES_MAX {
            let limit = TREE_ENTRIES_MAX as u64;
            let (size, id) = (entries_seen as u64, new.or(old).unwrap_or(repo_empty_tree(repo)));
            return Err(GitError::TooLarge {
                what: "tree",
                id,
                size,
                limit,
                name: "git_tree_entries_max",
            });
        }
        for entry in after {
            let name: Vec<u8> = entry.name.into();
            let was = before.remove(&name);
            let now = (entry.kind, entry.id);
            if was != Some(now) {
                record(&folder, &name, was, Some(now), &mut folders, &mut changes);
            }
        }
        for (name, was) in before {
            record(&folder, &name, Some(was), None, &mut folders, &mut changes);
        }
    }
    changes.sort_by(|one, two| one.path.cmp(&two.path));
    Ok(changes)
}

fn repo_empty_tree(repo: &Repo) -> ObjectId {
    ObjectId::empty_tree(repo.git.object_hash())
}

type Side = Option<(EntryKind, ObjectId)>;

fn record(
    folder: &[u8],
    name: &[u8],
    was: Side,
    now: Side,
    folders: &mut Vec<(Vec<u8>, Option<ObjectId>, Option<ObjectId>)>,
    changes: &mut Vec<Change>,
) {
    let Some(path) = join(folder, name) else { return };
    let folder_of = |side: Side| side.filter(|(kind, _)| *kind == EntryKind::Tree).map(|(_, id)| id);
    let file_of = |side: Side| side.filter(|(kind, _)| *kind != EntryKind::Tree);
    let (old_folder, new_folder) = (folder_of(was), folder_of(now));
    let (old_file, new_file) = (file_of(was), file_of(now));
    if old_file != new_file {
        changes.push(Change {
            path: path.clone(),
            old: old_file,
            new: new_file,
        });
    }
    if old_folder != new_folder {
        folders.push((path, old_folder, new_folder));
    }
}

/// The path of a name in a folder; nothing for names that only a forged tree holds.
fn join(folder: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let forged = name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0);
    if forged || folder.len() + 1 + name.len() > PATH_BYTES_MAX {
        return None;
    }
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    if !folder.is_empty() {
        path.extend_from_slice(folder);
        path.push(b'/');
    }
    path.extend_from_slice(name);
    Some(path)
}

/// A path for people.
pub(crate) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// What a descriptor may read of the commit that it stands in.
impl crate::descriptors::Tree for TreeView<'_> {
    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, TreeError> {
        let found = self.file(path)?;
        let bytes = match self.repo.blob(found.id, bytes_max, "descriptor_bytes_max") {
            Ok(bytes) => bytes,
            Err(GitError::TooLarge { size, limit, .. }) => {
                return Err(TreeError::TooLarge {
                    bytes: size,
                    max: limit,
                });
            }
            Err(error) => return Err(TreeError::Unreadable(error.to_string())),
        };
        // The content is elsewhere, and no later run will find it here.
        if is_lfs_pointer(&bytes) {
            return Err(TreeError::NotAFile);
        }
        Ok(bytes)
    }

    fn glob(&self, folder: &str, pattern: &str) -> Result<Vec<String>, TreeError> {
        let folder = if folder.is_empty() {
            String::new()
        } else {
            format!("{}/", globset::escape(folder))
        };
        let glob = globset::GlobBuilder::new(&format!("{folder}{pattern}"))
            .literal_separator(true)
            .build();
        let glob = glob
            .map_err(|error| TreeError::BadPattern(error.to_string()))?
            .compile_matcher();
        let mut files = Vec::new();
        let walked = walk(self.repo, self.root, &mut |visited| {
            if let Ok(path) = std::str::from_utf8(visited.path)
                && visited.kind != EntryKind::Commit
                && glob.is_match(path)
            {
                files.push(path.to_owned());
            }
        });
        match walked {
            Ok(walked) if walked.is_whole() => {
                files.sort();
                Ok(files)
            }
            Ok(_) => Err(TreeError::Unreadable(
                "some folders of the repository cannot be read".to_owned(),
            )),
            Err(error) => Err(TreeError::Unreadable(error.to_string())),
        }
    }

    fn is_file(&self, path: &str) -> Result<bool, TreeError> {
        match self.file(path).map_err(TreeError::from) {
            Ok(_) => Ok(true),
            Err(TreeError::NotFound | TreeError::NotAFile) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl From<PathError> for TreeError {
    fn from(error: PathError) -> Self {
        match error {
            PathError::NotFound | PathError::Broken { .. } => Self::NotFound,
            PathError::NotAFile => Self::NotAFile,
            PathError::Outside { .. } => Self::Outside,
            PathError::Git(error) => Self::Unreadable(error.to_string()),
        }
    }
}

/// Whether a blob stands for a file that Git LFS keeps elsewhere.
/// Source: git-lfs specification, version 1, "The Pointer".
pub(crate) fn is_lfs_pointer(bytes: &[u8]) -> bool {
    const POINTER_BYTES_MAX: usize = 1_024;
    bytes.len() < POINTER_BYTES_MAX && bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}
