//! Reading the files that declare further kinds.

use std::path::{Path, PathBuf};

use bailiwick_schema::kind::{KindFileProblem, KindSet};

/// Largest kind file, in bytes.
const KIND_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why the kinds could not be loaded.
#[derive(Debug)]
pub(crate) enum KindsError {
    Unreadable { path: PathBuf, message: String },
    Problems(Vec<KindFileProblem>),
}

/// The built-in kinds and those of files, or of the `*.yaml` and `*.yml` files of folders, in the order of their names.
pub(crate) fn load(paths: &[PathBuf]) -> Result<KindSet, KindsError> {
    let mut files = Vec::new();
    for path in paths {
        for file in files_at(path)? {
            files.push((file.display().to_string(), read(&file)?));
        }
    }
    KindSet::with_custom(&files).map_err(KindsError::Problems)
}

fn unreadable(path: &Path, message: impl ToString) -> KindsError {
    KindsError::Unreadable {
        path: path.to_owned(),
        message: message.to_string(),
    }
}

fn files_at(path: &Path) -> Result<Vec<PathBuf>, KindsError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, error))? {
        let file = entry.map_err(|error| unreadable(path, error))?.path();
        if file.is_file()
            && file
                .extension()
                .is_some_and(|ending| ending == "yaml" || ending == "yml")
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<String, KindsError> {
    let length = std::fs::metadata(file).map_err(|error| unreadable(file, error))?.len();
    if length > KIND_FILE_BYTES_MAX {
        return Err(unreadable(
            file,
            format!("longer than {KIND_FILE_BYTES_MAX} bytes (kind_file_bytes_max)"),
        ));
    }
    std::fs::read_to_string(file).map_err(|error| unreadable(file, error))
}
