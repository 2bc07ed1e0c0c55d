//! Languages by file name, and their shares in bytes.
//!
//! A name decides, never the content: a share costs no blob. The tally adds and subtracts, so that a new head costs only
//! its diff. Vendored and generated files count for nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tables::{EXTENSIONS, FILE_NAMES, GENERATED_ENDS, GENERATED_FOLDERS, GENERATED_NAMES, VENDORED_FOLDERS};

/// The language of a repository path, `None` for unknown, vendored and generated files.
pub fn language_of(path: &str) -> Option<&'static str> {
    if is_vendored(path) || is_generated(path) {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let find = |table: &'static [(&str, &str)], key: &str| {
        table
            .iter()
            .find(|(held, _)| *held == key)
            .map(|(_, language)| *language)
    };
    if let Some(language) = find(FILE_NAMES, &name) {
        return Some(language);
    }
    if name.starts_with("dockerfile.") || name.starts_with("containerfile.") {
        return Some("Dockerfile");
    }
    let (stem, extension) = name.rsplit_once('.')?;
    if extension == "dockerfile" {
        return Some("Dockerfile");
    }
    if stem.is_empty() {
        return None;
    }
    find(EXTENSIONS, extension)
}

/// Is the path below a folder that holds the work of others?
pub fn is_vendored(path: &str) -> bool {
    has_folder(path, VENDORED_FOLDERS)
}

/// Is the path made by a tool: below a build's output folder, a lock file, minified, or generated code?
pub fn is_generated(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    has_folder(path, GENERATED_FOLDERS)
        || GENERATED_NAMES.contains(&name.as_str())
        || GENERATED_ENDS.iter().any(|end| name.ends_with(end))
}

fn has_folder(path: &str, folders: &[&str]) -> bool {
    let Some((parents, _)) = path.rsplit_once('/') else {
        return false;
    };
    parents
        .split('/')
        .any(|part| folders.iter().any(|folder| part.eq_ignore_ascii_case(folder)))
}

/// Bytes by language, kept up to date by diffs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Languages {
    /// Bytes of each language; a language without bytes is not in it.
    bytes: BTreeMap<String, u64>,
}

impl Languages {
    /// A tally from what was stored before.
    pub fn from_bytes(bytes: BTreeMap<String, u64>) -> Self {
        Self {
            bytes: bytes.into_iter().filter(|(_, bytes)| *bytes > 0).collect(),
        }
    }

    /// Bytes by language.
    pub fn bytes(&self) -> &BTreeMap<String, u64> {
        &self.bytes
    }

    /// Counts a file that is there.
    pub fn add(&mut self, path: &str, bytes: u64) {
        if let Some(language) = language_of(path).filter(|_| bytes > 0) {
            let held = self.bytes.entry(language.to_owned()).or_default();
            *held = held.saturating_add(bytes);
        }
    }

    /// Takes a file back that was counted with the same path and size.
    pub fn subtract(&mut self, path: &str, bytes: u64) {
        let Some(language) = language_of(path) else { return };
        if let Some(held) = self.bytes.get_mut(language) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                self.bytes.remove(language);
            }
        }
    }

    /// Shares in per mille of all counted bytes, largest first, equal ones by name; each rounded down.
    pub fn shares_per_mille(&self) -> Vec<(&str, u32)> {
        let total: u128 = self.bytes.values().map(|bytes| u128::from(*bytes)).sum();
        let mut shares: Vec<(&str, u64)> = self
            .bytes
            .iter()
            .map(|(language, bytes)| (language.as_str(), *bytes))
            .collect();
        shares.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
        let share = |bytes: u64| u32::try_from(u128::from(bytes) * 1000 / total.max(1)).unwrap_or(1000);
        shares
            .into_iter()
            .map(|(language, bytes)| (language, share(bytes)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
