//! The follower without its thread, for simulations and tests: one turn at a time, commits only when asked for.
//!
//! Invariants: a turn is the running follower's own turn. The index outlives a crash as far as it was committed; what
//! was staged only is lost, as on a disk.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_schema::Position;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Driver, FollowerHandle, FollowerStatus, Next, SnapshotSource};
use crate::follow::{Projection as _, ProjectionError};
use crate::search::SearchIndex;
use crate::store::Store;

/// Later than any simulation lasts: nothing is committed because it is due.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A follower that works when it is asked to.
pub struct InlineFollower {
    driver: Driver,
    handle: FollowerHandle,
    _stop: watch::Sender<bool>,
}

impl InlineFollower {
    /// Takes up an index where its last commit left it.
    pub fn new(index: SearchIndex, store: Arc<dyn Store>, snapshot: SnapshotSource) -> Self {
        let (stop, stopping) = watch::channel(false);
        let (wanted, wanted_seen) = watch::channel(Position::ZERO);
        let (status, status_seen) = watch::channel(FollowerStatus::default());
        let handle = FollowerHandle {
            reader: index.reader(),
            wanted,
            status: status_seen,
        };
        let driver = Driver {
            index,
            writer: None,
            store,
            snapshot,
            stopping,
            wanted: wanted_seen,
            status,
            commit_due: Instant::now() + NEVER,
            needs_reopening: false,
            stop_by: Cell::new(None),
            fail_points: crate::fail_point::FailPoints::default(),
        };
        Self {
            driver,
            handle,
            _stop: stop,
        }
    }

    pub fn handle(&self) -> FollowerHandle {
        self.handle.clone()
    }

    /// Stages what is new. Nothing is committed, unless the index is built anew.
    pub fn stage(&mut self) -> Result<(), ProjectionError> {
        loop {
            self.driver.commit_due = Instant::now() + NEVER;
            match self.driver.turn() {
                Ok(Next::GoOn) => {}
                Ok(Next::Wait { .. }) => return Ok(()),
                Err(error) => {
                    self.driver.fail(&error);
                    return Err(error);
                }
            }
        }
    }

    /// Brings the index to the snapshot and makes that durable and visible.
    pub fn commit(&mut self) -> Result<(), ProjectionError> {
        self.stage()?;
        match &mut self.driver.writer {
            Some(writer) => writer.commit(),
            None => Ok(()),
        }
    }

    /// Ends without another commit, as a killed process does, and gives back what would be on the disk.
    pub fn crash(self) -> SearchIndex {
        self.driver.index
    }
}
