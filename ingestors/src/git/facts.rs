//! Facts from the content of a repository: languages, manifests, API definitions, workflows, licence, README, owners.
//!
//! The index knows every file that one of the readers could read, by path and blob; what is read of them is kept, so
//! that a new commit costs the files that it changed. The result depends on the tree alone: an index carried on by
//! differences equals one of a whole walk.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::objs::tree::EntryKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::client::{GitError, Repo};
use super::limits::{CODEOWNERS_BYTES_MAX, CONTENT_BYTES_MAX, CONTENT_FILES_MAX, CONTENT_INDEX_MAX};
use super::tree::Change;
use crate::content::classify::{ContentKind, classify};
use crate::content::codeowners::{self, Codeowners, Host};
use crate::content::language::{Languages, language_of};
use crate::content::{Problem, apidef, licence, manifest, readme, workflow};

/// Most names kept of a list inside of one fact.
pub(super) const FACT_NAMES_MAX: usize = 20;
/// Most languages named.
pub(super) const LANGUAGES_MAX: usize = 20;

/// The files that matter, and what was read of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContentIndex {
    languages: BTreeMap<String, u64>,
    files: BTreeMap<String, ContentFile>,
    /// The CODEOWNERS file that was read last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owners_text: Option<OwnersText>,
}

/// The text of a CODEOWNERS file, at most [`CODEOWNERS_BYTES_MAX`]. Text and not rules: compiled patterns are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OwnersText {
    blob: String,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ContentFile {
    sort: Sort,
    blob: String,
    /// What its reader said; null if it is none of its sort after all. Absent until it is read.
    #[serde(default, with = "present", skip_serializing_if = "Option::is_none")]
    fact: Option<Value>,
}

/// Keeps "read, and it is nothing" (`null`) apart from "not read" (absent).
mod present {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(deserializer).map(Some)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    Codeowners,
    Manifest,
    ApiDefinition,
    Workflow,
    Licence,
    Readme,
}

impl From<ContentKind> for Sort {
    fn from(kind: ContentKind) -> Self {
        match kind {
            ContentKind::Codeowners => Self::Codeowners,
            ContentKind::Manifest => Self::Manifest,
            ContentKind::ApiDefinition => Self::ApiDefinition,
            ContentKind::Workflow => Self::Workflow,
            ContentKind::Licence => Self::Licence,
            ContentKind::Readme => Self::Readme,
        }
    }
}

/// The CODEOWNERS file that counts, read.
pub(crate) struct OwnersFile {
    pub(crate) path: &'static str,
    pub(crate) rules: Codeowners,
    pub(crate) problems: Vec<Problem>,
}

/// Why the CODEOWNERS file that counts could not be read.
pub(crate) struct OwnersUnreadable {
    pub(crate) path: &'static str,
    pub(crate) error: GitError,
}

fn is_file(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable)
}

impl ContentIndex {
    /// Takes up a file of the tree.
    pub(crate) fn add(&mut self, repo: &Repo, path: &[u8], kind: EntryKind, id: ObjectId) {
        if !is_file(kind) {
            return;
        }
        let Ok(path) = std::str::from_utf8(path) else { return };
        self.count_language(repo, path, id, u64::saturating_add);
        if let Some(kind) = classify(path.as_bytes())
            && self.files.len() < CONTENT_INDEX_MAX
        {
            let file = ContentFile {
                sort: kind.into(),
                blob: id.to_string(),
                fact: None,
            };
            self.files.insert(path.to_owned(), file);
        }
    }

    fn count_language(&mut self, repo: &Repo, path: &str, id: ObjectId, change: fn(u64, u64) -> u64) {
        let Some(language) = language_of(path) else { return };
        let size = repo.blob_size(id).unwrap_or(0);
        let bytes = self.languages.entry(language.to_owned()).or_default();
        *bytes = change(*bytes, size);
        if *bytes == 0 {
            self.languages.remove(language);
        }
    }

    /// Follows a difference between trees.
    pub(crate) fn apply(&mut self, repo: &Repo, changes: &[Change]) {
        for change in changes {
            if let Ok(path) = std::str::from_utf8(&change.path) {
                self.files.remove(path);
                if let Some((_, id)) = change.old.filter(|(kind, _)| is_file(*kind)) {
                    self.count_language(repo, path, id, u64::saturating_sub);
                }
            }
            if let Some((kind, id)) = change.new {
                self.add(repo, &change.path, kind, id);
            }
        }
    }

    /// Reads what has not been read yet, up to [`CONTENT_FILES_MAX`] of each sort in the order of their paths. False
    /// if an object was missing or damaged.
    pub(crate) fn read(&mut self, repo: &Repo) -> Result<bool, GitError> {
        let mut sound = true;
        let readme = readme::choose(self.files.keys().map(String::as_str)).map(str::to_owned);
        let mut counts: BTreeMap<Sort, usize> = BTreeMap::new();
        for (path, file) in &mut self.files {
            let count = counts.entry(file.sort).or_default();
            *count += 1;
            let wanted = match file.sort {
                Sort::Codeowners => false,
                Sort::Readme => readme.as_deref() == Some(path),
                _ => *count <= CONTENT_FILES_MAX,
            };
            if !wanted {
                file.fact = None;
            } else if file.fact.is_none() {
                file.fact = Some(match read_fact(repo, path, file) {
                    Ok(fact) => fact,
                    Err(GitError::Cancelled) => return Err(GitError::Cancelled),
                    // A fact that cannot be told now is not worth an unproved repository; the fact says so itself.
                    Err(error) => {
                        sound &= matches!(error, GitError::TooLarge { .. });
                        json!({ "path": path, "problem": error.to_string() })
                    }
                });
            }
        }
        Ok(sound)
    }

