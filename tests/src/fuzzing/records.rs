//! Stored records: bytes of a damaged disk are refused or read, and what is read is written as it was read.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Arc;

use bailiwick_catalog::store::keyvalue::{Batch, KeyValue as _, Table};
use bailiwick_catalog::store::layout::codec::{Decoder, Encoder, VALUE_FORMAT};
use bailiwick_catalog::store::layout::{FORMAT_VERSION, KeyValueStore, keys};
use bailiwick_catalog::store::memory::MemoryEngine;
use bailiwick_catalog::store::{
    AppliedSweep, AuditRecord, ChangeLog as _, ClaimKey, ClaimReader as _, EntityIdentity, EntityNo, EntityReader as _,
    EntityVersion, FindingReader as _, IdentifierRow, Ledger as _, LoggedCommit, ScopeNo, ScopeRecord, StoreResult,
    StoredFinding, SweepRecord, Visit,
};
use bailiwick_schema::{Position, SourceId};
use serde::Serialize;
use serde::de::DeserializeOwned;

type Bytes = Arc<[u8]>;

/// A table (its number), the length of a key, the key, and the value without its byte of format.
pub fn record(bytes: &[u8]) {
    let Some((table, key, value)) = row(bytes) else { return };
    let value = [&[VALUE_FORMAT], value].concat();
    match table {
        Table::Log => reads_as_written::<LoggedCommit>(&value),
        Table::Current | Table::Versions => reads_as_written::<EntityVersion>(&value),
        Table::Identities => reads_as_written::<EntityIdentity>(&value),
        Table::Identifiers => reads_as_written::<IdentifierRow>(&value),
        Table::Findings => reads_as_written::<StoredFinding>(&value),
        Table::Scopes => reads_as_written::<ScopeRecord>(&value),
        Table::Sweeps => reads_as_written::<SweepRecord>(&value),
        Table::AppliedSweeps => reads_as_written::<AppliedSweep>(&value),
        Table::Audit => reads_as_written::<AuditRecord>(&value),
        Table::ClaimHeads => claim_key(key).into_iter().for_each(|key| {
            agrees(&value, |it| it.claim_head(key), Encoder::claim_head);
        }),
        Table::ClaimBodies | Table::AppliedSweepClaims => claim_key(key).into_iter().for_each(|key| {
            agrees(&value, |it| it.claim(key), Encoder::claim);
            let head = decoder(&value).and_then(|it| it.claim(key)).map(|claim| claim.head);
            if let Ok(head) = head {
                agrees(&value, move |it| it.claim_body(head.clone()), Encoder::claim_body);
            }
        }),
        Table::Events => agrees(&value, |it| it.event(), Encoder::event),
        Table::Runs => agrees(&value, |it| it.run(), Encoder::run),
        _ => {}
    }
}

fn decoder(value: &[u8]) -> StoreResult<Decoder<'_, fn() -> String>> {
    Decoder::new(value, || "it".to_owned())
}

fn claim_key(key: &[u8]) -> Option<ClaimKey> {
    let read = keys::trailing_claim(key)?;
    assert!(key.ends_with(&keys::claim(read)), "a key is read as it was written");
    Some(read)
}

fn reads_as_written<T: Debug + PartialEq + Serialize + DeserializeOwned>(value: &[u8]) {
    agrees(value, |it| it.record::<T>(), Encoder::record);
}

