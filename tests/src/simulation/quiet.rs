//! Checks that take several requests: a re-sync of what is held, an undone sweep, and the end of a simulation, where a
//! fresh engine is given the same claims in another order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bailiwick_catalog::graph::filter::Filter;
use bailiwick_catalog::store::keyvalue::Table;
use bailiwick_catalog::store::{FindingOwner, Store};
use bailiwick_schema::{AllowPolicy, Closing, ContentHash, Delivery, EntityRef, Position, Proof, RunOutcome, Viewer};

use super::content::{ScopeAt, SourceAt, scope_id};
use super::home::Home;
use super::model::range;
use super::world::{Checked, World, shown};

/// What an engine says of one entity: its hash, and its owners.
type Said = (ContentHash, Vec<EntityRef>);

impl World {
    pub(crate) fn head(&self) -> Position {
        self.home.engine.position()
    }

    /// Undoes one of the applied sweeps, if no scope of its source is open: a reading under way has seen the scope
    /// without the claims, and may rightly end so.
    pub(crate) fn undo_any(&mut self) -> Checked {
        let open: BTreeSet<SourceAt> = self.model.tickets.values().map(|open| open.place.0).collect();
        let applied = self.model.held.applied.iter().enumerate();
        let at: Vec<usize> = applied
            .filter(|(_, one)| !open.contains(&one.place.0))
            .map(|(at, _)| at)
            .collect();
        match self.numbers.pick(&at).copied() {
            Some(at) => self.undo(at),
            None => Ok(()),
        }
    }

    pub(crate) fn quiet_any(&mut self) -> Checked {
        let source = self.numbers.below(self.sources.len());
        let busy = self.model.runs.values().any(|run| run.source == source);
        if busy || !self.sources[source].configured {
            return Ok(());
        }
        self.quiet(source)
    }

    /// Laws 3 and 7: what is delivered again as it is held appends nothing and writes one row of the ledger.
    fn quiet(&mut self, source: SourceAt) -> Checked {
        self.home.disk.heal();
        self.note(format!("source {source} says again what is held"));
        // Once to make everything fresh, and then it must be quiet.
        self.again(source)?;
        let (head, stored) = (self.head(), self.stored().clone());
        let notes = self.again(source)?;
        if self.head() != head {
            return Err(format!(
                "law 7: a re-sync that changed nothing went from {head} to {}",
                self.head()
            ));
        }
        if *self.stored() != stored {
            return Err("law 3: what was delivered twice is held otherwise than before".to_owned());
        }
        let rows: u32 = notes.iter().map(|note| note.put_into(Table::Runs)).sum();
        let elsewhere: Vec<Table> = notes
            .iter()
            .flat_map(|note| note.tables())
            .filter(|table| !matches!(table, Table::Runs | Table::RunOrder))
            .collect();
        // The row is written when the run begins and completed when it ends.
        if rows != 2 || notes.len() != 2 || !elsewhere.is_empty() {
            return Err(format!(
                "law 7: a quiet re-sync wrote {} batches with {rows} rows of runs, and into {elsewhere:?}",
                notes.len()
            ));
        }
        Ok(())
    }

    fn again(&mut self, source: SourceAt) -> Result<Vec<super::disk::BatchNote>, String> {
        let failed = || "the store failed although it was healed".to_owned();
        self.kept = Vec::new();
        let run = self.run_begin(source, true)?.ok_or_else(failed)?;
        let scopes: Vec<ScopeAt> = self
            .model
            .held
            .scopes
            .iter()
            .filter(|((of, _), scope)| *of == source && !scope.retired)
            .map(|((_, scope), _)| *scope)
            .collect();
        for scope in scopes {
            let place = (source, scope);
            let (ticket, cursor) = self.scope_open(&run, scope)?.ok_or_else(failed)?;
            let held = self.model.held.claims.range(range(place));
            let mut items: Vec<Delivery> = held
                .map(|(_, held)| {
                    let mut claim = (*held.claim).clone();
                    claim.requested_at = None;
                    Delivery::Claim(Box::new(claim))
                })
                .collect();
            let members = self.model.held.scopes[&place].members.iter();
            items.extend(members.map(|member| Delivery::Member(scope_id(*member))));
            self.numbers.shuffle(&mut items);
            if !items.is_empty() && !self.deliver(ticket, items)? {
                return Err(failed());
            }
            let proof = self.model.held.scopes[&place].proof.clone();
            let proof = proof.unwrap_or_else(|| Proof::Version("again".to_owned()));
            if self.scope_close(ticket, Closing::Complete { proof, cursor })? != Some(true) {
                return Err(failed());
            }
        }
        self.run_end(&run, RunOutcome::Finished)?.ok_or_else(failed)?;
        Ok(std::mem::take(&mut self.kept))
    }

    /// The end: the process is killed once more, and a fresh engine hears the same claims in another order.
    pub(crate) fn finish(&mut self) -> Checked {
        self.home.disk.heal();
        self.crash()?;
        for source in 0..self.sources.len() {
            if self.sources[source].configured {
                self.quiet(source)?;
            }
        }
        self.fresh()
    }

