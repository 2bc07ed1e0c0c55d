//! What sources do: runs that read, lie, repeat, reorder, stall, overlap and vanish.

use std::collections::VecDeque;
use std::time::Duration;

use bailiwick_schema::{
    Closing, ContentHash, Cursor, Delivery, Event, Finding, Proof, RunId, RunOutcome, Severity, Subject,
};

use super::content::{LISTINGS, ORIGINS, SCOPES, ScopeAt, SourceAt, Thing, origin, scope_id};
use super::world::{Checked, World};

/// A run under way.
#[derive(Debug)]
pub(crate) struct Actor {
    pub run: RunId,
    pub source: SourceAt,
    /// Scopes that it goes on to read.
    todo: Vec<ScopeAt>,
    open: Vec<Reading>,
}

/// A scope that it has open.
#[derive(Debug)]
struct Reading {
    ticket: u64,
    batches: VecDeque<Vec<Delivery>>,
    ending: Ending,
}

#[derive(Debug, Clone)]
enum Ending {
    Close(Closing),
    /// The handle is dropped.
    Drop,
}

/// Which of a hundred readings tell a difference.
const DIFFERENCE: std::ops::Range<usize> = 78..90;

impl World {
    /// A source begins to read all of itself, or a part.
    pub(crate) fn begin(&mut self) -> Checked {
        let source = self.numbers.below(self.sources.len());
        if !self.sources[source].configured {
            return Ok(());
        }
        let full = self.numbers.percent(65);
        let Some(run) = self.run_begin(source, full)? else {
            return Ok(());
        };
        let mut todo: Vec<ScopeAt> = self.sources[source].truth.scopes.keys().copied().collect();
        if self.numbers.percent(15) {
            // It reads what is not there, or no longer.
            todo.push(self.numbers.below(SCOPES.len()));
        }
        if self.numbers.percent(40) {
            self.numbers.shuffle(&mut todo);
        }
        if !full {
            self.numbers.shuffle(&mut todo);
            todo.truncate(1 + self.numbers.below(2));
        }
        todo.reverse();
        self.actors.push(Actor {
            run,
            source,
            todo,
            open: Vec::new(),
        });
        Ok(())
    }

    /// One run goes one step further.
    pub(crate) fn go_on(&mut self) -> Checked {
        if self.actors.is_empty() {
            return self.begin();
        }
        let at = self.numbers.below(self.actors.len());
        let mut actor = self.actors.swap_remove(at);
        let goes_on = self.step(&mut actor)?;
        // After a restart nobody remembers the run.
        if goes_on && self.model.runs.contains_key(&actor.run) {
            self.actors.push(actor);
        }
        Ok(())
    }

    /// Says whether the run goes on.
    fn step(&mut self, actor: &mut Actor) -> Result<bool, String> {
        if self.numbers.percent(2) {
            // It stalls for long; others overtake it.
            self.pass(Duration::from_secs(3_600));
        }
        let may_open = actor.open.len() < 3 && !actor.todo.is_empty();
        if may_open && (actor.open.is_empty() || self.numbers.percent(40)) {
            let Some(scope) = actor.todo.pop() else { return Ok(true) };
            let place = (actor.source, scope);
            if self
                .model
                .tickets
                .values()
                .any(|open| open.run == actor.run && open.place == place)
            {
                return Ok(true);
            }
            self.note(format!("{} opens {}", actor.run, SCOPES[scope].0));
            if let Some((ticket, cursor)) = self.scope_open(&actor.run, scope)? {
                actor.open.push(self.read(actor.source, scope, ticket, cursor));
            }
            return Ok(true);
        }
        if actor.open.is_empty() {
            return self.end(actor).map(|()| false);
        }
        let at = self.numbers.below(actor.open.len());
        self.pass(Duration::from_millis(200));
        let ticket = actor.open[at].ticket;
        if self.numbers.percent(3) {
            let cursor = self.cursor();
            self.note(format!("{} saves {} in {ticket}", actor.run, cursor.value));
            self.checkpoint(ticket, cursor)?;
            return Ok(true);
        }
        if let Some(batch) = actor.open[at].batches.pop_front() {
            self.note(format!(
                "{} delivers {} into {ticket}: {}",
                actor.run,
                batch.len(),
                told(&batch)
            ));
            self.deliver(ticket, batch)?;
            return Ok(true);
        }
        let reading = actor.open.swap_remove(at);
        match reading.ending {
            Ending::Drop => self.note(format!("{} drops {}", actor.run, reading.ticket)),
            Ending::Close(closing) => {
                self.note(format!("{} closes {}: {closing:?}", actor.run, reading.ticket));
                let again = self.scope_close(reading.ticket, closing)? == Some(false);
                if again {
                    // The base was refused: it reads in full.
                    let scope = self.model.tickets[&reading.ticket].place.1;
                    let mut whole = self.read(actor.source, scope, reading.ticket, None);
                    whole.ending = Ending::Close(self.whole());
                    actor.open.push(whole);
                }
            }
        }
        Ok(true)
    }

