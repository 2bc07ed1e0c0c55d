//! The thread that keeps the index at the head of the log.
//!
//! It reads what changed after its mark, takes the newest state of each from the snapshot, and stages it; commits come
//! when they are due, at once when somebody waits. A mark that does not fit the store means a rebuild from the snapshot,
//! said aloud. A failure is shown in the status and tried again later; it never ends the thread.

pub mod inline;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bailiwick_schema::{EntityRef, Position};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::fields::FORMAT_VERSION;
use super::index::{SearchIndex, SearchWriter};
use super::{SearchError, SearchReader};
use crate::fail_point::{FailPoint, FailPoints};
use crate::follow::{IndexChange, Mark, Projection, ProjectionError};
use crate::graph::{Node, Snapshot};
use crate::store::{EntityNo, Store};

/// Shortest time between two commits of the index that nobody waits for.
const COMMIT_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Longest time that something staged waits for its commit.
pub(super) const COMMIT_INTERVAL_MAX: Duration = Duration::from_millis(500);
/// A commit waits further while changes come in by the thousands: many small segments would only be merged again.
pub(super) const COMMIT_BULK_INTERVAL_MAX: Duration = Duration::from_secs(2);
/// Staged changes from which on they count as such.
const BULK_CHANGES_MIN: usize = 5_000;
/// Commits take at most one part in so many of the follower's time, within the bounds above.
const COMMIT_TIME_SHARE: u32 = 10;
/// Staged changes that are committed whatever the clock says.
pub(super) const COMMIT_CHANGES_MAX: usize = 50_000;
/// Changes that are read from the log at once.
pub(super) const READ_CHANGES_MAX: NonZeroU32 = NonZeroU32::new(2_000).expect("not zero");
/// Entities between two lines of progress while the index is rebuilt.
const PROGRESS_EVERY: usize = 50_000;
/// How long a stop waits for the index to reach the head.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// Waiting time after a first failure; it doubles.
const RETRY_FIRST: Duration = Duration::from_secs(1);
pub(super) const RETRY_MAX: Duration = Duration::from_secs(60);

/// Gives the newest snapshot.
pub type SnapshotSource = Arc<dyn Fn() -> Arc<Snapshot> + Send + Sync>;

/// How the follower fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FollowerStatus {
    /// What searches see.
    pub position: Position,
    pub documents: u64,
    /// Commits of the index since the start.
    pub commits: u64,
    /// Entities done and to do, while the index is rebuilt.
    pub rebuilding: Option<(usize, usize)>,
    /// Why it does not move; nothing while it does.
    pub failed: Option<String>,
}

/// Asks and watches the follower from anywhere.
#[derive(Clone)]
pub struct FollowerHandle {
    reader: SearchReader,
    wanted: watch::Sender<Position>,
    status: watch::Receiver<FollowerStatus>,
}

impl FollowerHandle {
    pub fn reader(&self) -> &SearchReader {
        &self.reader
    }

    /// Asks for a commit as soon as everything up to `position` is staged. Returns at once; wait on
    /// [`SearchReader::positions`].
    pub fn flush(&self, position: Position) {
        self.wanted.send_if_modified(|wanted| {
            let further = position > *wanted;
            *wanted = position.max(*wanted);
            further
        });
    }

    pub fn status(&self) -> FollowerStatus {
        self.status.borrow().clone()
    }

    /// Follows [`Self::status`].
    pub fn statuses(&self) -> watch::Receiver<FollowerStatus> {
        self.status.clone()
    }
}

