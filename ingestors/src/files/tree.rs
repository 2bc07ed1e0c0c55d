//! The folders on disk as a tree of files: what may be read, and nothing else.
//!
//! Paths are absolute texts. A path is allowed by where it really lies: links are resolved before the check, so that
//! no link leads out. It does not know which files are descriptors.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use super::options::{Entry, Settings, lexical};
use super::walk::{Walk, walk};
use crate::descriptors::{Tree, TreeError, is_url};

/// What the configured paths allow to read.
pub(super) struct FsTree {
    base_dir: PathBuf,
    /// As configured, for targets; folders.
    lexical_roots: Vec<PathBuf>,
    /// Where they really lie; folders, and single files that were named themselves.
    real_roots: Vec<PathBuf>,
}

impl FsTree {
    /// Looks up where the configured paths really lie. What is missing allows nothing.
    pub(super) fn new(settings: &Settings) -> Self {
        let mut tree = Self {
            base_dir: settings.base_dir.clone(),
            lexical_roots: Vec::new(),
            real_roots: Vec::new(),
        };
        for entry in &settings.entries {
            tree.allow(entry);
        }
        tree
    }

    fn allow(&mut self, entry: &Entry) {
        let Ok(real) = entry.root.canonicalize() else { return };
        let folder = if real.is_dir() {
            entry.root.as_path()
        } else {
            entry.root.parent().unwrap_or(&entry.root)
        };
        self.lexical_roots.push(folder.to_owned());
        self.real_roots.push(real);
        self.real_roots.extend(folder.canonicalize());
    }

    /// Where a path really lies.
    pub(super) fn real(&self, path: &Path) -> Result<PathBuf, TreeError> {
        let real = path.canonicalize().map_err(|error| tree_error(&error))?;
        if self.real_roots.iter().any(|root| real.starts_with(root)) {
            Ok(real)
        } else {
            Err(TreeError::Outside)
        }
    }

    /// Opens a regular file.
    pub(super) fn open(&self, path: &Path) -> Result<(File, Metadata), TreeError> {
        let real = self.real(path)?;
        // Looked at before it is opened: opening a pipe would wait for its writer.
        let metadata = std::fs::metadata(&real).map_err(|error| tree_error(&error))?;
        if !metadata.is_file() {
            return Err(TreeError::NotAFile);
        }
        let file = File::open(&real).map_err(|error| tree_error(&error))?;
        let metadata = file.metadata().map_err(|error| tree_error(&error))?;
        Ok((file, metadata))
    }

    pub(super) fn shown_path(&self, path: &Path) -> String {
        path.strip_prefix(&self.base_dir)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned()
    }
}

pub(super) fn tree_error(error: &std::io::Error) -> TreeError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => TreeError::NotFound,
        _ => TreeError::Unreadable(error.to_string()),
    }
}

impl Tree for FsTree {
    fn resolve(&self, from: &str, target: &str) -> Option<String> {
        if target.is_empty() || target.contains('\0') || is_url(target) || Path::new(target).is_absolute() {
            return None;
        }
        let path = lexical(&Path::new(from).parent()?.join(target));
        let allowed = self.lexical_roots.iter().any(|root| path.starts_with(root));
        if allowed {
            path.into_os_string().into_string().ok()
        } else {
            None
        }
    }

    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, TreeError> {
        let (file, metadata) = self.open(Path::new(path))?;
        let too_large = |bytes| TreeError::TooLarge { bytes, max: bytes_max };
        if metadata.len() > bytes_max {
            return Err(too_large(metadata.len()));
        }
        let mut content = Vec::new();
        file.take(bytes_max.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|error| tree_error(&error))?;
        let bytes = content.len() as u64;
        if bytes > bytes_max {
            Err(too_large(bytes))
        } else {
            Ok(content)
        }
    }

    fn glob(&self, folder: &str, pattern: &str) -> Result<Vec<String>, TreeError> {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let glob = glob
            .map_err(|error| TreeError::BadPattern(error.kind().to_string()))?
            .compile_matcher();
        let folder = Path::new(folder);
        match self.real(folder) {
            Ok(real) if real.is_dir() => {}
            Ok(_) | Err(TreeError::NotFound) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
        let wanted = |path: &Path| path.strip_prefix(folder).is_ok_and(|rest| glob.is_match(rest));
        let walked = walk(
            self,
            folder,
            &Walk {
                hidden: false,
                wanted: &wanted,
            },
        );
        if let Some(problem) = walked.cut.first() {
            return Err(TreeError::Unreadable(problem.message.clone()));
        }
        Ok(walked
            .files
            .into_iter()
            .filter_map(|path| path.into_os_string().into_string().ok())
            .collect())
    }

    fn is_file(&self, path: &str) -> Result<bool, TreeError> {
        let real = self.real(Path::new(path))?;
        Ok(std::fs::metadata(real).map_err(|error| tree_error(&error))?.is_file())
    }

    fn shown(&self, path: &str) -> String {
        self.shown_path(Path::new(path))
    }
}
