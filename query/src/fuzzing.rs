//! What callers send and hand back, opened for fuzz targets and for the test that replays what they found. No part of
//! the crate's promises.

pub use crate::graphql::fuzzing::{GuardVerdict, cursor, edge_cursor, guard};
