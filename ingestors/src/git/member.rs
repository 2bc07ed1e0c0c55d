//! One repository of the listing: mirrored if it is remote, read on the blocking pool, told into its scope.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bailiwick_schema::{EntityRef, Finding, Proof, Scope, ScopeClosed, ScopeId, Severity};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::GitIngestor;
use super::client::{GitError, ReadCounts, Repo};
use super::locate::{Candidate, Place};
use super::location::Remote;
use super::mirror::{Credentials, Mirror, MirrorError, Mirrored};
use super::naming::RepositoryName;
use super::options::Access;
use super::output::{self, Outputs};
use super::read::{self, Done, Ending, Job};
use super::state::{self, RepositoryCursor, state_path};
use crate::kit::{Emitter, IngestError, RunContext, ScopeHandle};

/// One lock for each mirror: a narrowed run may be under way beside a full one.
#[derive(Default)]
pub(super) struct MirrorLocks(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl MirrorLocks {
    fn of(&self, remote: &Remote) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(remote.key.clone()).or_default())
    }
}

/// A repository with its name.
pub(super) struct Named {
    pub(super) candidate: Candidate,
    pub(super) name: RepositoryName,
    /// Its own path, unless it stands for its remote.
    pub(super) path: Option<String>,
    pub(super) identity: Option<String>,
    pub(super) continues: Option<EntityRef>,
    /// Whether it held commits before, as far as the listing knows it.
    pub(super) was_filled: Option<bool>,
}

/// What the listing remembers of it.
pub(super) struct MemberDone {
    pub(super) scope: ScopeId,
    pub(super) entity: EntityRef,
    /// Where its head stood; nothing if that could not be seen.
    pub(super) head: Option<String>,
    /// Whether it was seen whole.
    pub(super) proved: bool,
}

/// Reads one repository. Errors end the run; what is wrong with the repository is a finding.
pub(super) async fn ingest(
    source: &GitIngestor,
    cx: &RunContext,
    out: &Emitter,
    parent: ScopeId,
    named: Named,
) -> Result<MemberDone, IngestError> {
    cx.check()?;
    let scope = named.candidate.scope.clone();
    let entity = named.name.entity_ref();
    let mut handle = out.open(Scope::below(&parent, scope.as_str())).await?;
    let locks = match &named.candidate.place {
        Place::Remote(remote) => Some(source.mirrors.of(remote)),
        Place::Local(_) => None,
    };
    let _guard = match &locks {
        Some(lock) => Some(cx.cancellable(lock.lock()).await?),
        None => None,
    };
    let job = match prepare(source, cx, named).await? {
        Ok(job) => job,
        Err(finding) => {
            handle.finding(finding).await?;
            handle.leave().await?;
            return Ok(MemberDone {
                scope,
                entity,
                head: None,
                proved: false,
            });
        }
    };
    let (head, proved) = tell(cx, handle, Arc::new(job)).await?;
    Ok(MemberDone {
        scope,
        entity,
        head,
        proved,
    })
}

/// Everything that reading needs; a finding if a remote could not be mirrored.
async fn prepare(source: &GitIngestor, cx: &RunContext, named: Named) -> Result<Result<Job, Finding>, IngestError> {
    let (place, remote) = match &named.candidate.place {
        Place::Local(path) => (path.clone(), None),
        Place::Remote(remote) => match mirror(cx, remote.clone(), &named.candidate).await? {
            Ok(mirrored) => (mirrored.path, Some((mirrored.head, mirrored.default_branch))),
            Err(finding) => return Ok(Err(finding)),
        },
    };
    Ok(Ok(Job {
        place,
        branch: named.candidate.branch,
        remote,
        name: named.name,
        identity: named.identity,
        path: named.path,
        continues: named.continues,
        was_filled: named
            .was_filled
            .unwrap_or_else(|| state_path(&cx.cache_dir, &named.candidate.scope).exists()),
        state_path: state_path(&cx.cache_dir, &named.candidate.scope),
        settings: Arc::clone(&source.settings),
        kinds: Arc::clone(&source.kinds),
        options: cx.options_hash,
    }))
}

