//! What is measured, stage by stage, on one server and one data folder.

pub(crate) mod asking;
pub(crate) mod counting;
pub(crate) mod ingest;
pub(crate) mod restart;
pub(crate) mod soak;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::limits::Limits;
use crate::process::Memory;

pub(crate) use asking::{Asked, Asking, Pace};
pub(crate) use counting::{Counted, Counts};
pub(crate) use ingest::{Change, Ingest, Resync};
pub(crate) use restart::{Disk, Restart};

/// Everything that was measured of one engine with one workload.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) engine: String,
    pub(crate) entities: usize,
    /// Bytes of the workload's file.
    pub(crate) bytes: u64,
    pub(crate) ingest: Option<Ingest>,
    pub(crate) resync: Option<Resync>,
    pub(crate) change: Option<Change>,
    pub(crate) queries: Vec<Asked>,
    /// Highest memory while queries were asked.
    pub(crate) serving: Option<Memory>,
    pub(crate) disk: Option<Disk>,
    pub(crate) restart: Option<Restart>,
    pub(crate) counted: Option<Counted>,
    pub(crate) limits: Option<Limits>,
}
