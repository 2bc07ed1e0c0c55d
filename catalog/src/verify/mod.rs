//! Verifying: everything derived is rebuilt from the claims and held against what is stored and served (law 6).
//!
//! First every stored row is looked at by itself (`rows`), then every entity is folded from its claims again and
//! compared with its stored version and the served node, part by part (`entities`), then both directions of relations,
//! identifiers and the indexes of the graph (`links`), then the documents of the search index (`index`). A row that
//! is damaged is named and the rest goes on. What differs is named up to [`DIFFERENCES_MAX`] and counted beyond.
//!
//! Memory: some tens of bytes for each entity; one entity with its claims is held at a time.

mod entities;
mod index;
mod links;
mod report;
mod rows;
mod tell;
#[cfg(test)]
mod tests;

use bailiwick_schema::OwnerMethod;

use crate::api::{Catalog, CatalogError};
use crate::store::{Store, StoreError, StoreResult};

pub use report::{Part, PartReport, VerifyReport};

/// Differences that are named; further ones are counted.
pub const DIFFERENCES_MAX: usize = 100;

/// Bytes of a value that a difference shows.
const SHOWN_BYTES_MAX: usize = 120;

/// How often a verification that differs begins anew because something was written meanwhile.
const ATTEMPTS: usize = 5;

/// What a verification is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Rows looked at.
    Rows,
    /// Entities rebuilt, of all.
    Entities,
    /// Entities whose incoming half was compared, of all.
    Links,
}

impl Stage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "looking at every row",
            Self::Entities => "rebuilding entities",
            Self::Links => "comparing the graph",
        }
    }
}

/// Hears of (stage, done, all); all is 0 where it is not known.
pub type Progress<'a> = &'a dyn Fn(Stage, u64, u64);

impl Catalog {
    /// Rebuilds and compares. `order` is the order of evidence in force; `progress` hears (done, all) entities.
    ///
    /// The index must have caught up (`wait_for` the head first). Writes between the reads would show as differences,
    /// so the position is held against the head at the end; if it moved, the verification begins anew.
    pub fn verify(&self, order: &[OwnerMethod], progress: &dyn Fn(u64, u64)) -> Result<VerifyReport, CatalogError> {
        self.verify_staged(order, &|stage, done, all| {
            if stage == Stage::Entities {
                progress(done, all);
            }
        })
    }

    /// The same; `progress` hears of each stage.
    pub fn verify_staged(&self, order: &[OwnerMethod], progress: Progress<'_>) -> Result<VerifyReport, CatalogError> {
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot();
            let mut report = VerifyReport::at(snapshot.position());
            let rows = rows::look(&**self.store(), &mut report, progress)?;
            let rebuilt = entities::rebuild(self, &snapshot, order, &rows, &mut report, progress)?;
            links::compare(&snapshot, &rebuilt, &mut report, progress);
            index::compare(self.search(), &snapshot, &mut report)?;
            report.finish();
            if report.agrees() || self.head() == snapshot.position() {
                return Ok(report);
            }
        }
        Err(CatalogError::Invalid(
            "the catalog changes too fast to be verified; pause its sources".to_owned(),
        ))
    }
}

/// Looks at the rows alone: for a store that is too damaged to be started.
pub fn verify_rows(store: &dyn Store, progress: Progress<'_>) -> StoreResult<VerifyReport> {
    let mut report = VerifyReport::at(store.head()?);
    rows::look(store, &mut report, progress)?;
    report.finish();
    Ok(report)
}

/// Damage to be named; everything else ends the verification.
fn damage<T>(result: StoreResult<T>) -> StoreResult<Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error @ (StoreError::Corrupt { .. } | StoreError::Damaged { .. })) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

/// The first eight bytes of a hash, to be summed over many.
fn short_hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// A number for each entity, 0 for those that none was added to.
#[derive(Debug, Default)]
struct PerEntity(Vec<u64>);

impl PerEntity {
    fn add(&mut self, no: crate::store::EntityNo, value: u64) {
        let at = no.0 as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] = self.0[at].wrapping_add(value);
    }

    fn of(&self, no: crate::store::EntityNo) -> u64 {
        self.0.get(no.0 as usize).copied().unwrap_or(0)
    }
}
