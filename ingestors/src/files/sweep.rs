//! One run: the listing, then every file, then the files that Locations name, until nothing new comes up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::yaml::Limits;
use bailiwick_schema::{ContentHash, Finding, Proof, Scope, ScopeClosed, ScopeId, Severity};

use super::limits::FILES_MAX;
use super::lines::Kept;
use super::listing::{Format, Listing, list};
use super::notes::Notes;
use super::options::Settings;
use super::parse::Parser;
use super::read::{Outcome, read_file, scope_name};
use super::seen::{Stamp, stamp_of};
use super::tree::FsTree;
use crate::descriptors::{Edge, Item, Resolved, Tree as _, cycles, in_skeleton, resolve_targets, skeleton_finding};
use crate::kit::{Emitter, IngestError, RunContext, ScopeHandle};

/// The scope of the listing.
const LISTING: &str = "files";

/// Files above this size are not looked through for templates before they are read, in bytes.
pub(super) const TEMPLATE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads everything and returns the stamps that files had before they were read.
pub(super) async fn sweep(
    cx: &RunContext,
    out: &Emitter,
    settings: &Arc<Settings>,
    kinds: &Arc<KindSet>,
    limits: Limits,
    kept: &Arc<Kept>,
) -> Result<BTreeMap<PathBuf, Stamp>, IngestError> {
    let scope = out.open(Scope::root(LISTING)).await?;
    let (tree, listing) = {
        let settings = Arc::clone(settings);
        cx.blocking(move || {
            let tree = FsTree::new(&settings);
            let listing = list(&settings, &tree);
            Ok((Arc::new(tree), listing))
        })
        .await?
    };
    cx.count("files.listed", listing.files.len() as u64);
    let parser = Parser {
        tree,
        kinds: Arc::clone(kinds),
        limits,
        kept: Arc::clone(kept),
    };
    let mut sweep = Sweep::new(cx, out, settings, parser, &scope, listing);
    sweep.read_all().await?;
    let stamps = std::mem::take(&mut sweep.stamps);
    sweep.close(scope).await?;
    Ok(stamps)
}

/// What a run knows so far.
struct Sweep<'a> {
    cx: &'a RunContext,
    out: &'a Emitter,
    settings: &'a Settings,
    parser: Parser,
    listing: ScopeId,
    /// Paths of the members that the last proof named.
    earlier: BTreeSet<PathBuf>,
    frontier: BTreeSet<PathBuf>,
    /// Everything that was ever in the frontier.
    met: BTreeSet<PathBuf>,
    members: BTreeSet<PathBuf>,
    skeletons: BTreeSet<String>,
    edges: BTreeMap<String, BTreeSet<Edge>>,
    findings: Vec<Finding>,
    stamps: BTreeMap<PathBuf, Stamp>,
    /// No file may be retired.
    cut: bool,
    /// Some document could not be read: it may have named files.
    unsure: bool,
}

impl<'a> Sweep<'a> {
    fn new(
        cx: &'a RunContext,
        out: &'a Emitter,
        settings: &'a Settings,
        parser: Parser,
        scope: &ScopeHandle,
        listing: Listing,
    ) -> Self {
        let path_of = |member: &ScopeId| Some(settings.base_dir.join(member.as_str().strip_prefix("file:")?));
        let earlier: BTreeSet<PathBuf> = scope.members().iter().filter_map(path_of).collect();
        let mut sweep = Self {
            cx,
            out,
            settings,
            parser,
            listing: scope.id().clone(),
            earlier,
            met: listing.files.clone(),
            frontier: listing.files,
            members: BTreeSet::new(),
            skeletons: BTreeSet::new(),
            edges: BTreeMap::new(),
            findings: listing.findings,
            stamps: BTreeMap::new(),
            cut: listing.cut,
            unsure: false,
        };
        for index in listing.empty {
            sweep.doubt_emptiness(index);
        }
        sweep
    }

    /// A folder that is empty where there were files may be a disk that is not mounted.
    fn doubt_emptiness(&mut self, entry: usize) {
        let Some(entry) = self.settings.entries.get(entry) else {
            return;
        };
        if self.earlier.iter().any(|path| entry.covers(path)) {
            self.cut = true;
            let message = format!(
                "`{}` of paths names no file, and did before; nothing proves that they are gone, so they are kept until \
                 a file is there or the path leaves the options",
                entry.text
            );
            self.findings
                .push(Finding::new("empty_unproved", Severity::Warning, message));
        }
    }

    async fn read_all(&mut self) -> Result<(), IngestError> {
        loop {
            let frontier = std::mem::take(&mut self.frontier);
            if frontier.is_empty() {
                if self.unsure && self.recall_named_files() {
                    continue;
                }
                return Ok(());
            }
            self.look_ahead(&frontier).await?;
            for path in frontier {
                self.cx.check()?;
                self.one(&path).await?;
            }
        }
    }

    /// Brings back what Locations named before, since one of them may be unreadable. True if that is anything.
    fn recall_named_files(&mut self) -> bool {
        let covered = |path: &Path| self.settings.entries.iter().any(|entry| entry.covers(path));
        let recalled = self
            .earlier
            .iter()
            .filter(|path| !covered(path) && !self.met.contains(*path));
        self.frontier = recalled.cloned().collect();
        self.met.extend(self.frontier.iter().cloned());
        !self.frontier.is_empty()
    }

