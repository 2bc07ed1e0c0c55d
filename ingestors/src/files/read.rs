//! One file, from its scope's opening to its proof.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use bailiwick_schema::{
    Claim, ClaimBody, ContentHash, EntityRef, Finding, Origin, Proof, Scope, ScopeClosed, ScopeId, Severity,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::chunk::{Chunker, Piece};
use super::limits::CHUNKS_AHEAD;
use super::listing::Format;
use super::load::{Content, Loaded, Reader, load, steady};
use super::notes::Notes;
use super::parse::{Parsed, Parser};
use crate::descriptors::{EntityItem, Item, TreeError};
use crate::kit::{Emitter, IngestError, RunContext, ScopeHandle, panic_message};

/// What became of a file.
#[derive(Debug)]
pub(super) enum Outcome {
    /// There is no such file any more.
    Gone,
    Read(Notes),
    /// It is there and could not be read; what it says about other files is unknown.
    Failed,
}

/// Reads one file into a scope of its own.
pub(super) async fn read_file(
    cx: &RunContext,
    out: &Emitter,
    parser: &Parser,
    listing: &ScopeId,
    path: &Path,
) -> Result<Outcome, IngestError> {
    let name = parser.tree.shown_path(path);
    let mut scope = out.open(Scope::below(listing, scope_name(&name))).await?;
    let notes = scope.cursor().and_then(|cursor| Notes::from_cursor(&cursor.value));
    let loaded = {
        let (tree, path, cancel) = (parser.tree.clone(), path.to_owned(), cx.cancel.clone());
        cx.blocking(move || Ok(load(&tree, &path, notes, &cancel))).await?
    };
    cx.check()?;
    let content = match loaded {
        Err(TreeError::NotFound) => return Ok(Outcome::Gone),
        Err(error) => {
            let (code, message) = match error {
                TreeError::Outside => (
                    "symlink_outside",
                    "the file leads out of the configured folders".to_owned(),
                ),
                error => (
                    "file_unreadable",
                    format!("cannot read the file: {error}; what it said before stays"),
                ),
            };
            scope
                .unreadable(
                    &name,
                    Finding::new(code, Severity::Error, message).at(&name, None, None),
                )
                .await?;
            scope.leave().await?;
            return Ok(Outcome::Failed);
        }
        Ok(Loaded::Unsteady) => return changed_meanwhile(scope, &name).await,
        Ok(Loaded::Unchanged(notes, content)) => match scope.complete_unchanged().await? {
            ScopeClosed::Accepted => {
                cx.count("files.unchanged", 1);
                return Ok(Outcome::Read(notes));
            }
            ScopeClosed::BaseRefused => content,
        },
        Ok(Loaded::Changed(content)) => content,
    };
    let format = Format::of_named(path);
    let mut emitting = Emitting {
        scope,
        name,
        seen: HashSet::new(),
        notes: Notes::default(),
    };
    let end = emitting.all(cx, parser, path, format, content).await?;
    let Emitting {
        scope, name, mut notes, ..
    } = emitting;
    let hash = match end {
        End::Whole(hash) => hash,
        End::Changed => return changed_meanwhile(scope, &name).await,
        End::Failed(error) => {
            let message = format!("cannot read the file to its end: {error}; what it said before stays");
            let finding = Finding::new("file_unreadable", Severity::Error, message).at(&name, None, None);
            let mut scope = scope;
            scope.unreadable(&name, finding).await?;
            scope.leave().await?;
            return Ok(Outcome::Failed);
        }
    };
    notes.hash = hash.to_string();
    notes.reads.sort();
    notes.reads.dedup();
    cx.count("files.read", 1);
    let cursor = notes.to_cursor().map(|value| cx.cursor(value));
    scope.complete(Proof::Version(hash.to_string()), cursor).await?;
    Ok(Outcome::Read(notes))
}

pub(super) fn scope_name(shown: &str) -> String {
    format!("file:{shown}")
}

async fn changed_meanwhile(mut scope: ScopeHandle, name: &str) -> Result<Outcome, IngestError> {
    let message = "the file was written to while it was read; what it said before stays until it holds still";
    let finding = Finding::new("file_changed_while_reading", Severity::Warning, message).at(name, None, None);
    scope.unreadable(name, finding).await?;
    scope.leave().await?;
    Ok(Outcome::Failed)
}

/// How reading to the end of a file went.
enum End {
    Whole(ContentHash),
    Changed,
    Failed(String),
}

/// A step of reading, in the order of the file.
enum Step {
    Parsing(JoinHandle<Parsed>),
    TooLong(u32),
}

struct Emitting {
    scope: ScopeHandle,
    name: String,
    /// Hashes of the refs that the file has declared: 16 bytes each, for files of millions of documents.
    seen: HashSet<ContentHash>,
    notes: Notes,
}