/// What is read is read again from how it is written; and how it is written is stable.
fn agrees<T: Debug + PartialEq>(
    value: &[u8],
    read: impl Fn(Decoder<'_, fn() -> String>) -> StoreResult<T>,
    write: impl Fn(&mut Encoder, &T) -> Bytes,
) {
    let Ok(first) = decoder(value).and_then(&read) else {
        return;
    };
    let written = write(&mut Encoder::default(), &first);
    let again = decoder(&written).and_then(&read);
    let again = again.unwrap_or_else(|error| panic!("{first:?} is read again: {error}"));
    assert_eq!(again, first, "writing changes nothing");
    assert_eq!(
        write(&mut Encoder::default(), &again),
        written,
        "one record has one form"
    );
}

/// One row: table, key, value.
fn row(bytes: &[u8]) -> Option<(Table, &[u8], &[u8])> {
    let (&[table, length], rest) = bytes.split_first_chunk()?;
    let (key, value) = rest.split_at_checked(usize::from(length))?;
    let table = Table::ALL[usize::from(table) % Table::ALL.len()];
    Some((table, key, value))
}

/// Rows one after the other, each with the length of its value (two bytes, the lower first) behind that of its key.
pub(super) fn rows(mut bytes: &[u8]) -> Vec<(Table, &[u8], &[u8])> {
    let mut rows = Vec::new();
    while let Some((&[table, key_length, low, high], rest)) = bytes.split_first_chunk() {
        let value_length = usize::from(u16::from_le_bytes([low, high]));
        let key_length = usize::from(key_length).min(rest.len());
        let (key, rest) = rest.split_at(key_length);
        let (value, rest) = rest.split_at(value_length.min(rest.len()));
        rows.push((Table::ALL[usize::from(table) % Table::ALL.len()], key, value));
        bytes = rest;
    }
    rows
}

/// A store in memory of any rows; nothing if it is refused.
pub(super) fn store_of(rows: &[(Table, &[u8], &[u8])]) -> Option<KeyValueStore<MemoryEngine>> {
    let engine = MemoryEngine::new();
    let mut batch = Batch::new();
    batch.put(
        Table::Meta,
        b"format_version",
        FORMAT_VERSION.to_be_bytes().as_slice().into(),
    );
    batch.put(Table::Meta, b"lineage", [7; 16].as_slice().into());
    batch.put(Table::Meta, b"head", 4_u64.to_be_bytes().as_slice().into());
    for (table, key, value) in rows {
        batch.put(*table, key, (*value).into());
    }
    batch.settle();
    engine.apply(batch).expect("memory takes any rows");
    KeyValueStore::open(engine, "fuzzed").ok()
}

/// A whole store of any rows: it opens or is refused, and everything in it can be asked for.
pub fn store(bytes: &[u8]) {
    let Some(store) = store_of(&rows(bytes)) else { return };
    assert_eq!(store.head().ok(), store.head().ok());
    let all = NonZeroU32::MAX;
    let mut refs = Vec::new();
    let mut identifiers = Vec::new();
    let _ = store.read_after(Position::ZERO, all);
    let _ = store.read_before(Position(u64::MAX), all);
    let _ = store.next_entity_no();
    let _ = store.live_versions(&mut |version| {
        let _ = store.body(version.no, version.position);
        let _ = store.versions(version.no, all);
        ControlFlow::Continue(())
    });
    let _ = store.identities(&mut |identity| {
        refs.push(identity.entity);
        ControlFlow::Continue(())
    });
    for entity in &refs {
        let _ = store.identity(entity);
    }
    let _ = store.identifiers(&mut |row| {
        identifiers.push(row.identifier);
        ControlFlow::Continue(())
    });
    for identifier in &identifiers {
        let _ = store.identifier(identifier);
        let _ = store.waiting(identifier);
    }
    let _ = store.claims(&mut |claim| {
        let _ = store.claim(claim.head.key);
        ControlFlow::Continue(())
    });
    for no in 0..4 {
        ignore(|visit| store.heads_of_scope(ScopeNo(no), visit));
        let _ = store.claims_of_entity(EntityNo(no));
        let _ = store.findings_of_scope(ScopeNo(no));
    }
    let _ = store.scopes();
    let _ = store.sweeps();
    for sweep in store.applied_sweeps().unwrap_or_default() {
        let _ = store.applied_sweep_claims(&sweep.id);
    }
    ignore(|visit| store.findings(visit));
    if let Ok(source) = SourceId::parse("code") {
        let _ = store.event(&source, "e");
        let _ = store.runs(Some(&source), all);
    }
    for run in store.runs(None, all).unwrap_or_default() {
        let _ = store.run(&run.id);
    }
    let _ = store.audit(all);
    let _ = store.meta("hash");
}

/// Reads everything that a scan hands over.
fn ignore<T>(scan: impl FnOnce(Visit<'_, T>) -> StoreResult<()>) {
    let _ = scan(&mut |_| ControlFlow::Continue(()));
}
