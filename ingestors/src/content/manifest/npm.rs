//! `package.json`. Format: npm docs, "package.json".

use serde_json::Value;

use super::{DESCRIPTION_CHARS_MAX, MANIFEST_BYTES_MAX, Manifest, Problem, text};
use crate::content::tree;

pub(super) fn read(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let value = tree::json(bytes, MANIFEST_BYTES_MAX)?;
    if !value.is_object() {
        return Err(Problem::new("manifest_incomplete", "the document is no object").at(1, 1));
    }
    let text_of = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .and_then(|words| text::tidy(words, super::NAME_CHARS_MAX))
    };
    manifest.name = text_of("name");
    manifest.version = text_of("version");
    manifest.description = value
        .get("description")
        .and_then(Value::as_str)
        .and_then(|words| text::tidy(words, DESCRIPTION_CHARS_MAX));
    manifest.private = value.get("private").and_then(Value::as_bool);
    // Old manifests say `{"type": "MIT"}` or a list of such.
    let old = || {
        value
            .get("licenses")
            .and_then(|list| list.get(0))
            .or_else(|| value.get("license"))
            .and_then(|licence| tree::scalar(licence, "type"))
    };
    manifest.licence = text_of("license").or_else(old);
    manifest.workspace = value.get("workspaces").is_some();
    for section in ["dependencies", "peerDependencies", "optionalDependencies"] {
        for (name, _) in tree::pairs(&value, section) {
            manifest.dependencies.push_new(name);
        }
    }
    Ok(
        manifest.name.is_some()
            || manifest.version.is_some()
            || manifest.workspace
            || !manifest.dependencies.is_empty(),
    )
}
