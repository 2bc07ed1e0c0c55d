//! A batch as one transaction over all trees, with what follows from it: parts of long rows, the sums, the number.

use std::cell::RefCell;

use ::sled::IVec;
use ::sled::transaction::{ConflictableTransactionError, TransactionError, Transactional, TransactionalTree};

use super::super::keyvalue::Table;
use super::super::{StoreError, StoreResult};
use super::past::Before;
use super::rows::{self, Stored};
use super::sums::Sum;
use super::{BATCHES, Trees, failed};

/// What a batch leaves behind.
pub(super) struct Changed {
    pub(super) before: Vec<Before>,
    pub(super) sums: [Sum; Table::COUNT],
}

pub(super) type Writes = Vec<(Table, IVec, Option<IVec>)>;

/// Applies a batch in one transaction, with the sums that follow from it.
pub(super) fn transact(
    trees: &Trees,
    writes: &Writes,
    sums: &[Sum; Table::COUNT],
    batches: u64,
) -> StoreResult<Changed> {
    let changed = RefCell::new(Changed {
        before: Vec::new(),
        sums: *sums,
    });
    // The closure may run again: it begins anew each time and touches nothing but what it gives back.
    let outcome = trees.all.as_slice().transaction(|trees: &Vec<TransactionalTree>| {
        let mut changed = changed.borrow_mut();
        changed.before.clear();
        changed.sums = *sums;
        let parts = &trees[Table::COUNT];
        for (table, key, value) in writes {
            let tree = &trees[*table as usize];
            let before = match value {
                Some(value) => {
                    let (packed, pieces) = rows::pack(value);
                    let before = tree.insert(key, packed)?;
                    let before = take_parts(parts, *table, key, before)?;
                    for (piece, number) in pieces.zip(0..) {
                        parts.insert(rows::part_key(*table, key, number), piece)?;
                    }
                    before
                }
                None => take_parts(parts, *table, key, tree.remove(key)?)?,
            };
            let sum = &mut changed.sums[*table as usize];
            if let Some(before) = &before {
                sum.subtract(key, before);
            }
            if let Some(value) = value {
                sum.add(key, value);
            }
            changed.before.push((*table, key.clone(), before));
        }
        let guard = &trees[Table::COUNT + 1];
        guard.insert(BATCHES.as_bytes(), &batches.to_be_bytes())?;
        for (&table, before) in Table::ALL.iter().zip(sums) {
            let sum = changed.sums[table as usize];
            if sum != *before {
                guard.insert(table.name().as_bytes(), &sum.encode())?;
            }
        }
        Ok::<(), ConflictableTransactionError<rows::NoRow>>(())
    });
    match outcome {
        Ok(()) => Ok(changed.into_inner()),
        Err(TransactionError::Abort(reason)) => Err(StoreError::Corrupt {
            what: format!("a row that is to be replaced: {reason}"),
        }),
        Err(TransactionError::Storage(error)) => Err(failed(error)),
    }
}

/// The row that was there, its parts removed.
fn take_parts(
    parts: &TransactionalTree,
    table: Table,
    key: &IVec,
    packed: Option<IVec>,
) -> Result<Option<IVec>, ConflictableTransactionError<rows::NoRow>> {
    let Some(packed) = packed else { return Ok(None) };
    match rows::unpack(&packed).map_err(ConflictableTransactionError::Abort)? {
        Stored::Whole(value) => Ok(Some(value)),
        Stored::Split(length) => rows::join(length, |part| {
            parts.remove(rows::part_key(table, key, part)).map_err(Taken::from)
        })
        .map(Some)
        .map_err(|taken| taken.0),
    }
}

/// So that a malformed row ends the transaction.
struct Taken(ConflictableTransactionError<rows::NoRow>);

impl From<rows::NoRow> for Taken {
    fn from(reason: rows::NoRow) -> Self {
        Self(ConflictableTransactionError::Abort(reason))
    }
}

impl From<::sled::transaction::UnabortableTransactionError> for Taken {
    fn from(error: ::sled::transaction::UnabortableTransactionError) -> Self {
        Self(error.into())
    }
}
