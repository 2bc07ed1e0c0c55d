//! What the engine knows between requests, and how it is loaded from the store.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bailiwick_schema::{
    ContentHash, EntityRef, Finding, Position, RunBegin, RunCounts, RunId, RunRecord, RunStatus, ScopeId, ScopeTicket,
    Severity, SourceId, Timestamp,
};
use foldhash::quality::RandomState;
use tokio::sync::watch;
use uuid::Uuid;

use super::pending::Pending;
use super::{EngineSettings, Shared};
use crate::graph::{RelationTypes, SnapshotBuilder};
use crate::store::{
    ClaimHead, ClaimId, ClaimKey, CommitCause, EntityIdentity, EntityNo, FindingOwner, LedgerWrite, ScopeNo,
    ScopeRecord, Store, StoreError, StoreResult, StoredFinding, SweepRecord, Visit,
};

/// How far back losses count for the guard of enclosing scopes.
pub(super) const LOSS_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// What is held of one claim while its scope is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeldClaim {
    pub(super) hash: ContentHash,
    pub(super) entity: Option<EntityNo>,
    pub(super) requested_at: Timestamp,
    pub(super) stale: bool,
    pub(super) seen: bool,
}

impl HeldClaim {
    /// A claim that nobody has confirmed yet.
    pub(super) fn of(head: &ClaimHead) -> Self {
        Self {
            hash: head.hash,
            entity: head.entity,
            requested_at: head.requested_at,
            stale: head.stale,
            seen: false,
        }
    }
}

/// What is held in a scope, as far as somebody asked: a difference of a few claims looks at these alone.
#[derive(Debug, Default)]
pub(super) struct HeldClaims {
    pub(super) known: HashMap<ClaimId, HeldClaim, RandomState>,
    /// What is not among the known ones is not held.
    pub(super) is_all: bool,
}

pub(super) struct OpenScope {
    pub(super) run: RunId,
    pub(super) no: ScopeNo,
    pub(super) opened_at: Timestamp,
    pub(super) held: HeldClaims,
    pub(super) delivered: u64,
    pub(super) gone: HashSet<[u8; 8]>,
    pub(super) gone_claims: HashSet<ClaimId>,
    /// Origins of claims that were delivered.
    pub(super) told: HashSet<[u8; 8], RandomState>,
    /// Whether the scope had a proof when it was opened, from which a difference may be told.
    pub(super) had_proof: bool,
    /// It brought content that was not held.
    pub(super) changed: bool,
    /// Something else than this reading changed what the scope holds: what it proves is no longer all that is held.
    pub(super) spoilt: bool,
    pub(super) read: HashSet<[u8; 8]>,
    pub(super) unreadable: HashSet<[u8; 8]>,
    pub(super) members: BTreeSet<ScopeId>,
    /// By origin; the empty origin holds what concerns the scope as such.
    pub(super) findings: BTreeMap<[u8; 8], Vec<Finding>>,
}

pub(super) struct OpenRun {
    pub(super) begin: RunBegin,
    pub(super) counts: RunCounts,
    pub(super) position: Option<Position>,
    /// Entities that this run declared, with the first and the last scope it did so from: what is declared from
    /// another scope has moved.
    pub(super) declared: HashMap<EntityNo, (ScopeNo, ScopeNo), RandomState>,
    /// Scopes whose records moved without anything to commit.
    pub(super) ledger_scopes: BTreeSet<ScopeNo>,
}