/// Reads against the last proved cursor, and once more in full if the catalog does not take that as a base. Gives the
/// head, and whether the repository was seen whole.
async fn tell(cx: &RunContext, mut handle: ScopeHandle, job: Arc<Job>) -> Result<(Option<String>, bool), IngestError> {
    loop {
        let previous = handle
            .cursor()
            .and_then(|cursor| RepositoryCursor::parse(&cursor.value));
        let base = handle.cursor().cloned();
        let done = match run(cx, &mut handle, &job, previous).await? {
            Ok(done) => done,
            Err(finding) => {
                handle.finding(finding).await?;
                handle.leave().await?;
                return Ok((None, false));
            }
        };
        let (delta, version, cursor, state) = match done.ending {
            Ending::Part => {
                handle.leave().await?;
                return Ok((done.head, false));
            }
            Ending::Unchanged => match handle.complete_unchanged().await? {
                ScopeClosed::Accepted => return Ok((done.head, true)),
                ScopeClosed::BaseRefused => continue,
            },
            Ending::Whole {
                delta,
                version,
                cursor,
                state,
            } => (delta, version, cursor, state),
        };
        let proof = Proof::Version(version);
        let next = cx.cursor(cursor.to_text());
        match base.filter(|_| delta) {
            Some(base) => {
                if handle.complete_delta(base, proof, next).await? == ScopeClosed::BaseRefused {
                    continue;
                }
            }
            None => handle.complete(proof, next).await?,
        }
        if let Some(state) = state {
            save(cx, &job, state).await?;
        }
        return Ok((done.head, true));
    }
}

/// Saved after the scope was closed: a state that is newer than the cursor would never be used.
async fn save(cx: &RunContext, job: &Arc<Job>, state: Box<state::State>) -> Result<(), IngestError> {
    let job = Arc::clone(job);
    let scope = cx.source.clone();
    cx.blocking(move || {
        if let Err(error) = state::save(&job.state_path, &state) {
            warn!(source = %scope, %error, "the state of a repository cannot be cached; its next change is read in full");
        }
        Ok(())
    })
    .await
}

async fn run(
    cx: &RunContext,
    handle: &mut ScopeHandle,
    job: &Arc<Job>,
    previous: Option<RepositoryCursor>,
) -> Result<Result<Done, Finding>, IngestError> {
    let (outputs, receiver) = output::channel();
    let (context, job) = (cx.clone(), Arc::clone(job));
    let reading = cx.blocking(move || Ok(read_counted(&context, &job, previous.as_ref(), &outputs)));
    let (forwarded, done) = tokio::join!(output::forward(receiver, handle), reading);
    forwarded?;
    let done = match done {
        Ok(done) => done,
        Err(IngestError::Panicked(message)) => {
            let message = format!("reading it failed in a way that it should not ({message}): report this");
            return Ok(Err(Finding::new("repository_unreadable", Severity::Error, message)));
        }
        Err(error) => return Err(error),
    };
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(GitError::Cancelled) => Err(IngestError::Cancelled),
        Err(error) => Ok(Err(repository_finding(&error))),
    }
}

fn read_counted(
    cx: &RunContext,
    job: &Job,
    previous: Option<&RepositoryCursor>,
    outputs: &Outputs,
) -> Result<Done, GitError> {
    let repo = Repo::open(&job.place, &cx.cancel)?;
    let done = read::read(job, &repo, previous, outputs);
    let ReadCounts {
        refs,
        trees,
        blobs,
        commits,
    } = repo.take_counts();
    cx.count("git.refs_read", refs);
    cx.count("git.trees_read", trees);
    cx.count("git.blobs_read", blobs);
    cx.count("git.commits_walked", commits);
    done
}

