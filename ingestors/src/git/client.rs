//! Reading one repository through gix: head, tags, trees and blobs, without a checkout.
//!
//! Invariants: nothing here starts a program, runs a hook or filter, or follows configuration outside of the
//! repository (it is opened isolated and with reduced trust, so that repositories of other users can be read and
//! cannot make us do anything); every object is looked at by size before it is read. Alternate object folders belong
//! to the object database and are followed; paths are not, see [`super::tree`].
//! It does not know what the content means, and nothing of claims.

use std::cell::Cell;
use std::path::Path;

use gix::bstr::{BString, ByteSlice};
use gix::objs::FindExt as _;
use gix::objs::tree::EntryKind;
use gix::{ObjectId, oid};
use tokio_util::sync::CancellationToken;

use super::limits::{OBJECT_ALLOCATION_BYTES_MAX, OBJECT_CACHE_BYTES_MAX, TAGS_MAX, TREE_BYTES_MAX};

/// How many symbolic refs are followed from HEAD.
pub(super) const SYMBOLIC_HOPS_MAX: usize = 5;

/// Why something in a repository could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("the run was cancelled")]
    Cancelled,
    #[error("{0}")]
    NotARepository(String),
    #[error("{message}")]
    Unreadable { message: String },
    #[error("{what} {id} is missing: the repository is damaged or was cloned in part; fetch it again")]
    ObjectMissing { what: &'static str, id: ObjectId },
    #[error("{what} {id} is damaged ({message}): fetch it again")]
    ObjectDamaged {
        what: &'static str,
        id: ObjectId,
        message: String,
    },
    #[error("{what} {id} has {size} bytes, more than {limit} ({name})")]
    TooLarge {
        what: &'static str,
        id: ObjectId,
        size: u64,
        limit: u64,
        name: &'static str,
    },
    #[error("{0}")]
    Ref(String),
}

/// Where the branch that is to be read stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Head {
    /// `branch` is the short name; nothing for a detached HEAD.
    At { branch: Option<String>, commit: ObjectId },
    /// No commit and no ref at all: a fresh repository.
    Empty { branch: Option<String> },
    /// HEAD, or the configuration, names a branch that does not exist, though others do.
    Missing { branch: String },
}

/// What was read, for the counters of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReadCounts {
    pub(crate) refs: u64,
    pub(crate) trees: u64,
    pub(crate) blobs: u64,
    pub(crate) commits: u64,
}

/// One entry of a tree object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: BString,
    pub(crate) kind: EntryKind,
    pub(crate) id: ObjectId,
}

/// A commit as far as it is needed here; times in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) tree: ObjectId,
    pub(crate) time: i64,
}

/// An opened repository. Belongs to one thread at a time.
pub(crate) struct Repo {
    pub(super) git: gix::Repository,
    pub(super) cancel: CancellationToken,
    counts: Cell<ReadCounts>,
}

impl Repo {
    /// Opens the repository at `path`: a work tree, a linked work tree, a `.git` folder or a bare repository.
    pub(crate) fn open(path: &Path, cancel: &CancellationToken) -> Result<Self, GitError> {
        let looks_like_one =
            path.join(".git").symlink_metadata().is_ok() || path.join("HEAD").symlink_metadata().is_ok();
        let options = gix::open::Options::isolated()
            .with(gix::sec::Trust::Reduced)
            .config_overrides([format!(
                "gitoxide.objects.allocLimitIfReducedTrust={OBJECT_ALLOCATION_BYTES_MAX}"
            )]);
        match options.open(path) {
            Ok(repository) => Ok(Self::new(repository.to_thread_local(), cancel)),
            Err(error) if looks_like_one => Err(GitError::Unreadable {
                message: describe(&error),
            }),
            Err(_) => Err(GitError::NotARepository(
                "there is neither `.git` nor a bare repository here".to_owned(),
            )),
        }
    }

