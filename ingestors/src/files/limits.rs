//! The named limits of the `files` source.

use bailiwick_schema::Limit;

/// Smallest `document_bytes_max` that can be set, in bytes.
pub(super) const DOCUMENT_BYTES_FLOOR: u64 = 1_024;
/// Largest `document_bytes_max` that can be set, in bytes.
pub(super) const DOCUMENT_BYTES_CEILING: u64 = 100 * 1024 * 1024;
/// Most configured paths of one source.
pub(super) const PATHS_MAX: usize = 1_000;
/// Most files of one source.
pub(super) const FILES_MAX: usize = 200_000;
/// Most files and folders that one walk looks at.
pub(super) const WALK_ENTRIES_MAX: usize = 2_000_000;
/// Deepest folder below a configured one, in levels.
pub(super) const WALK_DEPTH_MAX: usize = 64;
/// How often a file that changes while it is read is read again within one run.
pub(super) const READ_ATTEMPTS_MAX: u32 = 3;
/// Files up to this size are read into memory whole before they are parsed, in bytes.
pub(super) const MEMORY_FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// About how much text is parsed in one step, in bytes.
pub(super) const CHUNK_BYTES: usize = 512 * 1024;
/// Chunks that are read or parsed ahead of the catalog.
pub(super) const CHUNKS_AHEAD: usize = 3;
/// Most notes (targets, skeletons, files read) that a cursor carries; a file with more is read in each run.
pub(super) const CURSOR_NOTES_MAX: usize = 1_000;
/// Most lines of the NDJSON files of one source that are remembered from one run to the next.
pub(super) const LINES_KEPT_MAX: usize = 2_000_000;
/// Most bytes of refs that are remembered of one NDJSON file.
pub(super) const REF_BYTES_KEPT_MAX: usize = 128 * 1024 * 1024;
/// Smallest NDJSON file whose lines are remembered, in bytes.
pub(super) const LINES_FILE_BYTES_MIN: u64 = 64 * 1024;
/// Most bytes of changed lines that are parsed by themselves.
pub(super) const DIFFERENCE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Default of `poll_interval_secs`.
pub(super) const POLL_SECS_DEFAULT: u64 = 10;

/// The limits of the source for the program's table.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "files_paths_max",
        value: PATHS_MAX as u64,
        unit: "paths",
        effect: "the options are refused",
    },
    Limit {
        name: "files_max",
        value: FILES_MAX as u64,
        unit: "files",
        effect: "further files are not read, and none is retired (files_cut)",
    },
    Limit {
        name: "files_walk_entries_max",
        value: WALK_ENTRIES_MAX as u64,
        unit: "files and folders",
        effect: "the walk ends, and no file is retired (files_cut)",
    },
    Limit {
        name: "files_walk_depth_max",
        value: WALK_DEPTH_MAX as u64,
        unit: "levels",
        effect: "deeper folders are not read, and no file is retired (files_cut)",
    },
    Limit {
        name: "files_document_bytes_ceiling",
        value: DOCUMENT_BYTES_CEILING,
        unit: "bytes",
        effect: "a larger document_bytes_max is refused",
    },
    Limit {
        name: "files_read_attempts_max",
        value: READ_ATTEMPTS_MAX as u64,
        unit: "attempts",
        effect: "the file is left as it was (file_changed_while_reading)",
    },
    Limit {
        name: "files_memory_file_bytes_max",
        value: MEMORY_FILE_BYTES_MAX,
        unit: "bytes",
        effect: "the file is read as a stream",
    },
    Limit {
        name: "files_watch_delay_secs_max",
        value: super::watch::DELAY_MAX.as_secs(),
        unit: "seconds",
        effect: "the source is woken though changes keep coming",
    },
    Limit {
        name: "files_template_bytes_max",
        value: super::sweep::TEMPLATE_BYTES_MAX,
        unit: "bytes",
        effect: "the file is not looked through for templates beforehand",
    },
    Limit {
        name: "files_lines_kept_max",
        value: LINES_KEPT_MAX as u64,
        unit: "lines",
        effect: "when an NDJSON file changes, all of it is parsed and not its changed lines alone",
    },
    Limit {
        name: "files_ref_bytes_kept_max",
        value: REF_BYTES_KEPT_MAX as u64,
        unit: "bytes",
        effect: "when the NDJSON file changes, all of it is parsed and not its changed lines alone",
    },
    Limit {
        name: "files_difference_bytes_max",
        value: DIFFERENCE_BYTES_MAX as u64,
        unit: "bytes",
        effect: "all of the NDJSON file is parsed and not its changed lines alone",
    },
    Limit {
        name: "files_cursor_notes_max",
        value: CURSOR_NOTES_MAX as u64,
        unit: "notes",
        effect: "the file is read in each run",
    },
];
