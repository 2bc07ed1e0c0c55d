//! Readers of foreign bytes that nothing outside calls by themselves, opened for fuzz targets and for the test that
//! replays what they found. No part of the crate's promises.

pub use crate::files::fuzzing::{FileJudge, FilePiece, pieces};
pub use crate::git::fuzzing::{RemoteRead, origin, remote, repository};
