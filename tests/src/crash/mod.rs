//! Killing a running ingest, and looking at what is left.
//!
//! The program `crash` (`tests/src/bin/crash.rs`) does it any number of times at random moments; the test suite does it
//! a few times, and once at every named fail point. Both run the real binary as a process of its own, since only that
//! can be killed; nothing here knows the inside of it.
//!
//! What is held after each kill: the store opens, `verify` finds no difference, the head is at or beyond every position
//! that was acknowledged, and every entity is as some round of the input has it. After the last kill the run is
//! finished, and `export --content` equals, byte for byte, that of a store that saw nothing but the last round.

mod campaign;
mod generator;
mod program;
mod random;

pub use campaign::{Campaign, Kill, Moment, Outcome};
pub use generator::Generator;
pub use program::{Ended, Home, Program, ended_by_kill};
pub use random::Random;
