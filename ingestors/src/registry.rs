//! The source types of this program: one visible list.

use bailiwick_schema::Limit;
use serde_json::Value;

use crate::files::FilesFactory;
use crate::git::GitFactory;
use crate::kit::{BuildContext, BuiltSource, IngestorFactory, OptionProblem};

/// Every source type, in the order in which help and documentation show them.
pub static REGISTRY: &[&dyn IngestorFactory] = &[&FilesFactory, &GitFactory];

/// Every named limit of this crate.
pub static LIMITS: &[&[Limit]] = &[
    crate::kit::limits::LIMITS,
    crate::scheduler::LIMITS,
    crate::descriptors::LIMITS,
    crate::content::limits::LIMITS,
    crate::files::LIMITS,
    crate::git::LIMITS,
];

/// The source type of this name.
pub fn find(source_type: &str) -> Option<&'static dyn IngestorFactory> {
    REGISTRY
        .iter()
        .copied()
        .find(|factory| factory.source_type() == source_type)
}

/// Makes a source of raw options, which hold only what is the source type's own.
///
/// Errors: every problem of the options; an unknown type is answered with the known ones.
pub fn build(source_type: &str, raw: Value, cx: &BuildContext) -> Result<BuiltSource, Vec<OptionProblem>> {
    match find(source_type) {
        Some(factory) => factory.build(raw, cx),
        None => {
            let known: Vec<&str> = REGISTRY.iter().map(|factory| factory.source_type()).collect();
            let source_type = source_type.escape_default();
            let message = format!("`{source_type}` is no source type; known are: {}", known.join(", "));
            Err(vec![OptionProblem::new("type", message)])
        }
    }
}
