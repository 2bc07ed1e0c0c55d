//! The reference: what the laws make of every request, written naively and without a look at the engine.
//!
//! It holds plain maps, walks over all of them for each question, and knows nothing of commits, batches, entities or
//! hashes of them. [`Held`] is what would be found in the store; [`Model`] adds what ends with the process. Ranges of
//! what may be found after a fault are lists of whole states.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bailiwick_catalog::store::ClaimId;
use bailiwick_schema::{
    AllowPolicy, Assertion, Claim, Closing, ContentHash, Cursor, Delivery, EntityRef, Proof, RunId, Subject, Timestamp,
};

use super::content::{SCOPES, ScopeAt, SourceAt, scope_at};

/// A scope of a source.
pub(crate) type Place = (SourceAt, ScopeAt);
/// A claim of a place.
pub(crate) type Key = (Place, ClaimId);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldClaim {
    pub claim: Rc<Claim>,
    pub hash: ContentHash,
    pub requested_at: Timestamp,
    pub stale: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct HeldScope {
    pub parent: Option<ScopeAt>,
    pub cursor: Option<Cursor>,
    pub proof: Option<Proof>,
    pub members: BTreeSet<ScopeAt>,
    pub retired: bool,
    /// The next sweep waits, however small.
    pub marked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waits {
    Due,
    Pending,
    Rejected,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldSweep {
    pub waits: Waits,
    pub missing: BTreeSet<Key>,
    pub retires: BTreeSet<ScopeAt>,
    pub proved_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Applied {
    pub place: Place,
    pub at: Timestamp,
    pub by_guard: bool,
    pub counted: u64,
    pub undone: bool,
    pub claims: Vec<(Key, HeldClaim)>,
}

/// Everything that lasts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Held {
    pub claims: BTreeMap<Key, HeldClaim>,
    pub scopes: BTreeMap<Place, HeldScope>,
    pub sweeps: BTreeMap<Place, HeldSweep>,
    pub applied: Vec<Applied>,
    /// Findings of the sources themselves: (origin, code) by place.
    pub said: BTreeMap<Place, BTreeSet<(String, String)>>,
}

/// A scope that a run has open.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub run: RunId,
    pub place: Place,
    pub opened_at: Timestamp,
    delivered: u64,
    seen: BTreeSet<ClaimId>,
    /// Claims that somebody confirmed while the scope was open, and by which request time.
    confirmed: BTreeMap<ClaimId, Timestamp>,
    gone: BTreeSet<String>,
    gone_claims: BTreeSet<(String, Subject)>,
    told: BTreeSet<String>,
    had_proof: bool,
    /// It brought content that was not held.
    changed: bool,
    /// Something else changed what the scope holds.
    spoilt: bool,
    read: BTreeSet<String>,
    unreadable: BTreeSet<String>,
    members: BTreeSet<ScopeAt>,
    findings: BTreeSet<(String, String)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub source: SourceAt,
    pub full: bool,
    /// Entities that it declared, with the scopes that it did so from.
    declared: BTreeMap<EntityRef, BTreeSet<ScopeAt>>,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub held: Held,
    pub runs: BTreeMap<RunId, Run>,
    pub tickets: BTreeMap<u64, Ticket>,
    /// Removed claims, with the request time of the removal and the runs that were open then.
    tombstones: BTreeMap<Key, (Timestamp, BTreeSet<RunId>)>,
    /// (when, where, how many)
    losses: Vec<(Timestamp, Place, u64)>,
    /// Claims that were put since this was emptied last.
    pub put: BTreeSet<Key>,
    /// What may still stand in the store after a proof that changed nothing else, by place.
    pub lagging: BTreeMap<Place, (RunId, Vec<HeldScope>)>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    /// The base of a delta or the ground of an unchanged scope is refused.
    BaseRefused,
    /// The caller's mistake.
    Refused,
}

/// The guard's numbers, from the design.
const GUARD_CLAIMS: u64 = 5;
const GUARD_PERCENT: u64 = 20;
const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

impl Model {
    /// What is left when the process ends and the store holds this.
    pub(crate) fn restarted(held: Held, now: Timestamp) -> Self {
        let lately =
            |applied: &&Applied| applied.by_guard && !applied.undone && now.micros() - applied.at.micros() < DAY_MICROS;
        let losses = held
            .applied
            .iter()
            .filter(lately)
            .map(|applied| (applied.at, applied.place, applied.counted))
            .collect();
        Self {
            held,
            losses,
            ..Self::default()
        }
    }

    pub(crate) fn run_begin(&mut self, id: &RunId, source: SourceAt, full: bool) -> Answer {
        // Law 8: no two full runs of a source at once.
        if full && self.runs.values().any(|run| run.source == source && run.full) {
            return Answer::Refused;
        }
        let run = Run {
            source,
            full,
            declared: BTreeMap::new(),
        };
        self.runs.insert(id.clone(), run);
        Answer::Done
    }

    pub(crate) fn scope_open(&mut self, run: &RunId, scope: ScopeAt, ticket: u64, opened_at: Timestamp) {
        let place = (self.runs[run].source, scope);
        let held = self.held.scopes.entry(place).or_default();
        if held.retired {
            held.retired = false;
            held.cursor = None;
            held.proof = None;
        }
        held.parent = SCOPES[scope].1;
        let had_proof = held.proof.is_some() && held.cursor.is_some();
        let spoilt = self.tickets.values().any(|other| other.place == place && other.changed);
        let opened = Ticket {
            run: run.clone(),
            place,
            opened_at,
            delivered: 0,
            seen: BTreeSet::new(),
            confirmed: BTreeMap::new(),
            gone: BTreeSet::new(),
            gone_claims: BTreeSet::new(),
            told: BTreeSet::new(),
            had_proof,
            changed: false,
            spoilt,
            read: BTreeSet::new(),
            unreadable: BTreeSet::new(),
            members: BTreeSet::new(),
            findings: BTreeSet::new(),
        };
        self.tickets.insert(ticket, opened);
    }

    pub(crate) fn deliver(&mut self, ticket: u64, items: &[Delivery], allow: &AllowPolicy) {
        for item in items {
            match item {
                Delivery::Claim(claim) => self.claim(ticket, claim, allow),
                Delivery::Member(member) => self.ticket(ticket).members.extend(scope_at(member)),
                Delivery::Gone(origin) => drop(self.ticket(ticket).gone.insert(origin.clone())),
                Delivery::GoneClaim { origin, subject } => {
                    let gone = (origin.clone(), subject.clone());
                    self.ticket(ticket).gone_claims.insert(gone);
                }
                Delivery::OriginRead(origin) => drop(self.ticket(ticket).read.insert(origin.clone())),
                Delivery::Unreadable { origin, finding } => {
                    let ticket = self.ticket(ticket);
                    ticket.unreadable.insert(origin.clone());
                    ticket.findings.insert((origin.clone(), finding.code.clone()));
                }
                Delivery::Finding(finding) => {
                    let origin = finding.file.clone().unwrap_or_default();
                    self.ticket(ticket).findings.insert((origin, finding.code.clone()));
                }
                Delivery::Event(_) => {}
            }
        }
    }

    fn ticket(&mut self, ticket: u64) -> &mut Ticket {
        self.tickets
            .get_mut(&ticket)
            .expect("the simulation delivers into open scopes only")
    }

    fn claim(&mut self, ticket: u64, claim: &Claim, allow: &AllowPolicy) {
        let opened = self.ticket(ticket);
        opened.delivered += 1;
        opened.told.insert(claim.origin.path.clone());
        if claim.assertion == Assertion::Declares
            && let Subject::Ref(entity) = &claim.subject
            && let Some(code) = allow.refusal(entity.kind(), entity.namespace())
        {
            opened.findings.insert((claim.origin.path.clone(), code.to_owned()));
            return;
        }
        let (place, run) = (opened.place, opened.run.clone());
        let requested_at = claim.requested_at.unwrap_or(opened.opened_at);
        let id = ClaimId::new(&claim.origin.path, &claim.subject);
        let key = (place, id);
        opened.seen.insert(id);
        let confirmed = opened.confirmed.get(&id).copied();
        let (_, hash) = claim.encode();
        // Law 8: an older claim brings nothing back that a newer request removed.
        if self
            .tombstones
            .get(&key)
            .is_some_and(|(removed_at, _)| *removed_at >= requested_at)
        {
            return;
        }
        match self.held.claims.get_mut(&key) {
            Some(held) if held.hash == hash => {
                if held.stale {
                    held.stale = false;
                    held.requested_at = held.requested_at.max(requested_at);
                }
            }
            // Law 8: an older claim replaces no newer one, be it new or confirmed.
            Some(held) if confirmed.map_or(held.requested_at, |at| at.max(held.requested_at)) > requested_at => return,
            _ => {
                let held = HeldClaim {
                    claim: Rc::new(claim.clone()),
                    hash,
                    requested_at,
                    stale: false,
                };
                self.held.claims.insert(key, held);
                self.put.insert(key);
                // What is held is not what was proved any more.
                self.held.scopes.entry(place).or_default().proof = None;
                for (number, open) in self.tickets.iter_mut().filter(|(_, open)| open.place == place) {
                    open.changed |= *number == ticket;
                    open.spoilt |= *number != ticket;
                }
            }
        }
        if claim.assertion == Assertion::Declares
            && let Subject::Ref(entity) = &claim.subject
            && let Some(run) = self.runs.get_mut(&run)
        {
            run.declared.entry(entity.clone()).or_default().insert(place.1);
        }
        for open in self.tickets.values_mut().filter(|open| open.place == place) {
            let at = open.confirmed.entry(id).or_insert(requested_at);
            *at = (*at).max(requested_at);
        }
        self.is_there(key);
    }

    /// A waiting sweep loses what is there after all, and goes when nothing of it is left.
    fn is_there(&mut self, key: Key) {
        self.held
            .sweeps
            .retain(|_, sweep| !sweep.missing.remove(&key) || !sweep.missing.is_empty());
    }

    pub(crate) fn checkpoint(&mut self, ticket: u64, cursor: Cursor) {
        let place = self.ticket(ticket).place;
        let scope = self.held.scopes.entry(place).or_default();
        scope.cursor = Some(cursor);
        scope.proof = None;
        self.lagging.remove(&place);
    }

    pub(crate) fn scope_close(&mut self, number: u64, closing: &Closing) -> Answer {
        let Some(mut ticket) = self.tickets.remove(&number) else {
            return Answer::Refused;
        };
        let place = ticket.place;
        let scope = self.held.scopes.entry(place).or_default().clone();
        let proved = scope.proof.is_some() && scope.cursor.is_some();
        let based = match closing {
            Closing::Unchanged => proved && !ticket.changed,
            Closing::Delta { base, .. } => {
                let begins = proved || (ticket.had_proof && ticket.changed && !ticket.spoilt);
                begins && scope.cursor.as_ref() == Some(base) && !self.splits_an_origin_with_findings(&ticket)
            }
            Closing::Complete { .. } | Closing::Partial => true,
        };
        if !based {
            ticket.gone.clear();
            ticket.gone_claims.clear();
            ticket.read.clear();
            self.tickets.insert(number, ticket);
            return Answer::BaseRefused;
        }
        match closing {
            Closing::Unchanged => self.say(&ticket, false),
            Closing::Partial => {
                self.void_if_found(&ticket);
                self.say(&ticket, false);
            }
            Closing::Delta { proof, cursor, .. } => {
                let named = |claim: &HeldClaim| {
                    let path = &claim.claim.origin.path;
                    let named = (path.clone(), claim.claim.subject.clone());
                    ticket.gone.contains(path) || ticket.read.contains(path) || ticket.gone_claims.contains(&named)
                };
                let mut missing = self.missing(&ticket, named);
                let waiting = self.held.sweeps.get(&place);
                // What waits goes on to wait: a delta says nothing of it.
                missing.extend(waiting.iter().flat_map(|sweep| &sweep.missing).copied());
                let retires = waiting.map(|sweep| sweep.retires.clone()).unwrap_or_default();
                self.prove(&ticket, proof, Some(cursor), missing, retires);
                self.say(&ticket, false);
            }
            Closing::Complete { proof, cursor } => {
                let holds = scope.members.len() + self.held.claims.range(range(place)).count() > 0;
                let empty = ticket.delivered == 0 && ticket.members.is_empty() && ticket.unreadable.is_empty();
                // Law 1: an empty answer proves nothing unless it names its version.
                if empty && holds && *proof == Proof::Listing {
                    ticket.findings.insert((String::new(), "empty_unproved".to_owned()));
                    self.void_if_found(&ticket);
                    self.say(&ticket, false);
                    return Answer::Done;
                }
                let mut missing = self.missing(&ticket, |_| true);
                let waiting = self
                    .held
                    .sweeps
                    .get(&place)
                    .map(|sweep| sweep.retires.clone())
                    .unwrap_or_default();
                let listed = scope.members.iter().chain(&waiting).copied();
                let retires: BTreeSet<ScopeAt> = listed.filter(|member| !ticket.members.contains(member)).collect();
                // Below a scope that was never opened nothing is known.
                let known = |member: &&ScopeAt| self.held.scopes.contains_key(&(place.0, **member));
                for member in retires.iter().filter(known) {
                    for below in self.with_descendants((place.0, *member)) {
                        let claims = self.held.claims.range(range(below));
                        let old = claims.filter(|(_, claim)| claim.requested_at <= ticket.opened_at);
                        missing.extend(old.map(|(key, _)| *key));
                    }
                }
                let members = ticket.members.clone();
                self.prove(&ticket, proof, cursor.as_ref(), missing, retires);
                self.held.scopes.entry(place).or_default().members = members;
                self.say(&ticket, true);
            }
        }
        Answer::Done
    }

    /// Law 1: what a proof shows to be missing, among what `concerned` says. The rest of unreadable origins is stale.
    fn missing(&mut self, ticket: &Ticket, concerned: impl Fn(&HeldClaim) -> bool) -> BTreeSet<Key> {
        let mut missing = BTreeSet::new();
        let mut stale = Vec::new();
        for (key, held) in self.held.claims.range(range(ticket.place)) {
            let confirmed = ticket.confirmed.get(&key.1).is_some_and(|at| *at >= ticket.opened_at);
            if ticket.seen.contains(&key.1) || confirmed || held.requested_at > ticket.opened_at {
                continue;
            }
            if ticket.unreadable.contains(&held.claim.origin.path) {
                stale.push(*key);
            } else if concerned(held) {
                missing.insert(*key);
            }
        }
        for key in stale {
            self.is_there(key);
            if let Some(held) = self.held.claims.get_mut(&key) {
                held.stale = true;
            }
        }
        missing
    }

    fn prove(
        &mut self,
        ticket: &Ticket,
        proof: &Proof,
        cursor: Option<&Cursor>,
        missing: BTreeSet<Key>,
        retires: BTreeSet<ScopeAt>,
    ) {
        let scope = self.held.scopes.entry(ticket.place).or_default();
        scope.proof = (!ticket.spoilt).then(|| proof.clone());
        scope.cursor = cursor.cloned();
        let waiting = self.held.sweeps.get(&ticket.place);
        if missing.is_empty() && retires.is_empty() {
            self.held.sweeps.remove(&ticket.place);
        } else if waiting.is_none_or(|held| held.missing != missing || held.retires != retires) {
            let sweep = HeldSweep {
                waits: Waits::Due,
                missing,
                retires,
                proved_at: ticket.opened_at,
            };
            self.held.sweeps.insert(ticket.place, sweep);
        }
    }

    /// Findings without a proof go away with the next whole reading, so there has to be one.
    fn void_if_found(&mut self, ticket: &Ticket) {
        if !ticket.findings.is_empty() {
            self.void(ticket.place);
        }
    }

    /// What is held is not what was proved any more.
    fn void(&mut self, place: Place) {
        self.held.scopes.entry(place).or_default().proof = None;
        for open in self.tickets.values_mut().filter(|open| open.place == place) {
            open.spoilt = true;
        }
    }

    /// Whether only a part of an origin was told, of which something was found.
    fn splits_an_origin_with_findings(&self, ticket: &Ticket) -> bool {
        let said = self.held.said.get(&ticket.place).into_iter().flatten();
        let found: BTreeSet<&String> = said.chain(&ticket.findings).map(|(origin, _)| origin).collect();
        let told = ticket
            .told
            .iter()
            .chain(ticket.gone_claims.iter().map(|(origin, _)| origin));
        let whole = [&ticket.read, &ticket.gone, &ticket.unreadable];
        let mut split = told.filter(|origin| !whole.iter().any(|set| set.contains(*origin)));
        split.any(|origin| found.contains(origin))
    }

    /// A reading replaces what earlier ones said of the origins that it mentions, or of all.
    fn say(&mut self, ticket: &Ticket, all: bool) {
        let said = self.held.said.entry(ticket.place).or_default();
        let now = ticket.findings.iter().map(|(origin, _)| origin);
        let named = now.chain(&ticket.gone).chain(&ticket.read).chain(&ticket.unreadable);
        let named: BTreeSet<&str> = named.map(String::as_str).chain([""]).collect();
        said.retain(|(origin, _)| !all && !named.contains(origin.as_str()));
        said.extend(ticket.findings.iter().cloned());
        if said.is_empty() {
            self.held.said.remove(&ticket.place);
        }
    }

    /// Ends a run and judges what it may remove, in the given order. Returns every state on the way, the last one last.
    /// `owner_of` says which entity a claim that is addressed through an identifier counts for.
    pub(crate) fn run_end(
        &mut self,
        run: &RunId,
        now: Timestamp,
        order: &[Place],
        owner_of: &dyn Fn(Key) -> Option<EntityRef>,
    ) -> Vec<Held> {
        let mine: Vec<u64> = self
            .tickets
            .iter()
            .filter(|(_, open)| open.run == *run)
            .map(|(at, _)| *at)
            .collect();
        for ticket in mine {
            if let Some(ticket) = self.tickets.remove(&ticket) {
                self.void_if_found(&ticket);
                self.say(&ticket, false);
            }
        }
        let mut states = vec![self.held.clone()];
        let Some(ended) = self.runs.get(run).cloned() else {
            return states;
        };
        let judged = |place: &&Place| {
            let sweep = self.held.sweeps.get(*place);
            place.0 == ended.source && sweep.is_some_and(|sweep| sweep.waits != Waits::Rejected)
        };
        let judged: Vec<Place> = order.iter().filter(judged).copied().collect();
        for place in judged {
            let Some(sweep) = self.held.sweeps.get(&place).cloned() else {
                continue;
            };
            let claims = self.still_missing(&sweep);
            let stays = |key: &&Key| {
                let claim = &self.held.claims[*key].claim;
                let entity = match &claim.subject {
                    Subject::Ref(entity) => Some(entity.clone()),
                    Subject::Identifier(_) => owner_of(**key),
                };
                let scopes = entity.and_then(|entity| ended.declared.get(&entity));
                // Declared again from another scope, it has moved.
                !scopes.is_some_and(|scopes| scopes.iter().any(|scope| *scope != key.0.1))
            };
            let counted = claims.iter().filter(stays).count() as u64;
            if sweep.waits == Waits::Pending && counted == claims.len() as u64 {
                continue;
            }
            if self.guard_lets_pass(place, counted, now) {
                self.apply(place, &sweep, &claims, counted, true, now);
            } else if let Some(sweep) = self.held.sweeps.get_mut(&place) {
                sweep.waits = Waits::Pending;
            }
            states.push(self.held.clone());
        }
        self.runs.remove(run);
        for (_, open) in self.tombstones.values_mut() {
            open.remove(run);
        }
        self.tombstones.retain(|_, (_, open)| !open.is_empty());
        self.lagging.retain(|_, (by, _)| by != run);
        states
    }

    fn still_missing(&self, sweep: &HeldSweep) -> Vec<Key> {
        let held = |key: &&Key| {
            let claim = self.held.claims.get(*key);
            claim.is_some_and(|claim| claim.requested_at <= sweep.proved_at)
        };
        sweep.missing.iter().filter(held).copied().collect()
    }

    /// Law 2, naively: the scope by itself, then everything that encloses it with what was lost in a day.
    fn guard_lets_pass(&self, place: Place, removed: u64, now: Timestamp) -> bool {
        if removed == 0 {
            return true;
        }
        if self.held.scopes[&place].marked {
            return false;
        }
        let mut enclosing: Vec<BTreeSet<Place>> = Vec::new();
        let mut at = Some(place.1);
        while let Some(scope) = at {
            enclosing.push(self.with_descendants((place.0, scope)).into_iter().collect());
            at = self.held.scopes.get(&(place.0, scope)).and_then(|scope| scope.parent);
            at = at.filter(|parent| self.held.scopes.contains_key(&(place.0, *parent)));
        }
        enclosing.push((0..SCOPES.len()).map(|scope| (place.0, scope)).collect());
        enclosing.iter().enumerate().all(|(level, places)| {
            let holds = self.held.claims.keys().filter(|(at, _)| places.contains(at)).count() as u64;
            let lately = |(when, at, _): &&(Timestamp, Place, u64)| {
                level > 0 && places.contains(at) && now.micros() - when.micros() < DAY_MICROS
            };
            let lost: u64 = self.losses.iter().filter(lately).map(|(_, _, lost)| lost).sum();
            let over = removed + lost > GUARD_CLAIMS && (removed + lost) * 100 > (holds + lost) * GUARD_PERCENT;
            !over
        })
    }

    fn with_descendants(&self, place: Place) -> Vec<Place> {
        let mut all = vec![place];
        let mut at = 0;
        while at < all.len() {
            let below = self.held.scopes.iter().filter(|(child, scope)| {
                child.0 == place.0 && scope.parent == Some(all[at].1) && !scope.retired && !all.contains(child)
            });
            let below: Vec<Place> = below.map(|(child, _)| *child).collect();
            all.extend(below);
            at += 1;
        }
        all
    }

    fn apply(&mut self, place: Place, sweep: &HeldSweep, claims: &[Key], counted: u64, by_guard: bool, now: Timestamp) {
        self.held.sweeps.remove(&place);
        for retired in &sweep.retires {
            if !self.held.scopes.contains_key(&(place.0, *retired)) {
                continue;
            }
            for below in self.with_descendants((place.0, *retired)) {
                self.held.sweeps.remove(&below);
                self.held.said.remove(&below);
                let scope = self.held.scopes.entry(below).or_default();
                scope.retired = true;
                scope.cursor = None;
                scope.proof = None;
            }
        }
        if let Some(scope) = self.held.scopes.get_mut(&place) {
            scope.marked = false;
        }
        let mut removed = Vec::new();
        let open: BTreeSet<RunId> = self.runs.keys().cloned().collect();
        for key in claims {
            if let Some(held) = self.held.claims.remove(key) {
                removed.push((*key, held));
                self.tombstones.insert(*key, (sweep.proved_at, open.clone()));
            }
        }
        if removed.is_empty() {
            return;
        }
        if by_guard {
            self.losses.push((now, place, counted));
        }
        self.held.applied.push(Applied {
            place,
            at: now,
            by_guard,
            counted,
            undone: false,
            claims: removed,
        });
    }

    pub(crate) fn decide(&mut self, place: Place, approve: bool, now: Timestamp) -> Answer {
        let Some(sweep) = self.held.sweeps.get(&place).cloned() else {
            return Answer::Refused;
        };
        if sweep.waits == Waits::Due {
            return Answer::Refused;
        }
        if approve {
            let claims = self.still_missing(&sweep);
            self.apply(place, &sweep, &claims, claims.len() as u64, false, now);
        } else if let Some(sweep) = self.held.sweeps.get_mut(&place) {
            sweep.waits = Waits::Rejected;
        }
        Answer::Done
    }

    /// Brings back what one sweep removed; `at` is its place in [`Held::applied`].
    pub(crate) fn undo(&mut self, at: usize) {
        let applied = &mut self.held.applied[at];
        applied.undone = true;
        let applied = applied.clone();
        for (key, claim) in &applied.claims {
            if self.held.claims.contains_key(key) {
                continue;
            }
            self.tombstones.remove(key);
            self.held.claims.insert(*key, claim.clone());
            self.put.insert(*key);
            self.held.scopes.entry(key.0).or_default().retired = false;
            self.void(key.0);
        }
        // Scopes that came back are members again, so that the next proof can miss them.
        let back = self.held.scopes.iter().filter(|(place, scope)| {
            place.0 == applied.place.0
                && scope.parent == Some(applied.place.1)
                && !scope.retired
                && self.held.claims.range(range(**place)).next().is_some()
        });
        let back: Vec<ScopeAt> = back.map(|(place, _)| place.1).collect();
        let scope = self.held.scopes.entry(applied.place).or_default();
        scope.marked = true;
        scope.members.extend(back);
        self.void(applied.place);
        self.losses
            .retain(|(when, place, _)| (*when, *place) != (applied.at, applied.place));
    }
}

/// The keys of one place.
pub(crate) fn range(place: Place) -> std::ops::RangeInclusive<Key> {
    (place, ClaimId([0; 16]))..=(place, ClaimId([0xff; 16]))
}
