//! Looking at every row by itself: it decodes, and lies under the key that its record asks for.
//!
//! Here a row that is damaged is a finding and no error, so that one of them hides none of the others.

use bailiwick_schema::{ContentHash, Position, RunId, Timestamp};
use serde::de::IgnoredAny;

use super::codec::Decoder;
use super::{META_FORMAT, META_HEAD, META_LINEAGE, META_LOG_BEGINS, claims, entities, findings, fixed, keys, shown};
use crate::store::keyvalue::Table;
use crate::store::{
    AppliedSweep, AuditRecord, ChangeKind, ClaimHead, ClaimKey, EntityIdentity, EntityNo, IdentifierRow, LoggedCommit,
    ScopeRecord, StoreError, StoreResult, SweepRecord,
};

/// What a row is, as far as it has to fit other rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Commit(Position),
    Current(EntityNo, Position),
    Version(EntityNo, Position, ChangeKind),
    Body(EntityNo, Position),
    Identity(EntityIdentity),
    /// The key is that of a ref; it has to be the ref of this number.
    Ref(EntityNo),
    ClaimHead(ClaimHead),
    ClaimBody(ClaimKey),
    EntityClaim(EntityNo, ClaimKey),
    Identifier(IdentifierRow),
    Scope(Box<ScopeRecord>),
    /// A row that no other hangs on.
    Other,
}

/// The key of a ref in [`Table::Refs`].
pub(crate) fn ref_key(entity: &bailiwick_schema::EntityRef) -> Vec<u8> {
    keys::text(entity.as_str())
}

/// Decodes a row. Errors: `Corrupt`, with what it is.
pub(crate) fn record(table: Table, key: &[u8], value: &[u8]) -> StoreResult<Record> {
    let decoder = || Decoder::new(value, || described(table, key));
    match table {
        Table::Meta => meta(key, value),
        Table::Log => {
            let commit: LoggedCommit = decoder()?.record()?;
            filed(table, key, &keys::position(commit.position))?;
            Ok(Record::Commit(commit.position))
        }
        Table::Current => {
            let version = entities::decode_version(key, value)?;
            filed(table, key, &keys::entity(version.no))?;
            Ok(Record::Current(version.no, version.position))
        }
        Table::Versions => {
            let version = entities::decode_version(key, value)?;
            filed(table, key, &keys::version(version.no, version.position))?;
            Ok(Record::Version(version.no, version.position, version.change))
        }
        Table::Bodies => {
            json(decoder()?.raw(), table, key)?;
            let key: [u8; 12] = fixed(key, "the key of a body")?;
            let (no, position) = key.split_at(4);
            let no = EntityNo(u32::from_be_bytes(fixed(no, "the key of a body")?));
            let position = Position(!u64::from_be_bytes(fixed(position, "the key of a body")?));
            Ok(Record::Body(no, position))
        }
        Table::Identities => {
            let identity: EntityIdentity = decoder()?.record()?;
            filed(table, key, &keys::entity(identity.no))?;
            Ok(Record::Identity(identity))
        }
        Table::Refs => {
            let no = fixed(value, "an entity's number by its ref").map_err(|_| corrupt(table, key))?;
            Ok(Record::Ref(EntityNo(u32::from_be_bytes(no))))
        }
        Table::ClaimHeads => {
            let head = claims::decode_head(key, value)?;
            filed(table, key, &keys::claim(head.key))?;
            Ok(Record::ClaimHead(head))
        }
        Table::ClaimBodies => claim_body(table, key, value),
        Table::EntityClaims => {
            let claim = claims::trailing_claim(key)?;
            let no = key.first_chunk().map(|no| EntityNo(u32::from_be_bytes(*no)));
            let no = no.ok_or_else(|| corrupt(table, key))?;
            filed(table, key, &keys::entity_claim(no, claim))?;
            Ok(Record::EntityClaim(no, claim))
        }
        Table::Waiting => claims::trailing_claim(key).map(|_| Record::Other),
        Table::Identifiers => {
            let row = entities::decode_identifier(key, value)?;
            filed(
                table,
                key,
                &keys::text_and(row.identifier.as_str(), &keys::entity(row.entity)),
            )?;
            Ok(Record::Identifier(row))
        }
        Table::Scopes => {
            let scope: ScopeRecord = decoder()?.record()?;
            filed(table, key, &keys::scope(scope.no))?;
            Ok(Record::Scope(Box::new(scope)))
        }
        _ => ledger(table, key, value).map(|()| Record::Other),
    }
}

