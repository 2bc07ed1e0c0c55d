//! The limits of the API: names, values, units.

use std::time::Duration;

use bailiwick_schema::Limit;

/// Longest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Longest GraphQL document, in bytes.
pub const QUERY_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of brackets in the text of a document; checked before it is parsed, because parsers recurse.
pub const QUERY_NESTING_MAX: usize = 60;
/// Deepest nesting of fields. One hop along a relation takes four: `relations { nodes { target { entity`.
pub const QUERY_DEPTH_MAX: usize = 24;
/// Most fields that a query may ask for, where the children of a list count once for each entry of its page.
pub const QUERY_COMPLEXITY_MAX: u64 = 250_000;
/// Most fields at the root of an operation; each is a read of its own.
pub const QUERY_ROOT_FIELDS_MAX: usize = 50;
/// Most aliases in a document.
pub const QUERY_ALIASES_MAX: usize = 200;
/// Most directives in a document.
pub const QUERY_DIRECTIVES_MAX: usize = 50;
/// Most lists nested within each other in an introspection.
pub const INTROSPECTION_LISTS_MAX: usize = 3;
/// Largest page of any list.
pub const PAGE_MAX: usize = 500;
/// Page of a list that names no size.
pub const PAGE_DEFAULT: usize = 50;
/// Largest offset into the hits of a search.
pub const SEARCH_OFFSET_MAX: usize = 10_000;
/// Longest text that an owner is looked up by, in bytes.
pub const LOOKUP_TEXT_BYTES_MAX: usize = 8 * 1024;
/// Most candidates that a contested or shared identifier lists.
pub const OWNER_CANDIDATES_MAX: usize = 50;
/// Most conditions in one filter.
pub const FILTER_CONDITIONS_MAX: usize = 200;
/// Most buckets of an aggregate or facet.
pub const BUCKETS_MAX: usize = 1_000;
/// Most facets of one search.
pub const FACETS_MAX: usize = 10;
/// Longest cursor, in bytes.
pub const CURSOR_BYTES_MAX: usize = 8 * 1024;
/// Deepest object in a spec that gets a type of its own.
pub const TYPED_SPEC_DEPTH_MAX: usize = 8;
/// Most types that one kind's spec may make.
pub const TYPED_SPEC_TYPES_MAX: usize = 200;
/// Most documents whose plans are kept.
pub const PLANS_MAX: usize = 1_024;
/// Longest document whose plan is kept, in bytes.
pub const PLAN_TEXT_BYTES_MAX: usize = 8 * 1024;
/// Longest time for one request, except for exports and verification.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a position that a request asks for. Tests of this crate do not wait that long for what never comes.
pub const POSITION_TIMEOUT: Duration = if cfg!(test) {
    Duration::from_millis(200)
} else {
    Duration::from_secs(10)
};
/// Most exports at the same time.
pub const EXPORTS_MAX: usize = 4;
/// Most verifications at the same time.
pub const VERIFIES_MAX: usize = 1;

/// Most backups at the same time.
pub const BACKUPS_MAX: usize = 1;
/// Longest time that a backup waits for its client to take more; it keeps a view of the store open all the while.
pub const BACKUP_STALL_MAX: Duration = if cfg!(test) {
    Duration::from_millis(300)
} else {
    Duration::from_secs(60)
};

const fn limit(name: &'static str, value: u64, unit: &'static str, effect: &'static str) -> Limit {
    Limit {
        name,
        value,
        unit,
        effect,
    }
}

const REFUSED: &str = "the request is refused with LIMIT_EXCEEDED";

/// The limits of this crate, for the table of the whole program.
pub const LIMITS: &[Limit] = &[
    limit(
        "owner_candidates_max",
        OWNER_CANDIDATES_MAX as u64,
        "entities",
        "further candidates are left out",
    ),
    limit(
        "api_token_bytes_max",
        crate::auth::TOKEN_BYTES_MAX as u64,
        "bytes",
        "the token is not known",
    ),
    limit("body_bytes_max", BODY_BYTES_MAX as u64, "bytes", REFUSED),
    limit("query_text_bytes_max", QUERY_TEXT_BYTES_MAX as u64, "bytes", REFUSED),
    limit("query_nesting_max", QUERY_NESTING_MAX as u64, "brackets", REFUSED),
    limit("query_depth_max", QUERY_DEPTH_MAX as u64, "fields", REFUSED),
    limit("query_complexity_max", QUERY_COMPLEXITY_MAX, "fields", REFUSED),
    limit("query_root_fields_max", QUERY_ROOT_FIELDS_MAX as u64, "fields", REFUSED),
    limit("query_aliases_max", QUERY_ALIASES_MAX as u64, "aliases", REFUSED),
    limit(
        "query_directives_max",
        QUERY_DIRECTIVES_MAX as u64,
        "directives",
        REFUSED,
    ),
    limit(
        "introspection_lists_max",
        INTROSPECTION_LISTS_MAX as u64,
        "lists",
        REFUSED,
    ),
    limit("page_max", PAGE_MAX as u64, "entries", REFUSED),
    limit("search_offset_max", SEARCH_OFFSET_MAX as u64, "hits", REFUSED),
    limit("lookup_text_bytes_max", LOOKUP_TEXT_BYTES_MAX as u64, "bytes", REFUSED),
    limit(
        "filter_conditions_max",
        FILTER_CONDITIONS_MAX as u64,
        "conditions",
        REFUSED,
    ),
    limit(
        "buckets_max",
        BUCKETS_MAX as u64,
        "buckets",
        "the smallest buckets are left out",
    ),
    limit("facets_max", FACETS_MAX as u64, "facets", REFUSED),
    limit("cursor_bytes_max", CURSOR_BYTES_MAX as u64, "bytes", REFUSED),
    limit(
        "typed_spec_depth_max",
        TYPED_SPEC_DEPTH_MAX as u64,
        "objects",
        "what lies deeper is JSON",
    ),
    limit(
        "typed_spec_types_max",
        TYPED_SPEC_TYPES_MAX as u64,
        "types",
        "further objects are JSON",
    ),
    limit(
        "plans_max",
        PLANS_MAX as u64,
        "documents",
        "what was asked for least lately is read anew",
    ),
    limit(
        "plan_text_bytes_max",
        PLAN_TEXT_BYTES_MAX as u64,
        "bytes",
        "the document is read anew each time",
    ),
    limit("request_timeout_secs", REQUEST_TIMEOUT.as_secs(), "seconds", REFUSED),
    limit(
        "position_timeout_secs",
        POSITION_TIMEOUT.as_secs(),
        "seconds",
        "the request answers POSITION_TIMEOUT",
    ),
    limit(
        "exports_max",
        EXPORTS_MAX as u64,
        "exports",
        "the request answers UNAVAILABLE",
    ),
    limit(
        "verifies_max",
        VERIFIES_MAX as u64,
        "verifications",
        "the request answers UNAVAILABLE",
    ),
    limit(
        "backups_max",
        BACKUPS_MAX as u64,
        "backups",
        "the request answers UNAVAILABLE",
    ),
    limit(
        "backup_stall_secs_max",
        BACKUP_STALL_MAX.as_secs(),
        "seconds",
        "the backup is given up and its connection broken",
    ),
];
