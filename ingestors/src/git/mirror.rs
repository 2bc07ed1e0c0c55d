//! Bare mirrors of remote repositories in the cache folder, kept up to date by fetching what is new.
//!
//! Invariants: a remote that did not change is asked for its refs only; a fetch that was cut off leaves the mirror as
//! it was, with left-over locks and packs cleared at the next; credentials are in memory only while they are used, go
//! to the configured host only, and are never written into the mirror. One caller per mirror at a time.
//! Blocking; the caller runs it where that is right.

mod base64;
mod disk;
mod listing;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bailiwick_schema::{ContentHash, Secret};
use gix::bstr::{BStr, ByteSlice};
use gix::protocol::handshake::Ref;
use gix::protocol::transport::client::blocking_io as transport;
use gix::remote::Direction;
use gix::remote::fetch::Tags;
use tokio_util::sync::CancellationToken;

use super::client::{GitError, Head, Repo, describe};
use super::limits::{MIRROR_PACKS_MAX, TAGS_MAX};
use super::location::Remote;
use base64::base64;
use disk::{clear_left_overs, create, pack_count, point_head_at};
use listing::{Listing, Tag, is_up_to_date, name_of};

/// The user name that goes with a token if none is configured; the large hosts accept any.
const TOKEN_USERNAME: &str = "x-access-token";
/// Longest wait for a connection, in seconds.
const CONNECT_TIMEOUT_SECS: u64 = 20;
/// Longest silence of a server, in seconds.
const READ_TIMEOUT_SECS: u64 = 60;

/// Why a remote could not be read. Messages hold no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MirrorError {
    #[error("the run was cancelled")]
    Cancelled,
    #[error(
        "the server did not accept the credentials, or wants some ({0}): name a token with token_env or token_file, or a key with ssh_key_file"
    )]
    Unauthorised(String),
    #[error("{0}")]
    Failed(String),
    #[error("the mirror in the cache folder cannot be written: {0}")]
    Local(String),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// How to reach a remote, with secrets in hand. Lives as long as one fetch.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) username: Option<String>,
    pub(crate) token: Option<Secret>,
    pub(crate) ssh_key_file: Option<PathBuf>,
    /// The program instead of `ssh`; for tests.
    pub(crate) ssh_program: Option<String>,
}

/// A mirror that is as new as the remote.
pub(crate) struct Mirrored {
    pub(crate) path: PathBuf,
    pub(crate) head: Head,
    /// The branch that the remote calls its default.
    pub(crate) default_branch: Option<String>,
    /// Whether a pack was asked for.
    pub(crate) fetched: bool,
}

/// One remote and its mirror.
pub(crate) struct Mirror<'a> {
    pub(crate) remote: &'a Remote,
    pub(crate) credentials: &'a Credentials,
    pub(crate) branch: Option<&'a str>,
    /// The folder of all mirrors of the source.
    pub(crate) folder: &'a Path,
    pub(crate) cancel: &'a CancellationToken,
    /// Set when the fetch is to stop.
    pub(crate) interrupt: &'a AtomicBool,
}

/// The folder of the mirror of a remote.
pub(crate) fn mirror_path(folder: &Path, remote: &Remote) -> PathBuf {
    let readable: String = remote
        .identity
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .rev()
        .take(40)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let hash = ContentHash::of(remote.key.as_bytes()).to_string();
    folder.join(format!("{}-{}.git", readable.trim_matches('-'), &hash[..12]))
}