/// The running follower. Stopped and joined by [`Self::stop`], or when it is dropped.
pub struct Follower {
    handle: FollowerHandle,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Starts the thread. `positions` moves after the snapshot of a commit has been published.
    /// Errors: the thread or its timer cannot be made.
    pub fn start(
        index: SearchIndex,
        store: Arc<dyn Store>,
        snapshot: SnapshotSource,
        positions: watch::Receiver<Position>,
        fail_points: FailPoints,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (stop, stopping) = watch::channel(false);
        let (wanted, wanted_seen) = watch::channel(Position::ZERO);
        let (status, status_seen) = watch::channel(FollowerStatus::default());
        let handle = FollowerHandle {
            reader: index.reader(),
            wanted,
            status: status_seen,
        };
        let driver = Driver {
            index,
            writer: None,
            store,
            snapshot,
            stopping,
            status,
            wanted: wanted_seen.clone(),
            commit_due: Instant::now(),
            needs_reopening: false,
            stop_by: Cell::new(None),
            fail_points,
        };
        let thread = std::thread::Builder::new()
            .name("search".to_owned())
            .spawn(move || runtime.block_on(run(driver, positions, wanted_seen)))?;
        Ok(Self {
            handle,
            stop,
            thread: Some(thread),
        })
    }

    pub fn handle(&self) -> FollowerHandle {
        self.handle.clone()
    }

    /// Brings the index up to the head if that takes no more than a few seconds, waits for merges under way, and ends;
    /// blocks until then. A rebuild that takes longer is given up and begins again at the next start.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the search follower ended with a panic");
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.end();
    }
}

struct Driver {
    index: SearchIndex,
    /// Nothing before the first turn and after a failure.
    writer: Option<SearchWriter>,
    store: Arc<dyn Store>,
    snapshot: SnapshotSource,
    stopping: watch::Receiver<bool>,
    wanted: watch::Receiver<Position>,
    status: watch::Sender<FollowerStatus>,
    commit_due: Instant,
    needs_reopening: bool,
    /// When a stop that was asked for waits no longer.
    stop_by: Cell<Option<Instant>>,
    fail_points: FailPoints,
}

/// What to do after a turn.
enum Next {
    GoOn,
    /// Everything is staged; wait for news, and for the commit if one is due.
    Wait {
        commit_due: Option<Instant>,
    },
}

async fn run(mut driver: Driver, mut positions: watch::Receiver<Position>, mut wanted: watch::Receiver<Position>) {
    let mut stopping = driver.stopping.clone();
    let mut retry_after = RETRY_FIRST;
    while driver.check_stop().is_ok() {
        let is_stopping = *stopping.borrow_and_update();
        // Marked as seen before the turn looks at them, so that what comes in between wakes the wait below.
        positions.borrow_and_update();
        wanted.borrow_and_update();
        let wake_at = match driver.check_room().and_then(|()| driver.guarded_turn()) {
            Ok(Next::GoOn) => continue,
            Ok(Next::Wait { .. }) if is_stopping => break,
            Ok(Next::Wait { commit_due }) => {
                retry_after = RETRY_FIRST;
                commit_due
            }
            Err(ProjectionError::Stopped) => break,
            Err(error) if is_stopping => {
                driver.fail(&error);
                break;
            }
            Err(error) => {
                driver.fail(&error);
                let at = Instant::now() + retry_after;
                retry_after = (retry_after * 2).min(RETRY_MAX);
                tokio::select! {
                    _ = stopping.changed() => {}
                    () = tokio::time::sleep_until(at) => {}
                }
                continue;
            }
        };
        let due = async {
            match wake_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stopping.changed() => {}
            moved = positions.changed() => {
                if moved.is_err() {
                    // The engine is gone; nothing will ever change again.
                    break;
                }
            }
            _ = wanted.changed() => {}
            () = due => {}
        }
    }
    driver.finish();
}

impl Driver {
    /// Whether the disk has room for what is to be written. A rebuild and a commit are not begun without it.
    fn check_room(&self) -> Result<(), ProjectionError> {
        let staged = self
            .writer
            .as_ref()
            .and_then(SearchWriter::mark)
            .map(|mark| mark.position);
        if staged == Some((self.snapshot)().position()) {
            return Ok(());
        }
        self.index
            .shortage()
            .map_or(Ok(()), |reason| Err(ProjectionError::Full(reason)))
    }

