//! The workspace as files: its members, their declared dependencies, and every file that belongs to the project.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders at any depth that hold what tools make and what the project does not own.
const FOREIGN_FOLDERS: &[&str] = &[".git", "target", "data", "vendor"];

/// What every crate of the workspace is called, before the name of its folder.
const CRATE_PREFIX: &str = "bailiwick-";

/// The checkout that this crate was built in.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
}

/// One crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its folder, which is its name without the prefix.
    pub folder: String,
    /// Folders of the workspace's crates that it names as dependencies of any sort: normal, for tests, for building,
    /// and those of single platforms.
    pub uses: BTreeSet<String>,
}

impl Workspace {
    pub fn here() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("this crate lies in a folder of the workspace");
        Self { root: root.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file, or nothing if it is not there. Panics for one that is no text.
    pub fn read(&self, path: &str) -> Option<String> {
        let bytes = std::fs::read(self.root.join(path)).ok()?;
        Some(String::from_utf8(bytes).unwrap_or_else(|_| panic!("`{path}` is no UTF-8")))
    }

    /// Every member that the root manifest lists, in its order.
    pub fn members(&self) -> Vec<Member> {
        let manifest = self.manifest("Cargo.toml");
        let members = manifest["workspace"]["members"]
            .as_array()
            .expect("the workspace lists its members");
        let folder = |member: &toml::Value| member.as_str().expect("members are folders").to_owned();
        members.iter().map(|member| self.member(folder(member))).collect()
    }

    fn member(&self, folder: String) -> Member {
        let manifest = self.manifest(&format!("{folder}/Cargo.toml"));
        let mut tables = vec![&manifest];
        tables.extend(
            manifest
                .get("target")
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten()
                .map(|(_, of)| of),
        );
        let mut uses = BTreeSet::new();
        for table in tables {
            for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
                for (name, _) in table.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
                    uses.extend(name.strip_prefix(CRATE_PREFIX).map(str::to_owned));
                }
            }
        }
        Member { folder, uses }
    }

    fn manifest(&self, path: &str) -> toml::Value {
        let text = self.read(path).unwrap_or_else(|| panic!("`{path}` is missing"));
        toml::Value::Table(toml::from_str(&text).unwrap_or_else(|error| panic!("`{path}`: {error}")))
    }

    /// Every file of the project as a path from the root with `/`, sorted; what tools make and vendored files are not.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
            for entry in entries {
                let entry = entry.expect("a folder of the checkout can be listed");
                let name = entry.file_name();
                let kind = entry.file_type().expect("an entry has a type");
                if kind.is_dir() && !FOREIGN_FOLDERS.iter().any(|foreign| name == *foreign) {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    let path = entry.path();
                    let path = path.strip_prefix(&self.root).expect("below the root");
                    files.push(
                        path.to_str()
                            .expect("paths of the project are UTF-8")
                            .replace('\\', "/"),
                    );
                }
            }
        }
        files.sort();
        files
    }

    /// Rust files with their text.
    pub fn rust_files(&self) -> Vec<(String, String)> {
        let rust = self.files().into_iter().filter(|path| path.ends_with(".rs"));
        rust.map(|path| (self.read(&path).unwrap_or_default(), path))
            .map(|(text, path)| (path, text))
            .collect()
    }
}
