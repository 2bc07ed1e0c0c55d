//! Trimming: which rows are past their retention, batch by batch.
//!
//! History follows the log: each commit before the horizon names what it changed, and whatever those entities were before
//! it is no longer the newest at or before the horizon. So the cost follows what is removed, not what is kept. A commit's
//! row goes together with the last of what it superseded; a trimming that is cut off finds it again.
//!
//! The first kept position stands in `meta`: an engine on disk walks slowly over the traces of removed rows, and the head
//! of a trimmed log has many.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use bailiwick_schema::{Position, RunId, Timestamp};

use super::codec::Decoder;
use super::entities::{decode_identifier, decode_version};
use super::keys::CLAIM_KEY_BYTES;
use super::{KeyValueStore, META_LOG_BEGINS, keys, shown};
use crate::store::keeping::{Keeping, Phase, TRIM_BATCH_ROWS_MAX, TRIM_LOOKED_ROWS_MAX, Trimming};
use crate::store::keyvalue::{Batch, KeyRange, KeyValue, Order, Table, View};
use crate::store::{AppliedSweep, AuditRecord, ChangeKind, EntityNo, LoggedCommit, StoreError, StoreResult, Trimmed};

impl<E: KeyValue> Keeping for KeyValueStore<E> {
    fn log_begins(&self) -> StoreResult<Position> {
        Ok(self.log_begins_now())
    }

    fn trim(&self, trimming: &mut Trimming) -> StoreResult<()> {
        let mut writer = self.writer()?;
        let mut step = Step {
            view: &self.view(),
            batch: Batch::new(),
            removed: 0,
            looked: 0,
            superseded: HashMap::new(),
            ended: HashSet::new(),
            log_begins: self.log_begins_now(),
            head: self.head_now(),
        };
        step.take(trimming)?;
        let (batch, log_begins) = (step.batch, step.log_begins);
        if !batch.is_empty() {
            trimming.trimmed.batches += 1;
        }
        self.apply(&mut writer, batch)?;
        self.log_begins.store(log_begins.0, Ordering::Release);
        Ok(())
    }
}

/// Whether the batch has room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Left,
    Full,
}

/// One batch under way.
struct Step<'v, V: View> {
    view: &'v V,
    batch: Batch<V::Bytes>,
    removed: usize,
    looked: usize,
    /// Before which position the versions of an entity are in this batch: the view still shows them.
    superseded: HashMap<EntityNo, Position>,
    /// Identifier rows that are in this batch.
    ended: HashSet<Vec<u8>>,
    log_begins: Position,
    head: Position,
}

