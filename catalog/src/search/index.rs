//! The index on disk or in memory: opening, throwing away, writing, and the view that readers take.
//!
//! Invariants: documents and mark become durable in one tantivy commit, so an index always knows where it stands; a
//! view is a searcher together with the mark of just that commit. A folder that is no index of ours is never emptied.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bailiwick_schema::Position;
use tantivy::directory::error::LockError;
use tantivy::directory::{Directory as _, INDEX_WRITER_LOCK, MmapDirectory};
use tantivy::schema::Schema;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyError, Term};
use tokio::sync::watch;
use tracing::{info, warn};
use uuid::Uuid;

use super::document::{document, document_hash};
use super::fields::{FORMAT_VERSION, Fields, HASH, NO};
use super::limits::WRITER_HEAP_BYTES;
use super::paths::TermMaker;
use super::{BodySource, SearchError, SearchReader, analysis};
use crate::follow::{Changes, Mark, Projection, ProjectionError};
use crate::graph::Snapshot;
use crate::store::space::Space;

/// Made with the index: whoever finds it may throw the folder away.
const MARKER: &str = "bailiwick-index";
/// Room that there has to be for the next commit, in bytes. A merge may take more; one that fails leaves what it was to
/// merge as it is.
const COMMIT_BYTES: u64 = 8 << 20;

/// What the system says of a full disk, and of a full share of it.
const FULL: [&str; 2] = ["No space left", "quota exceeded"];
/// The file by which tantivy itself knows an index.
const TANTIVY_META: &str = "meta.json";

/// Where the index lives.
#[derive(Debug, Clone)]
pub enum IndexLocation {
    Memory,
    Folder(PathBuf),
}

/// What readers share with the writer.
pub(crate) struct Shared {
    pub(crate) fields: Fields,
    pub(crate) view: ArcSwap<View>,
    pub(crate) position: watch::Sender<Position>,
    pub(crate) bodies: BodySource,
}

/// The index at one commit.
pub(crate) struct View {
    pub(crate) searcher: Searcher,
    /// Nothing while the index has never been complete.
    pub(crate) mark: Option<Mark>,
}

/// How many documents there are, and the wrapping sum of their hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checksum {
    pub documents: u64,
    pub sum: u64,
}

impl Checksum {
    /// What an index that has seen all of a snapshot must show.
    pub fn expected(snapshot: &Snapshot) -> Self {
        let mut checksum = Self::default();
        for node in snapshot.nodes_unchecked() {
            checksum.documents += 1;
            checksum.sum = checksum.sum.wrapping_add(document_hash(node));
        }
        checksum
    }

    pub(crate) fn of(searcher: &Searcher) -> Result<Self, SearchError> {
        let mut checksum = Self::default();
        documents(searcher, &mut |_, hash| {
            checksum.documents += 1;
            checksum.sum = checksum.sum.wrapping_add(hash);
        })?;
        Ok(checksum)
    }
}

/// Visits (entity number, hash) of every document. Reads two columns.
pub(crate) fn documents(searcher: &Searcher, visit: &mut dyn FnMut(u64, u64)) -> Result<(), SearchError> {
    for segment in searcher.segment_readers() {
        let numbers = segment.fast_fields().u64(NO)?;
        let hashes = segment.fast_fields().u64(HASH)?;
        for document in segment.doc_ids_alive() {
            visit(
                numbers.first(document).unwrap_or(u64::MAX),
                hashes.first(document).unwrap_or_default(),
            );
        }
    }
    Ok(())
}

/// An opened index. Reading needs nothing more; [`Self::writer`] is for the one follower.
pub struct SearchIndex {
    location: IndexLocation,
    lineage: Uuid,
    index: Index,
    reader: IndexReader,
    shared: Arc<Shared>,
    min_free_bytes: u64,
}