pub(crate) struct State {
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: EngineSettings,
    pub(super) shared: Arc<Shared>,
    pub(super) builder: SnapshotBuilder,
    pub(super) head: Position,
    pub(super) last_at: Timestamp,
    pub(super) next_no: u32,
    /// Whether a full disk is waited out; not before it serves.
    pub(super) waits_for_room: bool,
    /// Numbers below this one may have claims in the store.
    pub(super) stored_numbers: u32,
    pub(super) scopes: Vec<ScopeRecord>,
    pub(super) scope_nos: HashMap<(SourceId, ScopeId), ScopeNo>,
    pub(super) sweeps: BTreeMap<ScopeNo, SweepRecord>,
    /// Claims that a sweep wants to remove. One may be missed by its scope and by the listing of its scope.
    pub(super) sweep_keys: BTreeSet<(ClaimKey, ScopeNo)>,
    /// (when, where, how many) claims were removed lately.
    pub(super) losses: Vec<(Timestamp, ScopeNo, u64)>,
    /// Who is stitched again when the holder of an identifier or name changes.
    pub(super) watches: HashMap<String, BTreeSet<EntityNo>>,
    pub(super) watches_of: HashMap<EntityNo, Vec<String>>,
    /// What an entity was before it moved → what it is now.
    pub(super) continuers: HashMap<EntityRef, EntityNo>,
    pub(super) with_findings: HashSet<EntityNo>,
    pub(super) with_link_findings: HashSet<EntityNo>,
    pub(super) runs: HashMap<RunId, OpenRun>,
    pub(super) tickets: HashMap<ScopeTicket, OpenScope>,
    next_ticket: u64,
    /// Claims removed while runs were open, with the request time of the removal.
    pub(super) tombstones: HashMap<ClaimKey, (Timestamp, Timestamp)>,
    pub(super) pending: Pending,
    /// What is being delivered is part of much, and more will follow at once.
    pub(super) in_bulk: bool,
    /// Since when the newest commit is durable and not shown.
    pub(super) unpublished_since: Option<Instant>,
    /// Entities whose links are looked at when the run ends.
    pub(super) dirty: BTreeSet<EntityNo>,
    /// Everything up to here was looked at, as far as the store knows.
    links_seen: Position,
}

const KINDS_KEY: &str = "kinds";
const LINKS_KEY: &str = "links_seen";

/// Rows that a read hands over at once, and hand-overs that may wait.
const READ_AHEAD_ROWS: usize = 512;
const READ_AHEADS: usize = 16;