    /// The CODEOWNERS file that the host would use; its blob is read only if it is another than the last time.
    pub(crate) fn owners(&mut self, repo: &Repo, host: Host) -> Result<Option<OwnersFile>, OwnersUnreadable> {
        let existing = self.files.iter().filter(|(_, file)| file.sort == Sort::Codeowners);
        let Some(choice) = codeowners::choose(host, existing.map(|(path, _)| path.as_str())) else {
            self.owners_text = None;
            return Ok(None);
        };
        let path = choice.path;
        let Some(id) = self
            .files
            .get(path)
            .and_then(|file| ObjectId::from_hex(file.blob.as_bytes()).ok())
        else {
            return Ok(None);
        };
        let blob = id.to_string();
        let bytes = match self.owners_text.take().filter(|kept| kept.blob == blob) {
            Some(kept) => kept.text.into_bytes(),
            None => repo
                .blob(id, CODEOWNERS_BYTES_MAX, "git_codeowners_bytes_max")
                .map_err(|error| OwnersUnreadable { path, error })?,
        };
        // What is not UTF-8 is rare, and read again.
        self.owners_text = std::str::from_utf8(&bytes).ok().map(|text| OwnersText {
            blob,
            text: text.to_owned(),
        });
        let (rules, problems) = Codeowners::parse(choice.dialect_of(&bytes), &bytes);
        Ok(Some(OwnersFile { path, rules, problems }))
    }

    /// Whether a path is one at which a CODEOWNERS file could count.
    pub(crate) fn is_owners_path(path: &[u8]) -> bool {
        codeowners::PATHS.iter().any(|held| held.as_bytes() == path)
    }

    fn facts_of(&self, sort: Sort) -> impl Iterator<Item = &Value> {
        let of_sort = self.files.values().filter(move |file| file.sort == sort);
        of_sort
            .filter_map(|file| file.fact.as_ref())
            .filter(|fact| !fact.is_null())
    }

    /// The first paragraph of the README.
    pub(crate) fn description(&self) -> Option<String> {
        let readme = self.facts_of(Sort::Readme).next()?;
        readme.get("paragraph")?.as_str().map(str::to_owned)
    }

    /// Everything as facts of the repository.
    pub(crate) fn facts(&self, owners: Option<&OwnersFile>) -> Map<String, Value> {
        let mut facts = Map::new();
        let languages = Languages::from_bytes(self.languages.clone());
        let shares: Vec<Value> = languages
            .shares_per_mille()
            .into_iter()
            .take(LANGUAGES_MAX)
            .map(|(name, share)| json!({ "name": name, "per_mille": share }))
            .collect();
        facts.insert("languages".to_owned(), Value::Array(shares));
        for (key, sort) in [
            ("manifests", Sort::Manifest),
            ("api_definitions", Sort::ApiDefinition),
            ("workflows", Sort::Workflow),
        ] {
            let list: Vec<Value> = self.facts_of(sort).cloned().collect();
            facts.insert(key.to_owned(), Value::Array(list));
        }
        let licences: Vec<licence::Licence> = self
            .facts_of(Sort::Licence)
            .filter_map(|fact| {
                let text = |key: &str| fact.get(key).and_then(Value::as_str).map(str::to_owned);
                Some(licence::Licence {
                    path: text("path")?,
                    spdx: text("spdx"),
                })
            })
            .collect();
        facts.insert("licence".to_owned(), json!(licence::combine(&licences)));
        facts.insert(
            "readme".to_owned(),
            self.facts_of(Sort::Readme).next().cloned().unwrap_or(Value::Null),
        );
        let summary = owners.map(|file| {
            json!({
                "path": file.path,
                "dialect": file.rules.dialect,
                "rules": file.rules.rules.len(),
                "skipped": file.rules.skipped,
            })
        });
        facts.insert("codeowners".to_owned(), summary.unwrap_or(Value::Null));
        facts
    }
}

/// Reads one file with the reader of its sort. Null stands for "none of this sort after all".
fn read_fact(repo: &Repo, path: &str, file: &ContentFile) -> Result<Value, GitError> {
    let Ok(id) = ObjectId::from_hex(file.blob.as_bytes()) else {
        return Ok(Value::Null);
    };
    let bytes = repo.blob(id, CONTENT_BYTES_MAX, "git_content_bytes_max")?;
    let with_problems = |(fact, problems): (Option<Value>, Vec<Problem>)| match (fact, problems.first()) {
        (Some(mut fact), Some(problem)) => {
            fact["problem"] = json!(problem.message);
            fact
        }
        (Some(fact), None) => fact,
        (None, Some(problem)) => json!({ "path": path, "problem": problem.message }),
        (None, None) => Value::Null,
    };
    let mut fact = match file.sort {
        Sort::Manifest => with_problems(to_value(manifest::parse(path, &bytes))),
        Sort::ApiDefinition => with_problems(to_value(apidef::parse(path, &bytes))),
        Sort::Workflow => with_problems(to_value(workflow::parse(path, &bytes))),
        Sort::Licence => json!(licence::parse(path, &bytes)),
        Sort::Readme => json!(readme::parse(path, &bytes)),
        Sort::Codeowners => Value::Null,
    };
    shorten(&mut fact);
    Ok(fact)
}

fn to_value<T: Serialize>((read, problems): (Option<T>, Vec<Problem>)) -> (Option<Value>, Vec<Problem>) {
    (read.map(|read| json!(read)), problems)
}

/// Cuts lists of names: the counts stand beside them.
fn shorten(fact: &mut Value) {
    match fact {
        Value::Array(items) => {
            items.truncate(FACT_NAMES_MAX);
            items.iter_mut().for_each(shorten);
        }
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}
