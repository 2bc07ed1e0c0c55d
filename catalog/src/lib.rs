//! The engine: claims become entities, ownership, a graph and an index.

pub mod graph;
pub mod store;
