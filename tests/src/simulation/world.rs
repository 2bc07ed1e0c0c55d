//! One simulated world: sources, runs under way, the engine under test, and the model beside it.
//!
//! Every act goes to the engine and to the model; then what is stored is held against what the model allows. An act
//! that fails because the store did ends the engine: it starts again over what is stored, and the model goes on from
//! whichever of the allowed states that is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bailiwick_catalog::engine::{OperateError, SourceSetting};
use bailiwick_catalog::store::keyvalue::Table;
use bailiwick_catalog::store::{ClaimKey, StoreError};
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{
    AllowPolicy, Closing, Cursor, Delivery, EntityRef, RunBegin, RunCause, RunId, RunOutcome, RunRecord, RunStatus,
    Scope, ScopeClosed, Timestamp,
};

use super::content::{Flavour, SOURCES, ScopeAt, SourceAt, Truth, scope_at, scope_id, source_id};
use super::disk::BatchNote;
use super::home::Home;
use super::laws::Laws;
use super::model::{Answer, Held, HeldScope, Key, Model, Place};
use super::numbers::Numbers;
use super::observe::{Observed, difference, observe};
use super::play::Actor;

/// A source as configured, and what it has.
pub(crate) struct Source {
    pub truth: Truth,
    pub renamed: bool,
    pub rank: i32,
    pub configured: bool,
    pub allow: AllowPolicy,
}

/// The whole of it.
pub(crate) struct World {
    pub numbers: Numbers,
    pub flavour: Flavour,
    pub home: Home,
    pub model: Model,
    pub sources: Vec<Source>,
    pub actors: Vec<Actor>,
    pub laws: Laws,
    /// What was stored when it was looked at last.
    durable: Held,
    /// [`Model::lagging`] before the request under way.
    lagging: BTreeMap<Place, (RunId, Vec<HeldScope>)>,
    /// The run whose planned changes wait for their commit.
    pending_of: Option<RunId>,
    /// What every run that was begun ended with, as answered; nothing for those that did not end.
    pub ledger: BTreeMap<RunId, Option<RunRecord>>,
    /// Runs whose last answer was an error: their row may say this or that.
    pub uncertain: BTreeSet<RunId>,
    runs: u64,
    pub cursors: u64,
    pub restarts: u64,
    /// What was written since somebody began to count.
    pub kept: Vec<BatchNote>,
    /// What was done, newest last.
    pub trace: Vec<String>,
}

/// Why a seed failed, or nothing.
pub(crate) type Checked = Result<(), String>;

/// Which states an answered request may leave in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasting {
    /// What was answered is durable.
    All,
    /// What was answered may wait for its commit.
    Perhaps,
}

impl World {
    pub(crate) fn new(seed: u64, kinds: &Arc<KindSet>, indexed: bool) -> Result<Self, String> {
        let mut numbers = Numbers::new(seed);
        // Not drawn, so that the stories of the other seeds stay what they were.
        let one_by_one = seed % 16 >= 14;
        let flavour = Flavour::of(&mut numbers);
        let count = 1 + numbers.below(SOURCES.len());
        let sources: Vec<Source> = (0..count)
            .map(|_| Source {
                truth: Truth::any(&mut numbers, flavour),
                renamed: false,
                rank: [0, 0, 10][numbers.below(3)],
                configured: true,
                allow: allowed(&mut numbers),
            })
            .collect();
        let home = Home::new(kinds, settings_of(&sources), indexed, one_by_one).map_err(|error| shown(&error))?;
        Ok(Self {
            numbers,
            flavour,
            home,
            model: Model::default(),
            sources,
            actors: Vec::new(),
            laws: Laws::default(),
            durable: Held::default(),
            lagging: BTreeMap::new(),
            pending_of: None,
            ledger: BTreeMap::new(),
            uncertain: BTreeSet::new(),
            runs: 0,
            cursors: 0,
            restarts: 0,
            kept: Vec::new(),
            trace: Vec::new(),
        })
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.trace.push(format!("{} {}", self.home.now(), what.into()));
    }

