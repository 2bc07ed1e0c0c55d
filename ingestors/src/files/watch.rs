//! Notices that something changed below the configured paths, and wakes the source.
//!
//! It asks the system to watch; where that does not work (too many watches, a missing folder, a network disk) it
//! looks at an interval. Either way names, sizes and times are compared with what the last run saw, so that noise (a
//! log in the same folder, a file that was only read) wakes nobody, and a change before watching began is not missed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::listing::list;
use super::options::Settings;
use super::seen::{Seen, Stamp, stamp_of};
use super::tree::FsTree;
use crate::kit::{Wake, Watcher};

/// How long it must be quiet after a change before the source is woken.
const QUIET: Duration = Duration::from_millis(200);

/// Longest delay of a wake while changes keep coming.
pub(super) const DELAY_MAX: Duration = Duration::from_secs(2);

pub(super) struct FilesWatcher {
    settings: Arc<Settings>,
    seen: Arc<Seen>,
}

impl FilesWatcher {
    pub(super) fn new(settings: Arc<Settings>, seen: Arc<Seen>) -> Self {
        Self { settings, seen }
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
        let mut told = Told::default();
        let mut warned = false;
        while !cancel.is_cancelled() {
            let (send, mut changes) = mpsc::channel(1);
            let Some(subscribed) = self.on_pool(move |watcher| watcher.subscribe(send)).await else {
                return;
            };
            self.wake_if_changed(&mut told, &*wake).await;
            match subscribed {
                Ok(_subscription) => {
                    while burst(&mut changes, &cancel).await {
                        self.wake_if_changed(&mut told, &*wake).await;
                    }
                    return;
                }
                Err(error) => {
                    let secs = self.settings.poll_interval.as_secs();
                    if !std::mem::replace(&mut warned, true) {
                        warn!(
                            reason = reason(&error),
                            secs, "files cannot be watched and are looked at instead"
                        );
                    }
                }
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(self.settings.poll_interval) => {}
            }
        }
    }
}

/// What the source was last woken for.
#[derive(Default)]
pub(super) struct Told(Option<BTreeMap<PathBuf, Stamp>>);

impl FilesWatcher {
    /// Wakes the source if files differ from what its last run saw, and from what it was woken for already.
    ///
    /// Before the first run has ended there is nothing to compare with: the first look only takes note.
    pub(super) async fn wake_if_changed(&self, told: &mut Told, wake: &dyn Wake) {
        let seen = self.seen.get();
        let known: Vec<PathBuf> = seen.iter().flat_map(|seen| seen.keys().cloned()).collect();
        let Some(now) = self.on_pool(move |watcher| stamps(&watcher.settings, known)).await else {
            return;
        };
        let is_new = seen.as_ref().map_or(told.0.is_some(), |seen| *seen != now);
        if is_new && told.0.as_ref() != Some(&now) {
            debug!("files changed");
            wake.wake();
        }
        told.0 = Some(now);
    }

    async fn on_pool<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> Option<T> {
        let watcher = Self {
            settings: Arc::clone(&self.settings),
            seen: Arc::clone(&self.seen),
        };
        tokio::task::spawn_blocking(move || work(&watcher)).await.ok()
    }
}

/// The stamps of all files that are listed now, and of those that were known before.
fn stamps(settings: &Settings, known: Vec<PathBuf>) -> BTreeMap<PathBuf, Stamp> {
    let listed = list(settings, &FsTree::new(settings)).files;
    let paths = listed.into_iter().chain(known);
    paths.map(|path| (path.clone(), stamp_of(&path))).collect()
}

/// Waits for changes and for the quiet after them. False once cancelled.
async fn burst(changes: &mut mpsc::Receiver<()>, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = cancel.cancelled() => return false,
        change = changes.recv() => {
            if change.is_none() {
                return false;
            }
        }
    }
    let latest = Instant::now() + DELAY_MAX;
    loop {
        let quiet = (Instant::now() + QUIET).min(latest);
        tokio::select! {
            () = cancel.cancelled() => return false,
            () = tokio::time::sleep_until(quiet) => return true,
            change = changes.recv() => {
                if change.is_none() {
                    return false;
                }
            }
        }
    }
}

/// Why watching failed, without the paths, which are in the options already.
fn reason(error: &notify::Error) -> String {
    match &error.kind {
        notify::ErrorKind::Io(error) => error.to_string(),
        notify::ErrorKind::MaxFilesWatch => "the system allows no more watches".to_owned(),
        notify::ErrorKind::PathNotFound => "a configured path is missing".to_owned(),
        other => format!("{other:?}"),
    }
}
