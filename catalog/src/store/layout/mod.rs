//! Every port over an ordered key-value engine: which record lies in which table under which key.
//!
//! Invariants: one batch a commit; the head in memory moves only after the engine has the batch; after a failed write
//! nothing is written any more. Reads of one call see one state. Knows no policy.

pub mod codec;
pub mod keys;

pub(crate) mod check;
mod claims;
mod counters;
mod dump;
mod entities;
mod findings;
mod ledger;
mod log;
mod trim;
mod write;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use bailiwick_schema::{ContentHash, Position};
use uuid::Uuid;

use super::keyvalue::{Batch, KeyRange, KeyValue, Order, SharedBytes, Table, View};
use super::{EntityNo, Store, StoreCounters, StoreError, StoreResult};
use counters::{CountedView, Counters};
pub(crate) use dump::Loader;

/// The format of the data set as a whole: tables, keys and values. A store of a newer format is not opened.
pub const FORMAT_VERSION: u32 = 1;

const META_FORMAT: &[u8] = b"format_version";
const META_LINEAGE: &[u8] = b"lineage";
const META_HEAD: &[u8] = b"head";
/// Not there while nothing was trimmed.
const META_LOG_BEGINS: &[u8] = b"log_begins";

/// A store on an engine.
#[derive(Debug)]
pub struct KeyValueStore<E: KeyValue> {
    engine: E,
    /// For errors only.
    path: String,
    lineage: Uuid,
    /// Position of the last commit; written under `writer` only.
    head: AtomicU64,
    /// The oldest position whose commit is kept; written under `writer` only.
    log_begins: AtomicU64,
    /// The next entity number; written under `writer` only.
    next_entity_no: AtomicU64,
    writer: Mutex<Writer>,
    counters: Counters,
}

/// Where it happened.
#[derive(Debug, thiserror::Error)]
#[error("in `{path}`")]
struct Placed {
    path: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// What writing needs to know without reading; its lock is held for the whole of a write.
#[derive(Debug)]
struct Writer {
    stopped: bool,
    next_audit: u64,
    /// Owners that have findings, by [`owner_hash`]: most owners that are cleared have none, and looking for their
    /// rows would cost more than the rest of the commit.
    owners_with_findings: HashSet<ContentHash>,
}

fn owner_hash(owner_key: &[u8]) -> ContentHash {
    ContentHash::of(owner_key)
}

impl<E: KeyValue> KeyValueStore<E> {
    /// Takes over an engine that was just opened and sets it up if it is empty. `path` is for errors only.
    /// Errors: `Unusable` for a newer format, `Corrupt` if the rows that every store has are missing or malformed.
    pub fn open(engine: E, path: &str) -> StoreResult<Self> {
        let view = engine.view();
        let Some(format) = view.get(Table::Meta, META_FORMAT)? else {
            let used = Table::ALL
                .iter()
                .map(|table| first_row(&view, *table))
                .find_map(Result::transpose)
                .transpose()?;
            drop(view);
            if used.is_some() {
                return Err(StoreError::Corrupt {
                    what: "the store's format version".into(),
                });
            }
            return Self::create(engine, path);
        };
        let format = u32::from_be_bytes(fixed(&format, "the store's format version")?);
        if format != FORMAT_VERSION {
            let reason = format!(
                "its format is {format} and this version reads {FORMAT_VERSION}; start the version that wrote it, or \
                 name an empty folder and ingest again"
            );
            return Err(StoreError::Unusable {
                path: path.to_owned(),
                reason,
            });
        }
        let lineage = meta(&view, META_LINEAGE, "the store's lineage").map(Uuid::from_bytes)?;
        let head = meta(&view, META_HEAD, "the log's head").map(u64::from_be_bytes)?;
        if let Some((last, _)) = last_row(&view, Table::Log)?
            && u64::from_be_bytes(fixed(&last, "the log's last position")?) != head
        {
            return Err(StoreError::Corrupt {
                what: format!("the log's head ({head})"),
            });
        }
        let log_begins = match view.get(Table::Meta, META_LOG_BEGINS)? {
            Some(begins) => u64::from_be_bytes(fixed(&begins, "the log's first position")?),
            None => 1,
        };
        if log_begins > head.max(1) {
            return Err(StoreError::Corrupt {
                what: format!("the log's first position ({log_begins}, the head is {head})"),
            });
        }
        let next_entity_no = match last_row(&view, Table::Identities)? {
            Some((key, _)) => u64::from(u32::from_be_bytes(fixed(&key, "the last entity number")?)) + 1,
            None => 0,
        };
        let next_audit = match last_row(&view, Table::Audit)? {
            Some((key, _)) => u64::from_be_bytes(fixed(&key, "the last audit record")?).saturating_add(1),
            None => 0,
        };
        let owners_with_findings = findings::owners(&view)?;
        drop(view);
        let writer = Mutex::new(Writer {
            stopped: false,
            next_audit,
            owners_with_findings,
        });
        let (head, next_entity_no) = (AtomicU64::new(head), AtomicU64::new(next_entity_no));
        Ok(Self {
            engine,
            path: path.to_owned(),
            lineage,
            head,
            log_begins: AtomicU64::new(log_begins),
            next_entity_no,
            writer,
            counters: Counters::default(),
        })
    }

