//! The named limits of this crate.

use bailiwick_schema::Limit;

/// Largest configuration file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Most problems that one reading reports.
pub const PROBLEMS_MAX: usize = 100;

/// The limits of this crate for the table of the whole program.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "config_bytes_max",
        value: FILE_BYTES_MAX,
        unit: "bytes",
        effect: "the configuration is refused",
    },
    Limit {
        name: "config_problems_max",
        value: PROBLEMS_MAX as u64,
        unit: "problems",
        effect: "further problems are left out of the report",
    },
];
