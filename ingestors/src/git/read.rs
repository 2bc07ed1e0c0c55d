//! Reading one repository: decides by its refs whether there is anything to read, then reads what changed, or all.
//!
//! Invariants: an unchanged cursor reads refs only; a difference is used only if the state belongs to the cursor and
//! every tree of it could be read; what is missing is told and never taken for gone. Blocking.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::yaml::Limits;
use bailiwick_schema::{ContentHash, EntityRef, Finding, Severity};
use gix::ObjectId;

use super::client::{GitError, Head, Repo};
use super::declare::{DescriptorIndex, Globs, Reading};
use super::facts::{ContentIndex, OwnersFile};
use super::history::{self, History};
use super::map::{self, CONTENT_ORIGIN, FACTS_ORIGIN, HistoryFacts, REPOSITORY_ORIGIN, Subjects};
use super::naming::RepositoryName;
use super::options::Settings;
use super::output::{Output, Outputs};
use super::state::{self, RepositoryCursor, State};
use super::tell::{Teller, object_finding};
use super::tree::{self, Change, TreeView};
use crate::content::codeowners::Host;

/// Most paths named in findings of one sort.
pub(super) const PATHS_NAMED_MAX: usize = 20;

/// One repository to read.
#[derive(Clone)]
pub(crate) struct Job {
    /// Where it is on disk: itself, or its mirror.
    pub(crate) place: PathBuf,
    pub(crate) branch: Option<String>,
    /// Head and default branch, where a remote was asked.
    pub(crate) remote: Option<(Head, Option<String>)>,
    pub(crate) name: RepositoryName,
    pub(crate) identity: Option<String>,
    /// Its path, unless it stands for its remote.
    pub(crate) path: Option<String>,
    pub(crate) continues: Option<EntityRef>,
    /// Whether it is known to have held commits before.
    pub(crate) was_filled: bool,
    pub(crate) state_path: PathBuf,
    pub(crate) settings: Arc<Settings>,
    pub(crate) kinds: Arc<KindSet>,
    pub(crate) options: ContentHash,
}

/// How reading ended.
pub(crate) enum Ending {
    /// The cursor still holds.
    Unchanged,
    /// All was seen; `delta` says whether only the difference was told.
    Whole {
        delta: bool,
        version: String,
        cursor: Box<RepositoryCursor>,
        state: Option<Box<State>>,
    },
    /// Something could not be seen; findings say what.
    Part,
}

/// How reading ended, and where the head stood.
pub(crate) struct Done {
    pub(crate) ending: Ending,
    pub(crate) head: Option<String>,
}

/// Reads the repository against the cursor of the last proof.
pub(crate) fn read(
    job: &Job,
    repo: &Repo,
    previous: Option<&RepositoryCursor>,
    outputs: &Outputs,
) -> Result<Done, GitError> {
    let (head, default_branch) = match &job.remote {
        Some((head, default_branch)) => (head.clone(), default_branch.clone()),
        None => (repo.head(job.branch.as_deref())?, default_branch(repo)),
    };
    let (branch, commit) = match head {
        Head::At { branch, commit } => (branch, Some(commit)),
        Head::Empty { branch } => (branch, None),
        Head::Missing { branch } => {
            outputs.finding(missing_branch(job, &branch))?;
            return Ok(Done {
                ending: Ending::Part,
                head: previous.and_then(|cursor| cursor.head.clone()),
            });
        }
    };
    let (tags, tags_unreadable) = repo.tags()?;
    let cursor = RepositoryCursor {
        head: commit.map(|commit| commit.to_string()),
        branch: branch.clone(),
        default_branch,
        tags: ContentHash::of(format!("{tags:?}").as_bytes()).to_string(),
        shallow: repo.is_shallow(),
        entity: job.name.entity_ref(),
        title: job.name.title.clone(),
        identity: job.identity.clone(),
        continues: job
            .continues
            .clone()
            .or_else(|| previous.and_then(|cursor| cursor.continues.clone())),
        damaged: false,
    };
    if previous == Some(&cursor) {
        return Ok(Done {
            ending: Ending::Unchanged,
            head: cursor.head,
        });
    }
    if tags_unreadable > 0 {
        let message = format!("{tags_unreadable} tags cannot be read; `git for-each-ref refs/tags` names them");
        outputs.finding(Finding::new("ref_unreadable", Severity::Warning, message))?;
    }
    let head = cursor.head.clone();
    let mut run = Run {
        job,
        repo,
        outputs,
        previous,
        cursor,
        tags,
        damaged: false,
    };
    let ending = match commit {
        Some(commit) => run.at(commit)?,
        None => run.empty()?,
    };
    Ok(Done { ending, head })
}

