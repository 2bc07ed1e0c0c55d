//! One file, from its scope's opening to its proof.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bailiwick_schema::{
    Claim, ClaimBody, ContentHash, EntityRef, Finding, Origin, Proof, Scope, ScopeClosed, ScopeId, Severity, Subject,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::chunk::{Chunker, Piece};
use super::limits::{CHUNKS_AHEAD, LINES_FILE_BYTES_MIN};
use super::lines::{Difference, Line, Lines, difference};
use super::listing::Format;
use super::load::{Content, Hashing, Loaded, Reader, Stamp, load, steady};
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
    let proved = notes.as_ref().map(|notes| notes.hash.clone());
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
    let keeps_lines = format == Format::Ndjson && content.bytes() >= LINES_FILE_BYTES_MIN;
    let before = proved
        .filter(|_| keeps_lines)
        .and_then(|hash| parser.kept.get(path, &hash));
    let content = match before {
        None => content,
        Some(before) => match by_lines(cx, parser, path, &name, &mut scope, content, before).await? {
            ByLines::Read(notes) => return Ok(Outcome::Read(notes)),
            ByLines::Changed => return changed_meanwhile(scope, &name).await,
            ByLines::Whole(content) => content,
        },
    };
    let mut emitting = Emitting {
        scope,
        name,
        seen: HashSet::new(),
        notes: Notes::default(),
        lines: keeps_lines.then(Lines::default),
    };
    let end = emitting.all(cx, parser, path, format, content).await?;
    let Emitting {
        scope,
        name,
        mut notes,
        lines,
        ..
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
    parser.kept.put(path, hash, lines);
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
    /// What to keep of the lines, as long as all are plain.
    lines: Option<Lines>,
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
                    self.keep(parsed.lines);
                    for item in parsed.items {
                        self.item(item).await?;
                    }
                }
                Step::TooLong(line) => {
                    self.lines = None;
                    let message = "the document is longer than document_bytes_max; split it, or raise the limit";
                    let finding = Finding::new("document_too_large", Severity::Error, message);
                    self.unreadable(finding.at(&self.name, Some(line), Some(1))).await?;
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, parsed: Option<Vec<Line>>) {
        let kept = self.lines.as_mut().zip(parsed).is_some_and(|(lines, parsed)| {
            let texts = parsed
                .iter()
                .map(|line| (line.hash, line.entity.as_ref().map_or("", EntityRef::as_str)));
            texts.into_iter().all(|(hash, entity)| lines.push(hash, entity))
        });
        if !kept {
            self.lines = None;
        }
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
            self.lines = None;
            return self.scope.finding(duplicate(&self.name, line, entity_ref)).await;
        }
        self.notes.targets.extend(targets);
        self.notes.skeletons.extend(skeletons);
        self.scope.claim(claim(&self.name, entity_ref, entity, line)).await
    }
}

fn claim(file: &str, entity_ref: EntityRef, entity: serde_json::Map<String, serde_json::Value>, line: u32) -> Claim {
    let origin = Origin {
        line: Some(line),
        ..Origin::path(file)
    };
    let body = ClaimBody {
        entity,
        ..ClaimBody::default()
    };
    Claim::declares(entity_ref, origin, body)
}

/// What holding a file against its lines of before came to.
enum ByLines {
    Read(Notes),
    /// It was written to meanwhile.
    Changed,
    /// It has to be read in full.
    Whole(Content),
}

/// Delivers what changed in a file whose lines are known.
async fn by_lines(
    cx: &RunContext,
    parser: &Parser,
    path: &Path,
    name: &str,
    scope: &mut ScopeHandle,
    content: Content,
    before: Arc<Lines>,
) -> Result<ByLines, IngestError> {
    let (read, base) = (content.try_clone(), scope.cursor().cloned());
    let (Ok(read), Some(base)) = (read, base) else {
        return Ok(ByLines::Whole(content));
    };
    let compared = {
        let (parser, path, cancel) = (parser.clone(), path.to_owned(), cx.cancel.clone());
        cx.blocking(move || Ok(compare(&parser, &path, read.reader(), &before, &cancel)))
            .await?
    };
    cx.check()?;
    let whole = |content: Content| match content.rewind() {
        Ok(content) => Ok(ByLines::Whole(content)),
        // What cannot be read from its beginning cannot be read now.
        Err(_) => Ok(ByLines::Changed),
    };
    let (difference, hash) = match compared {
        // Reading in full meets the same error again, and tells of it.
        Err(_) | Ok(None) => return whole(content),
        Ok(Some((_, End::Changed | End::Failed(_)))) => return Ok(ByLines::Changed),
        Ok(Some((difference, End::Whole(hash)))) => (difference, hash),
    };
    cx.count("files.documents", difference.documents);
    for item in difference.declared {
        scope
            .claim(claim(name, item.entity_ref, item.entity, item.line))
            .await?;
    }
    for entity in difference.gone {
        scope.gone_claim(name, Subject::Ref(entity)).await?;
    }
    let notes = Notes {
        hash: hash.to_string(),
        ..Notes::default()
    };
    let Some(value) = notes.to_cursor() else {
        return whole(content);
    };
    let proof = Proof::Version(hash.to_string());
    match scope.complete_delta(base, proof, cx.cursor(value)).await? {
        ScopeClosed::Accepted => {
            cx.count("files.read", 1);
            parser.kept.put(path, hash, Some(difference.lines));
            Ok(ByLines::Read(notes))
        }
        ScopeClosed::BaseRefused => whole(content),
    }
}

type Compared = std::io::Result<Option<(Difference, End)>>;

/// Reads a file to its end beside its lines of before. Blocks.
fn compare(parser: &Parser, path: &Path, reader: Reader, before: &Lines, cancel: &CancellationToken) -> Compared {
    match reader {
        Reader::Memory(mut bytes, hash) => {
            let found = difference(parser, path, &mut bytes, before, cancel)?;
            Ok(found.map(|found| (found, End::Whole(hash))))
        }
        Reader::Stream(mut reader, stamp) => {
            let found = difference(parser, path, &mut reader, before, cancel)?;
            Ok(found.map(|found| (found, end_of(*reader, stamp))))
        }
    }
}

/// Whether the file is still the one that was read to its end.
fn end_of(reader: BufReader<Hashing<File>>, stamp: Stamp) -> End {
    let (hash, file) = reader.into_inner().finish();
    match steady(&file, stamp) {
        Ok(true) => End::Whole(hash),
        Ok(false) => End::Changed,
        Err(error) => End::Failed(error.to_string()),
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
            Ok(reader) => end_of(*reader, stamp),
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
