//! The table of limits: every bound of the program with its name, value and unit.
//!
//! Crates keep their limits beside the code that holds them and publish them as slices of [`Limit`]; a test of the
//! whole workspace walks over all of them.

/// One named bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Stable snake-case name, as it appears in errors and findings.
    pub name: &'static str,
    pub value: u64,
    pub unit: &'static str,
    /// What happens to whatever goes beyond it.
    pub effect: &'static str,
}

/// The limits of this crate.
pub const LIMITS: &[Limit] = &[
    Limit {
        name: "entity_ref_bytes_max",
        value: crate::entity_ref::REF_BYTES_MAX as u64,
        unit: "bytes",
        effect: "the ref is refused",
    },
    Limit {
        name: "identifier_bytes_max",
        value: crate::identifier::IDENTIFIER_BYTES_MAX as u64,
        unit: "bytes",
        effect: "the identifier is refused",
    },
    Limit {
        name: "finding_message_bytes_max",
        value: crate::finding::MESSAGE_BYTES_MAX as u64,
        unit: "bytes",
        effect: "the message is cut",
    },
];