    /// A hash over all that was done, and over the entities that it came to.
    pub(crate) fn story(&self) -> u64 {
        let snapshot = self.home.engine.snapshot();
        let mut live: Vec<String> = snapshot
            .matching(&Viewer::local(), &Filter::everything())
            .iter()
            .map(|node| format!("{} {} at {}", node.entity, node.hash, node.position))
            .collect();
        live.sort();
        let text = format!("{:?} {live:?}", self.trace);
        let hash = ContentHash::of(text.as_bytes());
        hash.as_bytes()
            .iter()
            .take(8)
            .fold(0, |all, byte| (all << 8) | u64::from(*byte))
    }

    /// Law 3.
    fn fresh(&mut self) -> Checked {
        self.note("a fresh engine hears the same");
        let lived = (content(&self.home)?, links(&*self.home.store)?);
        let settings = self.home.sources().to_vec();
        let mut home = Home::new(self.home.kinds(), settings, false, false).map_err(|error| shown(&error))?;
        let mut sources: Vec<SourceAt> = (0..self.sources.len()).collect();
        self.numbers.shuffle(&mut sources);
        let failed = |what: &str, problem: String| format!("a fresh engine does not take {what}: {problem}");
        for source in sources {
            let id = super::content::source_id(source, self.sources[source].renamed);
            let run = bailiwick_schema::RunId::new(format!("fresh-{source}"));
            let begin = bailiwick_schema::RunBegin {
                id: run.clone(),
                source: id,
                source_type: "simulated".to_owned(),
                cause: bailiwick_schema::RunCause::Schedule,
                full: true,
                allow: AllowPolicy::all(),
                rank: self.sources[source].rank,
                started_at: home.now(),
            };
            let begun = home
                .engine
                .run_begin(begin)
                .map_err(|error| failed("a run", shown(&error)))?;
            begun.map_err(|error| failed("a run", error.to_string()))?;
            let mut scopes: Vec<ScopeAt> = self
                .model
                .held
                .scopes
                .keys()
                .filter(|place| place.0 == source)
                .map(|place| place.1)
                .collect();
            self.numbers.shuffle(&mut scopes);
            for scope in scopes {
                let asked = bailiwick_schema::Scope {
                    id: scope_id(scope),
                    parent: None,
                };
                let opened = home
                    .engine
                    .scope_open(&run, asked, home.now())
                    .map_err(|error| failed("a scope", shown(&error)))?;
                let ticket = opened.map_err(|error| failed("a scope", error.to_string()))?.ticket;
                let held = self.model.held.claims.range(range((source, scope)));
                let mut items: Vec<Delivery> = held
                    .map(|(_, held)| Delivery::Claim(Box::new((*held.claim).clone())))
                    .collect();
                self.numbers.shuffle(&mut items);
                for batch in items.chunks(3) {
                    let taken = home
                        .engine
                        .deliver(ticket, batch.to_vec())
                        .map_err(|error| failed("claims", shown(&error)))?;
                    taken.map_err(|error| failed("claims", error.to_string()))?;
                    home.engine.flush().map_err(|error| failed("claims", shown(&error)))?;
                }
            }
            let ended = home
                .engine
                .run_end(&run, RunOutcome::Finished, home.now())
                .map_err(|error| failed("the end", shown(&error)))?;
            ended.map_err(|error| failed("the end", error.to_string()))?;
        }
        let rebuilt = (content(&home)?, links(&*home.store)?);
        for (entity, said) in &lived.0 {
            if rebuilt.0.get(entity) != Some(said) {
                return Err(format!(
                    "law 3: {entity} is {said:?}, and {:?} where the same claims came in another order",
                    rebuilt.0.get(entity)
                ));
            }
        }
        if lived.0.len() != rebuilt.0.len() {
            return Err(format!(
                "law 3: {} entities live, and {} where the same claims came in another order",
                lived.0.len(),
                rebuilt.0.len()
            ));
        }
        // Links are looked at when a run ends.
        if lived.1 != rebuilt.1 && self.sources.iter().any(|source| source.configured) {
            let (lived, rebuilt) = (&lived.1, &rebuilt.1);
            return Err(format!(
                "law 3: findings {:?} are only here, and {:?} only where the same claims came in another order",
                lived.difference(rebuilt).collect::<Vec<_>>(),
                rebuilt.difference(lived).collect::<Vec<_>>()
            ));
        }
        Ok(())
    }
}

fn content(home: &Home) -> Result<BTreeMap<EntityRef, Said>, String> {
    let snapshot = home.engine.snapshot();
    let live = snapshot.matching(&Viewer::local(), &Filter::everything());
    Ok(live
        .iter()
        .map(|node| {
            let owners = node
                .owners
                .iter()
                .filter_map(|owner| snapshot.name(*owner).cloned())
                .collect();
            (node.entity.clone(), (node.hash, owners))
        })
        .collect())
}

/// What the engine itself finds about entities: (entity, code, message).
fn links(store: &dyn Store) -> Result<BTreeSet<(String, String, String)>, String> {
    let mut found = BTreeSet::new();
    store
        .findings(&mut |stored| {
            if matches!(stored.owner, FindingOwner::Entity(_) | FindingOwner::Links(_)) {
                let finding = stored.finding;
                let about = finding.entity.map(|entity| entity.to_string()).unwrap_or_default();
                found.insert((about, finding.code, finding.message));
            }
            ControlFlow::Continue(())
        })
        .map_err(|error| shown(&error))?;
    Ok(found)
}