    /// Takes the stamps of files that are about to be read, and looks for templates among them, so that their
    /// skeletons are known before.
    async fn look_ahead(&mut self, frontier: &BTreeSet<PathBuf>) -> Result<(), IngestError> {
        let (parser, files, cancel) = (self.parser.clone(), frontier.clone(), self.cx.cancel.clone());
        let looked = self.cx.blocking(move || {
            let mut stamps = Vec::new();
            let mut skeletons = Vec::new();
            for path in files.into_iter().take_while(|_| !cancel.is_cancelled()) {
                if Format::of_named(&path) != Format::Ndjson {
                    skeletons.extend(skeletons_in(&parser, &path));
                }
                stamps.push((path.clone(), stamp_of(&path)));
            }
            Ok((stamps, skeletons))
        });
        let (stamps, skeletons) = looked.await?;
        self.stamps.extend(stamps);
        self.skeletons.extend(skeletons);
        Ok(())
    }

    async fn one(&mut self, path: &Path) -> Result<(), IngestError> {
        let Some(name) = path.to_str().map(ToOwned::to_owned) else {
            return Ok(());
        };
        if in_skeleton(&name, self.skeletons.iter().map(String::as_str)) {
            self.findings.push(skeleton_finding(&self.parser.tree.shown_path(path)));
            return Ok(());
        }
        let shown = self.parser.tree.shown_path(path);
        if !self.cx.wants(&ScopeId::new(scope_name(&shown))) {
            return Ok(());
        }
        match read_file(self.cx, self.out, &self.parser, &self.listing, path).await? {
            Outcome::Gone => {}
            Outcome::Failed => {
                self.members.insert(path.to_owned());
                self.unsure = true;
            }
            Outcome::Read(notes) => {
                self.members.insert(path.to_owned());
                self.follow(name, notes).await?;
            }
        }
        Ok(())
    }

    async fn follow(&mut self, name: String, notes: Notes) -> Result<(), IngestError> {
        self.unsure |= notes.unreadable;
        self.skeletons.extend(notes.skeletons);
        self.stamps
            .extend(notes.reads.iter().map(|read| PathBuf::from(&read.path)).map(|path| {
                let stamp = stamp_of(&path);
                (path, stamp)
            }));
        if notes.targets.is_empty() {
            return Ok(());
        }
        let (tree, from) = (Arc::clone(&self.parser.tree), name.clone());
        let resolved = self
            .cx
            .blocking(move || Ok(resolve_targets(&*tree, &from, &notes.targets)));
        let Resolved { files, findings, cut } = resolved.await?;
        self.findings.extend(findings);
        self.cut |= cut;
        let edges = self.edges.entry(name).or_default();
        for (to, target) in files {
            let path = PathBuf::from(&to);
            edges.insert(Edge {
                to,
                line: target.line,
                column: target.column,
            });
            if self.met.contains(&path) {
                continue;
            }
            if self.met.len() >= FILES_MAX {
                self.cut = true;
                let message =
                    format!("the source names more than {FILES_MAX} files (files_max); further ones are not read");
                self.findings.push(Finding::new("files_cut", Severity::Error, message));
                break;
            }
            self.met.insert(path.clone());
            self.frontier.insert(path);
        }
        Ok(())
    }

    /// Proves the listing, if it may be proved.
    async fn close(mut self, mut scope: ScopeHandle) -> Result<(), IngestError> {
        self.findings.extend(cycles(&*self.parser.tree, &self.edges));
        self.findings.sort();
        self.findings.dedup();
        let members: Vec<ScopeId> = self
            .members
            .iter()
            .map(|path| ScopeId::new(scope_name(&self.parser.tree.shown_path(path))))
            .collect();
        let may_prove = !self.cut && self.cx.wanted.is_none();
        if may_prove {
            self.parser.kept.retain(&self.members);
        }
        let state = serde_json::to_vec(&(&members, &self.findings)).unwrap_or_default();
        let version = ContentHash::of(&state).to_string();
        let cursor = self.cx.cursor(&version);
        if may_prove && scope.cursor() == Some(&cursor) && scope.complete_unchanged().await? == ScopeClosed::Accepted {
            return Ok(());
        }
        let empty = members.is_empty();
        for member in members {
            scope.member(member).await?;
        }
        for finding in std::mem::take(&mut self.findings) {
            scope.finding(finding).await?;
        }
        if !may_prove {
            return scope.leave().await;
        }
        // An empty folder has no version that would prove it empty.
        let proof = if empty { Proof::Listing } else { Proof::Version(version) };
        scope.complete(proof, cursor).await
    }
}

/// The skeleton folders of the templates in a file.
fn skeletons_in(parser: &Parser, path: &Path) -> Vec<String> {
    let Some(name) = path.to_str() else { return Vec::new() };
    let Ok(text) = parser.tree.read(name, TEMPLATE_BYTES_MAX) else {
        return Vec::new();
    };
    let holds = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    if !holds(b"fetch:") || !holds(b"Template") {
        return Vec::new();
    }
    let parsed = parser.parse(path, Format::of_named(path), &text, 1);
    let folders = parsed.items.into_iter().filter_map(|item| match item {
        Item::Entity(entity) => Some(entity.skeletons),
        Item::Unreadable(_) | Item::Finding(_) => None,
    });
    folders.flatten().collect()
}
