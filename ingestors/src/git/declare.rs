//! The descriptors of one commit: which files they are, what each of them depends on, and what has to be read again.
//!
//! A descriptor's origin is the path of its file. It depends on its blob, on the files that its placeholders and links
//! name, on the files that its Location targets name, and on whether it lies in the skeleton of a template; all of
//! that is in the index, so that a new commit reads the files that it touches and no others.
//! It does not know claims: what was read goes to a [`Visitor`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::yaml::Limits;
use bailiwick_schema::{ContentHash, Finding, Severity};
use gix::ObjectId;
use gix::objs::tree::EntryKind;
use serde::{Deserialize, Serialize};

use super::client::GitError;
use super::limits::{DESCRIPTOR_BYTES_MAX, DESCRIPTORS_MAX};
use super::tree::{Change, Found, PathError, TreeView, is_lfs_pointer, shown};
use crate::descriptors::{
    Edge, EntityItem, FileRead, Item, Judged, Judging, LocationTarget, cycles, in_skeleton, judge_text,
    resolve_targets, skeleton_finding,
};

/// Which paths are descriptors.
#[derive(Clone, Copy)]
pub(crate) struct Globs<'a> {
    pub(crate) include: &'a globset::GlobSet,
    pub(crate) exclude: &'a globset::GlobSet,
}

impl Globs<'_> {
    pub(crate) fn take(&self, path: &str) -> bool {
        self.include.is_match(path) && !self.exclude.is_match(path)
    }

    fn leave_out(&self, path: &str) -> bool {
        self.exclude.is_match(path)
    }
}

/// All descriptor files of a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DescriptorIndex {
    /// Files that match the globs.
    roots: BTreeSet<String>,
    files: BTreeMap<String, DescriptorFile>,
    /// Hash over which Locations name which files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    links: Option<ContentHash>,
}

/// What is known of one descriptor file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct DescriptorFile {
    /// The blob that was read, and its path where a link led to it; nothing if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reads: Vec<FileRead>,
    /// Blobs of those reads that stand at their paths themselves, without any link on the way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    blobs_read: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    targets: Vec<LocationTarget>,
    /// Hash over what the targets gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolved: Option<ContentHash>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    skeletons: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_skeleton: bool,
}

/// Takes what is read, file by file.
pub(crate) trait Visitor {
    /// The file is read anew; what follows is all that it says.
    fn file(&mut self, path: &str) -> Result<(), GitError>;
    fn entity(&mut self, path: &str, entity: EntityItem) -> Result<(), GitError>;
    /// The file, or a document of it, is there and says nothing that can be used.
    fn unreadable(&mut self, path: &str, finding: Finding) -> Result<(), GitError>;
    fn finding(&mut self, finding: Finding) -> Result<(), GitError>;
    /// The file was a descriptor and is none any more.
    fn gone(&mut self, path: &str) -> Result<(), GitError>;
}

/// What judging needs.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) view: &'a TreeView<'a>,
    pub(crate) globs: Globs<'a>,
    pub(crate) kinds: &'a KindSet,
    pub(crate) limits: &'a Limits,
    /// Read every file, whether it changed or not.
    pub(crate) all: bool,
}

impl DescriptorIndex {
    /// Takes up a file of the tree. A finding says why a path that matches cannot be one.
    pub(crate) fn add(&mut self, globs: Globs<'_>, path: &[u8], kind: EntryKind) -> Option<Finding> {
        if kind == EntryKind::Commit {
            return None;
        }
        match std::str::from_utf8(path) {
            Ok(path) => {
                if globs.take(path) {
                    self.roots.insert(path.to_owned());
                }
                None
            }
            Err(_) => {
                let lossy = shown(path);
                globs.take(&lossy).then(|| {
                    let message = "the path is not UTF-8, so that nothing can refer to the file: rename it";
                    Finding::new("path_not_utf8", Severity::Warning, message).at(lossy, None, None)
                })
            }
        }
    }

