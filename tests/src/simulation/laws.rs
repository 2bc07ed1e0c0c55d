//! What is checked after every request and every restart, whatever the model of claims says: the log, the snapshot, the
//! entities that claims add up to, and `verify`.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use bailiwick_catalog::graph::filter::Filter;
use bailiwick_catalog::store::{ChangeKind, EntityVersion, LoggedCommit};
use bailiwick_schema::{Assertion, EntityRef, Position, Subject, Viewer};

use super::content::{SCOPES, source_id};
use super::home::Home;
use super::model::{HeldClaim, Key, Model};
use super::world::{Checked, Source, shown};

/// What the checks remember from one request to the next.
#[derive(Default)]
pub(crate) struct Laws {
    log: Vec<LoggedCommit>,
    /// What readers saw before the last restart.
    published: Position,
    /// As text.
    uids: BTreeMap<EntityRef, String>,
    /// Entities that were said to continue another, and those that they continue.
    moved: BTreeSet<EntityRef>,
    pub verified: u64,
}

/// Versions of one entity that are looked at.
const VERSIONS: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

impl Laws {
    pub(crate) fn after_request(&mut self, home: &mut Home, model: &Model, sources: &[Source], whole: bool) -> Checked {
        let disk = std::sync::Arc::clone(&home.disk);
        disk.undisturbed(|| {
            let moved = self.follow_log(home)?;
            let (head, published) = (self.head(), home.engine.snapshot().position());
            if published != head || home.engine.position() != head {
                return Err(format!("law 5: {published} is published and {head} is durable"));
            }
            if whole {
                self.entities(home, model, sources)?;
            }
            if moved { self.verify(home) } else { Ok(()) }
        })
    }

    pub(crate) fn before_restart(&mut self, home: &Home) {
        self.published = home.engine.snapshot().position();
    }

    /// Law 5: the log is what it was, perhaps with commits whose answer got lost.
    pub(crate) fn after_restart(&mut self, home: &mut Home, model: &Model, sources: &[Source]) -> Checked {
        let before = std::mem::take(&mut self.log);
        self.follow_log(home)?;
        if !self.log.starts_with(&before) {
            return Err(format!(
                "law 5: the log has changed or lost commits: {} were known",
                before.len()
            ));
        }
        if self.published > self.head() {
            return Err(format!(
                "law 5: {} was published and {} is durable",
                self.published,
                self.head()
            ));
        }
        self.entities(home, model, sources)?;
        self.verify(home)
    }

    fn head(&self) -> Position {
        self.log.last().map_or(Position::ZERO, |commit| commit.position)
    }

    /// Reads new commits: gapless, in order of time, and each with changes that change something. Says whether there
    /// were any.
    fn follow_log(&mut self, home: &Home) -> Result<bool, String> {
        let store = &home.store;
        let commits = store
            .read_after(self.head(), NonZeroU32::MAX)
            .map_err(|error| shown(&error))?;
        let stored = store.head().map_err(|error| shown(&error))?;
        let moved = !commits.is_empty();
        for commit in commits {
            if commit.position != self.head().next() {
                return Err(format!("law 5: {} follows {} in the log", commit.position, self.head()));
            }
            if self.log.last().is_some_and(|last| last.at > commit.at) {
                return Err(format!(
                    "law 5: commit {} is older than the one before",
                    commit.position
                ));
            }
            for change in &commit.changes {
                let versions = store.versions(change.no, VERSIONS).map_err(|error| shown(&error))?;
                let at = versions.iter().position(|version| version.position == commit.position);
                let Some(at) = at else {
                    return Err(format!(
                        "law 5: commit {} names a version of {} that is not there",
                        commit.position, change.entity
                    ));
                };
                self.change(&versions[at], versions.get(at + 1))?;
            }
            self.log.push(commit);
        }
        if stored != self.head() {
            return Err(format!(
                "law 5: the head is {stored} and the log ends at {}",
                self.head()
            ));
        }
        Ok(moved)
    }