    fn end(&mut self, actor: &Actor) -> Checked {
        self.pass(Duration::from_millis(200));
        let outcome = match self.numbers.below(10) {
            0 => RunOutcome::Failed {
                message: "it broke".to_owned(),
            },
            1 => RunOutcome::Cancelled {
                message: "it was stopped".to_owned(),
            },
            _ => RunOutcome::Finished,
        };
        self.note(format!("{} ends: {outcome:?}", actor.run));
        self.run_end(&actor.run, outcome).map(drop)
    }

    fn cursor(&mut self) -> Cursor {
        self.cursors += 1;
        Cursor {
            value: format!("cursor-{}", self.cursors),
            options: ContentHash::of(b"simulated"),
        }
    }

    fn whole(&mut self) -> Closing {
        let cursor = self.cursor();
        Closing::Complete {
            proof: Proof::Version(cursor.value.clone()),
            cursor: Some(cursor),
        }
    }

    /// What a reading of a scope will deliver, as the source is at this moment, and how it will end.
    fn read(&mut self, source: SourceAt, scope: ScopeAt, ticket: u64, cursor: Option<Cursor>) -> Reading {
        let truth = self.sources[source].truth.clone();
        let mut style = self.numbers.below(100);
        if self.home.one_by_one && cursor.is_some() && self.numbers.percent(50) {
            style = DIFFERENCE.start;
        }
        let delta = DIFFERENCE.contains(&style);
        let mut items = Vec::new();
        for at in 0..ORIGINS {
            let documents = truth.scopes.get(&scope).and_then(|origins| origins.get(&at));
            let path = origin(at);
            if delta && self.numbers.percent(50) {
                continue;
            }
            match documents {
                None if delta && self.numbers.percent(70) => items.push(Delivery::Gone(path)),
                None => {}
                Some(_) if self.numbers.percent(4) => items.push(Delivery::Unreadable {
                    finding: Finding::new("unreadable", Severity::Error, "a tab").at(path.clone(), Some(1), None),
                    origin: path,
                }),
                // Some of its documents are named one by one, and those that went too.
                Some(documents) if delta && self.home.one_by_one && self.numbers.percent(60) => {
                    for document in documents {
                        let claim = document.claim(source, &path, self.flavour);
                        match self.numbers.below(3) {
                            0 => self.tell(source, &path, document.clone(), &mut items),
                            1 => items.push(Delivery::GoneClaim {
                                origin: path.clone(),
                                subject: claim.subject,
                            }),
                            _ => {}
                        }
                    }
                }
                Some(documents) => {
                    if delta {
                        items.push(Delivery::OriginRead(path.clone()));
                    }
                    for document in documents {
                        self.tell(source, &path, document.clone(), &mut items);
                    }
                }
            }
        }
        if LISTINGS.contains(&scope) {
            let members = truth.members(scope).into_iter().filter(|_| !self.numbers.percent(6));
            items.extend(
                members
                    .map(|member| Delivery::Member(scope_id(member)))
                    .collect::<Vec<_>>(),
            );
        }
        if self.numbers.percent(6) {
            items.push(Delivery::Finding(
                Finding::new("odd", Severity::Warning, "it is odd").at(origin(0), None, None),
            ));
        }
        if self.numbers.percent(10) {
            let at = self.numbers.below(4);
            items.push(Delivery::Event(Box::new(Event {
                id: format!("event-{at}"),
                kind: "deployment".to_owned(),
                subject: Subject::Ref(Thing::Component(at).entity()),
                at: bailiwick_schema::Timestamp::from_secs(1_795_100_000),
                data: serde_json::json!({}),
            })));
        }
        self.numbers.shuffle(&mut items);
        let ending = match style {
            0..=51 => Ending::Close(self.whole()),
            52..=61 => {
                let cursor = self.numbers.percent(60).then(|| self.cursor());
                Ending::Close(Closing::Complete {
                    proof: Proof::Listing,
                    cursor,
                })
            }
            62..=65 => {
                // It says that this was all, and it was not.
                items.truncate(items.len() / 2);
                Ending::Close(self.whole())
            }
            66..=69 => {
                items.clear();
                Ending::Close(Closing::Complete {
                    proof: Proof::Listing,
                    cursor: None,
                })
            }
            70..=73 => {
                items.truncate(items.len() / 2);
                Ending::Close(Closing::Partial)
            }
            74..=77 => {
                items.truncate(items.len() / 2);
                Ending::Drop
            }
            style if DIFFERENCE.contains(&style) => {
                let base = cursor.filter(|_| self.numbers.percent(92)).unwrap_or_else(|| Cursor {
                    value: "unheard of".to_owned(),
                    options: ContentHash::of(b"simulated"),
                });
                let cursor = self.cursor();
                Ending::Close(Closing::Delta {
                    base,
                    proof: Proof::Version(cursor.value.clone()),
                    cursor,
                })
            }
            _ => {
                if self.numbers.percent(80) {
                    items.clear();
                }
                Ending::Close(Closing::Unchanged)
            }
        };
        let mut batches = VecDeque::new();
        let mut rest = items.into_iter().peekable();
        while rest.peek().is_some() {
            let size = 1 + self.numbers.below(6);
            batches.push_back(rest.by_ref().take(size).collect());
        }
        Reading {
            ticket,
            batches,
            ending,
        }
    }