impl<V: View> Step<'_, V> {
    /// Fills the batch, phase after phase.
    fn take(&mut self, trimming: &mut Trimming) -> StoreResult<()> {
        while trimming.phase != Phase::Done {
            let (room, after) = match trimming.phase {
                Phase::Log => (self.log(trimming)?, Phase::Events),
                Phase::Events => (self.events(trimming)?, Phase::Sweeps),
                Phase::Sweeps => (self.sweeps(trimming)?, Phase::SweepClaims),
                Phase::SweepClaims => (self.sweep_claims(trimming)?, Phase::Runs),
                Phase::Runs => (self.runs(trimming)?, Phase::Audit),
                Phase::Audit | Phase::Done => (self.audit(trimming)?, Phase::Done),
            };
            if room == Room::Full {
                return Ok(());
            }
            trimming.phase = after;
            trimming.at = None;
        }
        Ok(())
    }

    /// Whether so many more rows may be removed, and another one looked at.
    fn room_for(&self, rows: usize) -> bool {
        self.removed + rows <= TRIM_BATCH_ROWS_MAX && self.looked < TRIM_LOOKED_ROWS_MAX
    }

    fn remove(&mut self, table: Table, key: &[u8]) {
        self.batch.remove(table, key);
        self.removed += 1;
    }

    fn log(&mut self, trimming: &mut Trimming) -> StoreResult<Room> {
        loop {
            if trimming.commit.is_none() {
                trimming.commit = self.next_commit(trimming)?.map(|commit| (commit, 0));
            }
            let Some((commit, done)) = &mut trimming.commit else {
                return Ok(Room::Left);
            };
            let position = commit.position;
            let horizon = trimming.horizons.history;
            while let Some(change) = commit.changes.get(*done) {
                if self.superseded(change.no, position, horizon, &mut trimming.trimmed)? == Room::Full {
                    return Ok(Room::Full);
                }
                *done += 1;
            }
            if !self.room_for(1) {
                return Ok(Room::Full);
            }
            self.looked += 1;
            self.remove(Table::Log, &keys::position(position));
            self.log_begins = self.log_begins.max(position.next());
            let begins = V::Bytes::from(&keys::position(self.log_begins));
            self.batch.put(Table::Meta, META_LOG_BEGINS, begins);
            trimming.trimmed.commits += 1;
            trimming.commit = None;
        }
    }

    /// The oldest commit that is kept, if it is to go. The head stays, whatever its age.
    fn next_commit(&mut self, trimming: &Trimming) -> StoreResult<Option<LoggedCommit>> {
        let range = KeyRange {
            from: keys::position(self.log_begins).to_vec(),
            to: Some(keys::position(self.head).to_vec()),
        };
        let Some((key, value)) = self.view.scan(Table::Log, range, Order::Ascending).next().transpose()? else {
            return Ok(None);
        };
        let commit: LoggedCommit =
            Decoder::new(&value, || format!("the commit of log row {}", shown(&key)))?.record()?;
        Ok((commit.at <= trimming.horizons.history).then_some(commit))
    }

    /// Removes what an entity was before a commit that lies before the horizon.
    fn superseded(
        &mut self,
        no: EntityNo,
        by: Position,
        horizon: Timestamp,
        trimmed: &mut Trimmed,
    ) -> StoreResult<Room> {
        let Some(before) = by.0.checked_sub(1).map(Position) else {
            return Ok(Room::Left);
        };
        let mut range = KeyRange::prefix(&keys::entity(no));
        range.from = keys::version(no, before).to_vec();
        if let Some(done) = self.superseded.get(&no) {
            range.to = Some(keys::version(no, Position(done.0.saturating_sub(1))).to_vec());
        }
        if !self.room_for(0) {
            return Ok(Room::Full);
        }
        self.looked += 1;
        let view = self.view;
        for row in view.scan(Table::Versions, range, Order::Ascending) {
            let (key, value) = row?;
            let version = decode_version(&key, &value)?;
            for claim in &version.identifiers {
                // A row and its body have to fit in behind.
                if !self.room_for(3) {
                    return Ok(Room::Full);
                }
                let key = keys::text_and(claim.identifier.as_str(), &keys::entity(no));
                if self.ended_before(&key, horizon)? && self.ended.insert(key.clone()) {
                    self.remove(Table::Identifiers, &key);
                    trimmed.identifiers += 1;
                }
            }
            if !self.room_for(2) {
                return Ok(Room::Full);
            }
            self.looked += 1;
            self.remove(Table::Versions, &key);
            if version.change != ChangeKind::Deleted {
                self.remove(Table::Bodies, &key);
            }
            trimmed.versions += 1;
        }
        self.superseded.insert(no, by);
        Ok(Room::Left)
    }

    fn ended_before(&self, key: &[u8], horizon: Timestamp) -> StoreResult<bool> {
        let Some(value) = self.view.get(Table::Identifiers, key)? else {
            return Ok(false);
        };
        let row = decode_identifier(key, &value)?;
        Ok(row.until.is_some_and(|until| until <= horizon))
    }

    /// Events lie by source and id: all are looked at.
    fn events(&mut self, trimming: &mut Trimming) -> StoreResult<Room> {
        let view = self.view;
        for row in view.scan(Table::Events, behind(trimming.at.as_deref()), Order::Ascending) {
            if !self.room_for(1) {
                return Ok(Room::Full);
            }
            self.looked += 1;
            let (key, value) = row?;
            let event = Decoder::new(&value, || format!("an event (key {})", shown(&key)))?.event()?;
            if event.at <= trimming.horizons.events {
                self.remove(Table::Events, &key);
                trimming.trimmed.events += 1;
            }
            trimming.at = Some(key.to_vec());
        }
        Ok(Room::Left)
    }

    /// The row that makes a sweep known goes first, so that none is undone in part; its claims follow.
    fn sweeps(&mut self, trimming: &mut Trimming) -> StoreResult<Room> {
        let view = self.view;
        // Latest first in the table, so the oldest are at its end.
        for row in view.scan(Table::AppliedSweeps, KeyRange::all(), Order::Descending) {
            if !self.room_for(1) {
                return Ok(Room::Full);
            }
            self.looked += 1;
            let (key, value) = row?;
            let sweep: AppliedSweep =
                Decoder::new(&value, || format!("an applied sweep (key {})", shown(&key)))?.record()?;
            if sweep.at > trimming.horizons.sweeps {
                break;
            }
            self.remove(Table::AppliedSweeps, &key);
            trimming.trimmed.sweeps += 1;
        }
        Ok(Room::Left)
    }

    /// Claims of sweeps that are no longer known, also of those that an earlier trimming left behind.
    fn sweep_claims(&mut self, trimming: &mut Trimming) -> StoreResult<Room> {
        // What this batch removes is still in the view; the next one sees it gone.
        if self.removed > 0 {
            return Ok(Room::Full);
        }
        let view = self.view;
        let mut known: HashSet<Vec<u8>> = HashSet::new();
        for row in view.scan(Table::AppliedSweeps, KeyRange::all(), Order::Ascending) {
            let (key, value) = row?;
            let sweep: AppliedSweep =
                Decoder::new(&value, || format!("an applied sweep (key {})", shown(&key)))?.record()?;
            known.insert(keys::text(&sweep.id));
        }
        loop {
            let range = behind(trimming.at.as_deref());
            let mut known_here = None;
            for row in view.scan(Table::AppliedSweepClaims, range, Order::Ascending) {
                if !self.room_for(1) {
                    return Ok(Room::Full);
                }
                self.looked += 1;
                let (key, _) = row?;
                let sweep = &key[..key.len().saturating_sub(CLAIM_KEY_BYTES)];
                if known.contains(sweep) {
                    known_here = Some(sweep.to_vec());
                    break;
                }
                self.remove(Table::AppliedSweepClaims, &key);
                trimming.trimmed.sweep_claims += 1;
                trimming.at = Some(key.to_vec());
            }
            // On to what lies behind the claims of a sweep that is kept.
            let Some(mut sweep) = known_here else {
                return Ok(Room::Left);
            };
            sweep.extend_from_slice(&[0xff; CLAIM_KEY_BYTES]);
            trimming.at = Some(sweep);
        }
    }

    /// Runs that have ended, but for the last one of each source.
    fn runs(&mut self, trimming: &mut Trimming) -> StoreResult<Room> {
        let view = self.view;
        let mut range = KeyRange::prefix(&keys::run_order_of(None));
        if let Some(at) = &trimming.at {
            range.to = Some(at.clone());
        }
        for row in view.scan(Table::RunOrder, range, Order::Descending) {
            if !self.room_for(3) {
                return Ok(Room::Full);
            }
            self.looked += 1;
            let (key, value) = row?;
            let corrupt = || StoreError::Corrupt {
                what: format!("a run's place in the ledger (key {})", shown(&key)),
            };
            let id = Decoder::new(&value, || "a run's place in the ledger".into())?.raw();
            let id = RunId::new(std::str::from_utf8(id).map_err(|_| corrupt())?);
            let run = super::ledger::run_by_id(view, &id)?.ok_or_else(corrupt)?;
            let horizon = trimming.horizons.runs;
            if run.started_at > horizon {
                break;
            }
            trimming.at = Some(key.to_vec());
            let ended = run.status.is_final() && run.ended_at.is_none_or(|ended| ended <= horizon);
            let of_source = keys::run_order(Some(&run.source), run.started_at, id.as_str());
            if !ended || self.is_first_of_source(&of_source, &keys::run_order_of(Some(&run.source)))? {
                continue;
            }
            self.remove(Table::RunOrder, &key);
            self.remove(Table::RunOrder, &of_source);
            self.remove(Table::Runs, &keys::text(id.as_str()));
            trimming.trimmed.runs += 1;
        }
        Ok(Room::Left)
    }

    fn is_first_of_source(&self, key: &[u8], source: &[u8]) -> StoreResult<bool> {
        let first = self
            .view
            .scan(Table::RunOrder, KeyRange::prefix(source), Order::Ascending)
            .next()
            .transpose()?;
        Ok(first.is_some_and(|(first, _)| first[..] == *key))
    }

    /// The last record stays: the numbers of those to come go on from its own.
    fn audit(&mut self, trimming: &mut Trimming) -> StoreResult<Room> {
        let view = self.view;
        let mut rows = view
            .scan(Table::Audit, behind(trimming.at.as_deref()), Order::Ascending)
            .peekable();
        while let Some(row) = rows.next() {
            if !self.room_for(1) {
                return Ok(Room::Full);
            }
            self.looked += 1;
            let (key, value) = row?;
            let record: AuditRecord = Decoder::new(&value, || format!("audit record {}", shown(&key)))?.record()?;
            if record.at > trimming.horizons.audit || rows.peek().is_none() {
                break;
            }
            self.remove(Table::Audit, &key);
            trimming.trimmed.audit_records += 1;
            trimming.at = Some(key.to_vec());
        }
        Ok(Room::Left)
    }
}

/// All rows behind a key, or all there are.
fn behind(key: Option<&[u8]>) -> KeyRange {
    match key {
        None => KeyRange::all(),
        Some(key) => {
            let mut from = key.to_vec();
            from.push(0);
            KeyRange::starting_at(from)
        }
    }
}
