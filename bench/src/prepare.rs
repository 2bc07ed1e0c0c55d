//! What has to be there before anything is measured: the binary, a folder, the workload.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::args::Common;
use crate::failure::{Outcome, While as _, fail};
use crate::workload::{FILES, Workload};

/// The files of a workload.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) first: PathBuf,
    pub(crate) second: PathBuf,
    /// Removed with this.
    _folder: Option<TempDir>,
}

/// The root of the project, as it was built.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// The binary that was named, or the one that is built now.
pub(crate) fn binary(common: &Common) -> Outcome<PathBuf> {
    let path = match &common.binary {
        Some(binary) => binary.clone(),
        None => {
            println!("cargo build --release --locked -p bailiwick-cli");
            let built = Command::new("cargo")
                .args(["build", "--release", "--locked", "-p", "bailiwick-cli"])
                .current_dir(root())
                .status()
                .while_doing("building the binary")?;
            if !built.success() {
                return fail("the binary cannot be built");
            }
            root().join("target/release/bailiwick")
        }
    };
    path.canonicalize()
        .while_doing(format!("finding the binary {}", path.display()))
}

/// The folder that everything temporary lies in.
pub(crate) fn work(common: &Common) -> Outcome<PathBuf> {
    let path = common.work.clone().unwrap_or_else(|| root().join("target"));
    std::fs::create_dir_all(&path).while_doing(format!("making the folder {}", path.display()))?;
    path.canonicalize()
        .while_doing(format!("finding the folder {}", path.display()))
}

/// A temporary folder.
pub(crate) fn folder(work: &Path) -> Outcome<TempDir> {
    tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(work)
        .while_doing(format!("making a folder in {}", work.display()))
}

/// The workload of a size; the one that was named, or a new one.
pub(crate) fn files(common: &Common, entities: usize, work: &Path) -> Outcome<Files> {
    if let Some(input) = &common.input {
        return Ok(Files {
            first: input.join(FILES[0]),
            second: input.join(FILES[1]),
            _folder: None,
        });
    }
    generated(common, entities, work)
}

/// A new workload of a size.
pub(crate) fn generated(common: &Common, entities: usize, work: &Path) -> Outcome<Files> {
    let folder = folder(work)?;
    let workload = Workload {
        entities,
        seed: common.seed,
        changed_percent: common.changed,
    };
    let [first, _] = workload.write(folder.path())?;
    println!(
        "{entities} entities, seed {}: {} bytes, sha256 {}",
        common.seed, first.bytes, first.sha256
    );
    Ok(Files {
        first: folder.path().join(FILES[0]),
        second: folder.path().join(FILES[1]),
        _folder: Some(folder),
    })
}
