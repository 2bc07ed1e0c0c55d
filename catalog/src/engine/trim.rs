//! Trimming between commits, a batch at a time.

use super::state::State;
use super::{OperateError, Outcome, chain};
use crate::fail_point::FailPoint;
use crate::store::{LedgerWrite, StoreError, Trimming};

/// When a trimming last came to its end, in microseconds, big-endian.
pub(crate) const TRIMMED_AT_KEY: &str = "trimmed_at";

impl State {
    /// Goes one batch further with a trimming, or begins one. What is planned for the next commit waits that long.
    pub(super) fn trim(&mut self, trimming: Option<Box<Trimming>>) -> Outcome<Box<Trimming>, OperateError> {
        let now = self.settings.clock.now();
        let mut trimming = trimming.unwrap_or_else(|| Box::new(Trimming::new(self.settings.retention.horizons(now))));
        let batches = trimming.trimmed().batches;
        match self.store.trim(&mut trimming) {
            Ok(()) => {}
            // Whether the batch was written is unknown, or nothing can be written any more.
            Err(error @ (StoreError::Engine(_) | StoreError::WritesStopped)) => return Err(error),
            // A row that cannot be read, or no room: no reason to stop taking what sources bring.
            Err(error) => {
                let reason = format!("trimming stopped before its end: {}", chain(&error));
                return Ok(Err(OperateError::Refused(reason)));
            }
        }
        if trimming.trimmed().batches > batches {
            self.settings.fail_points.reach(FailPoint::Trimming);
        }
        if trimming.is_done() {
            self.store.ledger(LedgerWrite {
                meta: vec![(TRIMMED_AT_KEY.to_owned(), now.micros().to_be_bytes().to_vec())],
                ..LedgerWrite::default()
            })?;
        }
        Ok(Ok(trimming))
    }
}