    /// Follows a difference between trees.
    pub(crate) fn apply(&mut self, globs: Globs<'_>, changes: &[Change]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for change in changes {
            if let Ok(path) = std::str::from_utf8(&change.path) {
                self.roots.remove(path);
            }
            if let Some((kind, _)) = change.new {
                findings.extend(self.add(globs, &change.path, kind));
            }
        }
        findings
    }

    /// The files that stand at their own paths after `changes`, as far as this index and the changes know them: a file
    /// without a link on its way moves only with a change at its very path, as all files below a lost folder have.
    pub(crate) fn standing(&self, changes: &[Change]) -> HashMap<String, ObjectId> {
        let mut standing = HashMap::new();
        for (path, file) in &self.files {
            let itself = file.blob.as_ref().filter(|_| file.link.is_none());
            let reads = file.blobs_read.iter();
            for (path, blob) in itself.map(|blob| (path, blob)).into_iter().chain(reads) {
                if let Ok(id) = ObjectId::from_hex(blob.as_bytes()) {
                    standing.insert(path.clone(), id);
                }
            }
        }
        for change in changes {
            let Ok(path) = std::str::from_utf8(&change.path) else {
                continue;
            };
            standing.remove(path);
            if let Some((EntryKind::Blob | EntryKind::BlobExecutable, id)) = change.new {
                standing.insert(path.to_owned(), id);
            }
        }
        standing
    }

    /// Reads what differs from what is known, and tells the visitor; true if every file was looked at.
    pub(crate) fn read(&mut self, reading: &Reading<'_>, visitor: &mut dyn Visitor) -> Result<bool, GitError> {
        let known = std::mem::take(&mut self.files);
        let survey = Survey::of(reading, &self.roots, &known)?;
        let links = ContentHash::of(format!("{:?}", survey.edges).as_bytes());
        // A circle shows at one of its files, and which one that is depends on all of them.
        let same_links = self.links == Some(links);
        self.links = Some(links);
        let mut pass = Pass {
            reading,
            known: &known,
            survey: &survey,
            same_links,
        };
        let mut files = BTreeMap::new();
        let mut whole = !survey.cut;
        let mut open: Vec<String> = self.roots.iter().rev().cloned().collect();
        while let Some(path) = open.pop() {
            if files.contains_key(&path) {
                continue;
            }
            if files.len() >= DESCRIPTORS_MAX {
                let message = format!("more than {DESCRIPTORS_MAX} descriptor files (git_descriptors_max)");
                visitor.finding(Finding::new("descriptors_cut", Severity::Error, message))?;
                whole = false;
                break;
            }
            let file = pass.file(&path, visitor)?;
            if !file.in_skeleton {
                open.extend(
                    survey
                        .edges
                        .get(&path)
                        .into_iter()
                        .flatten()
                        .map(|edge| edge.to.clone()),
                );
            }
            files.insert(path, file);
        }
        for finding in cycles(reading.view, &survey.edges) {
            visitor.finding(finding)?;
        }
        if whole {
            for path in known.keys().filter(|path| !files.contains_key(*path)) {
                visitor.gone(path)?;
            }
        }
        self.files = files;
        Ok(whole)
    }
}

/// What has to be known before the first file is judged: a skeleton may come before its template, and a circle of
/// Locations shows only when all of them were seen.
#[derive(Default)]
struct Survey {
    /// Folders that templates fill in, sorted.
    skeletons: Vec<String>,
    /// Which files the Locations of a file name.
    edges: BTreeMap<String, BTreeSet<Edge>>,
    /// Some targets could not be looked up.
    cut: bool,
}

impl Survey {
    fn of(
        reading: &Reading<'_>,
        roots: &BTreeSet<String>,
        known: &BTreeMap<String, DescriptorFile>,
    ) -> Result<Self, GitError> {
        let mut survey = Self::default();
        let mut seen = BTreeSet::new();
        let mut open: Vec<String> = roots.iter().cloned().collect();
        while let Some(path) = open.pop() {
            if seen.len() >= DESCRIPTORS_MAX || !seen.insert(path.clone()) {
                continue;
            }
            let Ok(found) = reading.view.file(&path) else { continue };
            let (skeletons, targets) = match known.get(&path).filter(|known| known.is_at(&found, &path)) {
                Some(known) => (known.skeletons.clone(), known.targets.clone()),
                None => reading.look_into(&path, found.id)?,
            };
            survey.skeletons.extend(skeletons);
            if targets.is_empty() {
                continue;
            }
            let resolved = resolve_targets(reading.view, &path, &targets);
            survey.cut |= resolved.cut;
            for (target, place) in resolved.files {
                if !reading.globs.leave_out(&target) {
                    open.push(target.clone());
                    let edge = Edge {
                        to: target,
                        line: place.line,
                        column: place.column,
                    };
                    survey.edges.entry(path.clone()).or_default().insert(edge);
                }
            }
        }
        survey.skeletons.sort();
        survey.skeletons.dedup();
        Ok(survey)
    }
}

