//! The `git` source: repositories on disk and behind URLs, read without a checkout.
//!
//! The list of repositories is the scope `repositories`; each repository is a scope `repository:LOCATION` below it,
//! proved by the commit that was read. While head, branch and tags stand where they stood, a repository costs its refs
//! only; a new head costs the difference. Remotes are mirrored into the cache folder.
//!
//! Nothing outside of a repository is read, whatever links, targets and placeholders say, and nothing in it is run.
//! Reading blocks and happens on the blocking pool; what was read goes through a bounded channel into the scope.

mod client;
#[cfg(test)]
mod client_tests;
mod declare;
mod facts;
pub(crate) mod fuzzing;
mod history;
mod limits;
mod listing;
mod locate;
mod location;
mod map;
mod member;
mod mirror;
#[cfg(test)]
mod mirror_tests;
mod naming;
mod options;
mod output;
mod read;
mod state;
mod tell;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod testing_servers;
#[cfg(test)]
mod tests;
mod tree;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bailiwick_schema::kind::KindSet;
use serde_json::Value;

use crate::kit::{
    BuildContext, BuiltSource, Emitter, IngestError, Ingestor, IngestorFactory, OptionProblem, RunContext,
    options_hash, options_schema, read_options,
};
use options::Settings;

pub use limits::LIMITS;
pub use options::GitOptions;

/// Raised when the same repository gives other claims than before.
const MAPPING_VERSION: u32 = 1;

/// Options that do not change what one repository gives: a new entry is no reason to read all others again.
const OPTIONS_OF_THE_LISTING: [&str; 2] = ["repositories", "concurrency"];

/// The source type `git`.
#[derive(Debug)]
pub struct GitFactory;

impl IngestorFactory for GitFactory {
    fn source_type(&self) -> &'static str {
        "git"
    }

    fn summary(&self) -> &'static str {
        "descriptors, owners, facts and history from git repositories on disk and behind URLs"
    }

    fn options_schema(&self) -> Value {
        options_schema::<GitOptions>()
    }

    fn denied_kinds(&self) -> &'static [&'static str] {
        &["group", "user"]
    }

    fn build(&self, raw: Value, cx: &BuildContext) -> Result<BuiltSource, Vec<OptionProblem>> {
        let mut reading = raw.clone();
        if let Some(fields) = reading.as_object_mut() {
            fields.retain(|key, _| !OPTIONS_OF_THE_LISTING.contains(&key.as_str()));
        }
        let options_hash = options_hash(self.source_type(), MAPPING_VERSION, &reading, &cx.kinds);
        let settings = read_options::<GitOptions>(raw)?.settings()?;
        let ingestor = GitIngestor {
            settings: Arc::new(settings),
            kinds: Arc::clone(&cx.kinds),
            base_dir: cx.base_dir.clone(),
            mirrors: member::MirrorLocks::default(),
        };
        Ok(BuiltSource {
            ingestor: Arc::new(ingestor),
            options_hash,
        })
    }
}

struct GitIngestor {
    settings: Arc<Settings>,
    kinds: Arc<KindSet>,
    /// Where relative paths begin.
    base_dir: PathBuf,
    mirrors: member::MirrorLocks,
}

#[async_trait]
impl Ingestor for GitIngestor {
    async fn ingest(&self, cx: &RunContext, out: &Emitter) -> Result<(), IngestError> {
        listing::sweep(self, cx, out).await
    }
}
