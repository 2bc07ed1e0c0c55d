//! A commit as one batch.
//!
//! Removals come before puts, so that a row that a commit both removes and puts stays. Values are encoded into one
//! buffer and copied once into the engine's own bytes; a version's bytes are shared between its two tables.

use std::sync::atomic::Ordering;

use bailiwick_schema::Position;

use super::codec::Encoder;
use super::{KeyValueStore, META_HEAD, Writer, keys, owner_hash};
use crate::store::keyvalue::{Batch, KeyRange, KeyValue, Order, SharedBytes, Table, View};
use crate::store::{ChangeKind, ClaimHead, Commit, LoggedCommit, StoreError, StoreResult};

impl<E: KeyValue> KeyValueStore<E> {
    pub(super) fn write_commit(&self, expected_head: Position, commit: Commit) -> StoreResult<Position> {
        let mut writer = self.writer()?;
        let actual = self.head_now();
        if actual != expected_head {
            return Err(StoreError::HeadMoved {
                expected: expected_head,
                actual,
            });
        }
        let log = checked_log(expected_head, &commit)?;
        let position = log.position;

        let mut encoder = Encoder::default();
        let mut batch = Batch::new();
        remove(&mut batch, &commit);
        self.clear_findings(&writer, &mut batch, &commit)?;
        put_entities(&mut batch, &mut encoder, &commit);
        put_claims(&mut batch, &mut encoder, &commit);
        put_rest(&mut batch, &mut encoder, &commit);
        batch.put(Table::Log, &keys::position(position), encoder.record(log));
        batch.put(Table::Meta, META_HEAD, E::Bytes::from(&keys::position(position)));
        self.apply(&mut writer, batch)?;

        for owner in &commit.findings_cleared {
            writer
                .owners_with_findings
                .remove(&owner_hash(&keys::finding_owner(owner)));
        }
        for finding in &commit.findings_put {
            writer
                .owners_with_findings
                .insert(owner_hash(&keys::finding_owner(&finding.owner)));
        }
        if let Some(last) = commit.identities.iter().map(|identity| identity.no).max() {
            self.next_entity_no.fetch_max(u64::from(last.0) + 1, Ordering::AcqRel);
        }
        self.head.store(position.0, Ordering::Release);
        Ok(position)
    }

    fn clear_findings(&self, writer: &Writer, batch: &mut Batch<E::Bytes>, commit: &Commit) -> StoreResult<()> {
        let view = self.view();
        for owner in &commit.findings_cleared {
            let prefix = keys::finding_owner(owner);
            if !writer.owners_with_findings.contains(&owner_hash(&prefix)) {
                continue;
            }
            for row in view.scan(Table::Findings, KeyRange::prefix(&prefix), Order::Ascending) {
                batch.remove(Table::Findings, &row?.0);
            }
        }
        Ok(())
    }
}

/// The log row of a commit whose positions all say what they must.
fn checked_log(expected_head: Position, commit: &Commit) -> StoreResult<&LoggedCommit> {
    let refused = |reason: String| StoreError::Refused { reason };
    let Some(log) = &commit.log else {
        return Err(refused("the commit has no log row".into()));
    };
    let position = expected_head.next();
    if log.position != position {
        return Err(refused(format!(
            "the log row is of position {}, the commit of {position}",
            log.position
        )));
    }
    if let Some(new) = commit.versions.iter().find(|new| new.version.position != position) {
        let version = &new.version;
        return Err(refused(format!(
            "the version of `{}` is of position {}, the commit of {position}",
            version.entity, version.position
        )));
    }
    Ok(log)
}

