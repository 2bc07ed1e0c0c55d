//! The list of repositories: who is in it, what each is called, and when one is gone.
//!
//! Invariants: the listing is closed after its members, so that a repository that moved is told before the old one
//! retires; it is proved only if every configured entry could be looked at; of several copies of one remote exactly
//! one stands for it, and stays the one while it is there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use bailiwick_schema::{ContentHash, EntityRef, Proof, Scope, ScopeClosed, ScopeId};
use futures_util::StreamExt as _;
use gix::ObjectId;
use tokio_util::sync::CancellationToken;

use super::GitIngestor;
use super::client::{Head, Repo};
use super::locate::{Candidate, Located, Place, locate};
use super::location::identity_of_origin;
use super::member::{MemberDone, Named};
use super::naming::RepositoryName;
use super::state::{ListingCursor, Member};
use crate::kit::{Emitter, IngestError, RunContext, ScopeHandle};

/// The scope of the listing.
const LISTING: &str = "repositories";

/// Reads all repositories, or the wanted one.
pub(super) async fn sweep(source: &GitIngestor, cx: &RunContext, out: &Emitter) -> Result<(), IngestError> {
    let mut listing = out.open(Scope::root(LISTING)).await?;
    let before = listing
        .cursor()
        .and_then(|cursor| ListingCursor::parse(&cursor.value))
        .unwrap_or_default();
    let members: Vec<ScopeId> = listing.members().to_vec();
    let located = look_up(source, cx, &members).await?;
    for finding in &located.findings {
        listing.finding(finding.clone()).await?;
    }
    let survey = survey(cx, &located, &before).await?;
    let named = name_all(&located.candidates, &survey, &before);
    let wanted = named.into_iter().filter(|named| cx.wants(&named.candidate.scope));
    let parent = listing.id().clone();
    let work = wanted.map(|named| super::member::ingest(source, cx, out, parent.clone(), named));
    let mut running = futures_util::stream::iter(work).buffer_unordered(source.settings.concurrency);
    let mut after = ListingCursor::default();
    while let Some(done) = running.next().await {
        let MemberDone {
            scope,
            entity,
            head,
            proved,
        } = done?;
        let held = before.members.get(&scope);
        let filled = if proved {
            head.is_some()
        } else {
            held.is_none_or(|member| member.filled)
        };
        let head = head.or_else(|| held.and_then(|member| member.head.clone()));
        after.members.insert(scope, Member { entity, head, filled });
    }
    drop(running);
    cx.check()?;
    if cx.wanted.is_some() || !located.proved {
        // What was found counts; what was not found may only be out of sight.
        return listing.leave().await;
    }
    close(cx, listing, &located, &members, &before, after).await
}

async fn close(
    cx: &RunContext,
    mut listing: ScopeHandle,
    located: &Located,
    members: &[ScopeId],
    before: &ListingCursor,
    after: ListingCursor,
) -> Result<(), IngestError> {
    let scopes: Vec<&str> = located
        .candidates
        .iter()
        .map(|candidate| candidate.scope.as_str())
        .collect();
    let same_members = members.len() == scopes.len() && members.iter().all(|member| scopes.contains(&member.as_str()));
    let quiet = located.findings.is_empty() && same_members && *before == after;
    if quiet && listing.cursor().is_some() && listing.complete_unchanged().await? == ScopeClosed::Accepted {
        return Ok(());
    }
    for candidate in &located.candidates {
        listing.member(candidate.scope.clone()).await?;
    }
    if listing.cursor().is_none() {
        // After a refusal the scope is as if fresh.
        for finding in located.findings.iter().filter(|_| quiet) {
            listing.finding(finding.clone()).await?;
        }
    }
    let version = ContentHash::of(scopes.join("\n").as_bytes()).to_string();
    listing
        .complete(Proof::Version(version), cx.cursor(after.to_text()))
        .await
}

async fn look_up(source: &GitIngestor, cx: &RunContext, members: &[ScopeId]) -> Result<Located, IngestError> {
    let (settings, base, cancel) = (source.settings.clone(), source.base_dir.clone(), cx.cancel.clone());
    let members = members.to_vec();
    cx.blocking(move || {
        let base = std::path::absolute(&base).unwrap_or(base);
        let located = locate(&settings.items, &base, &members, &cancel);
        if cancel.is_cancelled() {
            Err(IngestError::Cancelled)
        } else {
            Ok(located)
        }
    })
    .await
}

/// What is known of a repository before it is read.
#[derive(Debug, Default)]
struct Surveyed {
    /// `host/path` of its remote.
    identity: Option<String>,
    /// The retired repository whose last head is in its history.
    continues: Option<EntityRef>,
}