    #[cfg(test)]
    pub(crate) fn engine_for_test(&self) -> &E {
        &self.engine
    }

    fn create(engine: E, path: &str) -> StoreResult<Self> {
        let lineage = Uuid::new_v4();
        let mut batch = Batch::new();
        batch.put(Table::Meta, META_FORMAT, E::Bytes::from(&FORMAT_VERSION.to_be_bytes()));
        batch.put(Table::Meta, META_LINEAGE, E::Bytes::from(lineage.as_bytes()));
        batch.put(Table::Meta, META_HEAD, E::Bytes::from(&Position::ZERO.0.to_be_bytes()));
        engine.apply(batch)?;
        let writer = Mutex::new(Writer {
            stopped: false,
            next_audit: 0,
            owners_with_findings: HashSet::new(),
        });
        Ok(Self {
            engine,
            path: path.to_owned(),
            lineage,
            head: AtomicU64::new(0),
            log_begins: AtomicU64::new(1),
            next_entity_no: AtomicU64::new(0),
            writer,
            counters: Counters::default(),
        })
    }

    /// What is stored now; what is read of it is counted.
    fn view(&self) -> CountedView<'_, E::View<'_>> {
        CountedView::new(self.engine.view(), &self.counters)
    }

    /// Waits for the turn to write. Errors: `WritesStopped` after a failed write.
    fn writer(&self) -> StoreResult<MutexGuard<'_, Writer>> {
        // A writer that panicked may have done so inside the engine: as good as a failed write.
        let writer = self.writer.lock().map_err(|_| StoreError::WritesStopped)?;
        if writer.stopped {
            Err(StoreError::WritesStopped)
        } else {
            Ok(writer)
        }
    }

    /// Hands a batch to the engine; a failure stops all writing.
    fn apply(&self, writer: &mut Writer, mut batch: Batch<E::Bytes>) -> StoreResult<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.counters.note_batch(&mut batch);
        self.engine
            .apply(batch)
            .map_err(|error| self.placed(error))
            .inspect_err(|error| {
                // These two say that the engine was not reached.
                writer.stopped = !matches!(error, StoreError::Refused { .. } | StoreError::Full { .. });
            })
    }

    /// An error of the engine with the folder that it is about.
    fn placed(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Engine(source) => StoreError::Engine(Box::new(Placed {
                path: self.path.clone(),
                source,
            })),
            other => other,
        }
    }

    fn head_now(&self) -> Position {
        Position(self.head.load(Ordering::Acquire))
    }

    fn log_begins_now(&self) -> Position {
        Position(self.log_begins.load(Ordering::Acquire))
    }

    fn next_entity_no_now(&self) -> StoreResult<EntityNo> {
        u32::try_from(self.next_entity_no.load(Ordering::Acquire))
            .map(EntityNo)
            .map_err(|_| StoreError::Refused {
                reason: "all entity numbers are in use (entity_numbers_max)".into(),
            })
    }
}

impl<E: KeyValue> Store for KeyValueStore<E> {
    fn engine_name(&self) -> &'static str {
        self.engine.name()
    }

    fn counters(&self) -> StoreCounters {
        self.counters.read()
    }

    fn room(&self, bytes: u64) -> StoreResult<()> {
        self.engine.room(bytes)
    }

    fn settle(&self) {
        self.engine.settle();
    }
}

fn meta<const N: usize, V: View>(view: &V, key: &[u8], what: &str) -> StoreResult<[u8; N]> {
    match view.get(Table::Meta, key)? {
        Some(value) => fixed(&value, what),
        None => Err(StoreError::Corrupt { what: what.to_owned() }),
    }
}

fn fixed<const N: usize>(bytes: &[u8], what: &str) -> StoreResult<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt { what: what.to_owned() })
}

fn first_row<V: View>(view: &V, table: Table) -> StoreResult<Option<(V::Bytes, V::Bytes)>> {
    view.scan(table, KeyRange::all(), Order::Ascending).next().transpose()
}

fn last_row<V: View>(view: &V, table: Table) -> StoreResult<Option<(V::Bytes, V::Bytes)>> {
    view.scan(table, KeyRange::all(), Order::Descending).next().transpose()
}

/// Feeds decoded rows to a callback until it breaks.
fn visit<B: SharedBytes, T>(
    rows: impl Iterator<Item = StoreResult<(B, B)>>,
    decode: impl Fn(&[u8], &[u8]) -> StoreResult<T>,
    visit: super::Visit<'_, T>,
) -> StoreResult<()> {
    for row in rows {
        let (key, value) = row?;
        if let ControlFlow::Break(()) = visit(decode(&key, &value)?) {
            break;
        }
    }
    Ok(())
}

/// Bytes of a key for an error message.
fn shown(key: &[u8]) -> String {
    use std::fmt::Write;
    key.iter().take(64).fold(String::with_capacity(128), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing into a string");
        text
    })
}
