//! Commit statistics: one walk over the history, then only what is new.
//!
//! Invariants: the result depends on the history and the head alone, never on the clock or on how the head was
//! reached: aggregates carried on from an older head equal those of a walk from nothing (a test holds that). Buckets
//! are weeks from Monday, in UTC, by commit time; they end with the week of the head. Memory follows the number of
//! commits by their ids only.

use std::collections::{BTreeMap, HashSet};

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::FindExt as _;
use serde::{Deserialize, Serialize};

use super::client::{GitError, Repo, describe};
use super::limits::{AUTHORS_MAX, TOP_COMMITTERS_MAX};

const SECONDS_PER_DAY: i64 = 86_400;
/// 1970-01-01 was a Thursday, three days after a Monday.
const DAYS_FROM_MONDAY: i64 = 3;
/// Commits between two looks at the cancellation.
const CHECK_INTERVAL: u64 = 256;
/// Longest name and address kept of an author, in bytes.
pub(super) const IDENTITY_BYTES_MAX: usize = 200;
/// The author who stands for all beyond [`AUTHORS_MAX`].
const OTHERS: &str = "";

/// How much of the history is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HistoryLimits {
    /// Weeks in buckets, ending with the week of the head.
    pub(crate) weeks: u32,
    pub(crate) commits_max: u64,
}

/// Aggregates over the history of one head; kept between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) head: String,
    pub(crate) weeks_kept: u32,
    pub(crate) commits: u64,
    /// Earliest commit time, in seconds since 1970.
    pub(crate) first: Option<i64>,
    /// False if the walk ended at a limit, a missing commit or the edge of a shallow clone.
    pub(crate) whole: bool,
    /// Commits that are missing or damaged, as texts; the first few.
    pub(crate) problems: Vec<String>,
    /// The first week that is kept.
    from_week: i64,
    head_week: i64,
    /// Week number → index of author → commits.
    weeks: BTreeMap<i64, BTreeMap<u32, u32>>,
    authors: Vec<Author>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Author {
    email: String,
    name: String,
    /// Time of the newest commit under this name.
    at: i64,
}

/// One week with commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Week {
    /// The Monday on which it begins, `YYYY-MM-DD`.
    pub(crate) week: String,
    pub(crate) commits: u64,
    pub(crate) authors: u64,
}

/// One person and how many commits of the weeks in buckets are theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Committer {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) commits: u64,
}

struct Seen {
    parents: Vec<ObjectId>,
    time: i64,
    /// Name and e-mail; nothing where the commit is too old to matter.
    author: Option<(String, String)>,
}

/// Reads the history of `head`, carrying on from `known` where its head is an ancestor.
pub(crate) fn read(
    repo: &Repo,
    head: ObjectId,
    limits: HistoryLimits,
    known: Option<History>,
) -> Result<History, GitError> {
    let head_week = week_of(repo.commit(head)?.time);
    if let Some(known) = known.filter(|known| known.weeks_kept == limits.weeks && known.whole) {
        if ObjectId::from_hex(known.head.as_bytes()).ok() == Some(head) {
            return Ok(known);
        }
        if let Some(history) = carry_on(repo, head, head_week, limits, known)? {
            return Ok(history);
        }
    }
    let mut history = History::starting_at(head, head_week, limits);
    walk(repo, head, limits, &mut history)?;
    history.tidy();
    Ok(history)
}

/// Adds the commits between the known head and the new one; nothing if that is not possible.
fn carry_on(
    repo: &Repo,
    head: ObjectId,
    head_week: i64,
    limits: HistoryLimits,
    known: History,
) -> Result<Option<History>, GitError> {
    let Ok(old) = ObjectId::from_hex(known.head.as_bytes()) else {
        return Ok(None);
    };
    // Weeks before the kept ones are gone, so that the window can move forward only.
    if head_week < known.head_week || !repo.is_ancestor(old, head) {
        return Ok(None);
    }
    let Ok(new_commits) = repo.git.rev_walk([head]).with_hidden([old]).all() else {
        return Ok(None);
    };
    let mut history = known;
    history.head = head.to_string();
    history.head_week = head_week;
    history.from_week = first_week(head_week, limits.weeks);
    let mut authors = history.author_index();
    let mut buffer = Vec::new();
    for info in new_commits {
        let Ok(info) = info else { return Ok(None) };
        if history.commits >= limits.commits_max {
            return Ok(None);
        }
        let Ok(seen) = look_at(repo, info.id, &mut buffer) else {
            return Ok(None);
        };
        history.add(seen.time, seen.author, &mut authors);
        if history.commits.is_multiple_of(CHECK_INTERVAL) {
            repo.check()?;
        }
    }
    history.tidy();
    Ok(Some(history))
}