    /// Time goes on, by a microsecond at least: no two requests begin at once.
    pub(crate) fn pass(&mut self, most: Duration) {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX).max(1);
        let by = 1 + self.numbers.below(usize::try_from(micros).unwrap_or(usize::MAX));
        self.home.clock.advance(Duration::from_micros(by as u64));
    }

    /// Begins a run. Nothing if the engine refused it, rightly, or the store failed.
    pub(crate) fn run_begin(&mut self, source: SourceAt, full: bool) -> Result<Option<RunId>, String> {
        self.pass(Duration::from_secs(1));
        self.runs += 1;
        let (named, now) = (source_id(source, self.sources[source].renamed), self.home.now());
        let id = RunId::new(format!("{named}-{}", self.runs));
        self.note(format!("begin {id}, {}", if full { "full" } else { "narrowed" }));
        let begin = RunBegin {
            id: id.clone(),
            source: named,
            source_type: "simulated".to_owned(),
            cause: RunCause::Schedule,
            full,
            allow: self.sources[source].allow.clone(),
            rank: self.sources[source].rank,
            started_at: now,
        };
        let before = self.model.held.clone();
        let expected = self.model.run_begin(&id, source, full);
        let outcome = self.home.engine.run_begin(begin);
        let answer = outcome.map(|answer| if answer.is_ok() { Answer::Done } else { Answer::Refused });
        if let Ok(answer) = &answer
            && *answer != expected
        {
            return Err(format!(
                "law 8: beginning {id} was answered {answer:?} and not {expected:?}"
            ));
        }
        if expected == Answer::Done {
            self.ledger.insert(id.clone(), None);
        } else if answer.is_ok() {
            return Ok(None);
        }
        if answer.is_err() {
            self.uncertain.insert(id.clone());
        }
        let lasting = if expected == Answer::Done {
            Lasting::All
        } else {
            Lasting::Perhaps
        };
        let went = self.settle(answer.err(), &before, Vec::new(), lasting)?;
        Ok(went.then_some(id))
    }

    /// Opens a scope. Gives its ticket and the cursor that the engine keeps for it.
    pub(crate) fn scope_open(&mut self, run: &RunId, scope: ScopeAt) -> Result<Option<(u64, Option<Cursor>)>, String> {
        self.pass(Duration::from_secs(1));
        let now = self.home.now();
        let parent = super::content::SCOPES[scope].1;
        let asked = Scope {
            id: scope_id(scope),
            parent: parent.map(scope_id),
        };
        let before = self.model.held.clone();
        let place = (self.model.runs[run].source, scope);
        let opened = match self.home.engine.scope_open(run, asked, now) {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Err(format!("opening {scope} in {run} was refused: {error}")),
            Err(error) => {
                // The ticket's number does not matter: the model drops it with the engine.
                self.model.scope_open(run, scope, 0, now);
                self.settle(Some(error), &before, Vec::new(), Lasting::Perhaps)?;
                return Ok(None);
            }
        };
        self.model.scope_open(run, scope, opened.ticket.0, now);
        let held = &self.model.held.scopes[&place];
        if held.cursor != opened.cursor {
            return Err(format!(
                "law 5: {place:?} is opened with cursor {:?} and stood at {:?}",
                opened.cursor, held.cursor
            ));
        }
        let members: BTreeSet<ScopeAt> = opened.members.iter().filter_map(scope_at).collect();
        if held.members != members {
            return Err(format!(
                "{place:?} is opened with members {members:?} and had {:?}",
                held.members
            ));
        }
        self.settle(None, &before, Vec::new(), Lasting::Perhaps)?;
        self.pending_of = (self.durable != self.model.held).then(|| run.clone());
        Ok(Some((opened.ticket.0, opened.cursor)))
    }

    pub(crate) fn deliver(&mut self, ticket: u64, items: Vec<Delivery>) -> Result<bool, String> {
        let (source, run) = (
            self.model.tickets[&ticket].place.0,
            self.model.tickets[&ticket].run.clone(),
        );
        let before = self.model.held.clone();
        self.model.deliver(ticket, &items, &self.sources[source].allow);
        let outcome = self.home.engine.deliver(bailiwick_schema::ScopeTicket(ticket), items);
        let went = match outcome {
            Ok(Ok(())) => self.settle(None, &before, Vec::new(), Lasting::Perhaps)?,
            Ok(Err(error)) => return Err(format!("a delivery into an open scope was refused: {error}")),
            Err(error) => self.settle(Some(error), &before, Vec::new(), Lasting::Perhaps)?,
        };
        self.pending_of = (self.durable != self.model.held).then_some(run);
        Ok(went)
    }

    pub(crate) fn checkpoint(&mut self, ticket: u64, cursor: Cursor) -> Result<bool, String> {
        let before = self.model.held.clone();
        self.model.checkpoint(ticket, cursor.clone());
        let outcome = self
            .home
            .engine
            .checkpoint(bailiwick_schema::ScopeTicket(ticket), cursor);
        match outcome {
            Ok(Ok(())) => self.settle(None, &before, Vec::new(), Lasting::All),
            Ok(Err(error)) => Err(format!("a checkpoint of an open scope was refused: {error}")),
            Err(error) => self.settle(Some(error), &before, Vec::new(), Lasting::All),
        }
    }

    /// Closes a scope. Gives whether it is closed; nothing if the store failed.
    pub(crate) fn scope_close(&mut self, ticket: u64, closing: Closing) -> Result<Option<bool>, String> {
        let before = self.model.held.clone();
        let opened = self.model.tickets[&ticket].clone();
        // What this run brought and did not commit yet takes the cursor along.
        let unsaved = self.durable != before;
        let expected = self.model.scope_close(ticket, &closing);
        let outcome = self
            .home
            .engine
            .scope_close(bailiwick_schema::ScopeTicket(ticket), closing);
        let answer = match outcome {
            Ok(Ok(ScopeClosed::Accepted)) => Ok(Answer::Done),
            Ok(Ok(ScopeClosed::BaseRefused)) => Ok(Answer::BaseRefused),
            Ok(Err(error)) => return Err(format!("closing an open scope was refused: {error}")),
            Err(error) => Err(error),
        };
        if let Ok(answer) = &answer
            && *answer != expected
        {
            return Err(format!(
                "closing {:?} was answered {answer:?} and not {expected:?}",
                opened.place
            ));
        }
        let after = &self.model.held;
        let quiet = after.claims == before.claims && after.sweeps == before.sweeps;
        let moved = after.scopes.get(&opened.place) != self.durable.scopes.get(&opened.place);
        if moved
            && quiet
            && !(unsaved && self.pending_of.as_ref() == Some(&opened.run))
            && let Some(stored) = self.durable.scopes.get(&opened.place).cloned()
        {
            // There is nothing to commit, so the cursor may wait for the run's row.
            let lag = self
                .model
                .lagging
                .entry(opened.place)
                .or_insert_with(|| (opened.run.clone(), Vec::new()));
            lag.1.push(stored);
            lag.1.extend(before.scopes.get(&opened.place).cloned());
        }
        let lasting = if expected == Answer::Done {
            Lasting::All
        } else {
            Lasting::Perhaps
        };
        let went = self.settle(answer.err(), &before, Vec::new(), lasting)?;
        Ok(went.then_some(expected == Answer::Done))
    }

    /// Ends a run; nothing if the store failed.
    pub(crate) fn run_end(&mut self, run: &RunId, outcome: RunOutcome) -> Result<Option<RunRecord>, String> {
        // Whom a claim by identifier counts for is known once what is planned is committed.
        if !self.flush()? {
            return Ok(None);
        }
        let now = self.home.now();
        let before = self.model.held.clone();
        let (order, owners) = self.sweeps_at_hand()?;
        let mut states = self.model.run_end(run, now, &order, &|key| owners.get(&key).cloned());
        states.push(self.model.held.clone());
        let answer = match self.home.engine.run_end(run, outcome, now) {
            Ok(Ok(record)) => Ok(record),
            Ok(Err(error)) => return Err(format!("ending {run} was refused: {error}")),
            Err(error) => {
                self.uncertain.insert(run.clone());
                Err(error)
            }
        };
        let (record, error) = match answer {
            Ok(record) => (Some(record), None),
            Err(error) => (None, Some(error)),
        };
        if let Some(record) = &record {
            self.ledger.insert(run.clone(), Some(record.clone()));
        }
        self.settle(error, &before, states, Lasting::All)?;
        Ok(record)
    }

    /// What the model cannot know of waiting sweeps: their order, which is that of the scopes' numbers, and the entities
    /// behind claims that are addressed through identifiers.
    fn sweeps_at_hand(&self) -> Result<(Vec<Place>, BTreeMap<Key, EntityRef>), String> {
        let mut owners = BTreeMap::new();
        let numbers = self.observed()?.numbers;
        for key in self.model.held.sweeps.values().flat_map(|sweep| &sweep.missing) {
            let Some(scope) = numbers.get(&key.0).copied() else {
                continue;
            };
            let entity = self.home.disk.undisturbed(|| {
                let head = self.home.store.head_of_claim(ClaimKey { scope, id: key.1 }).ok()??;
                self.home.store.identity_by_no(head.entity?).ok()?
            });
            owners.extend(entity.map(|identity| (*key, identity.entity)));
        }
        let mut order: Vec<Place> = numbers.keys().copied().collect();
        order.sort_by_key(|place| numbers[place]);
        Ok((order, owners))
    }

    pub(crate) fn flush(&mut self) -> Result<bool, String> {
        let before = self.model.held.clone();
        let outcome = self.home.engine.flush();
        self.settle(outcome.err(), &before, Vec::new(), Lasting::All)
    }

    pub(crate) fn decide(&mut self, place: Place, approve: bool) -> Checked {
        let Some(no) = self.number(place)? else { return Ok(()) };
        self.pass(Duration::from_secs(10));
        self.note(format!(
            "{} the sweep of {place:?}",
            if approve { "approve" } else { "reject" }
        ));
        if !self.flush()? {
            return Ok(());
        }
        let before = self.model.held.clone();
        let expected = self.model.decide(place, approve, self.home.now());
        let outcome = self.home.engine.decide_sweep(&no.to_string(), approve, "somebody");
        self.operated(outcome, expected, &before)
    }

    /// Undoes an applied sweep; `at` is its place in the model's list.
    pub(crate) fn undo(&mut self, at: usize) -> Checked {
        let applied = self.model.held.applied[at].clone();
        let rows = self
            .home
            .disk
            .undisturbed(|| self.home.store.applied_sweeps())
            .map_err(|error| shown(&error))?;
        let Some(no) = self.number(applied.place)? else {
            return Ok(());
        };
        let row = rows.iter().find(|row| row.scope.0 == no && row.at == applied.at);
        let Some(id) = row.map(|row| row.id.clone()) else {
            return Err(format!(
                "the applied sweep of {:?} at {} cannot be found",
                applied.place, applied.at
            ));
        };
        self.pass(Duration::from_secs(10));
        self.note(format!("undo sweep {id}"));
        if !self.flush()? {
            return Ok(());
        }
        let before = self.model.held.clone();
        self.model.undo(at);
        let outcome = self.home.engine.undo_sweep(&id, "somebody");
        self.operated(outcome, Answer::Done, &before)
    }

    fn operated<T>(
        &mut self,
        outcome: Result<Result<T, OperateError>, StoreError>,
        expected: Answer,
        before: &Held,
    ) -> Checked {
        let answer = outcome.map(|answer| if answer.is_ok() { Answer::Done } else { Answer::Refused });
        if let Ok(answer) = &answer
            && *answer != expected
        {
            return Err(format!("an operator was answered {answer:?} and not {expected:?}"));
        }
        self.settle(answer.err(), before, Vec::new(), Lasting::All).map(drop)
    }

    fn number(&self, place: Place) -> Result<Option<u32>, String> {
        Ok(self.observed()?.numbers.get(&place).map(|no| no.0))
    }

    /// Ends the process at once and starts it again, perhaps with other settings.
    pub(crate) fn crash(&mut self) -> Checked {
        let lasting = self.durable.clone();
        self.note("the process is killed");
        self.restart(&[lasting])
    }

    /// After every request: what is stored is held against what it may be. Gives false when the engine had to be
    /// started again.
    fn settle(
        &mut self,
        error: Option<StoreError>,
        before: &Held,
        between: Vec<Held>,
        lasting: Lasting,
    ) -> Result<bool, String> {
        if let Some(error) = error {
            self.note(format!("the store fails: {}", shown(&error)));
            // What was to come with the request may be missing.
            let lagging = std::mem::take(&mut self.lagging);
            for (place, lag) in lagging {
                self.model.lagging.entry(place).or_insert(lag);
            }
            let mut allowed = vec![self.durable.clone(), before.clone()];
            allowed.extend(between);
            allowed.push(self.model.held.clone());
            self.restart(&allowed)?;
            return Ok(false);
        }
        let notes = self.home.disk.take_notes();
        self.kept.extend(notes.iter().cloned());
        let bodies: u32 = notes.iter().map(|note| note.put_into(Table::ClaimBodies)).sum();
        if bodies as usize > self.model.put.len() {
            return Err(format!(
                "law 7: {bodies} claims were written where {} say something new",
                self.model.put.len()
            ));
        }
        let observed = self.observed()?;
        let all = match lasting {
            Lasting::All => vec![self.model.held.clone()],
            Lasting::Perhaps => vec![self.model.held.clone(), before.clone(), self.durable.clone()],
        };
        let found = self.matching(&observed, &all)?;
        self.durable = found;
        if lasting == Lasting::All {
            self.model.put.clear();
        }
        // While claims wait for their commit, what is stored may look like what will be, for another reason.
        let waits = self.durable != self.model.held;
        self.model
            .lagging
            .retain(|place, _| waits || observed.scopes.get(place) != self.model.held.scopes.get(place));
        self.lagging.clone_from(&self.model.lagging);
        let whole = self.durable == self.model.held;
        self.laws
            .after_request(&mut self.home, &self.model, &self.sources, whole)?;
        Ok(true)
    }

    /// What is stored.
    fn observed(&self) -> Result<Observed, String> {
        self.home
            .disk
            .undisturbed(|| observe(&*self.home.store))
            .map_err(|error| shown(&error))?
    }

    fn matching(&self, observed: &Observed, allowed: &[Held]) -> Result<Held, String> {
        let mut problems: Vec<String> = Vec::new();
        for held in allowed {
            match difference(observed, held, &self.model) {
                None => return Ok(held.clone()),
                Some(problem) if !problems.contains(&problem) => problems.push(problem),
                Some(_) => {}
            }
        }
        Err(format!(
            "laws 1, 5 and 8: what is stored is none of the allowed states: {}",
            problems.join("; or ")
        ))
    }

    /// Starts the engine again and takes up the model from what is stored, which must be one of the allowed states.
    fn restart(&mut self, allowed: &[Held]) -> Checked {
        self.restarts += 1;
        self.actors.clear();
        self.home.disk.heal();
        self.laws.before_restart(&self.home);
        if self.numbers.percent(30) {
            self.reconfigure();
        }
        if self.numbers.percent(10) {
            let after = u32::try_from(self.numbers.below(40)).unwrap_or(0);
            self.home.disk.fail_read(after);
        }
        for attempt in 0.. {
            match self.home.restart(settings_of(&self.sources)) {
                Ok(()) => break,
                Err(error) if attempt < 3 => {
                    self.note(format!("the start fails: {}", shown(&error)));
                    self.home.disk.heal();
                }
                Err(error) => return Err(format!("the engine does not start: {}", shown(&error))),
            }
        }
        self.home.disk.heal();
        self.home.disk.take_notes();
        let observed = self.observed()?;
        // Scopes may have been left behind as long as their run's row was not written.
        let mut held = self.matching(&observed, allowed)?;
        held.scopes.clone_from(&observed.scopes);
        self.durable = held.clone();
        self.model = Model::restarted(held, self.home.now());
        self.pending_of = None;
        self.lagging.clear();
        self.laws.after_restart(&mut self.home, &self.model, &self.sources)?;
        self.check_ledger()
    }

    fn reconfigure(&mut self) {
        let at = self.numbers.below(self.sources.len());
        let source = &mut self.sources[at];
        // What a source that is not configured is called, and what it counts, stays as it was.
        let change = if source.configured { self.numbers.below(4) } else { 2 };
        match change {
            0 => source.rank = [0, 5, 10, -3][self.numbers.below(4)],
            1 => source.renamed = true,
            2 => source.configured = !source.configured,
            _ => {}
        }
        let source = &self.sources[at];
        let what = format!(
            "source {at}: rank {}, renamed {}, configured {}",
            source.rank, source.renamed, source.configured
        );
        self.note(what);
    }

    /// Every run that was answered has its row, and one only says that it runs if it does.
    pub(crate) fn check_ledger(&mut self) -> Checked {
        for (id, answered) in &self.ledger {
            let row = self
                .home
                .disk
                .undisturbed(|| self.home.store.run(id))
                .map_err(|error| shown(&error))?;
            let open = self.model.runs.contains_key(id);
            let uncertain = self.uncertain.contains(id);
            let fits = match (&row, answered) {
                (None, _) => uncertain && answered.is_none(),
                (Some(row), Some(answered)) => row == answered,
                (Some(row), None) if open => row.status == RunStatus::Running,
                (Some(row), None) => row.status == RunStatus::Interrupted || (uncertain && row.status.is_final()),
            };
            if !fits {
                return Err(format!(
                    "law 5: the ledger says {row:?} of {id}, which was answered {answered:?}"
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn stored(&self) -> &Held {
        &self.durable
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.home.now()
    }
}

fn allowed(numbers: &mut Numbers) -> AllowPolicy {
    if numbers.percent(80) {
        return AllowPolicy::all();
    }
    AllowPolicy {
        denied_kinds: vec!["group".to_owned(), "user".to_owned()],
        ..AllowPolicy::all()
    }
}

fn settings_of(sources: &[Source]) -> Vec<SourceSetting> {
    let configured = sources.iter().enumerate().filter(|(_, source)| source.configured);
    configured
        .map(|(at, source)| SourceSetting {
            id: source_id(at, source.renamed),
            source_type: "simulated".to_owned(),
            rank: source.rank,
            previous_id: source.renamed.then(|| source_id(at, false)),
        })
        .collect()
}

/// An error with its causes.
pub(crate) fn shown(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
