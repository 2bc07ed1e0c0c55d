//! What every source shares: the trait it implements, the context of a run, the way out for what it saw, pacing,
//! retries, credentials, limits, and fakes for tests.
//!
//! The kit knows no source type and no catalog. Nothing in it is global: clock, environment, cancellation and
//! counters come with the [`RunContext`].

mod context;
mod credentials;
mod emitter;
mod environment;
mod error;
mod factory;
mod ingestor;
pub mod limits;
mod retry;
pub mod testing;

pub use context::RunContext;
pub use credentials::{CredentialError, TokenRef};
pub use emitter::{Emitter, ScopeHandle};
pub use environment::Environment;
pub use error::{IngestError, Retry, chain, panic_message};
pub use factory::{
    BuildContext, BuiltSource, IngestorFactory, OptionProblem, options_hash, options_schema, read_options,
};
pub use ingestor::{Ingestor, Wake, Watcher};
pub use retry::{Backoff, retry};

#[cfg(test)]
mod tests;
