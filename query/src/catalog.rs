//! What this crate uses of the catalog, in one place.

pub(crate) use bailiwick_catalog::api::{
    Catalog, CatalogCounters, CatalogError, ChangeRow, ChangesQuery, Explanation, FindingRow, FindingsPage,
    FindingsQuery, Found, Say, SourceSummary, SweepDecision, SweepView,
};
pub(crate) use bailiwick_catalog::backup::BackupSettings;
pub(crate) use bailiwick_catalog::graph::filter::{Filter, Matcher};
pub(crate) use bailiwick_catalog::graph::select::{Bucket, Order, OrderField, PageCursor};
pub(crate) use bailiwick_catalog::graph::{Field, Node, Snapshot};
pub(crate) use bailiwick_catalog::search::{Hit, SearchError, SearchPage, SearchQuery};
pub(crate) use bailiwick_catalog::store::{
    AppliedSweep, ChangeKind, CommitCause, EntityNo, EntityVersion, EvidenceItem, Ownership, StoreCounters,
    TableCounters,
};
pub(crate) use bailiwick_catalog::verify::{Part, VerifyReport};
