//! What a run knows about itself and its surroundings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bailiwick_schema::{Clock, ContentHash, Cursor, RunId, ScopeId, SourceId};
use tokio_util::sync::CancellationToken;

use super::{Environment, IngestError, panic_message};

/// The context of one run. Cheap to clone; clones share the counters and the cancellation.
#[derive(Clone)]
pub struct RunContext {
    pub source: SourceId,
    pub source_type: &'static str,
    pub run: RunId,
    /// The one scope to read; nothing means the whole source.
    pub wanted: Option<ScopeId>,
    pub clock: Arc<dyn Clock>,
    pub cancel: CancellationToken,
    /// A folder of this source's own, for mirrors and the like. May not exist yet; may vanish between runs.
    pub cache_dir: PathBuf,
    /// Hash of everything in the options and the mapping version that changes what is emitted.
    pub options_hash: ContentHash,
    pub environment: Arc<Environment>,
    counters: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl RunContext {
    /// A context without wanted scope and with an empty environment; set the public fields for the rest.
    pub fn new(
        source: SourceId,
        source_type: &'static str,
        run: RunId,
        clock: Arc<dyn Clock>,
        cache_dir: PathBuf,
        options_hash: ContentHash,
    ) -> Self {
        Self {
            source,
            source_type,
            run,
            wanted: None,
            clock,
            cancel: CancellationToken::new(),
            cache_dir,
            options_hash,
            environment: Arc::new(Environment::default()),
            counters: Arc::default(),
        }
    }

    /// A cursor that holds only under the options of this run.
    pub fn cursor(&self, value: impl Into<String>) -> Cursor {
        Cursor {
            value: value.into(),
            options: self.options_hash,
        }
    }

    /// Whether the run should read this scope.
    pub fn wants(&self, scope: &ScopeId) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted == scope)
    }

    /// Adds to a counter of the run, such as `git.blobs_read`. Counters end up in the run's ledger row.
    pub fn count(&self, name: &'static str, n: u64) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry(name).or_default();
        *counter = counter.saturating_add(n);
    }

    /// The counters so far.
    pub fn telemetry(&self) -> BTreeMap<String, u64> {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
    }

    /// For loops: an error once the run is cancelled.
    pub fn check(&self) -> Result<(), IngestError> {
        if self.cancel.is_cancelled() {
            Err(IngestError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Waits for a future, or for the cancellation of the run, which drops the future.
    pub async fn cancellable<F: Future>(&self, future: F) -> Result<F::Output, IngestError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(IngestError::Cancelled),
            output = future => Ok(output),
        }
    }

    /// Runs blocking work on the blocking pool and waits for it.
    ///
    /// Waits even when the run is cancelled, so that no work goes on after the run: long work must look at
    /// [`Self::check`] or a clone of `cancel` itself. A panic in it becomes [`IngestError::Panicked`].
    pub async fn blocking<T, F>(&self, work: F) -> Result<T, IngestError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, IngestError> + Send + 'static,
    {
        self.check()?;
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(IngestError::Panicked(panic_message(&*error.into_panic()))),
            Err(_) => Err(IngestError::Cancelled),
        }
    }
}
