//! Notices that something changed below the configured paths, and wakes the source.
//!
//! It asks the system to watch; where that does not work (too many watches, a missing folder, a network disk) it
//! looks at names, sizes and times at an interval. What changed does not matter here: the run finds out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bailiwick_schema::ContentHash;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::listing::list;
use super::options::Settings;
use super::tree::FsTree;
use crate::kit::{Wake, Watcher};

/// How long it must be quiet after a change before the source is woken.
const QUIET: Duration = Duration::from_millis(200);

/// Longest delay of a wake while changes keep coming.
const DELAY_MAX: Duration = Duration::from_secs(2);

pub(super) struct FilesWatcher {
    settings: Arc<Settings>,
}

impl FilesWatcher {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self { settings }
    }

    /// The folders to watch, and whether with everything below.
    fn roots(&self) -> Vec<(PathBuf, RecursiveMode)> {
        let mut roots = Vec::new();
        for entry in &self.settings.entries {
            // A file is watched through its folder: editors replace files instead of writing to them.
            let root = if entry.glob.is_none() && !entry.root.is_dir() {
                let folder = entry.root.parent().unwrap_or(&entry.root);
                (folder.to_owned(), RecursiveMode::NonRecursive)
            } else {
                (entry.root.clone(), RecursiveMode::Recursive)
            };
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        roots
    }

    /// Asks the system to watch; the watcher lives as long as what is returned. Blocks.
    fn subscribe(&self, changes: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let reading = event
                .as_ref()
                .is_ok_and(|event| matches!(event.kind, EventKind::Access(_)));
            if !reading {
                // A full channel holds a change already.
                let _ = changes.try_send(());
            }
        })?;
        for (root, mode) in self.roots() {
            watcher.watch(&root, mode)?;
        }
        Ok(watcher)
    }
}

#[async_trait]
impl Watcher for FilesWatcher {
    async fn watch(&self, wake: Arc<dyn Wake>, cancel: CancellationToken) {
        let mut polled = None;
        let mut warned = false;
        loop {
            let (send, mut changes) = mpsc::channel(1);
            let subscribed = self.on_pool(move |watcher| watcher.subscribe(send)).await;
            let Some(subscribed) = subscribed else { return };
            match subscribed {
                Ok(_subscription) => {
                    // What changed between the last look and the subscription has no event.
                    if self.looks_different(&mut polled).await {
                        wake.wake();
                    }
                    wake_on_changes(&mut changes, &*wake, &cancel).await;
                    return;
                }
                Err(error) if !warned => {
                    warned = true;
                    let secs = self.settings.poll_interval.as_secs();
                    warn!(error = %error.kind_text(), secs, "files cannot be watched, looking at them at an interval");
                }
                Err(_) => {}
            }
            if self.looks_different(&mut polled).await {
                wake.wake();
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(self.settings.poll_interval) => {}
            }
        }
    }
}

impl FilesWatcher {
    /// Compares what is there with the last look; the first look at all is no difference.
    async fn looks_different(&self, polled: &mut Option<ContentHash>) -> bool {
        let looked = self.on_pool(|watcher| signature(&watcher.settings)).await;
        let Some(now) = looked else { return false };
        let before = polled.replace(now);
        before.is_some_and(|before| before != now)
    }

    async fn on_pool<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> Option<T> {
        let settings = Arc::clone(&self.settings);
        tokio::task::spawn_blocking(move || work(&Self { settings })).await.ok()
    }
}

/// Names, sizes and times of all files that are listed now.
fn signature(settings: &Settings) -> ContentHash {
    let listing = list(settings, &FsTree::new(settings));
    let mut text = String::new();
    for path in &listing.files {
        let metadata = std::fs::metadata(path).ok();
        let bytes = metadata.as_ref().map(std::fs::Metadata::len);
        let modified = metadata.and_then(|metadata| metadata.modified().ok());
        let nanos = modified
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map(|time| time.as_nanos());
        text.push_str(&format!("{}\0{bytes:?}\0{nanos:?}\n", path.display()));
    }
    ContentHash::of(text.as_bytes())
}

/// Wakes the source after each burst of changes, until cancelled.
async fn wake_on_changes(changes: &mut mpsc::Receiver<()>, wake: &dyn Wake, cancel: &CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            change = changes.recv() => {
                if change.is_none() {
                    return;
                }
            }
        }
        let latest = Instant::now() + DELAY_MAX;
        loop {
            let quiet = (Instant::now() + QUIET).min(latest);
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep_until(quiet) => break,
                change = changes.recv() => {
                    if change.is_none() {
                        return;
                    }
                }
            }
        }
        debug!("files changed");
        wake.wake();
    }
}

/// The reason of a watch error without the paths, which are in the options already.
trait KindText {
    fn kind_text(&self) -> String;
}

impl KindText for notify::Error {
    fn kind_text(&self) -> String {
        match &self.kind {
            notify::ErrorKind::Io(error) => error.to_string(),
            notify::ErrorKind::MaxFilesWatch => "the system allows no more watches".to_owned(),
            notify::ErrorKind::PathNotFound => "a configured path is missing".to_owned(),
            other => format!("{other:?}"),
        }
    }
}
