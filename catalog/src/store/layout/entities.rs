//! Entities: identities by number and ref, versions newest first, the newest of the live ones apart.

use std::num::NonZeroU32;

use bailiwick_schema::{EntityRef, Identifier, Position};

use super::codec::Decoder;
use super::{KeyValueStore, fixed, keys, shown, visit};
use crate::store::keyvalue::{KeyRange, KeyValue, Order, Table, View};
use crate::store::{
    EntityIdentity, EntityNo, EntityReader, EntityVersion, IdentifierRow, StoreError, StoreResult, Visit,
};

impl<E: KeyValue> EntityReader for KeyValueStore<E> {
    fn live_versions(&self, callback: Visit<'_, EntityVersion>) -> StoreResult<()> {
        let view = self.view();
        let rows = view.scan(Table::Current, KeyRange::all(), Order::Ascending);
        visit(rows, decode_version, callback)
    }

    fn body(&self, no: EntityNo, position: Position) -> StoreResult<Option<Vec<u8>>> {
        let Some(value) = self.view().get(Table::Bodies, &keys::version(no, position))? else {
            return Ok(None);
        };
        let body = Decoder::new(&value, || format!("the body of entity {} at position {position}", no.0))?.raw();
        Ok(Some(body.to_vec()))
    }

    fn version(&self, no: EntityNo, position: Position) -> StoreResult<Option<EntityVersion>> {
        let key = keys::version(no, position);
        self.view()
            .get(Table::Versions, &key)?
            .map(|value| decode_version(&key, &value))
            .transpose()
    }

    fn versions(&self, no: EntityNo, limit: NonZeroU32) -> StoreResult<Vec<EntityVersion>> {
        let view = self.view();
        let rows = view.scan(Table::Versions, KeyRange::prefix(&keys::entity(no)), Order::Ascending);
        rows.take(limit.get() as usize)
            .map(|row| row.and_then(|(key, value)| decode_version(&key, &value)))
            .collect()
    }

    fn identity(&self, entity: &EntityRef) -> StoreResult<Option<EntityIdentity>> {
        let view = self.view();
        let Some(no) = view.get(Table::Refs, &keys::text(entity.as_str()))? else {
            return Ok(None);
        };
        let no = EntityNo(u32::from_be_bytes(fixed(&no, "an entity's number by its ref")?));
        match identity_by_no(&view, no)? {
            Some(identity) => Ok(Some(identity)),
            None => Err(StoreError::Corrupt {
                what: format!("the identity of `{entity}` (number {})", no.0),
            }),
        }
    }

    fn identity_by_no(&self, no: EntityNo) -> StoreResult<Option<EntityIdentity>> {
        identity_by_no(&self.view(), no)
    }

    fn identities(&self, callback: Visit<'_, EntityIdentity>) -> StoreResult<()> {
        let view = self.view();
        let rows = view.scan(Table::Identities, KeyRange::all(), Order::Ascending);
        let decode = |key: &[u8], value: &[u8]| {
            Decoder::new(value, || format!("the identity of an entity (key {})", shown(key)))?.record()
        };
        visit(rows, decode, callback)
    }

    fn next_entity_no(&self) -> StoreResult<EntityNo> {
        self.next_entity_no_now()
    }

    fn identifier(&self, identifier: &Identifier) -> StoreResult<Vec<IdentifierRow>> {
        let view = self.view();
        let rows = view.scan(
            Table::Identifiers,
            KeyRange::prefix(&keys::text(identifier.as_str())),
            Order::Ascending,
        );
        rows.map(|row| row.and_then(|(key, value)| decode_identifier(&key, &value)))
            .collect()
    }

    fn identifiers(&self, callback: Visit<'_, IdentifierRow>) -> StoreResult<()> {
        let view = self.view();
        visit(
            view.scan(Table::Identifiers, KeyRange::all(), Order::Ascending),
            decode_identifier,
            callback,
        )
    }
}

fn identity_by_no<V: View>(view: &V, no: EntityNo) -> StoreResult<Option<EntityIdentity>> {
    let Some(value) = view.get(Table::Identities, &keys::entity(no))? else {
        return Ok(None);
    };
    Decoder::new(&value, || format!("the identity of entity {}", no.0))?
        .record()
        .map(Some)
}

pub(super) fn decode_version(key: &[u8], value: &[u8]) -> StoreResult<EntityVersion> {
    Decoder::new(value, || format!("a version of an entity (key {})", shown(key)))?.record()
}

pub(super) fn decode_identifier(key: &[u8], value: &[u8]) -> StoreResult<IdentifierRow> {
    Decoder::new(value, || format!("an identifier (key {})", shown(key)))?.record()
}
