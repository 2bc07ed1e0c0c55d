//! What an embedded engine has to offer: tables of ordered bytes, views that stand still, and one atomic batch.
//!
//! Invariants: a view sees whole batches only, and none that came after it; a batch names each key of a table at most
//! once (engines differ in what they make of two writes to one key). Engines know nothing of what the bytes mean.

use std::ops::{Bound, Deref};

use super::StoreResult;

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// The tables of a store. The names are part of the stored format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $($(#[$doc])* $variant,)+
        }

        impl Table {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

tables! {
    /// Format version, lineage, head.
    Meta = "meta",
    /// position → commit
    Log = "log",
    /// entity → newest version of a live entity; the one table that a start reads whole.
    Current = "current",
    /// entity, position downwards → version
    Versions = "versions",
    /// entity, position downwards → body
    Bodies = "bodies",
    /// entity → identity
    Identities = "identities",
    /// ref → entity
    Refs = "refs",
    /// scope, claim → head
    ClaimHeads = "claim_heads",
    /// scope, claim → the rest of the claim
    ClaimBodies = "claim_bodies",
    /// entity, scope, claim → nothing
    EntityClaims = "entity_claims",
    /// identifier, scope, claim → nothing
    Waiting = "waiting",
    /// identifier, entity → row
    Identifiers = "identifiers",
    /// owner, id → finding
    Findings = "findings",
    /// scope → record
    Scopes = "scopes",
    /// scope → record
    Sweeps = "sweeps",
    /// time downwards, sweep id → record
    AppliedSweeps = "applied_sweeps",
    /// sweep id, scope, claim → claim
    AppliedSweepClaims = "applied_sweep_claims",
    /// source, event id → event
    Events = "events",
    /// run id → record
    Runs = "runs",
    /// source or nothing, start downwards, run id → run id
    RunOrder = "run_order",
    /// sequence → record
    Audit = "audit",
    /// name → bytes of the engine above
    Values = "values",
}

impl Table {
    pub const COUNT: usize = Self::ALL.len();
}

/// Which way a scan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// The two ends of a range.
pub type KeyBounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Keys from `from` (included) to `to` (excluded; nothing means the end of the table).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyRange {
    pub from: Vec<u8>,
    pub to: Option<Vec<u8>>,
}

impl KeyRange {
    pub fn all() -> Self {
        Self::default()
    }

    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut to = prefix.to_vec();
        while let Some(last) = to.pop() {
            if let Some(next) = last.checked_add(1) {
                to.push(next);
                return Self {
                    from: prefix.to_vec(),
                    to: Some(to),
                };
            }
        }
        Self {
            from: prefix.to_vec(),
            to: None,
        }
    }

    /// The two ends; nothing if there is no key between them.
    pub fn bounds(self) -> Option<KeyBounds> {
        match self.to {
            Some(to) if to <= self.from => None,
            to => Some((Bound::Included(self.from), to.map_or(Bound::Unbounded, Bound::Excluded))),
        }
    }

    pub fn starting_at(from: Vec<u8>) -> Self {
        Self { from, to: None }
    }
}

/// Shared bytes as an engine keeps them: a clone costs no copy.
pub trait SharedBytes: Clone + Ord + Deref<Target = [u8]> + for<'a> From<&'a [u8]> + Send + Sync + 'static {}

impl<T> SharedBytes for T where T: Clone + Ord + Deref<Target = [u8]> + for<'a> From<&'a [u8]> + Send + Sync + 'static {}

/// An embedded engine.
pub trait KeyValue: Send + Sync + 'static {
    type Bytes: SharedBytes;
    type View<'e>: View<Bytes = Self::Bytes>
    where
        Self: 'e;

    /// The name as in `store.engine`.
    fn name(&self) -> &'static str;

    /// What is stored now, standing still while batches come.
    fn view(&self) -> Self::View<'_>;

    /// Writes all of a batch or nothing, durable on return, visible to views that are made afterwards.
    /// After an error the caller writes no more: whether the batch survives is known when the engine opens again.
    fn apply(&self, batch: Batch<Self::Bytes>) -> StoreResult<()>;

    /// Whether `bytes` more would be written now. Errors: `Full`.
    fn room(&self, bytes: u64) -> StoreResult<()> {
        let _ = bytes;
        Ok(())
    }

    /// Nothing more will be written before the engine is closed: a chance to leave files from which it opens quickly.
    /// Everything is durable before; a failure costs the next opening time and nothing else.
    fn settle(&self) {}
}

