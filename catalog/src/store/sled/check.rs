//! Every row is read once at a start, and the sums over them are compared with those that were stored.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ::sled::IVec;

use super::super::StoreResult;
use super::super::caught::caught;
use super::super::keyvalue::Table;
use super::folder::damaged;
use super::rows::{self, Unread};
use super::sums::Sum;
use super::{BATCHES, Trees, nonsense, unread_at_open};

/// Threads that read rows at a start.
const CHECK_THREADS: usize = 2;

/// Reads every row and compares the sums. Gives the number of batches, and the sums.
pub(super) fn check(path: &Path, trees: &Trees) -> StoreResult<(u64, [Sum; Table::COUNT])> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new([Sum::default(); Table::COUNT]);
    let work = || -> StoreResult<()> {
        while let Some(&table) = Table::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            let sum = caught(|| sum_of(trees, table))
                .map_err(|panic| nonsense(path, &panic))?
                .map_err(|unread| unread_at_open(path, table, unread))?;
            found.lock().unwrap_or_else(PoisonError::into_inner)[table as usize] = sum;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..CHECK_THREADS).map(|_| scope.spawn(work)).collect();
        let mut outcome = work();
        for helper in helpers {
            let helped = helper
                .join()
                .unwrap_or_else(|_| Err(nonsense(path, "a check panicked")));
            outcome = outcome.and(helped);
        }
        outcome
    })?;
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let guard = |key: &str| -> StoreResult<Option<IVec>> {
        caught(|| trees.guard().get(key))
            .map_err(|panic| nonsense(path, &panic))?
            .map_err(|error| unread_at_open(path, Table::Meta, Unread::Sled(error)))
    };
    let malformed = |what: &str| damaged(path, format!("the number of its {what} is malformed"));
    let batches = match guard(BATCHES)? {
        Some(number) => u64::from_be_bytes(number.as_ref().try_into().map_err(|_| malformed("writes"))?),
        None => 0,
    };
    for &table in Table::ALL {
        let expected = match guard(table.name())? {
            Some(sum) => Sum::decode(&sum).ok_or_else(|| malformed("rows"))?,
            None => Sum::default(),
        };
        let found = found[table as usize];
        if found != expected {
            let reason = format!(
                "rows of its table `{}` are missing or are not what was stored ({} rows instead of {})",
                table.name(),
                found.rows,
                expected.rows
            );
            return Err(damaged(path, reason));
        }
    }
    Ok((batches, found))
}

fn sum_of(trees: &Trees, table: Table) -> Result<Sum, Unread> {
    let mut sum = Sum::default();
    for row in trees.of(table).iter() {
        let (key, packed) = row?;
        sum.add(&key, &rows::value(trees.parts(), table, &key, &packed)?);
    }
    Ok(sum)
}
