//! The mirror as a folder: made, pointed at a branch, and cleared of what a killed fetch left.

use std::path::Path;

use super::MirrorError;
use crate::git::client::describe;

pub(super) fn create(path: &Path) -> Result<(), MirrorError> {
    let options = gix::create::Options {
        destination_must_be_empty: Some(true),
        ..Default::default()
    };
    gix::create::into(path, gix::create::Kind::Bare, options).map_err(|error| MirrorError::Local(describe(&error)))?;
    Ok(())
}

/// Lets HEAD of the mirror name the default branch of the remote.
pub(super) fn point_head_at(path: &Path, branch: &str) -> Result<(), MirrorError> {
    let name = format!("refs/heads/{branch}");
    if gix::refs::FullName::try_from(name.as_str()).is_err() {
        return Err(MirrorError::Failed(
            "the server names a default branch that is no valid name".to_owned(),
        ));
    }
    let content = format!("ref: {name}\n");
    let head = path.join("HEAD");
    if std::fs::read_to_string(&head).is_ok_and(|held| held == content) {
        return Ok(());
    }
    let written = path.join("HEAD.new");
    std::fs::write(&written, content)
        .and_then(|()| std::fs::rename(&written, &head))
        .map_err(|error| MirrorError::Local(error.to_string()))
}

pub(super) fn pack_count(path: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(path.join("objects/pack")) else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "pack"))
        .count()
}

/// Removes what a killed fetch left: locks, and packs that were not finished.
pub(super) fn clear_left_overs(path: &Path) {
    let packs = path.join("objects/pack");
    let mut folders = vec![path.to_owned(), packs.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let unfinished = name.ends_with(".lock") || (folder == packs && name.starts_with('.'));
            if is_folder && name != "objects" {
                folders.push(path);
            } else if !is_folder && unfinished {
                // What cannot be removed shows itself when the fetch meets it.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}