fn walk(repo: &Repo, head: ObjectId, limits: HistoryLimits, history: &mut History) -> Result<(), GitError> {
    let shallow: HashSet<ObjectId> = match repo.git.shallow_commits() {
        Ok(Some(commits)) => commits.iter().copied().collect(),
        _ => HashSet::new(),
    };
    if !shallow.is_empty() {
        history.whole = false;
    }
    let graph = repo.git.commit_graph_if_enabled().ok().flatten();
    let mut authors = history.author_index();
    let mut seen_ids: HashSet<ObjectId> = HashSet::from([head]);
    let mut open = vec![head];
    let mut buffer = Vec::new();
    let mut visited: u64 = 0;
    while let Some(id) = open.pop() {
        visited += 1;
        if visited.is_multiple_of(CHECK_INTERVAL) {
            repo.check()?;
        }
        if history.commits >= limits.commits_max {
            history.whole = false;
            break;
        }
        let from_graph = graph
            .as_ref()
            .and_then(|graph| old_commit(graph, id, history.from_week));
        let seen = match from_graph {
            Some(seen) => seen,
            None => match look_at(repo, id, &mut buffer) {
                Ok(seen) => seen,
                Err(error) => {
                    history.whole = false;
                    if history.problems.len() < TOP_COMMITTERS_MAX {
                        history.problems.push(error.to_string());
                    }
                    continue;
                }
            },
        };
        history.add(seen.time, seen.author, &mut authors);
        if shallow.contains(&id) {
            continue;
        }
        open.extend(seen.parents.into_iter().filter(|parent| seen_ids.insert(*parent)));
    }
    Ok(())
}

/// What the commit-graph file says of a commit whose author does not matter any more.
fn old_commit(graph: &gix::commitgraph::Graph, id: ObjectId, from_week: i64) -> Option<Seen> {
    let commit = graph.commit_by_id(id)?;
    let time = i64::try_from(commit.committer_timestamp()).ok()?;
    if week_of(time) >= from_week {
        return None;
    }
    let mut parents = Vec::new();
    for position in commit.iter_parents() {
        parents.push(graph.id_at(position.ok()?).to_owned());
    }
    Some(Seen {
        parents,
        time,
        author: None,
    })
}

fn look_at(repo: &Repo, id: ObjectId, buffer: &mut Vec<u8>) -> Result<Seen, GitError> {
    repo.count(|counts| counts.commits += 1);
    let what = "commit";
    let commit = repo.git.objects.find_commit(&id, buffer).map_err(|error| {
        if error.is_not_found() {
            GitError::ObjectMissing { what, id }
        } else {
            GitError::ObjectDamaged {
                what,
                id,
                message: describe(&error),
            }
        }
    })?;
    let time = commit.committer().map_or(0, |committer| committer.seconds());
    let author = commit
        .author()
        .ok()
        .map(|author| (identity(author.name), identity(author.email)));
    Ok(Seen {
        parents: commit.parents().collect(),
        time,
        author,
    })
}

fn identity(text: &gix::bstr::BStr) -> String {
    let text = text.to_str_lossy();
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    text[..text.floor_char_boundary(IDENTITY_BYTES_MAX)].to_owned()
}

impl History {
    fn starting_at(head: ObjectId, head_week: i64, limits: HistoryLimits) -> Self {
        Self {
            head: head.to_string(),
            weeks_kept: limits.weeks,
            whole: true,
            from_week: first_week(head_week, limits.weeks),
            head_week,
            ..Self::default()
        }
    }

    fn author_index(&self) -> BTreeMap<String, u32> {
        self.authors
            .iter()
            .zip(0..)
            .map(|(author, index)| (author.email.clone(), index))
            .collect()
    }