    /// One document as it is told: perhaps twice, perhaps as it was long ago, perhaps with a time of its own.
    fn tell(&mut self, source: SourceAt, path: &str, document: super::content::Document, items: &mut Vec<Delivery>) {
        let mut document = document;
        let now = self.now();
        let mut requested_at = None;
        match self.numbers.below(100) {
            0..=4 => {
                document.variant = self.numbers.below(12);
                requested_at = Some(now.minus(Duration::from_secs(1 + self.numbers.below(600) as u64)));
            }
            5..=8 => requested_at = Some(now.minus(Duration::from_micros(1 + self.numbers.below(2_000_000) as u64))),
            9..=11 => requested_at = Some(now.plus(Duration::from_micros(1))),
            _ => {}
        }
        let mut claim = document.claim(source, path, self.flavour);
        claim.requested_at = requested_at;
        let repeated = self.numbers.percent(6);
        items.push(Delivery::Claim(Box::new(claim.clone())));
        if repeated {
            items.push(Delivery::Claim(Box::new(claim)));
        }
    }
}

fn told(batch: &[Delivery]) -> String {
    let one = |item: &Delivery| match item {
        Delivery::Claim(claim) => format!(
            "{} {}{}",
            claim.origin.path,
            claim.subject,
            claim.requested_at.map(|at| format!(" of {at}")).unwrap_or_default()
        ),
        Delivery::Gone(origin) => format!("gone {origin}"),
        Delivery::GoneClaim { origin, subject } => format!("gone {origin} {subject}"),
        Delivery::OriginRead(origin) => format!("read {origin}"),
        Delivery::Unreadable { origin, .. } => format!("unreadable {origin}"),
        Delivery::Finding(finding) => format!("finding {}", finding.code),
        Delivery::Member(member) => format!("member {member}"),
        Delivery::Event(event) => format!("event {}", event.id),
    };
    batch.iter().map(one).collect::<Vec<_>>().join(", ")
}