impl SearchIndex {
    /// Opens the index of a store, or makes an empty one that is to be built. What stands for another store or
    /// format, or is damaged, is thrown away with a warning.
    /// Errors: `Unusable` if the folder holds something else; then nothing was touched.
    pub fn open(location: IndexLocation, lineage: Uuid, bodies: BodySource) -> Result<Self, SearchError> {
        let (index, reader, mark) = open_or_make(&location, lineage)?;
        let view = View {
            searcher: reader.searcher(),
            mark,
        };
        let (position, _) = watch::channel(mark.map_or(Position::ZERO, |mark| mark.position));
        let (_, fields) = Fields::schema();
        let shared = Arc::new(Shared {
            fields,
            view: ArcSwap::from_pointee(view),
            position,
            bodies,
        });
        Ok(Self {
            location,
            lineage,
            index,
            reader,
            shared,
            min_free_bytes: 0,
        })
    }

    /// Whether there is an index in a folder.
    pub fn lies_in(folder: &Path) -> bool {
        folder.join(MARKER).exists()
    }

    /// Leaves so much of its disk free, as the store does: what lies beside it needs room to work too.
    #[must_use]
    pub fn leaving_free(mut self, min_free_bytes: u64) -> Self {
        self.min_free_bytes = min_free_bytes;
        self
    }

    /// Whether there is room to write; nothing if so, or a sentence that says what is wrong.
    pub(crate) fn shortage(&self) -> Option<String> {
        let IndexLocation::Folder(path) = &self.location else {
            return None;
        };
        let space = Space::new(path.clone(), self.min_free_bytes);
        space.check(COMMIT_BYTES).err().map(|error| error.to_string())
    }

    /// A failure in words that say what to do about it, if it comes of a full disk.
    pub(crate) fn explain(&self, error: &str) -> String {
        match &self.location {
            // The library gives this no kind of its own.
            IndexLocation::Folder(path) if FULL.iter().any(|text| error.contains(text)) => {
                let path = path.display();
                format!("no space left where `{path}` lies; it goes on once there is room ({error})")
            }
            _ => error.to_owned(),
        }
    }

    /// After a failure: looks again at what is on disk. Readers keep the view they have until the next commit.
    pub(crate) fn reopen(&mut self) -> Result<(), SearchError> {
        if let IndexLocation::Folder(_) = self.location {
            (self.index, self.reader, _) = open_or_make(&self.location, self.lineage)?;
        }
        Ok(())
    }

    pub fn reader(&self) -> SearchReader {
        SearchReader::new(Arc::clone(&self.shared))
    }

    pub fn lineage(&self) -> Uuid {
        self.lineage
    }

    /// The one writer. Errors: `Locked` while another one lives, in this process or another.
    pub fn writer(&self) -> Result<SearchWriter, SearchError> {
        let mark = mark_of(&self.index, self.lineage).ok().flatten();
        let known = Known::of(&self.reader.searcher());
        let writer = self
            .index
            .writer_with_num_threads(1, WRITER_HEAP_BYTES)
            .map_err(|error| self.lock_error(error))?;
        Ok(SearchWriter {
            fields: self.shared.fields,
            shared: Arc::clone(&self.shared),
            reader: self.reader.clone(),
            writer,
            mark,
            staged: None,
            staged_documents: 0,
            unreadable: 0,
            known,
            terms: TermMaker::default(),
        })
    }

    fn lock_error(&self, error: TantivyError) -> SearchError {
        match (&error, &self.location) {
            (TantivyError::LockFailure(LockError::LockBusy, _), IndexLocation::Folder(path)) => SearchError::Locked {
                path: path.display().to_string(),
            },
            _ => error.into(),
        }
    }
}

type Opened = (Index, IndexReader, Option<Mark>);