fn default_branch(repo: &Repo) -> Option<String> {
    match repo.head(None) {
        Ok(
            Head::At {
                branch: Some(branch), ..
            }
            | Head::Empty { branch: Some(branch) },
        ) => Some(branch),
        _ => repo.remote_default_branch(),
    }
}

fn missing_branch(job: &Job, branch: &str) -> Finding {
    match &job.branch {
        Some(_) => {
            let message = format!("there is no branch `{branch}`: mend `branch` in the options, or push it");
            Finding::new("branch_missing", Severity::Error, message)
        }
        None => {
            let message = format!("HEAD names the branch `{branch}`, which does not exist: name one with `branch`");
            Finding::new("head_missing", Severity::Error, message)
        }
    }
}

struct Run<'a> {
    job: &'a Job,
    repo: &'a Repo,
    outputs: &'a Outputs,
    previous: Option<&'a RepositoryCursor>,
    cursor: RepositoryCursor,
    tags: Vec<(String, ObjectId)>,
    damaged: bool,
}

/// The indexes to read by, and what they were before.
struct Prepared {
    content: ContentIndex,
    descriptors: DescriptorIndex,
    /// Where files stand that were found without looking through the trees.
    known: HashMap<String, ObjectId>,
    delta: bool,
    /// CODEOWNERS may say something else than before.
    owners_changed: bool,
    whole: bool,
}

