//! A process that is killed: at random moments, and at every moment that has a name.
//!
//! The long runs are commands (docs/guides/crash-safety.md); here is as much of them as a test suite has time for.

#![cfg(unix)]

mod kills;
mod past;
mod points;

use bailiwick_tests::crash::Program;

/// Every engine that keeps anything.
pub(crate) const ENGINES: &[&str] = &["fjall", "sled"];

/// The binary of this build, which `cargo test --workspace` makes before any test runs. Nothing if there is none: says
/// so, and under CI fails.
#[expect(clippy::disallowed_methods, reason = "whether this is CI is told by the environment")]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn program() -> Option<Program> {
    match Program::beside_this_one() {
        Ok(program) => Some(program),
        Err(reason) => {
            assert!(std::env::var("CI").is_err(), "{reason}");
            println!("SKIPPED: {reason}");
            None
        }
    }
}
