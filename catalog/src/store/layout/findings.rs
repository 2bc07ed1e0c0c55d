//! Findings by owner, and events by source and id.

use std::collections::HashSet;

use bailiwick_schema::{ContentHash, Event, SourceId};

use super::codec::Decoder;
use super::{KeyValueStore, keys, owner_hash, shown, visit};
use crate::store::keyvalue::{KeyRange, KeyValue, Order, Table, View};
use crate::store::{FindingOwner, FindingReader, ScopeNo, StoreResult, StoredFinding, Visit};

/// Length of a finding's id at the end of its key, in bytes.
pub(super) const FINDING_ID_BYTES: usize = 16;

impl<E: KeyValue> FindingReader for KeyValueStore<E> {
    fn findings(&self, callback: Visit<'_, StoredFinding>) -> StoreResult<()> {
        let view = self.view();
        visit(
            view.scan(Table::Findings, KeyRange::all(), Order::Ascending),
            decode,
            callback,
        )
    }

    fn findings_of(&self, owner: &FindingOwner) -> StoreResult<Vec<StoredFinding>> {
        let view = self.view();
        let rows = view.scan(
            Table::Findings,
            KeyRange::prefix(&keys::finding_owner(owner)),
            Order::Ascending,
        );
        rows.map(|row| row.and_then(|(key, value)| decode(&key, &value)))
            .collect()
    }

    fn findings_of_scope(&self, scope: ScopeNo) -> StoreResult<Vec<StoredFinding>> {
        let view = self.view();
        let rows = view.scan(
            Table::Findings,
            KeyRange::prefix(&keys::findings_of_scope(scope)),
            Order::Ascending,
        );
        rows.map(|row| row.and_then(|(key, value)| decode(&key, &value)))
            .collect()
    }

    fn event(&self, source: &SourceId, id: &str) -> StoreResult<Option<Event>> {
        let Some(value) = self.view().get(Table::Events, &keys::texts(source.as_str(), id))? else {
            return Ok(None);
        };
        Decoder::new(&value, || {
            format!("event `{}` of source `{source}`", id.escape_default())
        })?
        .event()
        .map(Some)
    }
}

pub(super) fn decode(key: &[u8], value: &[u8]) -> StoreResult<StoredFinding> {
    Decoder::new(value, || format!("a finding (key {})", shown(key)))?.record()
}

/// Hashes of all owners that have findings.
pub(super) fn owners<V: View>(view: &V) -> StoreResult<HashSet<ContentHash>> {
    let mut owners = HashSet::new();
    for row in view.scan(Table::Findings, KeyRange::all(), Order::Ascending) {
        let (key, _) = row?;
        owners.insert(owner_hash(&key[..key.len().saturating_sub(FINDING_ID_BYTES)]));
    }
    Ok(owners)
}