impl Run<'_> {
    fn subjects(&self, commit_time: Option<i64>) -> Subjects {
        Subjects {
            name: self.job.name.clone(),
            entity: self.cursor.entity.clone(),
            identity: self.job.identity.clone(),
            path: self.job.path.clone(),
            branch: self.cursor.branch.clone(),
            commit: self.cursor.head.clone(),
            commit_time,
        }
    }

    /// A repository without any commit: there is such a repository, and nothing in it.
    fn empty(&mut self) -> Result<Ending, GitError> {
        let held_commits = self.previous.is_some_and(|cursor| cursor.head.is_some()) || self.job.was_filled;
        if held_commits {
            let message =
                "the repository has no commits any more; what it held stays until it is taken out of `repositories`";
            self.outputs
                .finding(Finding::new("repository_emptied", Severity::Error, message))?;
            return Ok(Ending::Part);
        }
        let subjects = self.subjects(None);
        let default_branch = self.cursor.default_branch.as_deref();
        self.outputs.claim(map::repository(
            &subjects,
            default_branch,
            None,
            self.cursor.continues.clone(),
        ))?;
        let cursor = Box::new(self.cursor.clone());
        Ok(Ending::Whole {
            delta: false,
            version: "unborn".to_owned(),
            cursor,
            state: None,
        })
    }

    fn at(&mut self, commit: ObjectId) -> Result<Ending, GitError> {
        let found = match self.repo.commit(commit) {
            Ok(found) => found,
            Err(GitError::Cancelled) => return Err(GitError::Cancelled),
            Err(error) => {
                self.outputs.finding(object_finding("the commit of the head", &error))?;
                return Ok(Ending::Part);
            }
        };
        let known = state::load(&self.job.state_path);
        let (known_history, known) = match known {
            Some(mut known) => (known.history.take(), self.usable(known)),
            None => (None, None),
        };
        let mut prepared = match known.map(|known| self.follow(known, found.tree)).transpose()?.flatten() {
            Some(prepared) => prepared,
            None => self.walk(found.tree)?,
        };
        let owners = match prepared.content.owners(self.repo, self.host()) {
            Ok(owners) => owners,
            Err(unreadable) if matches!(unreadable.error, GitError::TooLarge { .. }) => {
                let message = format!("the file is not read: {}; its host ignores it too", unreadable.error);
                self.outputs
                    .finding(Finding::new("codeowners_too_large", Severity::Error, message).at(
                        unreadable.path,
                        None,
                        None,
                    ))?;
                None
            }
            Err(unreadable) => {
                // Going on would tell of every entity that nobody owns it.
                self.outputs
                    .finding(object_finding(unreadable.path, &unreadable.error).at(unreadable.path, None, None))?;
                return Ok(Ending::Part);
            }
        };
        self.damaged |= !prepared.content.read(self.repo)?;
        let history = self.history(commit, known_history)?;
        let subjects = self.subjects(Some(found.time));
        self.tell_repository(&subjects, &prepared, owners.as_ref(), history.as_ref())?;
        let whole = self.tell_descriptors(&subjects, found.tree, &mut prepared, owners.as_ref())?;
        if !whole {
            return Ok(Ending::Part);
        }
        let cursor = RepositoryCursor {
            damaged: self.damaged,
            ..self.cursor.clone()
        };
        let names = (commit.to_string(), found.tree.to_string());
        let state = State::new(self.job.options, names, prepared.content, prepared.descriptors, history);
        Ok(Ending::Whole {
            delta: prepared.delta,
            version: commit.to_string(),
            cursor: Box::new(cursor),
            state: Some(Box::new(state)),
        })
    }

    fn host(&self) -> Host {
        let host = self
            .job
            .identity
            .as_deref()
            .and_then(|identity| identity.split_once('/'))
            .map(|(host, _)| host);
        host.map_or(Host::Unknown, Host::of)
    }

    /// The state, if a difference from it is the difference from the cursor.
    fn usable(&self, known: State) -> Option<State> {
        let previous = self.previous?;
        let fits = !previous.damaged
            && previous.same_entity(&self.cursor)
            && previous.branch == self.cursor.branch
            && previous.head.as_deref() == Some(known.head.as_str())
            && known.is_of(self.job.options);
        fits.then_some(known)
    }

    /// Carries the indexes on by the difference between two trees; nothing if any tree of it cannot be read.
    fn follow(&self, known: State, tree: ObjectId) -> Result<Option<Prepared>, GitError> {
        let Ok(old) = ObjectId::from_hex(known.tree.as_bytes()) else {
            return Ok(None);
        };
        let changes: Vec<Change> = match tree::diff(self.repo, old, tree) {
            Ok(changes) => changes,
            Err(GitError::Cancelled) => return Err(GitError::Cancelled),
            Err(_) => return Ok(None),
        };
        let (mut content, mut descriptors) = (known.content, known.descriptors);
        content.apply(self.repo, &changes);
        for finding in descriptors.apply(self.globs(), &changes) {
            self.outputs.finding(finding)?;
        }
        let known = descriptors.standing(&changes);
        let owners_changed = changes.iter().any(|change| ContentIndex::is_owners_path(&change.path));
        Ok(Some(Prepared {
            content,
            descriptors,
            known,
            delta: true,
            owners_changed,
            whole: true,
        }))
    }

    /// Walks the whole tree.
    fn walk(&mut self, tree: ObjectId) -> Result<Prepared, GitError> {
        let (mut content, mut descriptors) = (ContentIndex::default(), DescriptorIndex::default());
        let mut findings = Vec::new();
        let globs = self.globs();
        let walked = tree::walk(self.repo, tree, &mut |visited| {
            content.add(self.repo, visited.path, visited.kind, visited.id);
            findings.extend(descriptors.add(globs, visited.path, visited.kind));
        })?;
        for finding in findings {
            self.outputs.finding(finding)?;
        }
        for (folder, error) in walked.unreadable.iter().take(PATHS_NAMED_MAX) {
            let shown = if folder.is_empty() { "the root folder" } else { folder };
            self.outputs
                .finding(object_finding(shown, error).at(folder.as_str(), None, None))?;
        }
        for path in walked.invalid.iter().take(PATHS_NAMED_MAX) {
            let message = "the tree holds a name that no file system accepts, or too long a path; it is left out";
            self.outputs
                .finding(Finding::new("path_invalid", Severity::Warning, message).at(path, None, None))?;
        }
        if walked.cut {
            let message =
                "the tree has more entries than git_tree_entries_max allows; read it in parts with `descriptors`";
            self.outputs
                .finding(Finding::new("tree_too_large", Severity::Error, message))?;
        }
        let whole = walked.is_whole();
        Ok(Prepared {
            content,
            descriptors,
            known: HashMap::new(),
            delta: false,
            owners_changed: false,
            whole,
        })
    }

    fn globs(&self) -> Globs<'_> {
        Globs {
            include: &self.job.settings.include,
            exclude: &self.job.settings.exclude,
        }
    }

    fn history(&mut self, commit: ObjectId, known: Option<History>) -> Result<Option<History>, GitError> {
        if self.job.settings.history.commits_max == 0 {
            return Ok(None);
        }
        let history = history::read(self.repo, commit, self.job.settings.history, known)?;
        if self.cursor.shallow {
            let message = format!(
                "the clone is shallow: its history is counted as far as it goes, {} commits; `git fetch --unshallow` \
                 brings the rest",
                history.commits
            );
            self.outputs
                .finding(Finding::new("shallow_clone", Severity::Warning, message))?;
        }
        for problem in &history.problems {
            self.damaged = true;
            let message = format!("the history is counted in part: {problem}");
            self.outputs
                .finding(Finding::new("object_missing", Severity::Warning, message))?;
        }
        Ok(Some(history))
    }

    fn latest_tag(&self) -> Option<(String, i64)> {
        let timed = self
            .tags
            .iter()
            .filter_map(|(name, id)| Some((self.repo.tag_time(*id)?, name.clone())));
        timed.max().map(|(at, name)| (name, at))
    }

    fn tell_repository(
        &self,
        subjects: &Subjects,
        prepared: &Prepared,
        owners: Option<&OwnersFile>,
        history: Option<&History>,
    ) -> Result<(), GitError> {
        if prepared.delta {
            for origin in [REPOSITORY_ORIGIN, FACTS_ORIGIN, CONTENT_ORIGIN] {
                self.outputs.send(Output::OriginRead(origin.to_owned()))?;
            }
        }
        if self.cursor.branch.is_none() {
            let message =
                "HEAD is detached: the commit that it names is read; name a branch with `branch` to follow it";
            self.outputs
                .finding(Finding::new("head_detached", Severity::Info, message))?;
        }
        let default_branch = self.cursor.default_branch.as_deref();
        let description = prepared.content.description();
        self.outputs.claim(map::repository(
            subjects,
            default_branch,
            description,
            self.cursor.continues.clone(),
        ))?;
        let latest_tag = self.latest_tag();
        let found = HistoryFacts {
            default_branch,
            shallow: self.cursor.shallow,
            history,
            latest_tag,
        };
        self.outputs.claim(map::history_facts(subjects, &found))?;
        self.outputs
            .claim(map::content_facts(subjects, prepared.content.facts(owners), owners))?;
        if let Some(owners) = owners.filter(|_| !prepared.delta || prepared.owners_changed) {
            if prepared.delta {
                self.outputs.send(Output::OriginRead(owners.path.to_owned()))?;
            }
            for problem in &owners.problems {
                self.outputs.finding(map::owners_finding(owners.path, problem))?;
            }
        }
        Ok(())
    }

    fn tell_descriptors(
        &mut self,
        subjects: &Subjects,
        tree: ObjectId,
        prepared: &mut Prepared,
        owners: Option<&OwnersFile>,
    ) -> Result<bool, GitError> {
        let view = TreeView::knowing(self.repo, tree, std::mem::take(&mut prepared.known));
        let limits = Limits::default();
        let reading = Reading {
            view: &view,
            globs: Globs {
                include: &self.job.settings.include,
                exclude: &self.job.settings.exclude,
            },
            kinds: &self.job.kinds,
            limits: &limits,
            all: prepared.owners_changed,
        };
        let mut teller = Teller {
            outputs: self.outputs,
            subjects,
            owners,
            delta: prepared.delta,
            damaged: &mut self.damaged,
        };
        let looked_at = prepared.descriptors.read(&reading, &mut teller)?;
        Ok(looked_at && prepared.whole)
    }
}
