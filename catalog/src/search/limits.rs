//! The bounds of search, each with its name and unit.

use bailiwick_schema::Limit;

/// Longest text of a query, in bytes.
pub(crate) const QUERY_BYTES_MAX: usize = 1_024;
/// Most words and phrases of a query.
pub(crate) const QUERY_WORDS_MAX: usize = 16;
/// Most inline filters of a query.
pub(crate) const QUERY_FILTERS_MAX: usize = 32;
/// Largest page, in hits.
pub(crate) const PAGE_HITS_MAX: usize = 200;
/// Furthest start of a page, in hits.
pub(crate) const PAGE_OFFSET_MAX: usize = 10_000;
/// Most buckets of a facet over any path.
pub(crate) const BUCKETS_MAX: usize = 1_000;
/// Longest value that is found by its path, in bytes (as Backstage's search table does).
pub(crate) const PATH_VALUE_BYTES_MAX: usize = 200;
/// Longest path, in bytes.
pub(crate) const PATH_BYTES_MAX: usize = 512;
/// Most path and value pairs of an entity.
pub(crate) const PATH_TERMS_MAX: usize = 1_000;
/// Deepest nesting of a path, in levels.
pub(crate) const PATH_DEPTH_MAX: usize = 32;
/// Longest value of a filter field, in bytes; a longer one is compared in the snapshot.
pub(crate) const FIELD_VALUE_BYTES_MAX: usize = 1_024;
/// Most identifiers of an entity that are indexed.
pub(crate) const IDENTIFIERS_MAX: usize = 256;
/// Indexed part of a title, in bytes.
pub(crate) const TITLE_BYTES_MAX: usize = 1_024;
/// Indexed part of a description, in bytes.
pub(crate) const DESCRIPTION_BYTES_MAX: usize = 64 * 1_024;
/// Indexed part of an API definition, in bytes.
pub(crate) const DEFINITION_BYTES_MAX: usize = 32 * 1_024;
/// Longest indexed word, in bytes; what is longer is no word.
pub(crate) const TOKEN_BYTES_MAX: usize = 80;
/// Longest beginning of a name that is indexed for search as you type, in characters.
pub(crate) const EDGE_CHARS_MAX: usize = 10;
/// Memory that the index writer fills before it writes a segment, in bytes.
pub(crate) const WRITER_HEAP_BYTES: usize = 64 * 1_024 * 1_024;

pub const LIMITS: &[Limit] = &[
    limit(
        "search_query_bytes_max",
        QUERY_BYTES_MAX,
        "bytes",
        "the query is refused",
    ),
    limit(
        "search_query_words_max",
        QUERY_WORDS_MAX,
        "words",
        "the query is refused",
    ),
    limit(
        "search_query_filters_max",
        QUERY_FILTERS_MAX,
        "filters",
        "the query is refused",
    ),
    limit("search_page_hits_max", PAGE_HITS_MAX, "hits", "the query is refused"),
    limit(
        "search_page_offset_max",
        PAGE_OFFSET_MAX,
        "hits",
        "the query is refused",
    ),
    limit("search_buckets_max", BUCKETS_MAX, "buckets", "the query is refused"),
    limit(
        "search_path_value_bytes_max",
        PATH_VALUE_BYTES_MAX,
        "bytes",
        "the value is not found by its path",
    ),
    limit(
        "search_path_bytes_max",
        PATH_BYTES_MAX,
        "bytes",
        "the value is not found by its path",
    ),
    limit(
        "search_path_terms_max",
        PATH_TERMS_MAX,
        "values per entity",
        "further values are not found by path",
    ),
    limit(
        "search_path_depth_max",
        PATH_DEPTH_MAX,
        "levels",
        "deeper values are not found by path",
    ),
    limit(
        "search_field_value_bytes_max",
        FIELD_VALUE_BYTES_MAX,
        "bytes",
        "the value is no facet and found more slowly",
    ),
    limit(
        "search_identifiers_max",
        IDENTIFIERS_MAX,
        "identifiers per entity",
        "further ones are not found by text",
    ),
    limit(
        "search_title_bytes_max",
        TITLE_BYTES_MAX,
        "bytes",
        "the rest is not searched",
    ),
    limit(
        "search_description_bytes_max",
        DESCRIPTION_BYTES_MAX,
        "bytes",
        "the rest is not searched",
    ),
    limit(
        "search_definition_bytes_max",
        DEFINITION_BYTES_MAX,
        "bytes",
        "the rest is not searched",
    ),
    limit(
        "search_token_bytes_max",
        TOKEN_BYTES_MAX,
        "bytes",
        "the word is not indexed",
    ),
    limit(
        "search_edge_chars_max",
        EDGE_CHARS_MAX,
        "characters",
        "longer beginnings are found more slowly",
    ),
    limit(
        "search_highlight_bytes_max",
        super::highlight::SCANNED_BYTES_MAX,
        "bytes",
        "matches further on are not shown",
    ),
    limit(
        "search_phrase_ends_max",
        super::query::PHRASE_ENDS_MAX as usize,
        "words",
        "further words that the phrase may end with are not tried",
    ),
    limit(
        "index_commit_interval_ms_max",
        super::follower::COMMIT_INTERVAL_MAX.as_millis() as usize,
        "milliseconds",
        "what is staged is committed",
    ),
    limit(
        "index_bulk_commit_interval_ms_max",
        super::follower::COMMIT_BULK_INTERVAL_MAX.as_millis() as usize,
        "milliseconds",
        "what is staged of a bulk of changes is committed",
    ),
    limit(
        "index_commit_changes_max",
        super::follower::COMMIT_CHANGES_MAX,
        "changes",
        "what is staged is committed",
    ),
    limit(
        "index_read_changes_max",
        super::follower::READ_CHANGES_MAX.get() as usize,
        "changes",
        "the rest is read in the next step",
    ),
    limit(
        "index_retry_secs_max",
        super::follower::RETRY_MAX.as_secs() as usize,
        "seconds",
        "after failures it is tried again no later",
    ),
    limit(
        "search_writer_heap_bytes",
        WRITER_HEAP_BYTES,
        "bytes",
        "a segment is written to disk",
    ),
];

const fn limit(name: &'static str, value: usize, unit: &'static str, effect: &'static str) -> Limit {
    Limit {
        name,
        value: value as u64,
        unit,
        effect,
    }
}

/// The beginning of a text, cut between characters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