impl Reading<'_> {
    fn judging(&self) -> Judging<'_> {
        Judging {
            tree: self.view,
            kinds: self.kinds,
            limits: self.limits,
        }
    }

    /// The skeletons and Location targets of a file that may hold some.
    fn look_into(&self, path: &str, id: ObjectId) -> Result<(Vec<String>, Vec<LocationTarget>), GitError> {
        let bytes = match self
            .view
            .repo()
            .blob(id, DESCRIPTOR_BYTES_MAX, "git_descriptor_bytes_max")
        {
            Ok(bytes) => bytes,
            Err(GitError::Cancelled) => return Err(GitError::Cancelled),
            // The pass that follows meets the same error and tells of it.
            Err(_) => return Ok(Default::default()),
        };
        let may_matter = holds(&bytes, b"ocation") || holds(&bytes, b"emplate") && holds(&bytes, b"fetch:");
        if !may_matter {
            return Ok(Default::default());
        }
        let judged = judge_text(&self.judging(), path, &bytes);
        let targets = entities_of(&judged)
            .flat_map(|entity| entity.targets.iter().cloned())
            .collect();
        Ok((skeletons_of(&judged), targets))
    }
}

impl DescriptorFile {
    /// Whether this was read from the file that is found now.
    fn is_at(&self, found: &Found, path: &str) -> bool {
        let link = (found.path != path).then_some(&found.path);
        self.blob.as_deref() == Some(found.id.to_string().as_str()) && self.link.as_ref() == link
    }
}

/// One pass over the descriptors.
struct Pass<'a> {
    reading: &'a Reading<'a>,
    known: &'a BTreeMap<String, DescriptorFile>,
    survey: &'a Survey,
    same_links: bool,
}

