//! What is kept of the past, and forgetting the rest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bailiwick_schema::{Position, Timestamp, Viewer};
use tokio::sync::oneshot;

use super::{Catalog, CatalogError};
use crate::engine::{Request, TRIMMED_AT_KEY};
use crate::store::{StoreError, Trimmed, Trimming};

/// How long after the last trimming the next one is due.
const TRIM_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Trimming, one at a time.
struct Turn<'a>(&'a AtomicBool);

impl<'a> Turn<'a> {
    fn take(trimming: &'a AtomicBool) -> Result<Self, CatalogError> {
        match trimming.swap(true, Ordering::AcqRel) {
            false => Ok(Self(trimming)),
            true => Err(CatalogError::Invalid("a trimming is under way; wait for it".to_owned())),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Catalog {
    /// The oldest position whose commit is kept. Of what came before, each entity's newest version at that time is.
    pub fn log_begins(&self) -> Result<Position, CatalogError> {
        Ok(self.store.log_begins()?)
    }

    /// Forgets what is past its retention. Commits go on between its batches; cancelling it leaves the rest to the next.
    ///
    /// Errors: the viewer does not operate; another trimming is under way; a record that cannot be decoded.
    pub async fn trim(&self, viewer: &Viewer) -> Result<Trimmed, CatalogError> {
        Self::operator(viewer, "trim the history")?;
        let trimmed = self.trim_now().await?;
        let outcome = format!(
            "{} commits, {} versions, {} events, {} sweeps, {} runs and {} audit records removed",
            trimmed.commits, trimmed.versions, trimmed.events, trimmed.sweeps, trimmed.runs, trimmed.audit_records
        );
        self.note_act(viewer, "trim", "history", &outcome).await?;
        Ok(trimmed)
    }

    pub(crate) async fn trim_now(&self) -> Result<Trimmed, CatalogError> {
        let _turn = Turn::take(&self.engine.shared.trimming)?;
        let mut trimming: Option<Box<Trimming>> = None;
        loop {
            let (reply, answer) = oneshot::channel();
            let done = self.operate(Request::Trim { trimming, reply }, answer).await?;
            if done.is_done() {
                let trimmed = done.trimmed();
                tracing::info!(?trimmed, "what was past its retention is removed");
                return Ok(trimmed);
            }
            trimming = Some(done);
        }
    }

    /// Whether a day has passed since a trimming came to its end. True for a catalog that was never trimmed.
    pub(crate) fn trim_is_due(&self, now: Timestamp) -> Result<bool, CatalogError> {
        let Some(bytes) = self.store.meta(TRIMMED_AT_KEY)? else {
            return Ok(true);
        };
        let micros = bytes[..].try_into().map_err(|_| StoreError::Corrupt {
            what: format!("the value `{TRIMMED_AT_KEY}`"),
        })?;
        let last = Timestamp::from_micros(i64::from_be_bytes(micros));
        // A clock that was set back must not put it off for longer than a day.
        Ok(now < last || now.since(last) >= TRIM_EVERY)
    }
}
