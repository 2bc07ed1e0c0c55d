//! The named limits of the kit.

use std::time::Duration;

use bailiwick_schema::Limit;

/// Most items that a scope handle holds back before it hands them over.
pub const BATCH_ITEMS_MAX: usize = 256;

/// About how many bytes a scope handle holds back before it hands them over.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Most findings that one scope may report in one run, not counting the first of each unreadable origin.
pub const SCOPE_FINDINGS_MAX: u64 = 1_000;

/// Longest token read from a file.
pub const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// Most attempts at one request, the first included.
pub const ATTEMPTS_MAX: u32 = 4;

/// Shortest wait between two attempts.
pub const RETRY_WAIT_MIN: Duration = Duration::from_millis(500);

/// Longest wait between two attempts.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(30);

/// The limits of the kit for the program's table.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "batch_items_max",
        value: BATCH_ITEMS_MAX as u64,
        unit: "items",
        effect: "the batch is handed over",
    },
    Limit {
        name: "batch_bytes_max",
        value: BATCH_BYTES_MAX as u64,
        unit: "bytes",
        effect: "the batch is handed over",
    },
    Limit {
        name: "scope_findings_max",
        value: SCOPE_FINDINGS_MAX,
        unit: "findings",
        effect: "further ones are counted in the finding findings_cut",
    },
    Limit {
        name: "token_bytes_max",
        value: TOKEN_BYTES_MAX,
        unit: "bytes",
        effect: "the token is refused",
    },
    Limit {
        name: "attempts_max",
        value: ATTEMPTS_MAX as u64,
        unit: "attempts",
        effect: "the request fails",
    },
    Limit {
        name: "retry_wait_max",
        value: RETRY_WAIT_MAX.as_secs(),
        unit: "seconds",
        effect: "the next attempt starts",
    },
];