impl Pass<'_> {
    /// One file: known and unchanged, or read and told.
    fn file(&mut self, path: &str, visitor: &mut dyn Visitor) -> Result<DescriptorFile, GitError> {
        let in_skeleton = in_skeleton(path, self.survey.skeletons.iter().map(String::as_str));
        let found = match self.reading.view.file(path) {
            Ok(found) => found,
            Err(PathError::Git(GitError::Cancelled)) => return Err(GitError::Cancelled),
            Err(error) => {
                visitor.file(path)?;
                visitor.unreadable(path, path_finding(path, &error))?;
                return Ok(DescriptorFile::default());
            }
        };
        if let Some(known) = self.known.get(path)
            && !self.reading.all
            && known.is_at(&found, path)
            && known.in_skeleton == in_skeleton
            && (self.same_links || known.targets.is_empty())
            && self.same_reads(known)
            && self.resolved(path, &known.targets) == known.resolved
        {
            return Ok(known.clone());
        }
        visitor.file(path)?;
        self.read_file(path, &found, in_skeleton, visitor)
    }

    /// Whether the files that placeholders named are what they were: by their blobs where these are known, else read.
    fn same_reads(&self, known: &DescriptorFile) -> bool {
        let view = self.reading.view;
        known.reads.iter().all(|read| {
            let same_blob = match (known.blobs_read.get(&read.path), view.known(&read.path)) {
                (Some(before), Some(now)) => ObjectId::from_hex(before.as_bytes()).is_ok_and(|before| before == now),
                _ => false,
            };
            same_blob || FileRead::now(view, &read.path) == *read
        })
    }

    fn blobs_of(&self, reads: &[FileRead]) -> BTreeMap<String, String> {
        let plain = reads.iter().filter_map(|read| {
            let found = self.reading.view.file(&read.path).ok()?;
            (found.path == read.path).then(|| (found.path, found.id.to_string()))
        });
        plain.collect()
    }

    fn resolved(&self, path: &str, targets: &[LocationTarget]) -> Option<ContentHash> {
        if targets.is_empty() {
            return None;
        }
        let resolved = resolve_targets(self.reading.view, path, targets);
        Some(ContentHash::of(
            format!("{:?}", (resolved.files, resolved.findings, resolved.cut)).as_bytes(),
        ))
    }

    fn read_file(
        &mut self,
        path: &str,
        found: &Found,
        in_skeleton: bool,
        visitor: &mut dyn Visitor,
    ) -> Result<DescriptorFile, GitError> {
        let link = (found.path != path).then(|| found.path.clone());
        let mut file = DescriptorFile {
            blob: Some(found.id.to_string()),
            link,
            in_skeleton,
            ..Default::default()
        };
        if in_skeleton {
            visitor.finding(skeleton_finding(path))?;
            return Ok(file);
        }
        let bytes = match self
            .reading
            .view
            .repo()
            .blob(found.id, DESCRIPTOR_BYTES_MAX, "git_descriptor_bytes_max")
        {
            Ok(bytes) => bytes,
            Err(GitError::Cancelled) => return Err(GitError::Cancelled),
            Err(error) => {
                visitor.unreadable(path, blob_finding(path, &error))?;
                return Ok(DescriptorFile::default());
            }
        };
        if is_lfs_pointer(&bytes) {
            let message =
                "the file is a Git LFS pointer, and its content is not in the repository: keep descriptors out of LFS";
            let finding = Finding::new("lfs_pointer", Severity::Error, message).at(path, Some(1), None);
            visitor.unreadable(path, finding)?;
            return Ok(file);
        }
        let judged = judge_text(&self.reading.judging(), path, &bytes);
        file.skeletons = skeletons_of(&judged);
        file.blobs_read = self.blobs_of(&judged.reads);
        file.reads = judged.reads;
        let mut declared = BTreeMap::new();
        for item in judged.items {
            match item {
                Item::Entity(entity) => {
                    file.targets.extend(entity.targets.iter().cloned());
                    if let Some(first) = declared.insert(entity.entity_ref.clone(), entity.line) {
                        declared.insert(entity.entity_ref.clone(), first);
                        visitor.finding(repeated(path, first, &entity))?;
                        continue;
                    }
                    visitor.entity(path, *entity)?;
                }
                Item::Unreadable(finding) => visitor.unreadable(path, finding)?,
                Item::Finding(finding) => visitor.finding(finding)?,
            }
        }
        for finding in resolve_targets(self.reading.view, path, &file.targets).findings {
            visitor.finding(finding)?;
        }
        file.resolved = self.resolved(path, &file.targets);
        Ok(file)
    }
}

fn entities_of(judged: &Judged) -> impl Iterator<Item = &EntityItem> {
    judged.items.iter().filter_map(|item| match item {
        Item::Entity(entity) => Some(&**entity),
        _ => None,
    })
}

fn skeletons_of(judged: &Judged) -> Vec<String> {
    entities_of(judged)
        .flat_map(|entity| entity.skeletons.iter().cloned())
        .collect()
}

fn repeated(path: &str, first: u32, entity: &EntityItem) -> Finding {
    let message = format!(
        "`{}` stands in this file twice, first in line {first}, which counts",
        entity.entity_ref
    );
    Finding::new("duplicate_ref", Severity::Error, message)
        .at(path, Some(entity.line), None)
        .about(entity.entity_ref.clone())
}

fn path_finding(path: &str, error: &PathError) -> Finding {
    let (code, severity) = match error {
        PathError::Outside { .. } => ("symlink_outside", Severity::Error),
        PathError::Broken { .. } | PathError::NotFound | PathError::NotAFile => ("symlink_broken", Severity::Warning),
        PathError::Git(error) => return blob_finding(path, error),
    };
    Finding::new(code, severity, format!("the descriptor cannot be read: {error}")).at(path, None, None)
}

fn blob_finding(path: &str, error: &GitError) -> Finding {
    let code = match error {
        GitError::TooLarge { .. } => "descriptor_too_large",
        GitError::ObjectMissing { .. } => "object_missing",
        _ => "object_damaged",
    };
    Finding::new(code, Severity::Error, format!("the descriptor cannot be read: {error}")).at(path, None, None)
}

/// Whether `needle` stands somewhere in `bytes`.
fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