impl Emitting {
    /// Reads and parses ahead on the blocking pool, emits in order.
    async fn all(
        &mut self,
        cx: &RunContext,
        parser: &Parser,
        path: &Path,
        format: Format,
        content: Content,
    ) -> Result<End, IngestError> {
        let (send, mut steps) = mpsc::channel(CHUNKS_AHEAD);
        let reading = {
            let (parser, path, cancel) = (parser.clone(), path.to_owned(), cx.cancel.clone());
            tokio::task::spawn_blocking(move || read_steps(&parser, &path, format, content.reader(), &send, &cancel))
        };
        let emitted = self.steps(cx, &mut steps).await;
        // Ends the reader if it is still at work.
        drop(steps);
        let end = joined(reading.await)?;
        emitted?;
        cx.check()?;
        Ok(end)
    }

    async fn steps(&mut self, cx: &RunContext, steps: &mut mpsc::Receiver<Step>) -> Result<(), IngestError> {
        while let Some(step) = steps.recv().await {
            cx.check()?;
            match step {
                Step::Parsing(parsing) => {
                    let parsed = joined(parsing.await)?;
                    cx.count("files.documents", parsed.documents);
                    self.notes.reads.extend(parsed.reads);
                    for item in parsed.items {
                        self.item(item).await?;
                    }
                }
                Step::TooLong(line) => {
                    let message = "the document is longer than document_bytes_max; split it, or raise the limit";
                    let finding = Finding::new("document_too_large", Severity::Error, message);
                    self.unreadable(finding.at(&self.name, Some(line), Some(1))).await?;
                }
            }
        }
        Ok(())
    }

    async fn item(&mut self, item: Item) -> Result<(), IngestError> {
        match item {
            Item::Entity(entity) => self.entity(*entity).await,
            Item::Unreadable(finding) => self.unreadable(finding).await,
            Item::Finding(finding) => self.scope.finding(finding).await,
        }
    }

    async fn unreadable(&mut self, finding: Finding) -> Result<(), IngestError> {
        self.notes.unreadable = true;
        self.scope.unreadable(&self.name, finding).await
    }

    async fn entity(&mut self, item: EntityItem) -> Result<(), IngestError> {
        let EntityItem {
            entity_ref,
            entity,
            line,
            targets,
            skeletons,
        } = item;
        if !self.seen.insert(ContentHash::of(entity_ref.as_str().as_bytes())) {
            return self.scope.finding(duplicate(&self.name, line, entity_ref)).await;
        }
        self.notes.targets.extend(targets);
        self.notes.skeletons.extend(skeletons);
        let origin = Origin {
            line: Some(line),
            ..Origin::path(self.name.as_str())
        };
        let body = ClaimBody {
            entity,
            ..ClaimBody::default()
        };
        self.scope.claim(Claim::declares(entity_ref, origin, body)).await
    }
}

fn duplicate(file: &str, line: u32, entity: EntityRef) -> Finding {
    let message =
        format!("`{entity}` is declared above in the same file; the first document counts, remove one of them");
    Finding::new("duplicate_ref", Severity::Error, message)
        .at(file, Some(line), Some(1))
        .about(entity)
}

fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, IngestError> {
    result.map_err(|error| {
        if error.is_panic() {
            IngestError::Panicked(panic_message(&*error.into_panic()))
        } else {
            IngestError::Cancelled
        }
    })
}

/// Cuts the file into pieces and has each parsed by a thread of its own. Blocks; ends early when nobody listens.
fn read_steps(
    parser: &Parser,
    path: &Path,
    format: Format,
    reader: Reader,
    steps: &mpsc::Sender<Step>,
    cancel: &CancellationToken,
) -> End {
    match reader {
        Reader::Memory(bytes, hash) => match send_pieces(parser, path, format, bytes, steps, cancel) {
            Ok(_) => End::Whole(hash),
            Err(error) => End::Failed(error.to_string()),
        },
        Reader::Stream(reader, stamp) => match send_pieces(parser, path, format, reader, steps, cancel) {
            Ok(reader) => {
                let (hash, file) = reader.into_inner().finish();
                match steady(&file, stamp) {
                    Ok(true) => End::Whole(hash),
                    Ok(false) => End::Changed,
                    Err(error) => End::Failed(error.to_string()),
                }
            }
            Err(error) => End::Failed(error.to_string()),
        },
    }
}

fn send_pieces<R: BufRead>(
    parser: &Parser,
    path: &Path,
    format: Format,
    reader: R,
    steps: &mpsc::Sender<Step>,
    cancel: &CancellationToken,
) -> std::io::Result<R> {
    let runtime = tokio::runtime::Handle::current();
    let mut chunker = Chunker::new(reader, format, parser.limits.document_bytes_max);
    while let Some(piece) = chunker.next()? {
        let step = match piece {
            Piece::TooLong { line } => Step::TooLong(line),
            Piece::Text { bytes, first_line } => {
                let (parser, path): (Parser, PathBuf) = (parser.clone(), path.to_owned());
                Step::Parsing(runtime.spawn_blocking(move || parser.parse(&path, format, &bytes, first_line)))
            }
        };
        if cancel.is_cancelled() || steps.blocking_send(step).is_err() {
            return Err(std::io::Error::other("the run was cancelled"));
        }
    }
    Ok(chunker.into_reader())
}