/// Reads and decodes on a thread of its own what is taken in on this one.
fn read_ahead<T: Send>(
    read: impl FnOnce(Visit<'_, T>) -> StoreResult<()> + Send,
    take: impl FnOnce(&mut dyn Iterator<Item = T>) -> StoreResult<()>,
) -> StoreResult<()> {
    std::thread::scope(|scope| {
        let (send, rows) = std::sync::mpsc::sync_channel::<Vec<T>>(READ_AHEADS);
        let reader = scope.spawn(move || {
            let mut batch = Vec::with_capacity(READ_AHEAD_ROWS);
            read(&mut |row| {
                batch.push(row);
                if batch.len() < READ_AHEAD_ROWS {
                    return ControlFlow::Continue(());
                }
                match send.send(std::mem::replace(&mut batch, Vec::with_capacity(READ_AHEAD_ROWS))) {
                    Ok(()) => ControlFlow::Continue(()),
                    // Nobody listens: taking failed, which is what is told.
                    Err(_) => ControlFlow::Break(()),
                }
            })?;
            drop(send.send(batch));
            Ok(())
        });
        let taken = take(&mut rows.iter().flatten());
        drop(rows);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(read)
    })
}

impl State {
    pub(crate) fn load(store: Arc<dyn Store>, settings: EngineSettings) -> StoreResult<(Self, Arc<Shared>)> {
        let mut builder = SnapshotBuilder::new(RelationTypes::new(settings.kinds.relation_pairs()));
        let mut watches: HashMap<String, BTreeSet<EntityNo>> = HashMap::new();
        let mut watches_of = HashMap::new();
        let mut continuers = HashMap::new();
        read_ahead(
            |send| store.live_versions(send),
            |versions| {
                // Every version finds the numbers of those that it names.
                store.identities(&mut |identity| {
                    builder.put_identity(&identity);
                    ControlFlow::Continue(())
                })?;
                for version in versions {
                    builder.put_loaded(&version);
                    for watch in &version.watches {
                        watches.entry(watch.clone()).or_default().insert(version.no);
                    }
                    if !version.watches.is_empty() {
                        watches_of.insert(version.no, version.watches);
                    }
                    if let Some(before) = version.continues {
                        continuers.insert(before, version.no);
                    }
                }
                Ok(())
            },
        )?;
        builder.finish_loading();
        store.identifiers(&mut |row| {
            if row.until.is_none() {
                builder.put_identifier(&row);
            }
            ControlFlow::Continue(())
        })?;
        let (mut with_findings, mut with_link_findings) = (HashSet::new(), HashSet::new());
        store.findings(&mut |finding| {
            match finding.owner {
                FindingOwner::Entity(no) => drop(with_findings.insert(no)),
                FindingOwner::Links(no) => drop(with_link_findings.insert(no)),
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        let head = store.head()?;
        let last_at = match head {
            Position::ZERO => Timestamp::ZERO,
            head => store
                .read_after(Position(head.0 - 1), std::num::NonZeroU32::MIN)?
                .first()
                .map_or(Timestamp::ZERO, |commit| commit.at),
        };
        let scopes = store.scopes()?;
        let sweeps: BTreeMap<ScopeNo, SweepRecord> =
            store.sweeps()?.into_iter().map(|sweep| (sweep.scope, sweep)).collect();
        let now = settings.clock.now();
        let losses = store
            .applied_sweeps()?
            .into_iter()
            .filter(|sweep| sweep.by == super::settle::BY_GUARD && now.since(sweep.at) < LOSS_WINDOW)
            .map(|sweep| (sweep.at, sweep.scope, sweep.removed))
            .collect();
        let claims = scopes.iter().map(|scope| scope.claims).sum();
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(builder.publish(head, last_at)),
            positions: watch::Sender::new(head),
            failed: Mutex::new(None),
            waiting: Mutex::new(None),
            is_stopping: AtomicBool::new(false),
            claims: AtomicU64::new(claims),
            counters: super::EngineCounters::default(),
            trimming: false.into(),
        });
        let mut state = Self {
            next_no: store.next_entity_no()?.0,
            stored_numbers: store.next_entity_no()?.0,
            scope_nos: scopes
                .iter()
                .map(|scope| ((scope.source.clone(), scope.id.clone()), scope.no))
                .collect(),
            sweep_keys: sweeps
                .values()
                .flat_map(|sweep| sweep.missing.iter().map(|key| (*key, sweep.scope)))
                .collect(),
            store,
            settings,
            shared: Arc::clone(&shared),
            builder,
            head,
            last_at,
            scopes,
            sweeps,
            losses,
            watches,
            watches_of,
            continuers,
            with_findings,
            with_link_findings,
            runs: HashMap::new(),
            tickets: HashMap::new(),
            next_ticket: 0,
            tombstones: HashMap::new(),
            pending: Pending::default(),
            in_bulk: false,
            unpublished_since: None,
            dirty: BTreeSet::new(),
            waits_for_room: false,
            links_seen: Position::ZERO,
        };
        state.take_up_links()?;
        state.close_interrupted_runs()?;
        state.adopt_sources()?;
        state.adopt_kinds()?;
        Ok((state, shared))
    }

    /// What was committed last may not have been looked at before the process ended; then everything is.
    fn take_up_links(&mut self) -> StoreResult<()> {
        let seen = self.store.meta(LINKS_KEY)?;
        let seen = seen.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
        self.links_seen = Position(seen.unwrap_or(0));
        if self.links_seen != self.head {
            self.dirty = self.builder.current().nodes_unchecked().map(|node| node.no).collect();
            // Those that are gone too: what was found about them goes with them.
            self.dirty.extend(&self.with_link_findings);
        }
        Ok(())
    }

    /// The row that says up to where links were looked at, if it has to be written.
    pub(super) fn note_links_seen(&mut self) -> Vec<(String, Vec<u8>)> {
        if !self.dirty.is_empty() || self.links_seen == self.head {
            return Vec::new();
        }
        self.links_seen = self.head;
        vec![(LINKS_KEY.to_owned(), self.head.0.to_be_bytes().to_vec())]
    }

    /// Runs that an earlier process left open ended with it.
    fn close_interrupted_runs(&mut self) -> StoreResult<()> {
        let limit = std::num::NonZeroU32::new(1_000).unwrap_or(std::num::NonZeroU32::MIN);
        let mut interrupted: Vec<RunRecord> = self.store.runs(None, limit)?;
        interrupted.retain(|run| !run.status.is_final());
        if interrupted.is_empty() {
            return Ok(());
        }
        for run in &mut interrupted {
            tracing::warn!(run = %run.id, source = %run.source, "run was interrupted by the end of the process");
            run.status = RunStatus::Interrupted;
            run.ended_at = Some(self.settings.clock.now());
            run.error = Some("the process ended before the run did".to_owned());
        }
        self.store.ledger(LedgerWrite {
            runs: interrupted,
            ..LedgerWrite::default()
        })
    }

    /// Holds the stored scopes against the configured sources: renamed, re-ranked, retired and returned ones.
    fn adopt_sources(&mut self) -> StoreResult<()> {
        let Some(sources) = self.settings.sources.clone() else {
            return Ok(());
        };
        let mut changed = Vec::new();
        for scope in &mut self.scopes {
            let renamed = sources
                .iter()
                .find(|source| source.previous_id.as_ref() == Some(&scope.source));
            let configured = renamed.or_else(|| sources.iter().find(|source| source.id == scope.source));
            let Some(source) = configured else { continue };
            if scope.source != source.id || scope.rank != source.rank || scope.source_type != source.source_type {
                scope.source = source.id.clone();
                scope.rank = source.rank;
                scope.source_type.clone_from(&source.source_type);
                changed.push(scope.clone());
            }
        }
        self.scope_nos = self
            .scopes
            .iter()
            .map(|scope| ((scope.source.clone(), scope.id.clone()), scope.no))
            .collect();
        for scope in &changed {
            let store = Arc::clone(&self.store);
            let touched = &mut self.pending.touched;
            store.heads_of_scope(scope.no, &mut |head| {
                touched.extend(head.entity);
                ControlFlow::Continue(())
            })?;
        }
        self.pending.commit.scopes_put.extend(changed);
        let mut known: BTreeSet<SourceId> = self.scopes.iter().map(|scope| scope.source.clone()).collect();
        known.extend(sources.iter().filter_map(|source| source.previous_id.clone()));
        for source in known {
            let retired = !sources.iter().any(|configured| configured.id == source)
                && self
                    .scopes
                    .iter()
                    .any(|scope| scope.source == source && scope.claims > 0);
            let message = format!(
                "source `{source}` is no longer configured; its claims stay as they were. Configure it again, or give \
                 its successor `previous_id: {source}`"
            );
            let finding = retired.then(|| Finding::new("source_retired", Severity::Warning, message));
            self.set_source_finding(&source, "source_retired", finding)?;
        }
        self.pending.cause = Some(CommitCause::Rules);
        self.flush()
    }

    /// Other kinds than last time mean that every entity is stitched again.
    fn adopt_kinds(&mut self) -> StoreResult<()> {
        let described: Vec<String> = self
            .settings
            .kinds
            .iter()
            .map(|kind| {
                format!(
                    "{:?} {:?} {:?} {:?} {:?}",
                    kind.kind, kind.relations, kind.inherits_owner_via, kind.type_field, kind.lifecycle_field
                )
            })
            .chain(std::iter::once(format!("{:?}", self.settings.owner_order)))
            .collect();
        let hash = ContentHash::of(described.join("\n").as_bytes()).as_bytes().to_vec();
        let before = self.store.meta(KINDS_KEY)?;
        if before.as_ref() == Some(&hash) {
            return Ok(());
        }
        if before.is_some() {
            tracing::info!("kinds or ownership rules changed: every entity is stitched again");
            self.pending.touched = self.builder.current().nodes_unchecked().map(|node| node.no).collect();
            self.pending.cause = Some(CommitCause::Rules);
            self.pending.commit.meta_put.push((KINDS_KEY.to_owned(), hash));
            return self.flush();
        }
        self.store.ledger(LedgerWrite {
            meta: vec![(KINDS_KEY.to_owned(), hash)],
            ..LedgerWrite::default()
        })
    }

    /// Puts or takes away the one finding of a code about a source.
    pub(super) fn set_source_finding(
        &mut self,
        source: &SourceId,
        code: &str,
        finding: Option<Finding>,
    ) -> StoreResult<()> {
        let owner = FindingOwner::Source(source.clone());
        let held = self.store.findings_of(&owner)?;
        let same = held.iter().find(|stored| stored.finding.code == code);
        if same.map(|stored| &stored.finding) == finding.as_ref() {
            return Ok(());
        }
        let now = self.settings.clock.now();
        let mut wanted: Vec<StoredFinding> = held.into_iter().filter(|stored| stored.finding.code != code).collect();
        wanted.extend(finding.map(|finding| StoredFinding {
            owner: owner.clone(),
            source: Some(source.clone()),
            scope: None,
            first_seen: now,
            finding,
        }));
        self.pending.commit.findings_cleared.push(owner);
        self.pending.commit.findings_put.extend(wanted);
        Ok(())
    }

    /// Since when something waits to be committed or shown.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let planned = if self.pending.is_empty() {
            None
        } else {
            self.pending.since
        };
        planned.or(self.unpublished_since)
    }

    /// The number of a ref, allotting one and a uid to a ref that has none yet.
    pub(super) fn number(&mut self, entity: &EntityRef) -> StoreResult<EntityNo> {
        if let Some(no) = self.builder.current().number(entity) {
            return Ok(no);
        }
        let identity = EntityIdentity {
            no: EntityNo(self.next_no),
            entity: entity.clone(),
            uid: Uuid::new_v4(),
            live: false,
        };
        self.next_no += 1;
        self.builder.put_identity(&identity);
        let no = identity.no;
        self.pending.identities.insert(no, identity);
        Ok(no)
    }

    /// The identity of a number, as the commit under construction has it.
    pub(super) fn identity(&self, no: EntityNo) -> StoreResult<EntityIdentity> {
        if let Some(identity) = self.pending.identities.get(&no) {
            return Ok(identity.clone());
        }
        self.store.identity_by_no(no)?.ok_or_else(|| StoreError::Corrupt {
            what: format!("the identity of entity {}", no.0),
        })
    }

    pub(super) fn scope(&self, no: ScopeNo) -> &ScopeRecord {
        &self.scopes[no.0 as usize]
    }

    /// The record of a scope, made if this source never had it.
    pub(super) fn scope_no(&mut self, begin: &RunBegin, id: &ScopeId, parent: Option<&ScopeId>) -> ScopeNo {
        if let Some(no) = self.scope_nos.get(&(begin.source.clone(), id.clone())) {
            return *no;
        }
        let no = ScopeNo(u32::try_from(self.scopes.len()).unwrap_or(u32::MAX));
        let record = ScopeRecord {
            no,
            source: begin.source.clone(),
            source_type: begin.source_type.clone(),
            rank: begin.rank,
            id: id.clone(),
            parent: parent.cloned(),
            cursor: None,
            proof: None,
            proved_at: None,
            members: Vec::new(),
            claims: 0,
            next_sweep_pending: false,
            retired: false,
        };
        self.scopes.push(record.clone());
        self.scope_nos.insert((begin.source.clone(), id.clone()), no);
        self.pending.commit.scopes_put.push(record);
        no
    }

    pub(super) fn new_ticket(&mut self, scope: OpenScope) -> ScopeTicket {
        self.next_ticket += 1;
        let ticket = ScopeTicket(self.next_ticket);
        self.tickets.insert(ticket, scope);
        ticket
    }

    /// What the scope holds is no longer what it was proved to hold: until it is proved again, nothing may be told as
    /// unchanged or as a difference. Readings under way prove less than all of it.
    pub(super) fn void_proof(&mut self, no: ScopeNo) {
        for open in self.tickets.values_mut().filter(|open| open.no == no) {
            open.spoilt = true;
        }
        if self.scopes[no.0 as usize].proof.take().is_some() {
            self.put_scope(no);
        }
    }

    /// Marks a scope's record as part of the commit under construction.
    pub(super) fn put_scope(&mut self, no: ScopeNo) {
        let record = self.scopes[no.0 as usize].clone();
        match self.pending.commit.scopes_put.iter_mut().find(|scope| scope.no == no) {
            Some(scope) => *scope = record,
            None => self.pending.commit.scopes_put.push(record),
        }
    }

    /// A scope and everything below it that is not retired.
    pub(super) fn with_descendants(&self, no: ScopeNo) -> Vec<ScopeNo> {
        let source = &self.scope(no).source;
        let mut children: HashMap<&ScopeId, Vec<ScopeNo>> = HashMap::new();
        for scope in self
            .scopes
            .iter()
            .filter(|scope| scope.source == *source && !scope.retired)
        {
            if let Some(parent) = &scope.parent {
                children.entry(parent).or_default().push(scope.no);
            }
        }
        let mut all = vec![no];
        let mut seen: HashSet<ScopeNo> = HashSet::from([no]);
        let mut at = 0;
        while at < all.len() {
            for child in children.get(&self.scope(all[at]).id).into_iter().flatten() {
                if seen.insert(*child) {
                    all.push(*child);
                }
            }
            at += 1;
        }
        all
    }
}