fn repository_finding(error: &GitError) -> Finding {
    let (code, hint) = match error {
        GitError::NotARepository(_) => ("not_a_repository", "clone it again, or take it out of `repositories`"),
        GitError::Ref(_) => ("ref_unreadable", "`git fsck` tells more"),
        GitError::ObjectMissing { .. } | GitError::ObjectDamaged { .. } => ("object_missing", "`git fsck` tells more"),
        _ => ("repository_unreadable", "what it held stays until it can be read again"),
    };
    Finding::new(
        code,
        Severity::Error,
        format!("the repository cannot be read: {error}; {hint}"),
    )
}

/// Brings the mirror of a remote up to date on a thread of its own, which a stuck server cannot hold against shutdown.
async fn mirror(
    cx: &RunContext,
    remote: Remote,
    candidate: &Candidate,
) -> Result<Result<Mirrored, Finding>, IngestError> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = oneshot::channel();
    let (access, branch) = (candidate.access.clone(), candidate.branch.clone());
    let (folder, cancel) = (cx.cache_dir.join("mirrors"), cx.cancel.clone());
    let environment = Arc::clone(&cx.environment);
    let shown = candidate.shown();
    let stop = Arc::clone(&interrupt);
    let thread = std::thread::Builder::new()
        .name("git-mirror".to_owned())
        .spawn(move || {
            let mirrored = credentials(&access, &environment)
                .and_then(|credentials| sync(&remote, &credentials, branch.as_deref(), &folder, &cancel, &stop));
            // Nobody waits any more if the run was cancelled.
            let _ = sender.send(mirrored);
        });
    if let Err(error) = thread {
        return Err(IngestError::source(format!("no thread for fetching: {error}")));
    }
    let answer = cx
        .cancellable(receiver)
        .await
        .inspect_err(|_| interrupt.store(true, Ordering::SeqCst))?;
    match answer {
        Ok(Ok(mirrored)) => {
            cx.count("git.fetches", u64::from(mirrored.fetched));
            cx.count("git.remotes_asked", 1);
            Ok(Ok(mirrored))
        }
        Ok(Err(MirrorError::Cancelled)) => Err(IngestError::Cancelled),
        Ok(Err(error)) => Ok(Err(mirror_finding(&shown, &error))),
        Err(_) => {
            let message = format!("fetching `{shown}` failed in a way that it should not: report this");
            Ok(Err(Finding::new("remote_failed", Severity::Error, message)))
        }
    }
}

fn sync(
    remote: &Remote,
    credentials: &Credentials,
    branch: Option<&str>,
    folder: &std::path::Path,
    cancel: &CancellationToken,
    interrupt: &AtomicBool,
) -> Result<Mirrored, MirrorError> {
    Mirror {
        remote,
        credentials,
        branch,
        folder,
        cancel,
        interrupt,
    }
    .sync()
}

fn credentials(access: &Access, environment: &crate::kit::Environment) -> Result<Credentials, MirrorError> {
    let token = match &access.token {
        Some(token) => Some(
            token
                .resolve(environment)
                .map_err(|error| MirrorError::Unauthorised(error.to_string()))?,
        ),
        None => None,
    };
    Ok(Credentials {
        username: access.username.clone(),
        token,
        ssh_key_file: access.ssh_key_file.clone(),
        ssh_program: None,
    })
}

fn mirror_finding(shown: &str, error: &MirrorError) -> Finding {
    let code = match error {
        MirrorError::Unauthorised(_) => "remote_unauthorised",
        MirrorError::Local(_) => "mirror_unwritable",
        _ => "remote_failed",
    };
    Finding::new(
        code,
        Severity::Error,
        format!("`{shown}` cannot be fetched: {error}; what it held stays"),
    )
}

impl Candidate {
    /// What tells this copy from others: its path, or the address with its port.
    pub(super) fn own_path(&self) -> String {
        match &self.place {
            Place::Local(path) => path.to_string_lossy().into_owned(),
            Place::Remote(remote) => remote.key.clone(),
        }
    }
}
