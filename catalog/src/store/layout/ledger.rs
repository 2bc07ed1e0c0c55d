//! Runs in order of their start, the audit log in order of writing, and small named values.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use bailiwick_schema::{RunId, RunRecord, SourceId};

use super::codec::{Decoder, Encoder};
use super::{KeyValueStore, keys, shown};
use crate::store::keyvalue::{Batch, KeyRange, KeyValue, Order, Table, View};
use crate::store::{AuditRecord, Ledger, LedgerWrite, StoreError, StoreResult};

impl<E: KeyValue> Ledger for KeyValueStore<E> {
    fn ledger(&self, write: LedgerWrite) -> StoreResult<()> {
        let mut writer = self.writer()?;
        let mut batch = Batch::new();
        let mut encoder = Encoder::default();
        let LedgerWrite {
            runs,
            scopes,
            audit,
            meta,
        } = write;
        let view = self.view();
        let latest: BTreeMap<&RunId, &RunRecord> = runs.iter().map(|run| (&run.id, run)).collect();
        let rows = latest.len() + audit.len();
        for run in latest.into_values() {
            let id = run.id.as_str();
            batch.put(Table::Runs, &keys::text(id), encoder.run(run));
            if let Some(before) = run_by_id(&view, &run.id)? {
                if (&before.source, before.started_at) == (&run.source, run.started_at) {
                    continue;
                }
                // A queued run starts later than it was asked for: its old place goes.
                for source in [None, Some(&before.source)] {
                    batch.remove(Table::RunOrder, &keys::run_order(source, before.started_at, id));
                }
            }
            for source in [None, Some(&run.source)] {
                batch.put(
                    Table::RunOrder,
                    &keys::run_order(source, run.started_at, id),
                    encoder.raw(id.as_bytes()),
                );
            }
        }
        drop(view);
        for scope in &scopes {
            batch.put(Table::Scopes, &keys::scope(scope.no), encoder.record(scope));
        }
        for (name, value) in &meta {
            batch.put(Table::Values, &keys::text(name), encoder.raw(value));
        }
        for (record, sequence) in audit.iter().zip(writer.next_audit..) {
            batch.put(Table::Audit, &sequence.to_be_bytes(), encoder.record(record));
        }
        self.apply(&mut writer, batch)?;
        writer.next_audit += audit.len() as u64;
        self.counters.note_ledger_rows(rows);
        Ok(())
    }

    fn run(&self, id: &RunId) -> StoreResult<Option<RunRecord>> {
        run_by_id(&self.view(), id)
    }

    fn runs(&self, source: Option<&SourceId>, limit: NonZeroU32) -> StoreResult<Vec<RunRecord>> {
        let view = self.view();
        let order = view.scan(
            Table::RunOrder,
            KeyRange::prefix(&keys::run_order_of(source)),
            Order::Ascending,
        );
        let runs = order.take(limit.get() as usize).map(|row| {
            let (key, value) = row?;
            let corrupt = || StoreError::Corrupt {
                what: format!("a run's place in the ledger (key {})", shown(&key)),
            };
            let id = Decoder::new(&value, || "a run's place in the ledger".into())?.raw();
            let id = RunId::new(std::str::from_utf8(id).map_err(|_| corrupt())?);
            run_by_id(&view, &id)?.ok_or_else(corrupt)
        });
        runs.collect()
    }

    fn meta(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        let Some(value) = self.view().get(Table::Values, &keys::text(key))? else {
            return Ok(None);
        };
        Ok(Some(
            Decoder::new(&value, || format!("the value `{}`", key.escape_default()))?
                .raw()
                .to_vec(),
        ))
    }

    fn audit(&self, limit: NonZeroU32) -> StoreResult<Vec<AuditRecord>> {
        let view = self.view();
        let rows = view.scan(Table::Audit, KeyRange::all(), Order::Descending);
        rows.take(limit.get() as usize)
            .map(|row| {
                let (key, value) = row?;
                Decoder::new(&value, || format!("audit record {}", shown(&key)))?.record()
            })
            .collect()
    }
}

pub(super) fn run_by_id<V: View>(view: &V, id: &RunId) -> StoreResult<Option<RunRecord>> {
    let Some(value) = view.get(Table::Runs, &keys::text(id.as_str()))? else {
        return Ok(None);
    };
    Decoder::new(&value, || format!("run `{}`", id.as_str().escape_default()))?
        .run()
        .map(Some)
}