fn remove<B: SharedBytes>(batch: &mut Batch<B>, commit: &Commit) {
    for (claim, entity) in &commit.claims_removed {
        let key = keys::claim(*claim);
        batch.remove(Table::ClaimHeads, &key);
        batch.remove(Table::ClaimBodies, &key);
        if let Some(no) = entity {
            batch.remove(Table::EntityClaims, &keys::entity_claim(*no, *claim));
        }
    }
    for (no, claim) in &commit.entity_claims_removed {
        batch.remove(Table::EntityClaims, &keys::entity_claim(*no, *claim));
    }
    for (identifier, claim) in &commit.waiting_removed {
        batch.remove(
            Table::Waiting,
            &keys::text_and(identifier.as_str(), &keys::claim(*claim)),
        );
    }
    for (identifier, no) in &commit.identifiers_removed {
        batch.remove(
            Table::Identifiers,
            &keys::text_and(identifier.as_str(), &keys::entity(*no)),
        );
    }
    for scope in &commit.sweeps_removed {
        batch.remove(Table::Sweeps, &keys::scope(*scope));
    }
}

fn put_entities<B: SharedBytes>(batch: &mut Batch<B>, encoder: &mut Encoder, commit: &Commit) {
    for identity in &commit.identities {
        let no = keys::entity(identity.no);
        batch.put(Table::Identities, &no, encoder.record(identity));
        batch.put(Table::Refs, &keys::text(identity.entity.as_str()), B::from(&no));
    }
    for new in &commit.versions {
        let version = &new.version;
        let key = keys::version(version.no, version.position);
        let value: B = encoder.record(version);
        if version.change == ChangeKind::Deleted {
            batch.remove(Table::Current, &keys::entity(version.no));
        } else {
            batch.put(Table::Current, &keys::entity(version.no), value.clone());
            batch.put(Table::Bodies, &key, encoder.raw(&new.body));
        }
        batch.put(Table::Versions, &key, value);
    }
    for row in &commit.identifiers_put {
        let key = keys::text_and(row.identifier.as_str(), &keys::entity(row.entity));
        batch.put(Table::Identifiers, &key, encoder.record(row));
    }
}

fn put_claims<B: SharedBytes>(batch: &mut Batch<B>, encoder: &mut Encoder, commit: &Commit) {
    let present = B::from(&[]);
    let put_head = |batch: &mut Batch<B>, encoder: &mut Encoder, head: &ClaimHead| {
        batch.put(Table::ClaimHeads, &keys::claim(head.key), encoder.claim_head(head));
        if let Some(no) = head.entity {
            batch.put(Table::EntityClaims, &keys::entity_claim(no, head.key), present.clone());
        }
    };
    for claim in &commit.claims_put {
        put_head(batch, encoder, &claim.head);
        batch.put(
            Table::ClaimBodies,
            &keys::claim(claim.head.key),
            encoder.claim_body(claim),
        );
    }
    for head in &commit.heads_put {
        put_head(batch, encoder, head);
    }
    for (identifier, claim) in &commit.waiting_put {
        batch.put(
            Table::Waiting,
            &keys::text_and(identifier.as_str(), &keys::claim(*claim)),
            present.clone(),
        );
    }
}

fn put_rest<B: SharedBytes>(batch: &mut Batch<B>, encoder: &mut Encoder, commit: &Commit) {
    for finding in &commit.findings_put {
        let mut key = keys::finding_owner(&finding.owner);
        key.extend_from_slice(finding.id().as_bytes());
        batch.put(Table::Findings, &key, encoder.record(finding));
    }
    for scope in &commit.scopes_put {
        batch.put(Table::Scopes, &keys::scope(scope.no), encoder.record(scope));
    }
    for sweep in &commit.sweeps_put {
        batch.put(Table::Sweeps, &keys::scope(sweep.scope), encoder.record(sweep));
    }
    for (sweep, claims) in &commit.applied_sweeps {
        let mut key = keys::time_descending(sweep.at).to_vec();
        key.extend_from_slice(&keys::text(&sweep.id));
        batch.put(Table::AppliedSweeps, &key, encoder.record(sweep));
        for claim in claims {
            let key = keys::text_and(&sweep.id, &keys::claim(claim.head.key));
            batch.put(Table::AppliedSweepClaims, &key, encoder.claim(claim));
        }
    }
    for (name, value) in &commit.meta_put {
        batch.put(Table::Values, &keys::text(name), encoder.raw(value));
    }
    for (source, event) in &commit.events_put {
        batch.put(
            Table::Events,
            &keys::texts(source.as_str(), &event.id),
            encoder.event(event),
        );
    }
}
