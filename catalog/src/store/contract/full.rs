//! A full disk, made of a small file system in memory. Mounting one takes root: without it the tests say so and end,
//! except where CI=true promises it.

use std::path::{Path, PathBuf};
use std::process::Command;

use bailiwick_schema::Position;

use super::homes::{OnDisk, on_disk};
use super::samples::*;
use crate::store::*;

/// Size of the file system, in bytes.
const DISK_BYTES: u64 = 96 << 20;
/// Bytes of a file that is removed to make room.
const BALLAST_BYTES: usize = 24 << 20;
/// Bytes of the body of each version.
const BODY_BYTES: usize = 4 << 10;
/// Versions in a commit.
const VERSIONS: u32 = 100;

/// A mounted file system that goes with the test.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    #[expect(clippy::disallowed_methods, reason = "mounting is a command's affair")]
    fn mounted() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_BYTES}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            let disk = Self { folder };
            std::fs::write(disk.ballast(), vec![1; BALLAST_BYTES]).unwrap();
            return Some(disk);
        }
        assert!(
            !std::env::var("CI").is_ok_and(|ci| ci == "true"),
            "no file system can be mounted, and CI=true promises that it can"
        );
        println!("SKIPPED: a small file system cannot be mounted here; it takes root");
        None
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    #[expect(clippy::disallowed_methods, reason = "mounting is a command's affair")]
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).output();
    }
}

fn open_at<E: OnDisk>(path: &Path, min_free_bytes: u64) -> StoreResult<std::sync::Arc<dyn Store>> {
    let options = StoreOptions {
        cache_bytes: 8 << 20,
        min_free_bytes,
        ..StoreOptions::default()
    };
    open(E::KIND, path, options)
}

/// Text that does not compress.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut body = Vec::with_capacity(BODY_BYTES);
    while body.len() < BODY_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        body.extend_from_slice(format!("{state:016x}").as_bytes());
    }
    body
}

fn write(store: &dyn Store, head: Position) -> StoreResult<Position> {
    let at = head.next();
    let versions = (0..VERSIONS)
        .map(|no| {
            let mut new = version(no, at, ChangeKind::Updated);
            new.body = noise(at.0 * u64::from(VERSIONS) + u64::from(no));
            new
        })
        .collect();
    store.append(head, commit(head, versions))
}

/// Writes until it is refused. Gives the last acknowledged position and the error.
fn fill(store: &dyn Store) -> (Position, StoreError) {
    let mut head = store.head().unwrap();
    loop {
        match write(store, head) {
            Ok(next) => head = next,
            Err(error) => return (head, error),
        }
        assert!(head.0 < 10_000, "the disk is never full");
    }
}

fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Every acknowledged commit is there and whole.
fn is_whole(store: &dyn Store, acknowledged: Position) {
    let head = store.head().unwrap();
    assert!(head >= acknowledged, "{head} is less than {acknowledged}");
    assert!(head.0 <= acknowledged.0 + 1, "{head} was never tried");
    let live = all(|visit| store.live_versions(visit));
    assert_eq!(live.len(), VERSIONS as usize);
    assert!(live.iter().all(|version| version.position == head));
    for position in 1..=head.0 {
        for no in [0, VERSIONS - 1] {
            let body = store.body(EntityNo(no), Position(position)).unwrap().unwrap();
            assert_eq!(body, noise(position * u64::from(VERSIONS) + u64::from(no)));
        }
    }
}

on_disk! {
    a_write_that_would_fill_the_disk_is_refused_and_goes_on_once_there_is_room,
    a_full_disk_loses_nothing_that_was_acknowledged,
}

fn a_write_that_would_fill_the_disk_is_refused_and_goes_on_once_there_is_room<E: OnDisk>() {
    let Some(disk) = Disk::mounted() else { return };
    let store = open_at::<E>(&disk.store(), space::MIN_FREE_BYTES_DEFAULT).unwrap();
    let (acknowledged, error) = fill(&*store);
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("no space left"), "{error}");
    assert_eq!(error.retry(), Retry::Later);
    is_whole(&*store, acknowledged);
    assert!(
        matches!(write(&*store, acknowledged), Err(StoreError::Full { .. })),
        "still"
    );
    disk.make_room();
    let next = write(&*store, acknowledged).unwrap();
    is_whole(&*store, next);
    drop(store);
    is_whole(&*open_at::<E>(&disk.store(), 0).unwrap(), next);
}

fn a_full_disk_loses_nothing_that_was_acknowledged<E: OnDisk>() {
    let Some(disk) = Disk::mounted() else { return };
    let store = open_at::<E>(&disk.store(), 0).unwrap();
    let (acknowledged, error) = fill(&*store);
    let said = chain(&error);
    assert!(
        said.contains("no space left") || said.contains("whether the disk is full"),
        "{said}"
    );
    match store.body(EntityNo(0), acknowledged) {
        Ok(body) => assert_eq!(body, Some(noise(acknowledged.0 * u64::from(VERSIONS)))),
        Err(error) => assert!(matches!(error, StoreError::Closed { .. }), "{error:?}"),
    }
    assert!(write(&*store, acknowledged).is_err(), "until it is opened again");
    drop(store);

    match open_at::<E>(&disk.store(), 0) {
        Ok(store) => is_whole(&*store, acknowledged),
        Err(error) => assert!(chain(&error).contains("no space left"), "{}", chain(&error)),
    }
    disk.make_room();
    let store = open_at::<E>(&disk.store(), 0).unwrap();
    is_whole(&*store, acknowledged);
    let head = store.head().unwrap();
    let next = write(&*store, head).unwrap();
    is_whole(&*store, next);
}
