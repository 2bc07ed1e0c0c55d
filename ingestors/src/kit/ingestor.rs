//! The seam between a source type and the rest: pulling once, and optionally watching for change.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Emitter, IngestError, RunContext};

/// A configured source that can be read.
#[async_trait]
pub trait Ingestor: Send + Sync {
    /// Pulls once from the source and emits what it saw. Must be safe to cancel and to repeat.
    ///
    /// Cancellation: returns [`IngestError::Cancelled`] soon after `cx.cancel` fires; whoever runs it may also drop
    /// the future. Scopes that were not completed by then were seen in part.
    async fn ingest(&self, cx: &RunContext, out: &Emitter) -> Result<(), IngestError>;

    /// Something that notices change on its own and wakes the source, if the source has one.
    fn watcher(&self) -> Option<Arc<dyn Watcher>> {
        None
    }
}

/// Notices that a source changed. It only wakes a run and never supplies the data.
#[async_trait]
pub trait Watcher: Send + Sync {
    /// Watches until cancelled. A return before that means that watching is over for good.
    async fn watch(&self, wake: Arc<dyn Wake>, cancel: CancellationToken);
}

/// Wakes one source.
pub trait Wake: Send + Sync {
    /// Asks for a run. Several wakes before that run starts are one.
    fn wake(&self);
}
