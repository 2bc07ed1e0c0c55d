//! Trying again after passing faults, with waits that do not fall into step with those of others.

use std::time::Duration;

use bailiwick_schema::ContentHash;
use tracing::debug;

use super::limits::{ATTEMPTS_MAX, RETRY_WAIT_MAX, RETRY_WAIT_MIN};
use super::{IngestError, Retry, RunContext, chain};

/// Waits between attempts: decorrelated jitter, each between the shortest wait and three times the one before.
///
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. The numbers come from a seed, so that a run
/// can be replayed.
#[derive(Debug, Clone)]
pub struct Backoff {
    seed: ContentHash,
    waits: u64,
    last: Duration,
}

impl Backoff {
    /// Different seeds give different waits.
    pub fn new(seed: &[&str]) -> Self {
        let parts: Vec<&[u8]> = seed.iter().map(|part| part.as_bytes()).collect();
        Self {
            seed: ContentHash::of_parts(&parts),
            waits: 0,
            last: RETRY_WAIT_MIN,
        }
    }

    /// The next wait, from [`RETRY_WAIT_MIN`] to [`RETRY_WAIT_MAX`].
    pub fn next_wait(&mut self) -> Duration {
        self.waits += 1;
        let hash = ContentHash::of_parts(&[self.seed.as_bytes(), &self.waits.to_le_bytes()]);
        let most = RETRY_WAIT_MAX.min(self.last * 3);
        let span = u64::try_from(most.saturating_sub(RETRY_WAIT_MIN).as_millis()).unwrap_or(u64::MAX);
        let wait = RETRY_WAIT_MIN + Duration::from_millis(hash.low_u64() % span.saturating_add(1));
        self.last = wait;
        wait
    }
}

/// Makes up to [`ATTEMPTS_MAX`] attempts while they fail with [`Retry::Now`]. `what` names the work for the log and
/// must hold no secret.
///
/// Errors: that of the last attempt, or [`IngestError::Cancelled`] once the run is cancelled.
pub async fn retry<T, F>(cx: &RunContext, what: &str, mut attempt: impl FnMut() -> F) -> Result<T, IngestError>
where
    F: Future<Output = Result<T, IngestError>>,
{
    let mut backoff = Backoff::new(&[cx.run.as_str(), what]);
    for number in 1.. {
        let error = match cx.cancellable(attempt()).await? {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if error.retry() != Retry::Now || number >= ATTEMPTS_MAX {
            return Err(error);
        }
        let wait = backoff.next_wait();
        cx.count("kit.retries", 1);
        debug!(source = %cx.source, what, number, error = chain(&error), wait_ms = wait.as_millis(), "trying again");
        cx.cancellable(tokio::time::sleep(wait)).await?;
    }
    Err(IngestError::Cancelled)
}
