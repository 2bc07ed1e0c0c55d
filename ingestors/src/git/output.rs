//! From the thread that reads a repository to the scope that takes what it read.

use bailiwick_schema::{Claim, Finding};
use tokio::sync::mpsc;

use super::client::GitError;
use crate::kit::{IngestError, ScopeHandle};

/// Items on their way; the reader waits when the catalog is slower.
pub(super) const OUTPUTS_MAX: usize = 64;

/// One thing that reading a repository gave.
#[derive(Debug, Clone)]
pub(crate) enum Output {
    Claim(Box<Claim>),
    OriginRead(String),
    Gone(String),
    Unreadable(String, Finding),
    Finding(Finding),
}

/// The reader's end.
pub(crate) struct Outputs(mpsc::Sender<Output>);

/// A pair of ends.
pub(crate) fn channel() -> (Outputs, mpsc::Receiver<Output>) {
    let (sender, receiver) = mpsc::channel(OUTPUTS_MAX);
    (Outputs(sender), receiver)
}

impl Outputs {
    /// Hands over an item. Blocks; an error means that nobody takes them any more, so that reading is to end.
    pub(crate) fn send(&self, output: Output) -> Result<(), GitError> {
        self.0.blocking_send(output).map_err(|_| GitError::Cancelled)
    }

    pub(crate) fn claim(&self, claim: Claim) -> Result<(), GitError> {
        self.send(Output::Claim(Box::new(claim)))
    }

    pub(crate) fn finding(&self, finding: Finding) -> Result<(), GitError> {
        self.send(Output::Finding(finding))
    }
}

/// Takes everything that the reader sends into a scope.
pub(crate) async fn forward(mut outputs: mpsc::Receiver<Output>, scope: &mut ScopeHandle) -> Result<(), IngestError> {
    while let Some(output) = outputs.recv().await {
        match output {
            Output::Claim(claim) => scope.claim(*claim).await?,
            Output::OriginRead(origin) => scope.origin_read(origin).await?,
            Output::Gone(origin) => scope.gone(origin).await?,
            Output::Unreadable(origin, finding) => scope.unreadable(origin, finding).await?,
            Output::Finding(finding) => scope.finding(finding).await?,
        }
    }
    Ok(())
}
