//! A full disk: waiting for room instead of dying of it.
//!
//! The engine asks for room before it takes a request and before it plans a commit, so that nothing is half done when
//! it has to wait. Sources wait with it, since nobody empties their channel; readers do not notice.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::state::State;
use super::{Shared, chain};
use crate::store::{StoreError, StoreResult};

/// Room that there has to be for one more commit, in bytes: several times what a full one takes.
const COMMIT_BYTES: u64 = 8 << 20;

/// How often a full disk is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl State {
    /// Returns when there is room for a commit. Errors: `Full`, at once if the engine is not to wait, otherwise when it
    /// is to stop.
    #[expect(
        clippy::disallowed_methods,
        reason = "the engine's own thread; room is nothing that anybody tells of"
    )]
    pub(super) fn await_room(&self) -> StoreResult<()> {
        loop {
            match self.store.room(COMMIT_BYTES) {
                Err(StoreError::Full { .. }) if !self.waits_for_room => {
                    // Smaller commits may still fit, and whoever is asked once goes on as long as it can.
                    return Ok(());
                }
                Err(error @ StoreError::Full { .. }) if !self.shared.is_stopping.load(Ordering::Relaxed) => {
                    if self.shared.set_waiting(Some(error.to_string())) {
                        tracing::error!(%error, "nothing is written until there is room; reads go on");
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
                outcome => {
                    if outcome.is_ok() && self.shared.set_waiting(None) {
                        tracing::info!("there is room again, and writing goes on");
                    }
                    return outcome;
                }
            }
        }
    }

    /// An error with its causes, and with what is to be done if it comes of a full disk.
    pub(super) fn why_it_failed(&self, error: &StoreError) -> String {
        let reason = chain(error);
        match self.store.room(0) {
            Err(full @ StoreError::Full { .. }) if !matches!(error, StoreError::Full { .. }) => {
                format!("{full}: make room and restart ({reason})")
            }
            _ => reason,
        }
    }
}

impl Shared {
    /// Says whether that is news: waiting where it worked, or working where it waited.
    pub(super) fn set_waiting(&self, reason: Option<String>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = waiting.is_some() != reason.is_some();
        *waiting = reason;
        is_news
    }
}