fn open_or_make(location: &IndexLocation, lineage: Uuid) -> Result<Opened, SearchError> {
    let (schema, _) = Fields::schema();
    let path = match location {
        IndexLocation::Memory => return with_reader(Index::create_in_ram(schema), None),
        IndexLocation::Folder(path) => path,
    };
    std::fs::create_dir_all(path)?;
    if path.join(TANTIVY_META).exists() {
        match open_existing(path, &schema, lineage) {
            Ok(opened) => return Ok(opened),
            Err(reason) => warn!(path = %path.display(), reason, "search index is thrown away and built anew"),
        }
    } else {
        info!(path = %path.display(), "search index is built for the first time");
    }
    empty(path)?;
    // The marker is there before the first file of the index, so that an index half made is known as ours.
    std::fs::File::create(path.join(MARKER))?
        .write_all(b"This folder is derived from the store and may be deleted.\n")?;
    with_reader(Index::create_in_dir(path, schema)?, None)
}

/// Opens what is there, or says why it is of no use.
fn open_existing(path: &Path, schema: &Schema, lineage: Uuid) -> Result<Opened, String> {
    let index = Index::open_in_dir(path).map_err(|error| error.to_string())?;
    if index.schema() != *schema {
        return Err("it has another schema".to_owned());
    }
    let damaged = index.validate_checksum().map_err(|error| error.to_string())?;
    if let Some(file) = damaged.iter().next() {
        return Err(format!("its file `{}` is damaged", file.display()));
    }
    let mark = mark_of(&index, lineage)?;
    with_reader(index, mark).map_err(|error| error.chain())
}

fn with_reader(index: Index, mark: Option<Mark>) -> Result<Opened, SearchError> {
    analysis::register(index.tokenizers());
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    Ok((index, reader, mark))
}

/// The mark in the newest commit; nothing if it was never completed. What stands for something else is an error.
fn mark_of(index: &Index, lineage: Uuid) -> Result<Option<Mark>, String> {
    let metas = index.load_metas().map_err(|error| error.to_string())?;
    let Some(payload) = metas.payload else {
        return if metas.segments.is_empty() {
            Ok(None)
        } else {
            Err("it does not say where it stands".to_owned())
        };
    };
    let mark: Mark = serde_json::from_str(&payload).map_err(|_| "its mark cannot be read".to_owned())?;
    if mark.format != FORMAT_VERSION {
        return Err(format!(
            "it has format {}, this program writes {FORMAT_VERSION}",
            mark.format
        ));
    }
    if mark.lineage != lineage {
        return Err("it stands for another store".to_owned());
    }
    Ok(Some(mark))
}

/// Takes every file out of the folder of an index. A folder that neither tantivy nor we have marked must be empty.
fn empty(path: &Path) -> Result<(), SearchError> {
    let unusable = |reason: String| SearchError::Unusable {
        path: path.display().to_string(),
        reason,
    };
    let entries: Vec<_> = std::fs::read_dir(path)?.collect::<Result<_, _>>()?;
    if entries.is_empty() {
        return Ok(());
    }
    if !path.join(MARKER).exists() {
        return Err(unusable(
            "it holds files and no search index; give it a folder of its own".to_owned(),
        ));
    }
    for entry in &entries {
        if entry.file_type()?.is_dir() {
            return Err(unusable(format!(
                "it holds the folder `{}`",
                entry.file_name().display()
            )));
        }
    }
    let locked = |_| SearchError::Locked {
        path: path.display().to_string(),
    };
    let directory = MmapDirectory::open(path).map_err(TantivyError::from)?;
    let _lock = directory.acquire_lock(&INDEX_WRITER_LOCK).map_err(locked)?;
    // The marker goes last, so that an interrupted emptying goes on at the next start; the lock file is held open.
    let keep = [Path::new(MARKER), &INDEX_WRITER_LOCK.filepath];
    for entry in entries
        .iter()
        .filter(|entry| !keep.contains(&Path::new(&entry.file_name())))
    {
        std::fs::remove_file(entry.path())?;
    }
    Ok(())
}

/// The writer's side: the projection of the log into the index.
pub struct SearchWriter {
    fields: Fields,
    shared: Arc<Shared>,
    reader: IndexReader,
    writer: IndexWriter,
    mark: Option<Mark>,
    staged: Option<Mark>,
    staged_documents: usize,
    /// Entities staged without their body, which could not be read.
    unreadable: usize,
    known: Known,
    terms: TermMaker,
}

