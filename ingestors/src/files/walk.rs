//! Walking folders: every wanted file below a folder, in the order of their names.
//!
//! Links to folders are not followed (what they lead to within the roots is walked by itself), links to files are as
//! long as they stay within the roots.

use std::path::{Path, PathBuf};

use bailiwick_schema::{Finding, Severity};

use super::limits::{FILES_MAX, WALK_DEPTH_MAX, WALK_ENTRIES_MAX};
use super::tree::FsTree;
use crate::descriptors::TreeError;

/// What to look for.
pub(super) struct Walk<'a> {
    /// Also names that begin with a dot.
    pub(super) hidden: bool,
    pub(super) wanted: &'a dyn Fn(&Path) -> bool,
}

#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Sorted.
    pub(super) files: Vec<PathBuf>,
    /// What is not read on purpose.
    pub(super) findings: Vec<Finding>,
    /// Why something may be missing from `files`; whoever walks must not take it for the whole.
    pub(super) cut: Vec<Finding>,
}

pub(super) fn walk(tree: &FsTree, root: &Path, wants: &Walk<'_>) -> Walked {
    let mut walked = Walked::default();
    let mut folders = vec![(root.to_owned(), 0_usize)];
    let mut seen = 0_usize;
    while let Some((folder, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                walked.cut.push(unreadable_folder(tree, &folder, &error));
                continue;
            }
        };
        for entry in entries {
            seen += 1;
            if seen > WALK_ENTRIES_MAX || walked.files.len() >= FILES_MAX {
                walked.cut.push(cut(
                    tree,
                    root,
                    "more files and folders than files_walk_entries_max or files_max allow",
                ));
                walked.files.sort();
                return walked;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    walked.cut.push(unreadable_folder(tree, &folder, &error));
                    continue;
                }
            };
            if !wants.hidden && entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    walked.cut.push(unreadable_folder(tree, &path, &error));
                    continue;
                }
            };
            if kind.is_dir() {
                if depth + 1 > WALK_DEPTH_MAX {
                    walked
                        .cut
                        .push(cut(tree, &path, "a folder deeper than files_walk_depth_max"));
                } else {
                    folders.push((path, depth + 1));
                }
            } else if (wants.wanted)(&path) {
                take(tree, path, kind.is_symlink(), &mut walked);
            }
        }
    }
    walked.files.sort();
    walked
}

/// Takes a wanted file in, unless it is none.
fn take(tree: &FsTree, path: PathBuf, is_link: bool, walked: &mut Walked) {
    if path.to_str().is_none() {
        let message = "the name of the file is no UTF-8; rename it to have it read";
        let finding = Finding::new("path_not_utf8", Severity::Warning, message);
        walked.findings.push(finding.at(tree.shown_path(&path), None, None));
        return;
    }
    match if is_link {
        tree.real(&path).map(|real| real.is_file())
    } else {
        Ok(path.is_file())
    } {
        Ok(true) => walked.files.push(path),
        // Pipes, devices, and links to folders or to nothing are no files.
        Ok(false) | Err(TreeError::NotFound | TreeError::NotAFile) => {}
        Err(TreeError::Outside) => {
            let message = "the link leads out of the configured folders and is not followed";
            let finding = Finding::new("symlink_outside", Severity::Warning, message);
            walked.findings.push(finding.at(tree.shown_path(&path), None, None));
        }
        Err(error) => {
            let message = format!("cannot follow the link: {error}");
            let finding = Finding::new("file_unreadable", Severity::Error, message);
            walked.cut.push(finding.at(tree.shown_path(&path), None, None));
        }
    }
}

fn unreadable_folder(tree: &FsTree, folder: &Path, error: &std::io::Error) -> Finding {
    let message = format!("cannot read the folder: {error}; what it held is kept");
    Finding::new("folder_unreadable", Severity::Error, message).at(tree.shown_path(folder), None, None)
}

fn cut(tree: &FsTree, path: &Path, what: &str) -> Finding {
    let message = format!("{what}; what is beyond is not read, and no file is retired");
    Finding::new("files_cut", Severity::Error, message).at(tree.shown_path(path), None, None)
}