    fn change(&mut self, new: &EntityVersion, before: Option<&EntityVersion>) -> Checked {
        let lived = before.is_some_and(|before| before.change != ChangeKind::Deleted);
        let fits = match new.change {
            ChangeKind::Created => !lived,
            ChangeKind::Updated | ChangeKind::Deleted => lived,
        };
        if !fits {
            return Err(format!(
                "{} was {} at {} though lived is {lived}",
                new.entity,
                new.change.as_str(),
                new.position
            ));
        }
        if let Some(before) = before
            && new.change == ChangeKind::Updated
            && new.hash == before.hash
            && new.uid == before.uid
        {
            return Err(format!(
                "law 7: {} has a version at {} that changes nothing",
                new.entity, new.position
            ));
        }
        if let Some(continued) = &new.continues {
            self.moved.insert(continued.clone());
            self.moved.insert(new.entity.clone());
        }
        if new.change != ChangeKind::Deleted {
            let before = self.uids.insert(new.entity.clone(), new.uid.to_string());
            if let Some(uid) = before.filter(|uid| *uid != new.uid.to_string())
                && !self.moved.contains(&new.entity)
            {
                return Err(format!("{} had uid {uid} and has {} now", new.entity, new.uid));
            }
        }
        Ok(())
    }

    /// What lives is what is declared, and its title is the one that comes first: folded naively, by the design's words.
    fn entities(&self, home: &Home, model: &Model, sources: &[Source]) -> Checked {
        let mut declared: BTreeMap<EntityRef, Vec<(&Key, &HeldClaim)>> = BTreeMap::new();
        for (key, held) in &model.held.claims {
            if let Subject::Ref(entity) = &held.claim.subject {
                declared.entry(entity.clone()).or_default().push((key, held));
            }
        }
        declared.retain(|_, claims| {
            claims
                .iter()
                .any(|(_, held)| held.claim.assertion == Assertion::Declares)
        });
        let snapshot = home.engine.snapshot();
        let live = snapshot.matching(&Viewer::local(), &Filter::everything());
        if let Some(node) = live.iter().find(|node| !declared.contains_key(&node.entity)) {
            return Err(format!("{} lives and nobody declares it", node.entity));
        }
        if live.len() != declared.len() {
            let lives = |entity: &&EntityRef| live.iter().any(|node| node.entity == **entity);
            let dead: Vec<&EntityRef> = declared.keys().filter(|entity| !lives(entity)).collect();
            return Err(format!("{dead:?} are declared and do not live"));
        }
        let mut uids = BTreeSet::new();
        for node in &live {
            if !uids.insert(node.uid) {
                return Err(format!("the uid of {} is that of another entity too", node.entity));
            }
            let title = title_of(&declared[&node.entity], sources);
            if node.title.as_deref() != title {
                return Err(format!(
                    "law 3: the title of {} is {:?} and should be {title:?}",
                    node.entity, node.title
                ));
            }
        }
        Ok(())
    }

    /// Law 6.
    fn verify(&mut self, home: &mut Home) -> Checked {
        self.verified += 1;
        let differences = home.verify()?;
        if differences.is_empty() {
            Ok(())
        } else {
            Err(format!("law 6: {differences:?}"))
        }
    }
}

/// The title that claims about one entity add up to: rank, then source id, then declarations before observations, then
/// scope and path; of several declarations of one source the first alone counts; null says that there is none.
fn title_of<'a>(claims: &[(&'a Key, &'a HeldClaim)], sources: &[Source]) -> Option<&'a str> {
    let mut ordered = claims.to_vec();
    ordered.sort_by_key(|(key, held)| {
        let (source, scope) = key.0;
        let id = source_id(source, sources[source].renamed);
        let rank = std::cmp::Reverse(sources[source].rank);
        (
            rank,
            id,
            held.claim.assertion,
            SCOPES[scope].0,
            held.claim.origin.path.clone(),
        )
    });
    let mut declaring = BTreeSet::new();
    for (key, held) in ordered {
        if held.claim.assertion == Assertion::Declares && !declaring.insert(key.0.0) {
            continue;
        }
        if let Some(title) = held
            .claim
            .body
            .entity
            .get("metadata")
            .and_then(|metadata| metadata.get("title"))
        {
            return title.as_str();
        }
    }
    None
}