/// Looks at every repository's remote, and at the histories of new ones for the heads of those that are gone.
async fn survey(cx: &RunContext, located: &Located, before: &ListingCursor) -> Result<Vec<Surveyed>, IngestError> {
    let candidates = located.candidates.clone();
    let present: HashSet<ScopeId> = candidates.iter().map(|candidate| candidate.scope.clone()).collect();
    // Only a proved listing retires anything, so that only then something can have moved.
    let mut gone: BTreeMap<ScopeId, Member> = BTreeMap::new();
    if located.proved && cx.wanted.is_none() {
        let missing = before.members.iter().filter(|(scope, _)| !present.contains(*scope));
        gone.extend(missing.map(|(scope, member)| (scope.clone(), member.clone())));
    }
    let known: HashSet<ScopeId> = before.members.keys().cloned().collect();
    let cancel = cx.cancel.clone();
    cx.blocking(move || {
        let mut surveyed = Vec::with_capacity(candidates.len());
        for candidate in &candidates {
            if cancel.is_cancelled() {
                return Err(IngestError::Cancelled);
            }
            let is_new = !known.contains(&candidate.scope);
            surveyed.push(survey_one(candidate, is_new, &mut gone, &cancel));
        }
        Ok(surveyed)
    })
    .await
}

fn survey_one(
    candidate: &Candidate,
    is_new: bool,
    gone: &mut BTreeMap<ScopeId, Member>,
    cancel: &CancellationToken,
) -> Surveyed {
    let path: &PathBuf = match &candidate.place {
        Place::Remote(remote) => {
            return Surveyed {
                identity: Some(remote.identity.clone()),
                continues: None,
            };
        }
        Place::Local(path) => path,
    };
    // What cannot be opened is told when it is read.
    let Ok(repo) = Repo::open(path, cancel) else {
        return Surveyed::default();
    };
    let identity = repo.origin_url().and_then(|url| identity_of_origin(&url));
    let continues = if is_new {
        predecessor(&repo, candidate, gone)
    } else {
        None
    };
    Surveyed { identity, continues }
}

/// Takes the first of the retired repositories whose last head is in the history of this one.
fn predecessor(repo: &Repo, candidate: &Candidate, gone: &mut BTreeMap<ScopeId, Member>) -> Option<EntityRef> {
    let Ok(Head::At { commit, .. }) = repo.head(candidate.branch.as_deref()) else {
        return None;
    };
    let scope = gone.iter().find_map(|(scope, member)| {
        let old = ObjectId::from_hex(member.head.as_deref()?.as_bytes()).ok()?;
        repo.is_ancestor(old, commit).then(|| scope.clone())
    })?;
    gone.remove(&scope).map(|member| member.entity)
}

/// Gives every repository its ref. The first copy of a remote stands for it, unless another one already does.
fn name_all(candidates: &[Candidate], surveyed: &[Surveyed], before: &ListingCursor) -> Vec<Named> {
    let mut holders: HashMap<String, ScopeId> = HashMap::new();
    let pairs = || candidates.iter().zip(surveyed);
    for (candidate, surveyed) in pairs() {
        let Some(identity) = &surveyed.identity else { continue };
        let held = before.members.get(&candidate.scope).map(|member| &member.entity);
        if held == Some(&RepositoryName::of_remote(identity).entity_ref()) {
            holders
                .entry(identity.clone())
                .or_insert_with(|| candidate.scope.clone());
        }
    }
    for (candidate, surveyed) in pairs() {
        if let Some(identity) = &surveyed.identity {
            holders
                .entry(identity.clone())
                .or_insert_with(|| candidate.scope.clone());
        }
    }
    pairs()
        .map(|(candidate, surveyed)| {
            let identity = surveyed.identity.clone();
            let stands = identity
                .as_ref()
                .filter(|identity| holders.get(*identity) == Some(&candidate.scope));
            let own = candidate.own_path();
            let (mut name, path) = match stands {
                Some(identity) => (RepositoryName::of_remote(identity), None),
                None => (RepositoryName::of_path(&own), Some(own)),
            };
            if let Some(title) = &candidate.name {
                name.title.clone_from(title);
            }
            let entity = name.entity_ref();
            Named {
                candidate: candidate.clone(),
                name,
                path,
                identity,
                // A clone that took its remote along kept its name, and with it everything else.
                continues: surveyed.continues.clone().filter(|old| *old != entity),
                was_filled: before.members.get(&candidate.scope).map(|member| member.filled),
            }
        })
        .collect()
}
