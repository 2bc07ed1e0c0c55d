//! The pure core: values in, plans out. No IO, no clock, no randomness, no `async`; a test of the workspace holds it.

pub mod explain;
pub mod invariants;
pub mod own;
pub mod plan;
pub mod stitch;
pub mod wellknown;