    fn add(&mut self, time: i64, author: Option<(String, String)>, index: &mut BTreeMap<String, u32>) {
        self.commits += 1;
        // Times before 1970 and zero come from broken tools.
        if time > 0 {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
        }
        let week = week_of(time);
        if week < self.from_week {
            return;
        }
        let (name, email) = author.unwrap_or_default();
        let mut email = email.to_lowercase();
        if self.authors.len() >= AUTHORS_MAX && !index.contains_key(&email) {
            OTHERS.clone_into(&mut email);
        }
        let next = u32::try_from(self.authors.len()).unwrap_or(u32::MAX);
        let number = *index.entry(email.clone()).or_insert_with(|| {
            self.authors.push(Author {
                email,
                name: name.clone(),
                at: time,
            });
            next
        });
        if let Some(author) = self.authors.get_mut(number as usize) {
            // The newest name wins; of two at the same time the smaller, so that the order of the walk is no matter.
            if time > author.at || (time == author.at && name < author.name) {
                author.name = name;
                author.at = time;
            }
        }
        *self.weeks.entry(week).or_default().entry(number).or_default() += 1;
    }

    /// Forgets weeks before the window and authors without a commit, and brings the rest into one order, so that
    /// equal histories are equal values. Weeks after the head's are kept: a later head may reach them.
    fn tidy(&mut self) {
        self.weeks = self.weeks.split_off(&self.from_week);
        let mut used: Vec<u32> = self
            .weeks
            .values()
            .flat_map(|authors| authors.keys().copied())
            .collect();
        used.sort_unstable();
        used.dedup();
        let mut kept: Vec<(Author, u32)> = used
            .into_iter()
            .filter_map(|number| self.authors.get(number as usize).map(|author| (author.clone(), number)))
            .collect();
        kept.sort_by(|(one, _), (two, _)| one.email.cmp(&two.email));
        let renumbered: BTreeMap<u32, u32> = kept.iter().zip(0..).map(|((_, old), new)| (*old, new)).collect();
        for authors in self.weeks.values_mut() {
            *authors = std::mem::take(authors)
                .into_iter()
                .filter_map(|(old, commits)| renumbered.get(&old).map(|new| (*new, commits)))
                .collect();
        }
        self.authors = kept.into_iter().map(|(author, _)| author).collect();
    }

    /// The weeks with commits, oldest first, up to the week of the head.
    pub(crate) fn weeks(&self) -> Vec<Week> {
        self.weeks
            .range(..=self.head_week)
            .map(|(week, authors)| Week {
                week: monday(*week),
                commits: authors.values().map(|commits| u64::from(*commits)).sum(),
                authors: authors.len() as u64,
            })
            .collect()
    }

    /// Who committed most in the last `weeks` weeks up to the head, most first; robots and nameless ones left out.
    pub(crate) fn top_committers(&self, weeks: u32) -> Vec<Committer> {
        let from = first_week(self.head_week, weeks);
        if from > self.head_week {
            return Vec::new();
        }
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for authors in self.weeks.range(from..=self.head_week).map(|(_, authors)| authors) {
            for (number, commits) in authors {
                *counts.entry(*number).or_default() += u64::from(*commits);
            }
        }
        let mut committers: Vec<Committer> = counts
            .into_iter()
            .filter_map(|(number, commits)| {
                let author = self.authors.get(number as usize)?;
                let committer = Committer {
                    name: author.name.clone(),
                    email: author.email.clone(),
                    commits,
                };
                (!is_robot(author)).then_some(committer)
            })
            .collect();
        committers.sort_by(|one, two| two.commits.cmp(&one.commits).then_with(|| one.email.cmp(&two.email)));
        committers.truncate(TOP_COMMITTERS_MAX);
        committers
    }
}

fn is_robot(author: &Author) -> bool {
    author.email == OTHERS || author.email.contains("[bot]") || author.name.ends_with("[bot]")
}

/// The number of the week, from Monday to Sunday in UTC, in which a time lies.
fn week_of(seconds: i64) -> i64 {
    seconds
        .div_euclid(SECONDS_PER_DAY)
        .saturating_add(DAYS_FROM_MONDAY)
        .div_euclid(7)
}

fn first_week(head_week: i64, weeks: u32) -> i64 {
    head_week.saturating_sub(i64::from(weeks)).saturating_add(1)
}

/// The Monday of a week as a date.
fn monday(week: i64) -> String {
    let seconds = week
        .saturating_mul(7)
        .saturating_sub(DAYS_FROM_MONDAY)
        .saturating_mul(SECONDS_PER_DAY);
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d").to_string(),
        Err(_) => format!("week {week}"),
    }
}
