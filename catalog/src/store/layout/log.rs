//! The change log: commits by position.

use std::num::NonZeroU32;

use bailiwick_schema::Position;
use uuid::Uuid;

use super::codec::Decoder;
use super::{KeyValueStore, keys};
use crate::store::keyvalue::{KeyRange, KeyValue, Order, ScanItem, Table, View};
use crate::store::{ChangeLog, Commit, LoggedCommit, StoreError, StoreResult};

impl<E: KeyValue> ChangeLog for KeyValueStore<E> {
    fn lineage(&self) -> Uuid {
        self.lineage
    }

    fn head(&self) -> StoreResult<Position> {
        Ok(self.head_now())
    }

    fn read_after(&self, after: Position, limit: NonZeroU32) -> StoreResult<Vec<LoggedCommit>> {
        let Some(from) = after.0.checked_add(1) else {
            return Ok(Vec::new());
        };
        let from = from.max(self.log_begins_now().0);
        let range = KeyRange::starting_at(from.to_be_bytes().to_vec());
        collect_changes(self.view().scan(Table::Log, range, Order::Ascending), limit)
    }

    fn read_before(&self, before: Position, limit: NonZeroU32) -> StoreResult<Vec<LoggedCommit>> {
        // Walking over the traces of a trimmed log would take longer than reading what is left of it.
        let range = KeyRange {
            from: keys::position(self.log_begins_now()).to_vec(),
            to: Some(keys::position(before).to_vec()),
        };
        collect_changes(self.view().scan(Table::Log, range, Order::Descending), limit)
    }

    fn append(&self, expected_head: Position, commit: Commit) -> StoreResult<Position> {
        self.write_commit(expected_head, commit)
    }
}

/// Whole commits until the limit is reached. A commit without changes counts as one, so that a long stretch of them
/// ends too.
fn collect_changes<B: crate::store::keyvalue::SharedBytes>(
    rows: impl Iterator<Item = ScanItem<B>>,
    limit: NonZeroU32,
) -> StoreResult<Vec<LoggedCommit>> {
    let limit = limit.get() as usize;
    let mut commits = Vec::new();
    let mut changes = 0_usize;
    for row in rows {
        let (key, value) = row?;
        let position: [u8; 8] = key[..].try_into().map_err(|_| StoreError::Corrupt {
            what: format!("log row {}", super::shown(&key)),
        })?;
        let what = || format!("the commit at position {}", u64::from_be_bytes(position));
        let commit: LoggedCommit = Decoder::new(&value, what)?.record()?;
        changes += commit.changes.len().max(1);
        commits.push(commit);
        if changes >= limit {
            break;
        }
    }
    Ok(commits)
}
