//! The suites of the whole system, in one binary.
//!
//! `structure` reads the workspace as text, `contracts` the files that are promises, `laws` holds those laws that no
//! single crate can, `fuzzing` replays what readers of foreign bytes were tried with, `simulation` plays
//! seeds of it, and `system` runs the real pieces together: git repositories, sources, engine, index and API.

#![expect(clippy::unwrap_used, reason = "a suite fails loudly, in its helpers too")]

mod contracts;
mod crash;
mod fuzzing;
mod laws;
mod simulation;
mod structure;
mod support;
mod system;
