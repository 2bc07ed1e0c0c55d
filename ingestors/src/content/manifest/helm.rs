//! `Chart.yaml`. Format: Helm docs, "The Chart.yaml File".

use serde_json::Value;

use super::{DESCRIPTION_CHARS_MAX, MANIFEST_BYTES_MAX, Manifest, Problem, text};
use crate::content::tree;

pub(super) fn read(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let value = tree::yaml(bytes, MANIFEST_BYTES_MAX)?;
    manifest.name = tree::scalar(&value, "name");
    manifest.version = tree::scalar(&value, "version");
    manifest.app_version = tree::scalar(&value, "appVersion");
    manifest.description = value
        .get("description")
        .and_then(Value::as_str)
        .and_then(|words| text::tidy(words, DESCRIPTION_CHARS_MAX));
    for name in tree::items(&value, "dependencies")
        .iter()
        .filter_map(|dependency| tree::scalar(dependency, "name"))
    {
        manifest.dependencies.push_new(&name);
    }
    if manifest.name.is_none() {
        return Err(Problem::new("manifest_incomplete", "has no `name`"));
    }
    Ok(true)
}
