//! The ways in: the `Control` port for people and API, and wakes from watchers.

use std::sync::Arc;

use async_trait::async_trait;
use bailiwick_schema::control::SourceStatus;
use bailiwick_schema::{Clock, Control, ControlError, RunCause, RunId};

use super::Scheduler;
use super::source::SourceCell;
use crate::kit::Wake;

#[async_trait]
impl Control for Scheduler {
    async fn trigger(&self, source: &str) -> Result<RunId, ControlError> {
        if self.cancel.is_cancelled() {
            return Err(ControlError::ShuttingDown);
        }
        let cell = self
            .cells
            .iter()
            .find(|(id, _)| id.as_str() == source)
            .map(|(_, cell)| cell);
        let Some(cell) = cell else {
            let known: Vec<&str> = self.cells.keys().map(|id| id.as_str()).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(ControlError::UnknownSource {
                id: source.escape_default().to_string(),
                known,
            });
        };
        Ok(cell.ask(RunCause::Operator, self.clock.now()))
    }

    async fn sources(&self) -> Vec<SourceStatus> {
        self.cells.values().map(|cell| cell.status()).collect()
    }

    async fn is_queued(&self, run: &RunId) -> bool {
        self.cells.values().any(|cell| cell.is_queued(run))
    }
}

/// Wakes one source on behalf of its watcher.
pub(super) struct SourceWake {
    cell: Arc<SourceCell>,
    clock: Arc<dyn Clock>,
}

impl SourceWake {
    pub(super) fn new(cell: Arc<SourceCell>, clock: Arc<dyn Clock>) -> Self {
        Self { cell, clock }
    }
}

impl Wake for SourceWake {
    fn wake(&self) {
        self.cell.ask(RunCause::Event, self.clock.now());
    }
}
