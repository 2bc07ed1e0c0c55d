//! Which reader a repository path belongs to. One call per path of a tree walk; it allocates only for a likely name.

use serde::Serialize;

use super::{codeowners, language, licence, manifest, readme, workflow};

/// Deepest path that is looked at, in segments.
pub const PATH_DEPTH_MAX: usize = 16;
/// Longest path that is looked at, in bytes.
pub const PATH_BYTES_MAX: usize = 4096;
/// Deepest manifest, in segments: monorepos nest, samples nest deeper.
pub const MANIFEST_DEPTH_MAX: usize = 8;
/// Deepest API definition, in segments.
pub const APIDEF_DEPTH_MAX: usize = 12;

/// A kind of content with its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// [`codeowners`], at one of [`codeowners::PATHS`].
    Codeowners,
    /// [`manifest`].
    Manifest,
    /// [`super::apidef`], by name only: the reader decides.
    ApiDefinition,
    /// [`workflow`].
    Workflow,
    /// [`licence`], at the root.
    Licence,
    /// [`readme`], at the root, in `docs` or `.github`.
    Readme,
}

/// The kind of content at `path` (slashes, no leading one), `None` for all other files and for vendored folders.
///
/// Descriptors (`catalog-info.yaml`) are found by the source's own globs and are not known here.
pub fn classify(path: &[u8]) -> Option<ContentKind> {
    if path.len() > PATH_BYTES_MAX || !could_be(path) {
        return None;
    }
    let path = std::str::from_utf8(path).ok()?;
    let depth = path.split('/').count();
    if depth > PATH_DEPTH_MAX
        || path
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..")
    {
        return None;
    }
    if codeowners::PATHS.contains(&path) {
        return Some(ContentKind::Codeowners);
    }
    if workflow::system_of(path).is_some() && !language::is_vendored(path) {
        return Some(ContentKind::Workflow);
    }
    if licence::is_licence_path(path) {
        return Some(ContentKind::Licence);
    }
    if readme::is_readme_path(path) {
        return Some(ContentKind::Readme);
    }
    if language::is_vendored(path) {
        return None;
    }
    if depth <= MANIFEST_DEPTH_MAX && manifest::is_manifest_path(path) {
        return Some(ContentKind::Manifest);
    }
    (depth <= APIDEF_DEPTH_MAX && is_apidef_path(path)).then_some(ContentKind::ApiDefinition)
}

/// A cheap first look at the last segment: rejects nearly all source files.
fn could_be(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let extension = name
        .iter()
        .rposition(|byte| *byte == b'.')
        .map_or(&b""[..], |at| &name[at + 1..]);
    let known = [
        "",
        "yaml",
        "yml",
        "json",
        "toml",
        "xml",
        "mod",
        "cfg",
        "py",
        "txt",
        "gradle",
        "kts",
        "md",
        "markdown",
        "rst",
        "adoc",
        "asciidoc",
        "graphql",
        "graphqls",
        "gql",
        "proto",
        "dockerfile",
    ];
    if extension.eq_ignore_ascii_case(b"py") {
        return name.eq_ignore_ascii_case(b"setup.py");
    }
    known.iter().any(|held| extension.eq_ignore_ascii_case(held.as_bytes()))
        || [
            "license",
            "licence",
            "copying",
            "unlicense",
            "readme",
            "dockerfile",
            "containerfile",
            "jenkinsfile",
        ]
        .iter()
        .any(|start| {
            name.get(..start.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
        })
}

/// Names under which API definitions are kept; the reader looks inside.
fn is_apidef_path(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = name.to_ascii_lowercase();
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return false;
    };
    match extension {
        "graphql" | "graphqls" | "gql" | "proto" => true,
        "yaml" | "yml" | "json" => {
            let named = ["openapi", "swagger", "asyncapi"]
                .iter()
                .any(|word| stem.contains(word));
            let plain = matches!(stem, "api" | "api-docs" | "apidocs" | "api-spec" | "api_spec");
            let home = folders.rsplit('/').next().unwrap_or("").to_ascii_lowercase();
            named
                || plain
                || matches!(
                    home.as_str(),
                    "openapi" | "swagger" | "asyncapi" | "apis" | "api-specs" | "specs"
                )
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
