//! Options of the `files` source: as people write them, and checked.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::limits::{DOCUMENT_BYTES_CEILING, DOCUMENT_BYTES_FLOOR, PATHS_MAX, POLL_SECS_DEFAULT};
use crate::kit::{OptionProblem, read_options};

/// Options of a source of type `files`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilesOptions {
    /// Files, folders and globs (`*`, `?`, `[…]`, `{…}`, `**`) of descriptors in YAML (`.yaml`, `.yml`), JSON (`.json`) or
    /// NDJSON (`.ndjson`, `.jsonl`). Folders are read with everything below them; names that begin with a dot are left
    /// out. At least one.
    pub paths: Vec<String>,
    /// Whether a change on disk wakes the source at once.
    pub watch: bool,
    /// Longest document (a line in NDJSON), in bytes, 1024 to 104857600. Longer ones are the finding
    /// `document_too_large`; the rest of the file is read.
    pub document_bytes_max: u64,
    /// Where the system cannot watch: how often files are looked at for change, in seconds, 1 to 3600.
    pub poll_interval_secs: u64,
}

impl Default for FilesOptions {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            watch: true,
            document_bytes_max: bailiwick_schema::yaml::DOCUMENT_BYTES_MAX as u64,
            poll_interval_secs: POLL_SECS_DEFAULT,
        }
    }
}

/// Checked options.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) entries: Vec<Entry>,
    pub(super) watch: bool,
    pub(super) document_bytes_max: usize,
    pub(super) poll_interval: Duration,
    /// Absolute; what people see is relative to it where it can be.
    pub(super) base_dir: PathBuf,
}

/// One of the configured paths, absolute and without `.` and `..`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// As it is configured.
    pub(super) text: String,
    /// The file or folder, or the folder from which a glob is walked.
    pub(super) root: PathBuf,
    pub(super) glob: Option<Glob>,
}

/// Matches absolute paths.
#[derive(Debug, Clone)]
pub(super) struct Glob {
    pub(super) matcher: GlobMatcher,
    /// The pattern names hidden files or folders itself.
    pub(super) hidden: bool,
}

impl Settings {
    pub(super) fn read(raw: Value, base_dir: &Path) -> Result<Self, Vec<OptionProblem>> {
        let options: FilesOptions = read_options(raw)?;
        let mut problems = Vec::new();
        let base_dir = match std::path::absolute(base_dir) {
            Ok(path) => path,
            Err(error) => {
                problems.push(OptionProblem::new(
                    "paths",
                    format!("cannot find the folder they start at: {error}"),
                ));
                base_dir.to_owned()
            }
        };
        if options.paths.is_empty() {
            problems.push(OptionProblem::new(
                "paths",
                "must name at least one file, folder or glob",
            ));
        }
        if options.paths.len() > PATHS_MAX {
            problems.push(OptionProblem::new(
                "paths",
                format!("must be at most {PATHS_MAX} (files_paths_max)"),
            ));
        }
        let mut entries = Vec::new();
        for (index, text) in options.paths.iter().enumerate().take(PATHS_MAX) {
            match Entry::read(text, &base_dir) {
                Ok(entry) => entries.push(entry),
                Err(message) => problems.push(OptionProblem::new(format!("paths.{index}"), message)),
            }
        }
        let mut within = |name: &str, value: u64, min: u64, max: u64| {
            if !(min..=max).contains(&value) {
                problems.push(OptionProblem::new(name, format!("must be {min} to {max}, not {value}")));
            }
        };
        within(
            "document_bytes_max",
            options.document_bytes_max,
            DOCUMENT_BYTES_FLOOR,
            DOCUMENT_BYTES_CEILING,
        );
        within("poll_interval_secs", options.poll_interval_secs, 1, 3_600);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            entries,
            watch: options.watch,
            document_bytes_max: usize::try_from(options.document_bytes_max).unwrap_or(usize::MAX),
            poll_interval: Duration::from_secs(options.poll_interval_secs),
            base_dir,
        })
    }
}

impl Entry {
    fn read(text: &str, base_dir: &Path) -> Result<Self, String> {
        if text.trim().is_empty() || text.contains('\0') {
            return Err("must be a file, a folder or a glob".to_owned());
        }
        let path = lexical(&base_dir.join(text));
        let Some(whole) = path.to_str() else {
            return Err("must be UTF-8".to_owned());
        };
        if !is_pattern(text) {
            return Ok(Self {
                text: text.to_owned(),
                root: path,
                glob: None,
            });
        }
        // What stands before the pattern is literal, whatever characters it has.
        let literal: PathBuf = path
            .components()
            .take_while(|part| !is_pattern(&part.as_os_str().to_string_lossy()))
            .collect();
        let Some(pattern) = literal.to_str().and_then(|literal| whole.strip_prefix(literal)) else {
            return Err("is no pattern that can be read".to_owned());
        };
        let pattern = format!("{}{pattern}", globset::escape(literal.to_str().unwrap_or_default()));
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
        let matcher = glob
            .map_err(|error| format!("is no pattern: {}", error.kind()))?
            .compile_matcher();
        let hidden = text
            .split('/')
            .any(|part| part.starts_with('.') && !matches!(part, "." | ".."));
        Ok(Self {
            text: text.to_owned(),
            root: literal,
            glob: Some(Glob { matcher, hidden }),
        })
    }

    /// Whether this entry would find the file `path`.
    pub(super) fn covers(&self, path: &Path) -> bool {
        match &self.glob {
            Some(glob) => glob.matcher.is_match(path),
            None => path.starts_with(&self.root),
        }
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Resolves `.` and `..` as text, without a look at the disk.
pub(super) fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}
