//! Sources of metadata, the kit that they share, and the scheduler that runs them.
//!
//! One folder per source type; [`registry`] lists them. A source observes and never decides: it emits claims, events,
//! findings and proofs into the `Sink` port and knows neither the catalog nor the store behind it.

pub mod content;
pub mod descriptors;
pub mod files;
#[doc(hidden)]
pub mod fuzzing;
pub mod git;
pub mod kit;
pub mod registry;
pub mod scheduler;