/// The numbers that may have a document. Removing what was never there costs a look-up in each segment, which would
/// be most of the cost of a first build.
struct Known {
    numbers: Vec<bool>,
    /// An index that was there before: whatever comes may have a document.
    all: bool,
}

impl Known {
    fn of(searcher: &Searcher) -> Self {
        Self {
            numbers: Vec::new(),
            all: searcher.num_docs() > 0,
        }
    }

    fn nothing() -> Self {
        Self {
            numbers: Vec::new(),
            all: false,
        }
    }

    /// Adds a number; says whether it may have been there.
    fn add(&mut self, no: usize) -> bool {
        if self.all {
            return true;
        }
        if self.numbers.len() <= no {
            self.numbers.resize(no + 1, false);
        }
        std::mem::replace(&mut self.numbers[no], true)
    }

    fn has(&self, no: usize) -> bool {
        self.all || self.numbers.get(no).copied().unwrap_or(false)
    }
}

impl SearchWriter {
    /// Changes staged since the last commit.
    pub fn staged_documents(&self) -> usize {
        self.staged_documents
    }

    /// Documents that readers see.
    pub fn documents(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    /// What is staged, or else committed.
    pub fn staged_mark(&self) -> Option<Mark> {
        self.staged.or(self.mark)
    }

    pub fn has_staged(&self) -> bool {
        self.staged.is_some()
    }

    /// Ends the writer and waits for merges that are under way. What was staged only is lost.
    pub fn close(self) -> Result<(), SearchError> {
        Ok(self.writer.wait_merging_threads()?)
    }
}

impl From<TantivyError> for ProjectionError {
    fn from(error: TantivyError) -> Self {
        Self::Storage(error.to_string())
    }
}

impl Projection for SearchWriter {
    fn format_version(&self) -> u32 {
        FORMAT_VERSION
    }

    fn mark(&self) -> Option<Mark> {
        self.mark
    }

    fn apply(&mut self, changes: Changes<'_>, upto: Mark) -> Result<(), ProjectionError> {
        for change in changes {
            let change = change?;
            let no = change.no.0 as usize;
            let known = if change.state.is_some() {
                self.known.add(no)
            } else {
                self.known.has(no)
            };
            if known {
                self.writer
                    .delete_term(Term::from_field_u64(self.fields.no, u64::from(change.no.0)));
            }
            if let Some(state) = &change.state {
                let (document, readable) = document(&self.fields, state, &mut self.terms);
                self.writer.add_document(document)?;
                self.unreadable += usize::from(!readable);
            }
            self.staged_documents += 1;
        }
        self.staged = Some(upto);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), ProjectionError> {
        let Some(mark) = self.staged else {
            return Ok(());
        };
        let payload = serde_json::to_string(&mark).expect("a mark serialises into memory");
        let mut prepared = self.writer.prepare_commit()?;
        prepared.set_payload(&payload);
        prepared.commit()?;
        self.mark = Some(mark);
        self.staged = None;
        self.staged_documents = 0;
        if self.unreadable > 0 {
            let entities = std::mem::take(&mut self.unreadable);
            warn!(
                entities,
                "some entities are indexed by name only, since their bodies cannot be read"
            );
        }
        self.reader.reload()?;
        self.shared.view.store(Arc::new(View {
            searcher: self.reader.searcher(),
            mark: Some(mark),
        }));
        self.shared.position.send_replace(mark.position);
        Ok(())
    }

    fn reset(&mut self) -> Result<(), ProjectionError> {
        self.writer.delete_all_documents()?;
        self.mark = None;
        self.staged = None;
        self.staged_documents = 0;
        self.known = Known::nothing();
        // What stands for something else must not be served while it is rebuilt.
        self.shared.view.store(Arc::new(View {
            searcher: self.reader.searcher(),
            mark: None,
        }));
        self.shared.position.send_replace(Position::ZERO);
        Ok(())
    }
}
