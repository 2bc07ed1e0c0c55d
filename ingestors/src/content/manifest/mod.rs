//! Package manifests: what a folder calls itself, which version, licence and dependencies it declares.
//!
//! Nothing is executed and nothing is resolved: build files that are programs (Gradle, `setup.py`) are searched for
//! literal values only. Dependencies are what the package needs to run or build; those for tests only are left out where
//! the format tells them apart.

mod cargo;
mod docker;
mod go;
mod gradle;
mod helm;
mod maven;
mod npm;
mod python;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use cargo::WorkspaceFields;
pub use docker::{BaseImage, ImageFile};

use super::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, Names, Problem, Read, text};

/// Largest manifest read, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Whose package manager reads the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ecosystem {
    /// `Cargo.toml`
    Cargo,
    /// `package.json`
    Npm,
    /// `go.mod`
    Go,
    /// `pyproject.toml`, `setup.cfg`, `setup.py`, `requirements.txt`
    Pypi,
    /// `pom.xml`
    Maven,
    /// `build.gradle`, `settings.gradle`, with or without `.kts`
    Gradle,
    /// `Chart.yaml`
    Helm,
    /// `Dockerfile`, `Containerfile`
    Docker,
}

/// One manifest; every field is what this file alone says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// Path in the repository.
    pub path: String,
    /// Its ecosystem.
    pub ecosystem: Ecosystem,
    /// Name in the ecosystem's form: `@scope/name`, module path, `group:artifact`.
    pub name: Option<String>,
    /// Version as written; `None` where it is inherited or computed.
    pub version: Option<String>,
    /// One clipped line.
    pub description: Option<String>,
    /// Declared as not to be published; `None` where the file does not say.
    pub private: Option<bool>,
    /// Licence as written, mostly an SPDX expression.
    pub licence: Option<String>,
    /// Names of the dependencies (images for Docker).
    pub dependencies: Names,
    /// This manifest only holds others together, or holds them together besides.
    pub workspace: bool,
    /// Cargo: fields that the package takes from its workspace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<&'static str>,
    /// Cargo: what the workspace gives to its members, see [`Manifest::inherit`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_fields: Option<WorkspaceFields>,
    /// Helm: version of the application in the chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    /// Docker: what the file says of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageFile>,
}

impl Manifest {
    fn new(path: &str, ecosystem: Ecosystem) -> Self {
        Self {
            path: path.to_owned(),
            ecosystem,
            name: None,
            version: None,
            description: None,
            private: None,
            licence: None,
            dependencies: Names::default(),
            workspace: false,
            inherited: Vec::new(),
            workspace_fields: None,
            app_version: None,
            image: None,
        }
    }

    /// Fills the fields that this package takes from the workspace at `root`.
    pub fn inherit(&mut self, root: &WorkspaceFields) {
        for field in std::mem::take(&mut self.inherited) {
            let (own, given) = match field {
                "version" => (&mut self.version, &root.version),
                "description" => (&mut self.description, &root.description),
                _ => (&mut self.licence, &root.licence),
            };
            if own.is_none() {
                own.clone_from(given);
            }
        }
    }
}

/// The ecosystem that reads a file at this path, by its name.
pub fn ecosystem_of(path: &str) -> Option<Ecosystem> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "Cargo.toml" => Some(Ecosystem::Cargo),
        "package.json" => Some(Ecosystem::Npm),
        "go.mod" => Some(Ecosystem::Go),
        "pyproject.toml" | "setup.cfg" | "setup.py" | "requirements.txt" => Some(Ecosystem::Pypi),
        "pom.xml" => Some(Ecosystem::Maven),
        "build.gradle" | "build.gradle.kts" | "settings.gradle" | "settings.gradle.kts" => Some(Ecosystem::Gradle),
        "Chart.yaml" | "Chart.yml" => Some(Ecosystem::Helm),
        _ => {
            let lower = name.to_ascii_lowercase();
            let starts = ["dockerfile", "containerfile"].iter().any(|start| {
                lower.strip_prefix(start).is_some_and(|rest| {
                    rest.is_empty()
                        || (rest.starts_with('.') && !rest.ends_with(".dockerignore") && !rest.ends_with(".md"))
                })
            });
            (starts || lower.ends_with(".dockerfile")).then_some(Ecosystem::Docker)
        }
    }
}

/// Is there a reader for this path?
pub fn is_manifest_path(path: &str) -> bool {
    ecosystem_of(path).is_some()
}

/// Reads the manifest at `path`.
///
/// `None` without a problem for other paths and for files that say nothing (`package.json` without any known field,
/// `setup.cfg` without metadata). Problems: `invalid_toml`, `invalid_json`, `invalid_yaml`, `invalid_xml`, `not_utf8`,
/// `manifest_incomplete`, `content_too_large`, with their place where it is known.
pub fn parse(path: &str, bytes: &[u8]) -> Read<Manifest> {
    let Some(ecosystem) = ecosystem_of(path) else {
        return (None, Vec::new());
    };
    if bytes.len() > MANIFEST_BYTES_MAX {
        return (None, vec![Problem::too_large(bytes.len(), MANIFEST_BYTES_MAX)]);
    }
    let mut manifest = Manifest::new(path, ecosystem);
    let name = path.rsplit('/').next().unwrap_or(path);
    let result = match ecosystem {
        Ecosystem::Cargo => cargo::read(bytes, &mut manifest),
        Ecosystem::Npm => npm::read(bytes, &mut manifest),
        Ecosystem::Go => go::read(bytes, &mut manifest),
        Ecosystem::Pypi => match name {
            "pyproject.toml" => python::project(bytes, &mut manifest),
            "setup.cfg" => python::setup_cfg(bytes, &mut manifest),
            "setup.py" => python::setup_py(bytes, &mut manifest),
            _ => python::requirements(bytes, &mut manifest),
        },
        Ecosystem::Maven => maven::read(bytes, &mut manifest),
        Ecosystem::Gradle => gradle::read(bytes, &mut manifest),
        Ecosystem::Helm => helm::read(bytes, &mut manifest),
        Ecosystem::Docker => docker::read(bytes, &mut manifest),
    };
    match result {
        Ok(true) => (Some(manifest), Vec::new()),
        Ok(false) => (None, Vec::new()),
        Err(problem) => (None, vec![problem]),
    }
}

/// TOML into a table, errors with their place.
fn toml_table(bytes: &[u8]) -> Result<toml::Table, Problem> {
    let content = text::utf8(bytes)?;
    content.parse::<toml::Table>().map_err(|error| {
        let problem = Problem::new("invalid_toml", text::clip(&text::one_line(error.message()), 300));
        match error.span() {
            Some(span) => {
                let before = content.get(..span.start).unwrap_or(content);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                problem.at(line, column)
            }
            None => problem,
        }
    })
}

/// The string at `key`, tidied.
fn toml_text(table: &toml::Table, key: &str) -> Option<String> {
    table
        .get(key)
        .and_then(toml::Value::as_str)
        .and_then(|value| text::tidy(value, NAME_CHARS_MAX))
}

fn toml_description(table: &toml::Table) -> Option<String> {
    table
        .get("description")
        .and_then(toml::Value::as_str)
        .and_then(|value| text::tidy(value, DESCRIPTION_CHARS_MAX))
}