/// A consistent state of all tables.
pub trait View {
    type Bytes: SharedBytes;

    fn get(&self, table: Table, key: &[u8]) -> StoreResult<Option<Self::Bytes>>;

    /// Rows of a range by key. Rows are read as the iterator is moved; drop it to end early.
    fn scan(&self, table: Table, range: KeyRange, order: Order) -> impl Iterator<Item = ScanItem<Self::Bytes>>;
}

/// One row of a scan: key and value.
pub type ScanItem<B> = StoreResult<(B, B)>;

/// Writes to be applied together. The last write to a key wins.
#[derive(Debug)]
pub struct Batch<B> {
    tables: [Vec<(B, Option<B>)>; Table::COUNT],
}

impl<B: SharedBytes> Batch<B> {
    pub fn new() -> Self {
        Self {
            tables: std::array::from_fn(|_| Vec::new()),
        }
    }

    pub fn put(&mut self, table: Table, key: &[u8], value: B) {
        self.tables[table as usize].push((key.into(), Some(value)));
    }

    pub fn remove(&mut self, table: Table, key: &[u8]) {
        self.tables[table as usize].push((key.into(), None));
    }

    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(Vec::is_empty)
    }

    /// Puts the writes in order of key and leaves the last one of each key.
    pub fn settle(&mut self) {
        for writes in &mut self.tables {
            // Stable, so that the writes to one key stay in the order in which they came.
            writes.sort_by(|(one, _), (other, _)| one.cmp(other));
            // `dedup_by` keeps the first of equals and hands over (later, earlier): move the later value forward.
            writes.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    earlier.1 = later.1.take();
                }
                same
            });
        }
    }

    /// The writes as they lie, by table; nothing as the value means removal.
    pub fn writes(&self) -> impl Iterator<Item = (Table, &[(B, Option<B>)])> {
        Table::ALL.iter().copied().zip(self.tables.iter().map(Vec::as_slice))
    }

    /// The writes in order of table and key, one for each key; nothing as the value means removal.
    pub fn into_writes(mut self) -> impl Iterator<Item = (Table, B, Option<B>)> {
        // Costs one comparison a write if it was done before.
        self.settle();
        Table::ALL
            .iter()
            .copied()
            .zip(self.tables)
            .flat_map(|(table, writes)| writes.into_iter().map(move |(key, value)| (table, key, value)))
    }

    /// Number of writes, equal keys counted each time.
    pub fn len(&self) -> usize {
        self.tables.iter().map(Vec::len).sum()
    }
}

impl<B: SharedBytes> Default for Batch<B> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_last_write_to_a_key_wins() {
        let mut batch: Batch<Arc<[u8]>> = Batch::new();
        batch.put(Table::Log, b"b", b"old"[..].into());
        batch.remove(Table::Log, b"a");
        batch.put(Table::Log, b"b", b"new"[..].into());
        batch.put(Table::Log, b"a", b"back"[..].into());
        batch.put(Table::Meta, b"b", b"other table"[..].into());
        batch.remove(Table::Meta, b"b");
        let writes: Vec<_> = batch
            .into_writes()
            .map(|(table, key, value)| (table, key.to_vec(), value.map(|v| v.to_vec())))
            .collect();
        assert_eq!(
            writes,
            [
                (Table::Meta, b"b".to_vec(), None),
                (Table::Log, b"a".to_vec(), Some(b"back".to_vec())),
                (Table::Log, b"b".to_vec(), Some(b"new".to_vec())),
            ]
        );
    }

    #[test]
    fn a_prefix_ends_before_its_successor() {
        assert_eq!(KeyRange::prefix(b"ab").to, Some(b"ac".to_vec()));
        assert_eq!(KeyRange::prefix(&[1, 0xff, 0xff]).to, Some(vec![2]));
        assert_eq!(KeyRange::prefix(&[0xff]).to, None);
        assert_eq!(KeyRange::prefix(b""), KeyRange::all());
    }
}
