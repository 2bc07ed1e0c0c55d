//! What the whole-system suites share: the workspace as text, and the tables that the crates publish.
//!
//! The suites themselves are modules of one test binary, `tests/suite/`. Like the binary of the program, this crate
//! knows all others; nothing knows it.

pub mod crash;
#[doc(hidden)]
pub mod fuzzing;
mod limits;
pub mod simulation;
mod source;
mod workspace;

pub use limits::{PublishedLimit, all_limits, limits_page};
pub use source::{code_of, production_code_of};
pub use workspace::{Member, Workspace};
