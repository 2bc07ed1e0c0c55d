//! `Cargo.toml`: packages, workspaces, and fields that members take from the workspace (`version.workspace = true`).
//!
//! Format: The Cargo Book, "The Manifest Format".

use serde::Serialize;
use toml::{Table, Value};

use super::{Manifest, Problem, toml_description, toml_table, toml_text};

/// `[workspace.package]`: what members can inherit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WorkspaceFields {
    /// `version`
    pub version: Option<String>,
    /// `description`
    pub description: Option<String>,
    /// `license`
    pub licence: Option<String>,
}

pub(super) fn read(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let table = toml_table(bytes)?;
    let workspace = table.get("workspace").and_then(Value::as_table);
    if let Some(workspace) = workspace {
        manifest.workspace = true;
        let package = workspace.get("package").and_then(Value::as_table);
        manifest.workspace_fields = package.map(|package| WorkspaceFields {
            version: toml_text(package, "version"),
            description: toml_description(package),
            licence: toml_text(package, "license"),
        });
    }
    let package = table
        .get("package")
        .or_else(|| table.get("project"))
        .and_then(Value::as_table);
    if let Some(package) = package {
        manifest.name = toml_text(package, "name");
        manifest.version = toml_text(package, "version");
        manifest.description = toml_description(package);
        manifest.licence = toml_text(package, "license");
        manifest.private = match package.get("publish") {
            Some(Value::Boolean(publish)) => Some(!publish),
            Some(Value::Array(registries)) => Some(registries.is_empty()),
            _ => None,
        };
        for (key, field) in [
            ("version", "version"),
            ("description", "description"),
            ("license", "licence"),
        ] {
            let inherits = package
                .get(key)
                .and_then(|value| value.get("workspace"))
                .and_then(Value::as_bool);
            if inherits == Some(true) {
                manifest.inherited.push(field);
            }
        }
    }
    dependencies(&table, manifest);
    if let Some(targets) = table.get("target").and_then(Value::as_table) {
        for target in targets.values().filter_map(Value::as_table) {
            dependencies(target, manifest);
        }
    }
    // A root that is package and workspace at once inherits from itself.
    if let Some(fields) = manifest.workspace_fields.clone().filter(|_| package.is_some()) {
        manifest.inherit(&fields);
    }
    Ok(package.is_some() || workspace.is_some())
}

/// `[dependencies]` and `[build-dependencies]`; a renamed one under the name of its package.
fn dependencies(table: &Table, manifest: &mut Manifest) {
    for section in ["dependencies", "build-dependencies"] {
        for (key, value) in table.get(section).and_then(Value::as_table).into_iter().flatten() {
            let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
            manifest.dependencies.push_new(package);
        }
    }
}