    /// A turn in which a panic of the index library counts as a failure.
    fn guarded_turn(&mut self) -> Result<Next, ProjectionError> {
        catch_unwind(AssertUnwindSafe(|| self.turn())).unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or(panic.downcast_ref::<&str>().copied());
            Err(ProjectionError::Storage(format!(
                "the index panicked: {}",
                text.unwrap_or("without a message")
            )))
        })
    }

    fn turn(&mut self) -> Result<Next, ProjectionError> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self
                .open_writer()
                .map_err(|error| ProjectionError::Storage(error.chain()))?,
        };
        let snapshot = (self.snapshot)();
        let head = snapshot.position();
        match writer.staged_mark() {
            None => self.rebuild(&mut writer, &snapshot)?,
            Some(mark) if mark.position > head => {
                warn!(index = %mark.position, %head, "search index is ahead of the store and is built anew");
                self.rebuild(&mut writer, &snapshot)?;
            }
            Some(mark) if mark.position < head => self.catch_up(&mut writer, &snapshot, mark.position)?,
            Some(_) => {}
        }
        let staged = writer.staged_mark().map_or(Position::ZERO, |mark| mark.position);
        let committed = writer.mark().map_or(Position::ZERO, |mark| mark.position);
        let wanted = *self.wanted.borrow();
        let asked_for = wanted > committed && wanted <= staged;
        // While the engine is ahead there is more to stage, and a commit now would be repeated soon.
        let bulk = writer.staged_documents() >= BULK_CHANGES_MIN && !*self.stopping.borrow();
        let commit_due = if bulk {
            self.commit_due + COMMIT_BULK_INTERVAL_MAX
        } else {
            self.commit_due
        };
        let due = asked_for || Instant::now() >= commit_due || writer.staged_documents() >= COMMIT_CHANGES_MAX;
        if writer.has_staged() && due {
            self.commit(&mut writer)?;
        }
        let has_staged = writer.has_staged();
        self.note(&writer);
        self.writer = Some(writer);
        if staged < (self.snapshot)().position() {
            return Ok(Next::GoOn);
        }
        Ok(Next::Wait {
            commit_due: has_staged.then_some(commit_due),
        })
    }

    fn open_writer(&mut self) -> Result<SearchWriter, SearchError> {
        if self.needs_reopening {
            self.index.reopen()?;
            self.needs_reopening = false;
        }
        self.index.writer()
    }

    fn mark(&self, position: Position) -> Mark {
        Mark {
            lineage: self.index.lineage(),
            position,
            format: FORMAT_VERSION,
        }
    }

    fn commit(&mut self, writer: &mut SearchWriter) -> Result<(), ProjectionError> {
        let began = Instant::now();
        self.fail_points.reach(FailPoint::BeforeIndexCommit);
        writer.commit()?;
        self.fail_points.reach(FailPoint::AfterIndexCommit);
        let took = began.elapsed();
        self.commit_due = Instant::now() + (took * COMMIT_TIME_SHARE).clamp(COMMIT_INTERVAL_MIN, COMMIT_INTERVAL_MAX);
        self.with_status(|status| status.commits += 1);
        Ok(())
    }

    /// Stages what changed after `after`, at most about [`READ_CHANGES_MAX`] changes of it.
    fn catch_up(
        &mut self,
        writer: &mut SearchWriter,
        snapshot: &Snapshot,
        after: Position,
    ) -> Result<(), ProjectionError> {
        let source = |error: crate::store::StoreError| ProjectionError::Source(error.to_string());
        let mut commits = self.store.read_after(after, READ_CHANGES_MAX).map_err(source)?;
        // The snapshot cannot tell about what came after it.
        commits.retain(|commit| commit.position <= snapshot.position());
        let first = commits.first().map(|commit| commit.position);
        if first != Some(after.next()) {
            warn!(index = %after, log = ?first, "the log no longer reaches back to the search index, which is built anew");
            return self.rebuild(writer, snapshot);
        }
        let upto = commits.last().map_or(after, |commit| commit.position);
        let changed: BTreeMap<EntityNo, &EntityRef> = commits
            .iter()
            .flat_map(|commit| commit.changes.iter().map(|change| (change.no, &change.entity)))
            .collect();
        let mut changes = changed.into_iter().map(|(no, entity)| {
            self.check_stop()?;
            IndexChange::of(snapshot, no, entity, |node| self.body(node))
        });
        writer.apply(&mut changes, self.mark(upto))
    }

    /// Makes the index anew from a snapshot and commits it.
    fn rebuild(&mut self, writer: &mut SearchWriter, snapshot: &Snapshot) -> Result<(), ProjectionError> {
        let total = snapshot.len();
        if total > 0 {
            info!(entities = total, position = %snapshot.position(), "building the search index");
        }
        writer.reset()?;
        let mut done = 0;
        let mut changes = snapshot.nodes_unchecked().map(|node| {
            if done % PROGRESS_EVERY == 0 {
                self.with_status(|status| status.rebuilding = Some((done, total)));
                if done > 0 {
                    info!(done, total, "building the search index");
                }
            }
            self.check_stop()?;
            done += 1;
            IndexChange::of(snapshot, node.no, &node.entity, |node| self.body(node))
        });
        let applied = writer.apply(&mut changes, self.mark(snapshot.position()));
        let committed = applied.and_then(|()| self.commit(writer));
        self.with_status(|status| status.rebuilding = None);
        if total > 0 && committed.is_ok() {
            info!(entities = total, position = %snapshot.position(), "search index is built");
        }
        committed
    }

    fn body(&self, node: &Node) -> Result<Option<Vec<u8>>, ProjectionError> {
        self.store
            .body(node.no, node.position)
            .map_err(|error| ProjectionError::Source(error.to_string()))
    }

    /// `Stopped` when a stop was asked for some time ago.
    fn check_stop(&self) -> Result<(), ProjectionError> {
        if !*self.stopping.borrow() {
            return Ok(());
        }
        let stop_by = self.stop_by.get().unwrap_or_else(|| Instant::now() + STOP_GRACE);
        self.stop_by.set(Some(stop_by));
        if Instant::now() >= stop_by {
            Err(ProjectionError::Stopped)
        } else {
            Ok(())
        }
    }

    fn fail(&mut self, error: &ProjectionError) {
        error!(%error, "the search index does not follow the log; it is tried again");
        let reason = match (error, self.index.shortage()) {
            (ProjectionError::Full(_), _) => error.to_string(),
            (_, None) => self.index.explain(&error.to_string()),
            // A thread of the index that died of a full disk is missed by another that does not know why.
            (_, Some(full)) => format!("{full} ({error})"),
        };
        self.with_status(|status| status.failed = Some(reason));
        if matches!(error, ProjectionError::Full(_)) {
            return;
        }
        // What was staged is in an unknown state: the next turn begins from what was committed.
        self.writer = None;
        self.needs_reopening = true;
    }

    fn note(&self, writer: &SearchWriter) {
        let documents = writer.documents();
        let position = writer.mark().map_or(Position::ZERO, |mark| mark.position);
        self.with_status(|status| {
            status.position = position;
            status.documents = documents;
            status.failed = None;
        });
    }

    fn with_status(&self, change: impl FnOnce(&mut FollowerStatus)) {
        self.status.send_if_modified(|status| {
            let before = status.clone();
            change(status);
            *status != before
        });
    }

    /// Commits what is staged and ends the writer.
    fn finish(mut self) {
        let Some(mut writer) = self.writer.take() else {
            return;
        };
        if let Err(error) = writer.commit() {
            warn!(%error, "the last commit of the search index failed; it goes on from the one before");
        }
        if let Err(error) = writer.close() {
            warn!(error = error.chain(), "merging the search index was interrupted");
        }
    }
}