impl Mirror<'_> {
    /// Brings the mirror up to date.
    pub(crate) fn sync(&self) -> Result<Mirrored, MirrorError> {
        std::fs::create_dir_all(self.folder).map_err(|error| MirrorError::Local(error.to_string()))?;
        let path = mirror_path(self.folder, self.remote);
        let repo = self.open_or_create(&path)?;
        let listing = self.list(&repo)?;
        let Head::At {
            branch: Some(branch),
            commit,
        } = &listing.head
        else {
            return Ok(Mirrored {
                path,
                head: listing.head,
                default_branch: listing.default_branch,
                fetched: false,
            });
        };
        let (branch, commit) = (branch.clone(), *commit);
        let fetched = !is_up_to_date(&repo, &branch, commit, &listing.tags)?;
        if fetched {
            if pack_count(&path) > MIRROR_PACKS_MAX {
                self.clone_anew(&path, &branch)?;
            } else {
                self.fetch(&repo, &branch)?;
            }
        }
        let repo = self.open(&path)?;
        self.forget_tags(&repo, &listing.tags)?;
        if let Some(default) = &listing.default_branch {
            point_head_at(&path, default)?;
        }
        let reader = Repo::open(&path, self.cancel)?;
        if !reader.has(&commit) {
            return Err(MirrorError::Failed(format!(
                "the server named commit {commit} and did not send it"
            )));
        }
        // The branch may have moved between the listing and the fetch: what is there is what counts.
        let commit = reader.follow(&format!("refs/heads/{branch}"))?.unwrap_or(commit);
        let head = Head::At {
            branch: Some(branch),
            commit,
        };
        Ok(Mirrored {
            path,
            head,
            default_branch: listing.default_branch,
            fetched,
        })
    }

    fn open(&self, path: &Path) -> Result<gix::Repository, MirrorError> {
        // Full trust: the folder and its configuration are our own.
        let options = gix::open::Options::isolated()
            .with(gix::sec::Trust::Full)
            .open_path_as_is(true);
        let repo = options
            .open(path)
            .map_err(|error| MirrorError::Local(describe(&error)))?;
        Ok(repo.to_thread_local())
    }

    fn open_or_create(&self, path: &Path) -> Result<gix::Repository, MirrorError> {
        if path.exists() {
            clear_left_overs(path);
            if let Ok(repo) = self.open(path) {
                return Ok(repo);
            }
            std::fs::remove_dir_all(path).map_err(|error| MirrorError::Local(error.to_string()))?;
        }
        create(path)?;
        self.open(path)
    }

    fn url(&self) -> Result<gix::Url, MirrorError> {
        let url = BStr::new(self.remote.url.as_bytes());
        let mut url = gix::url::parse(url).map_err(|error| MirrorError::Failed(error.to_string()))?;
        if self.remote.is_ssh() && url.user().is_none() {
            url.set_user(self.credentials.username.clone());
        }
        Ok(url)
    }

    /// Runs `exchange` with a connection for these refspecs.
    fn connected<T>(
        &self,
        repo: &gix::Repository,
        refspecs: &[String],
        tags: Tags,
        exchange: impl FnOnce(
            gix::remote::Connection<'_, '_, '_, Box<dyn transport::Transport + Send>>,
        ) -> Result<T, gix::Error>,
    ) -> Result<T, MirrorError> {
        let url = self.url()?;
        let remote = repo
            .remote_at_without_url_rewrite(url.clone())
            .and_then(|remote| {
                remote.with_refspecs(refspecs.iter().map(|spec| BStr::new(spec.as_bytes())), Direction::Fetch)
            })
            .map_err(|error| MirrorError::Failed(describe(&error)))?
            .with_fetch_tags(tags);
        let options = transport::connect::Options {
            version: gix::protocol::transport::Protocol::V2,
            ssh: self.ssh_options()?,
            trace: false,
        };
        let transport = transport::connect::connect(url, options).map_err(|error| self.explain(&error))?;
        let mut connection = remote.to_connection_with_transport(transport);
        connection.set_credentials(|action| self.authenticate(action));
        if self.remote.is_http() {
            connection.set_transport_options(Box::new(self.http_options()));
        }
        exchange(connection).map_err(|error| self.explain(&error))
    }

    fn ssh_options(&self) -> Result<transport::ssh::connect::Options, MirrorError> {
        // Never ask: there is nobody to answer. Host keys are the affair of the user's own `known_hosts`.
        let program = self.credentials.ssh_program.as_deref().unwrap_or("ssh");
        let mut command =
            format!("{program} -o BatchMode=yes -o ConnectTimeout={CONNECT_TIMEOUT_SECS} -o ServerAliveInterval=15");
        if let Some(key) = &self.credentials.ssh_key_file {
            let key = key
                .to_str()
                .ok_or_else(|| MirrorError::Failed("ssh_key_file is not UTF-8".to_owned()))?;
            command.push_str(&format!(" -o IdentitiesOnly=yes -i '{}'", key.replace('\'', r"'\''")));
        }
        Ok(transport::ssh::connect::Options {
            command: Some(OsString::from(command)),
            disallow_shell: false,
            kind: Some(transport::ssh::ProgramKind::Ssh),
        })
    }

    fn authenticate(
        &self,
        action: gix::credentials::helper::Action,
    ) -> Result<Option<gix::credentials::protocol::Outcome>, gix::Error> {
        let gix::credentials::helper::Action::Get(context) = action else {
            return Ok(None);
        };
        // In clear it went along as a header, and was refused.
        let token = self
            .credentials
            .token
            .as_ref()
            .filter(|_| !self.remote.url.starts_with("http://"));
        let Some(token) = token else { return Ok(None) };
        let asked: Option<gix::Url> = context.url.as_ref().and_then(|url| gix::url::parse(url.as_bstr()).ok());
        let own = self.url().ok();
        let same_host = asked.zip(own).is_some_and(|(asked, own)| {
            asked.scheme == own.scheme && asked.host() == own.host() && asked.port_or_default() == own.port_or_default()
        });
        if !same_host {
            return Ok(None);
        }
        let username = self.username().to_owned();
        let password = token.expose().to_owned();
        let identity = gix::sec::identity::Account {
            username,
            password,
            oauth_refresh_token: None,
        };
        Ok(Some(gix::credentials::protocol::Outcome {
            identity,
            next: context.into(),
        }))
    }

    fn http_options(&self) -> transport::http::Options {
        let timeouts = transport::http::reqwest::Options {
            configure_client: Some(Box::new(|builder| {
                Ok(builder
                    .connect_timeout(Duration::from_secs(CONNECT_TIMEOUT_SECS))
                    .timeout(Duration::from_secs(READ_TIMEOUT_SECS)))
            })),
            configure_request: None,
        };
        // Over plain http, which the options allow for loopback only, gix sends no identity; a header it does send,
        // and then follows no redirect.
        let in_clear = self.remote.url.starts_with("http://");
        let header = self.credentials.token.as_ref().filter(|_| in_clear).map(|token| {
            let pair = format!("{}:{}", self.username(), token.expose());
            format!("Authorization: Basic {}", base64(pair.as_bytes()))
        });
        transport::http::Options {
            extra_headers: header.into_iter().collect(),
            user_agent: Some(concat!("git/bailiwick-", env!("CARGO_PKG_VERSION")).to_owned()),
            backend: Some(Arc::new(Mutex::new(timeouts))),
            ..Default::default()
        }
    }

    fn username(&self) -> &str {
        self.credentials.username.as_deref().unwrap_or(TOKEN_USERNAME)
    }

    fn explain(&self, error: &gix::Error) -> MirrorError {
        if self.cancel.is_cancelled() {
            return MirrorError::Cancelled;
        }
        let mut message = describe(error);
        // Nothing puts it there; this makes sure of it.
        if let Some(token) = &self.credentials.token {
            message = message.replace(token.expose(), "…");
        }
        let lower = message.to_lowercase();
        let refused = error.is_unauthenticated()
            || error.is_permission_denied()
            || lower.contains("permission denied")
            || lower.contains("no credentials");
        if refused {
            MirrorError::Unauthorised(message)
        } else {
            MirrorError::Failed(message)
        }
    }

    /// Asks the remote where its refs stand.
    fn list(&self, repo: &gix::Repository) -> Result<Listing, MirrorError> {
        let mut refspecs = vec!["+HEAD:refs/bailiwick/head".to_owned()];
        refspecs.extend(self.branch.map(branch_refspec));
        let refs = self.refs(repo, &refspecs)?;
        let listing = Listing::of(&refs, self.branch);
        match listing.head {
            Head::At { .. } => Ok(listing),
            Head::Empty { .. } | Head::Missing { .. } if self.has_branches(repo)? => {
                let named = self.branch.map(str::to_owned).or(listing.default_branch.clone());
                let branch = named.unwrap_or_else(|| "HEAD".to_owned());
                Ok(Listing {
                    head: Head::Missing { branch },
                    ..listing
                })
            }
            Head::Empty { .. } | Head::Missing { .. } => Ok(Listing {
                head: Head::Empty {
                    branch: listing.default_branch.clone(),
                },
                ..listing
            }),
        }
    }

    fn has_branches(&self, repo: &gix::Repository) -> Result<bool, MirrorError> {
        let refs = self.refs(repo, &["+refs/heads/*:refs/heads/*".to_owned()])?;
        Ok(refs.iter().any(|found| name_of(found).starts_with(b"refs/heads/")))
    }

    fn refs(&self, repo: &gix::Repository, refspecs: &[String]) -> Result<Vec<Ref>, MirrorError> {
        self.connected(repo, refspecs, Tags::All, |connection| {
            let (map, _) = connection.ref_map(gix::progress::Discard, gix::remote::ref_map::Options::default())?;
            Ok(map.remote_refs)
        })
    }

    fn fetch(&self, repo: &gix::Repository, branch: &str) -> Result<(), MirrorError> {
        self.connected(repo, &[branch_refspec(branch)], Tags::Included, |connection| {
            let prepared =
                connection.prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default())?;
            prepared
                .with_write_packed_refs_only(true)
                .receive(gix::progress::Discard, self.interrupt)?;
            Ok(())
        })
    }

    /// Clones beside the mirror and puts the clone in its place: many small packs make reading slow.
    fn clone_anew(&self, path: &Path, branch: &str) -> Result<(), MirrorError> {
        let local = |error: std::io::Error| MirrorError::Local(error.to_string());
        let fresh = path.with_extension("new");
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).map_err(local)?;
        }
        create(&fresh)?;
        self.fetch(&self.open(&fresh)?, branch)?;
        std::fs::remove_dir_all(path).map_err(local)?;
        std::fs::rename(&fresh, path).map_err(local)
    }

    /// Deletes tags that the remote no longer has.
    fn forget_tags(&self, repo: &gix::Repository, tags: &[Tag]) -> Result<(), MirrorError> {
        use gix::refs::transaction::{Change, PreviousValue, RefEdit, RefLog};
        if tags.len() >= TAGS_MAX {
            return Ok(());
        }
        let known: std::collections::HashSet<&str> = tags.iter().map(|(name, ..)| name.as_str()).collect();
        let local = |error: gix::Error| MirrorError::Local(describe(&error));
        let mut edits = Vec::new();
        for reference in repo.references().map_err(local)?.tags().map_err(local)?.flatten() {
            let name = reference.name().as_bstr().to_str_lossy().into_owned();
            if !known.contains(name.strip_prefix("refs/tags/").unwrap_or(&name)) {
                edits.push(RefEdit {
                    change: Change::Delete {
                        expected: PreviousValue::Any,
                        log: RefLog::AndReference,
                    },
                    name: reference.name().to_owned(),
                    deref: false,
                });
            }
        }
        if !edits.is_empty() {
            repo.edit_references(edits).map_err(local)?;
        }
        Ok(())
    }
}

fn branch_refspec(branch: &str) -> String {
    let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
    format!("+refs/heads/{branch}:refs/heads/{branch}")
}
