//! Claims: small heads apart from bodies, and the rows that find them by entity and by identifier.

use bailiwick_schema::Identifier;

use super::codec::Decoder;
use super::{KeyValueStore, keys, shown, visit};
use crate::store::keyvalue::{KeyRange, KeyValue, Order, Table, View};
use crate::store::{
    AppliedSweep, ClaimHead, ClaimKey, ClaimReader, EntityNo, ScopeNo, ScopeRecord, StoreError, StoreResult,
    StoredClaim, SweepRecord, Visit,
};

impl<E: KeyValue> ClaimReader for KeyValueStore<E> {
    fn heads_of_scope(&self, scope: ScopeNo, callback: Visit<'_, ClaimHead>) -> StoreResult<()> {
        let view = self.view();
        let rows = view.scan(
            Table::ClaimHeads,
            KeyRange::prefix(&keys::scope(scope)),
            Order::Ascending,
        );
        visit(rows, decode_head, callback)
    }

    fn heads_of_origin(&self, scope: ScopeNo, origin: [u8; 8]) -> StoreResult<Vec<ClaimHead>> {
        let view = self.view();
        let rows = view.scan(
            Table::ClaimHeads,
            KeyRange::prefix(&keys::origin(scope, origin)),
            Order::Ascending,
        );
        rows.map(|row| row.and_then(|(key, value)| decode_head(&key, &value)))
            .collect()
    }

    fn head_of_claim(&self, key: ClaimKey) -> StoreResult<Option<ClaimHead>> {
        let key = keys::claim(key);
        self.view()
            .get(Table::ClaimHeads, &key)?
            .map(|value| decode_head(&key, &value))
            .transpose()
    }

    fn claim(&self, key: ClaimKey) -> StoreResult<Option<StoredClaim>> {
        let view = self.view();
        let key = keys::claim(key);
        let Some(head) = view.get(Table::ClaimHeads, &key)? else {
            return Ok(None);
        };
        let head = decode_head(&key, &head)?;
        match view.get(Table::ClaimBodies, &key)? {
            Some(body) => decode_body(&key, &body, head).map(Some),
            None => Err(body_missing(&key)),
        }
    }

    fn claims_of_entity(&self, no: EntityNo) -> StoreResult<Vec<ClaimKey>> {
        let view = self.view();
        let rows = view.scan(
            Table::EntityClaims,
            KeyRange::prefix(&keys::entity(no)),
            Order::Ascending,
        );
        rows.map(|row| row.and_then(|(key, _)| trailing_claim(&key))).collect()
    }

    fn waiting(&self, identifier: &Identifier) -> StoreResult<Vec<ClaimKey>> {
        let view = self.view();
        let rows = view.scan(
            Table::Waiting,
            KeyRange::prefix(&keys::text(identifier.as_str())),
            Order::Ascending,
        );
        rows.map(|row| row.and_then(|(key, _)| trailing_claim(&key))).collect()
    }

    fn claims(&self, callback: Visit<'_, StoredClaim>) -> StoreResult<()> {
        let view = self.view();
        // Both tables have the same keys: they are walked side by side instead of looking up one for each of the other.
        let mut bodies = view.scan(Table::ClaimBodies, KeyRange::all(), Order::Ascending);
        for row in view.scan(Table::ClaimHeads, KeyRange::all(), Order::Ascending) {
            let (key, head) = row?;
            let head = decode_head(&key, &head)?;
            let (body_key, body) = bodies.next().unwrap_or_else(|| Err(body_missing(&key)))?;
            if body_key != key {
                return Err(body_missing(&key));
            }
            if callback(decode_body(&key, &body, head)?).is_break() {
                return Ok(());
            }
        }
        match bodies.next() {
            Some(row) => Err(StoreError::Corrupt {
                what: format!("the head of claim {}", shown(&row?.0)),
            }),
            None => Ok(()),
        }
    }

    fn scopes(&self) -> StoreResult<Vec<ScopeRecord>> {
        let view = self.view();
        let rows = view.scan(Table::Scopes, KeyRange::all(), Order::Ascending);
        rows.map(|row| {
            let (key, value) = row?;
            Decoder::new(&value, || format!("scope {}", shown(&key)))?.record()
        })
        .collect()
    }

    fn sweeps(&self) -> StoreResult<Vec<SweepRecord>> {
        let view = self.view();
        let rows = view.scan(Table::Sweeps, KeyRange::all(), Order::Ascending);
        rows.map(|row| {
            let (key, value) = row?;
            Decoder::new(&value, || format!("the sweep of scope {}", shown(&key)))?.record()
        })
        .collect()
    }

    fn applied_sweeps(&self) -> StoreResult<Vec<AppliedSweep>> {
        let view = self.view();
        let rows = view.scan(Table::AppliedSweeps, KeyRange::all(), Order::Ascending);
        rows.map(|row| {
            let (key, value) = row?;
            Decoder::new(&value, || format!("an applied sweep (key {})", shown(&key)))?.record()
        })
        .collect()
    }

    fn applied_sweep_claims(&self, id: &str) -> StoreResult<Vec<StoredClaim>> {
        let view = self.view();
        let rows = view.scan(
            Table::AppliedSweepClaims,
            KeyRange::prefix(&keys::text(id)),
            Order::Ascending,
        );
        rows.map(|row| {
            let (key, value) = row?;
            let claim = trailing_claim(&key)?;
            Decoder::new(&value, || {
                format!("claim {} of sweep `{id}`", shown(&keys::claim(claim)))
            })?
            .claim(claim)
        })
        .collect()
    }
}

pub(super) fn trailing_claim(key: &[u8]) -> StoreResult<ClaimKey> {
    keys::trailing_claim(key).ok_or_else(|| StoreError::Corrupt {
        what: format!("a claim's key ({})", shown(key)),
    })
}

pub(super) fn decode_head(key: &[u8], value: &[u8]) -> StoreResult<ClaimHead> {
    Decoder::new(value, || format!("the head of claim {}", shown(key)))?.claim_head(trailing_claim(key)?)
}

pub(super) fn decode_body(key: &[u8], value: &[u8], head: ClaimHead) -> StoreResult<StoredClaim> {
    Decoder::new(value, || format!("the body of claim {}", shown(key)))?.claim_body(head)
}

fn body_missing(key: &[u8]) -> StoreError {
    StoreError::Corrupt {
        what: format!("the body of claim {}", shown(key)),
    }
}
