//! Why a run of a source failed.
//!
//! Problems in the data are findings and no errors; an error means that the operation itself did not work.

use bailiwick_schema::SinkError;

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// A passing fault: again after a short wait, within the run.
    Now,
    /// Not in this run, but in the next one.
    Later,
    /// Somebody has to change something first.
    Never,
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("the run was cancelled")]
    Cancelled,
    #[error("the catalog did not take the delivery")]
    Sink(#[from] SinkError),
    /// A delivery into the scope was interrupted; what reached the catalog is unknown, so the scope proves nothing.
    #[error("a delivery into the scope was interrupted; the scope cannot be completed in this run")]
    Interrupted,
    /// The handle was used after the scope had been closed.
    #[error("the scope was closed before")]
    ScopeClosed,
    /// The source could not be read. The message must hold no secret: URLs go through `redact_url`.
    #[error("{message}")]
    Source { message: String, retry: Retry },
    #[error("a worker of the source panicked: {0}")]
    Panicked(String),
}

impl IngestError {
    /// The source could not be read now; the next run may succeed.
    pub fn source(message: impl Into<String>) -> Self {
        Self::Source {
            message: message.into(),
            retry: Retry::Later,
        }
    }

    /// A passing fault: the same request may succeed in a moment.
    pub fn passing(message: impl Into<String>) -> Self {
        Self::Source {
            message: message.into(),
            retry: Retry::Now,
        }
    }

    /// The source cannot be read until somebody changes its options, files or rights.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Source {
            message: message.into(),
            retry: Retry::Never,
        }
    }

    pub fn retry(&self) -> Retry {
        match self {
            Self::Source { retry, .. } => *retry,
            Self::Cancelled | Self::Interrupted | Self::Sink(_) => Retry::Later,
            Self::ScopeClosed | Self::Panicked(_) => Retry::Never,
        }
    }
}

/// The message of an error with those of its sources, joined by colons: the one form for logs and ledger rows.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// What a panic said, as far as it said something.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "no message".to_owned()
    }
}
