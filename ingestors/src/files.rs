//! The `files` source: descriptors in YAML, JSON or NDJSON from files, folders and globs, watched for change.
//!
//! The listing is the scope `files`; each file is a scope `file:PATH` below it, proved by the hash of its content. A
//! file whose hash and whose placeholders' files are as they were is not parsed. Files may be of gigabytes: they are
//! cut into pieces and parsed ahead of the catalog with bounded memory.
//!
//! Nothing outside of the configured folders is read, whatever links, targets and placeholders say. A configured path
//! that is missing, or that holds nothing where there were files, retires nothing.

mod chunk;
pub(crate) mod fuzzing;
mod limits;
mod lines;
mod listing;
mod load;
mod notes;
mod options;
mod parse;
mod read;
mod seen;
mod sweep;
#[cfg(test)]
mod tests;
mod tree;
mod walk;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::yaml::Limits;
use serde_json::Value;

use crate::kit::{
    BuildContext, BuiltSource, Emitter, IngestError, Ingestor, IngestorFactory, OptionProblem, RunContext, Watcher,
    options_hash, options_schema,
};
use lines::Kept;
use options::Settings;
use seen::Seen;

pub use limits::LIMITS;
pub use options::FilesOptions;

/// Raised when the same content gives other claims than before.
const MAPPING_VERSION: u32 = 1;

/// The source type `files`.
#[derive(Debug)]
pub struct FilesFactory;

impl IngestorFactory for FilesFactory {
    fn source_type(&self) -> &'static str {
        "files"
    }

    fn summary(&self) -> &'static str {
        "descriptors in YAML, JSON or NDJSON from files, folders and globs, watched for change"
    }

    fn options_schema(&self) -> Value {
        options_schema::<FilesOptions>()
    }

    fn build(&self, raw: Value, cx: &BuildContext) -> Result<BuiltSource, Vec<OptionProblem>> {
        let options_hash = options_hash(self.source_type(), MAPPING_VERSION, &raw, &cx.kinds);
        let settings = Settings::read(raw, &cx.base_dir)?;
        let ingestor = FilesIngestor {
            settings: Arc::new(settings),
            kinds: Arc::clone(&cx.kinds),
            seen: Arc::default(),
            kept: Arc::default(),
        };
        Ok(BuiltSource {
            ingestor: Arc::new(ingestor),
            options_hash,
        })
    }
}

struct FilesIngestor {
    settings: Arc<Settings>,
    kinds: Arc<KindSet>,
    seen: Arc<Seen>,
    kept: Arc<Kept>,
}

#[async_trait]
impl Ingestor for FilesIngestor {
    async fn ingest(&self, cx: &RunContext, out: &Emitter) -> Result<(), IngestError> {
        let limits = Limits {
            document_bytes_max: self.settings.document_bytes_max,
            // Documents are read as a stream, so that their number costs nothing.
            documents_max: usize::MAX,
            ..Limits::default()
        };
        let stamps = sweep::sweep(cx, out, &self.settings, &self.kinds, limits, &self.kept).await?;
        self.seen.replace(stamps);
        Ok(())
    }

    fn watcher(&self) -> Option<Arc<dyn Watcher>> {
        if !self.settings.watch {
            return None;
        }
        Some(Arc::new(watch::FilesWatcher::new(
            Arc::clone(&self.settings),
            Arc::clone(&self.seen),
        )))
    }
}