/// The tables whose rows stand alone.
fn ledger(table: Table, key: &[u8], value: &[u8]) -> StoreResult<()> {
    let decoder = || Decoder::new(value, || described(table, key));
    match table {
        Table::Findings => {
            let finding = findings::decode(key, value)?;
            let mut expected = keys::finding_owner(&finding.owner);
            expected.extend_from_slice(finding.id().as_bytes());
            filed(table, key, &expected)
        }
        Table::Sweeps => {
            let sweep: SweepRecord = decoder()?.record()?;
            filed(table, key, &keys::scope(sweep.scope))
        }
        Table::AppliedSweeps => {
            let sweep: AppliedSweep = decoder()?.record()?;
            let mut expected = keys::time_descending(sweep.at).to_vec();
            expected.extend_from_slice(&keys::text(&sweep.id));
            filed(table, key, &expected)
        }
        Table::AppliedSweepClaims => {
            let claim = decoder()?.claim(claims::trailing_claim(key)?)?;
            json(&claim.body, table, key)
        }
        Table::Events => decoder()?.event().map(drop),
        Table::Runs => {
            let run = decoder()?.run()?;
            filed(table, key, &keys::text(run.id.as_str()))
        }
        Table::RunOrder => {
            let id = std::str::from_utf8(decoder()?.raw()).map_err(|_| corrupt(table, key))?;
            let id = keys::text(RunId::new(id).as_str());
            if key.ends_with(&id) {
                Ok(())
            } else {
                Err(misfiled(table, key))
            }
        }
        Table::Audit => {
            let _: AuditRecord = decoder()?.record()?;
            fixed::<8>(key, "the key of an audit record").map(drop)
        }
        // Raw bytes behind their format.
        _ => decoder().map(|_| ()),
    }
}

fn meta(key: &[u8], value: &[u8]) -> StoreResult<Record> {
    let length = match key {
        META_FORMAT => 4,
        META_LINEAGE => 16,
        META_HEAD | META_LOG_BEGINS => 8,
        _ => value.len(),
    };
    if value.len() == length {
        Ok(Record::Other)
    } else {
        Err(corrupt(Table::Meta, key))
    }
}

/// A claim's body decodes without its head; only its place tells whose it is.
fn claim_body(table: Table, key: &[u8], value: &[u8]) -> StoreResult<Record> {
    let claim = claims::trailing_claim(key)?;
    filed(table, key, &keys::claim(claim))?;
    let head = ClaimHead {
        key: claim,
        hash: ContentHash::default(),
        entity: None,
        requested_at: Timestamp::ZERO,
        stale: false,
    };
    let stored = claims::decode_body(key, value, head)?;
    json(&stored.body, table, key)?;
    Ok(Record::ClaimBody(claim))
}

fn json(bytes: &[u8], table: Table, key: &[u8]) -> StoreResult<()> {
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(IgnoredAny) => Ok(()),
        Err(_) => Err(corrupt(table, key)),
    }
}

fn filed(table: Table, key: &[u8], expected: &[u8]) -> StoreResult<()> {
    if key == expected {
        Ok(())
    } else {
        Err(misfiled(table, key))
    }
}

fn misfiled(table: Table, key: &[u8]) -> StoreError {
    StoreError::Corrupt {
        what: format!("{}: it lies under the key of another", described(table, key)),
    }
}

fn corrupt(table: Table, key: &[u8]) -> StoreError {
    StoreError::Corrupt {
        what: described(table, key),
    }
}

fn described(table: Table, key: &[u8]) -> String {
    let named = match table {
        // Names say more to people than their bytes.
        Table::Meta | Table::Refs | Table::Values | Table::Runs => {
            format!("`{}`", key.strip_suffix(&[0, 1]).unwrap_or(key).escape_ascii())
        }
        _ => shown(key),
    };
    format!("a row of table `{}` (key {named})", table.name())
}