    pub(super) fn new(mut git: gix::Repository, cancel: &CancellationToken) -> Self {
        git.object_cache_size(OBJECT_CACHE_BYTES_MAX);
        Self {
            git,
            cancel: cancel.clone(),
            counts: Cell::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), GitError> {
        if self.cancel.is_cancelled() {
            Err(GitError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// What was read since the last call.
    pub(crate) fn take_counts(&self) -> ReadCounts {
        self.counts.take()
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut ReadCounts)) {
        let mut counts = self.counts.get();
        add(&mut counts);
        self.counts.set(counts);
    }

    /// The URL of the remote `origin`, as configured in the repository.
    pub(crate) fn origin_url(&self) -> Option<String> {
        let url = self.git.config_snapshot().string("remote.origin.url")?;
        url.to_str().ok().map(str::to_owned)
    }

    pub(crate) fn is_shallow(&self) -> bool {
        self.git.is_shallow().unwrap_or(false)
    }

    /// The branch to read and where it stands. Reads refs only.
    pub(crate) fn head(&self, wanted: Option<&str>) -> Result<Head, GitError> {
        match wanted {
            Some(branch) => self.named_branch(branch),
            None => self.default_branch(),
        }
    }

    fn named_branch(&self, branch: &str) -> Result<Head, GitError> {
        let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        for prefix in ["refs/heads/", "refs/remotes/origin/"] {
            if let Some(commit) = self.follow(&format!("{prefix}{branch}"))? {
                return Ok(Head::At {
                    branch: Some(branch.to_owned()),
                    commit,
                });
            }
        }
        if self.has_no_refs()? {
            return Ok(Head::Empty {
                branch: Some(branch.to_owned()),
            });
        }
        Ok(Head::Missing {
            branch: branch.to_owned(),
        })
    }

    fn default_branch(&self) -> Result<Head, GitError> {
        self.count(|counts| counts.refs += 1);
        let head = self
            .git
            .head()
            .map_err(|error| GitError::Ref(format!("HEAD cannot be read: {}", describe(&error))))?;
        match head.kind {
            gix::head::Kind::Detached { target, .. } => Ok(Head::At {
                branch: None,
                commit: target,
            }),
            gix::head::Kind::Symbolic(reference) => {
                let name = reference.name.as_bstr().to_str_lossy().into_owned();
                match self.follow(&name)? {
                    Some(commit) => Ok(Head::At {
                        branch: Some(short_branch(&name)),
                        commit,
                    }),
                    None => Ok(Head::Missing {
                        branch: short_branch(&name),
                    }),
                }
            }
            gix::head::Kind::Unborn(name) => {
                let branch = short_branch(&name.as_bstr().to_str_lossy());
                if self.has_no_refs()? {
                    return Ok(Head::Empty { branch: Some(branch) });
                }
                Ok(Head::Missing { branch })
            }
        }
    }

    /// The object that a ref points at, through symbolic refs; nothing if there is no such ref.
    pub(super) fn follow(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let mut name = name.to_owned();
        for _ in 0..SYMBOLIC_HOPS_MAX {
            self.count(|counts| counts.refs += 1);
            let unreadable = |message: String| GitError::Ref(format!("ref `{name}` cannot be read: {message}"));
            let found = self
                .git
                .try_find_reference(name.as_str())
                .map_err(|error| unreadable(describe(&error)))?;
            let Some(reference) = found else { return Ok(None) };
            // A partial name may match another ref; only the full name counts.
            if reference.name().as_bstr() != name.as_bytes().as_bstr() {
                return Ok(None);
            }
            match reference.target() {
                gix::refs::TargetRef::Object(id) => return Ok(Some(id.to_owned())),
                gix::refs::TargetRef::Symbolic(target) => name = target.as_bstr().to_str_lossy().into_owned(),
            }
        }
        Err(GitError::Ref(format!(
            "ref `{name}` is reached through more than {SYMBOLIC_HOPS_MAX} symbolic refs"
        )))
    }

    fn has_no_refs(&self) -> Result<bool, GitError> {
        let as_ref_error = |error: gix::Error| GitError::Ref(format!("refs cannot be listed: {}", describe(&error)));
        let platform = self.git.references().map_err(as_ref_error)?;
        let mut all = platform.all().map_err(as_ref_error)?;
        Ok(all.next().is_none())
    }

    /// The branch that the remote calls its default, as far as a clone remembers it.
    pub(crate) fn remote_default_branch(&self) -> Option<String> {
        let reference = self.git.try_find_reference("refs/remotes/origin/HEAD").ok().flatten()?;
        match reference.target() {
            gix::refs::TargetRef::Symbolic(name) => {
                let name = name.as_bstr().to_str_lossy().into_owned();
                name.strip_prefix("refs/remotes/origin/").map(str::to_owned)
            }
            gix::refs::TargetRef::Object(_) => None,
        }
    }

    /// Names (without `refs/tags/`) and targets of all tags, unpeeled, by name, up to [`TAGS_MAX`]; and how many
    /// could not be read. Reads refs only.
    pub(crate) fn tags(&self) -> Result<(Vec<(String, ObjectId)>, usize), GitError> {
        let as_ref_error = |error: gix::Error| GitError::Ref(format!("tags cannot be listed: {}", describe(&error)));
        let platform = self.git.references().map_err(as_ref_error)?;
        let mut tags = Vec::new();
        let mut unreadable = 0;
        for reference in platform.tags().map_err(as_ref_error)? {
            self.check()?;
            let Ok(reference) = reference else {
                unreadable += 1;
                continue;
            };
            let name = reference.name().as_bstr().to_str_lossy().into_owned();
            let Some(id) = reference.try_id() else { continue };
            let name = name.strip_prefix("refs/tags/").unwrap_or(&name).to_owned();
            tags.push((name, id.detach()));
            if tags.len() >= TAGS_MAX {
                break;
            }
        }
        self.count(|counts| counts.refs += tags.len() as u64);
        tags.sort();
        Ok((tags, unreadable))
    }

    /// The time of a tag: of the tag itself where it is annotated, else of its commit; nothing for other objects.
    pub(crate) fn tag_time(&self, id: ObjectId) -> Option<i64> {
        let object = self.git.find_object(id).ok()?;
        match object.kind {
            gix::objs::Kind::Tag => {
                let tag = object.try_into_tag().ok()?;
                let time = tag.tagger().ok().flatten().map(|tagger| tagger.seconds());
                time.or_else(|| {
                    self.commit(tag.target_id().ok()?.detach())
                        .ok()
                        .map(|commit| commit.time)
                })
            }
            gix::objs::Kind::Commit => self.commit(id).ok().map(|commit| commit.time),
            _ => None,
        }
    }

    pub(crate) fn commit(&self, id: ObjectId) -> Result<Commit, GitError> {
        let mut buffer = Vec::new();
        let data = self.find(&id, "commit", TREE_BYTES_MAX, &mut buffer)?;
        let damaged = |message: String| GitError::ObjectDamaged {
            what: "commit",
            id,
            message,
        };
        if data != gix::objs::Kind::Commit {
            return Err(damaged(format!("it is a {data}")));
        }
        let commit = gix::objs::CommitRef::from_bytes(&buffer, self.git.object_hash())
            .map_err(|error| damaged(describe(&error)))?;
        let time = commit.committer().map_or(0, |committer| committer.seconds());
        Ok(Commit {
            tree: commit.tree(),
            time,
        })
    }

    /// Whether the object is there; reads no content.
    pub(crate) fn has(&self, id: &oid) -> bool {
        self.git.has_object(id)
    }

    /// Whether `old` is `new` or stands in its history.
    pub(crate) fn is_ancestor(&self, old: ObjectId, new: ObjectId) -> bool {
        let base = || self.git.merge_base(old, new).ok().flatten().map(|base| base.detach());
        self.has(&old) && (old == new || base() == Some(old))
    }

    /// The size of a blob; reads no content.
    pub(crate) fn blob_size(&self, id: ObjectId) -> Option<u64> {
        self.git.try_find_header(id).ok().flatten().map(|header| header.size())
    }

    /// The content of a blob of at most `limit` bytes; `name` is the name of that limit.
    pub(crate) fn blob(&self, id: ObjectId, limit: u64, name: &'static str) -> Result<Vec<u8>, GitError> {
        self.check()?;
        let header = self.header(id, "blob")?;
        let size = header.size();
        if size > limit {
            return Err(GitError::TooLarge {
                what: "blob",
                id,
                size,
                limit,
                name,
            });
        }
        let mut buffer = Vec::new();
        let kind = self.find(&id, "blob", limit, &mut buffer)?;
        if kind != gix::objs::Kind::Blob {
            return Err(GitError::ObjectDamaged {
                what: "blob",
                id,
                message: format!("it is a {kind}"),
            });
        }
        self.count(|counts| counts.blobs += 1);
        Ok(buffer)
    }

    /// The entries of a tree, in its order.
    pub(crate) fn tree(&self, id: ObjectId) -> Result<Vec<Entry>, GitError> {
        self.check()?;
        if id.is_empty_tree() {
            return Ok(Vec::new());
        }
        let mut buffer = Vec::new();
        let kind = self.find(&id, "tree", TREE_BYTES_MAX, &mut buffer)?;
        let damaged = |message: String| GitError::ObjectDamaged {
            what: "tree",
            id,
            message,
        };
        if kind != gix::objs::Kind::Tree {
            return Err(damaged(format!("it is a {kind}")));
        }
        self.count(|counts| counts.trees += 1);
        gix::objs::TreeRefIter::from_bytes(&buffer, self.git.object_hash())
            .map(|entry| match entry {
                Ok(entry) => Ok(Entry {
                    name: entry.filename.to_owned(),
                    kind: entry.mode.kind(),
                    id: entry.oid.to_owned(),
                }),
                Err(error) => Err(damaged(describe(&error))),
            })
            .collect()
    }

    fn header(&self, id: ObjectId, what: &'static str) -> Result<gix::odb::find::Header, GitError> {
        match self.git.try_find_header(id) {
            Ok(Some(header)) => Ok(header),
            Ok(None) => Err(GitError::ObjectMissing { what, id }),
            Err(error) => Err(GitError::ObjectDamaged {
                what,
                id,
                message: describe(&error),
            }),
        }
    }

    fn find(
        &self,
        id: &ObjectId,
        what: &'static str,
        limit: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<gix::objs::Kind, GitError> {
        let size = self.header(*id, what)?.size();
        if size > limit {
            return Err(GitError::TooLarge {
                what,
                id: *id,
                size,
                limit,
                name: "git_object_bytes_max",
            });
        }
        match self.git.objects.find(id, buffer) {
            Ok(data) => Ok(data.kind),
            Err(error) if error.is_not_found() => Err(GitError::ObjectMissing { what, id: *id }),
            Err(error) => Err(GitError::ObjectDamaged {
                what,
                id: *id,
                message: describe(&error),
            }),
        }
    }
}

fn short_branch(name: &str) -> String {
    name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()
}

/// The messages of a gix error, outermost first, on one line and without source locations.
pub(super) fn describe(error: &gix::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    for part in error.iter_errors() {
        let text = part.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}
