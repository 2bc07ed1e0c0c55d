//! Reading the values that a document leaves in other files.
//!
//! A value that cannot be read for good (no such file, outside, a URL, malformed) stays as it is written and earns a
//! finding, so that the entity is not lost with it. One that may be readable later makes the whole document
//! unreadable, so that what it said before stays.

use bailiwick_schema::descriptor::{DescriptorEntity, Placeholder, PlaceholderKind};
use bailiwick_schema::secret::redact_url;
use bailiwick_schema::yaml;
use bailiwick_schema::{Finding, Severity};
use serde_json::Value;

use super::{FileRead, Judging, PLACEHOLDER_BYTES_MAX, PLACEHOLDERS_MAX, TreeError, is_url};

/// What became of the placeholders of a document.
#[derive(Default)]
pub(super) struct Filled {
    /// Whether any value was put into the tree.
    pub(super) changed: bool,
    pub(super) findings: Vec<Finding>,
    /// A file could not be read now.
    pub(super) unreadable: Vec<Finding>,
    pub(super) reads: Vec<FileRead>,
}

/// Puts the values of all placeholders into `descriptor.root`.
pub(super) fn fill(cx: &Judging<'_>, path: &str, file: &str, descriptor: &mut DescriptorEntity) -> Filled {
    let mut filled = Filled::default();
    let mut bytes_left = PLACEHOLDER_BYTES_MAX;
    let placeholders = std::mem::take(&mut descriptor.placeholders);
    for (index, placeholder) in placeholders.iter().enumerate() {
        let report = |code: &str, message: String| {
            let severity = if code == "target_not_read" {
                Severity::Info
            } else {
                Severity::Warning
            };
            let position = placeholder.position;
            Finding::new(code, severity, message)
                .at(file, Some(position.line), Some(position.column))
                .about(descriptor.entity_ref.clone())
        };
        let field = placeholder.path.join(".");
        let target = &placeholder.target;
        if is_url(target) {
            let message = format!(
                "`{field}` stands at `{}`, and URLs are not read; it stays as written",
                redact_url(target)
            );
            filled.findings.push(report("target_not_read", message));
            continue;
        }
        if index >= PLACEHOLDERS_MAX {
            let message = format!("the document has more than {PLACEHOLDERS_MAX} placeholders (placeholders_max)");
            filled.findings.push(report("too_many_placeholders", message));
            break;
        }
        let Some(found) = cx.tree.resolve(path, target) else {
            let message = format!("`{field}` points at `{}`, outside of what may be read", shown(target));
            filled.findings.push(report("target_outside", message));
            continue;
        };
        let content = cx.tree.read(&found, bytes_left);
        filled.reads.push(FileRead::of(&found, content.as_deref().ok()));
        let text = match content {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("cannot read `{}` for `{field}`: {error}", shown(target));
                match error {
                    TreeError::Unreadable(_) => filled.unreadable.push(report("placeholder_unreadable", message)),
                    TreeError::Outside => filled.findings.push(report("target_outside", message)),
                    TreeError::TooLarge { .. } => {
                        let message = format!("{message} (placeholder_bytes_max, for all placeholders of a document)");
                        filled.findings.push(report("placeholder_too_large", message));
                    }
                    TreeError::NotFound | TreeError::NotAFile | TreeError::BadPattern(_) => {
                        filled.findings.push(report("target_not_found", message));
                    }
                }
                continue;
            }
        };
        bytes_left = bytes_left.saturating_sub(text.len() as u64);
        match value_of(cx, placeholder, text) {
            Ok(value) => {
                if descriptor.root.replace_at(&placeholder.path, value) {
                    filled.changed = true;
                }
            }
            Err(problem) => {
                let message = format!("`{}`, which `{field}` points at, {problem}", shown(target));
                filled.findings.push(report("placeholder_invalid", message));
            }
        }
    }
    filled
}

fn shown(target: &str) -> String {
    let end = target.floor_char_boundary(200);
    target[..end].escape_debug().to_string()
}

fn value_of(cx: &Judging<'_>, placeholder: &Placeholder, bytes: Vec<u8>) -> Result<Value, String> {
    match placeholder.kind {
        PlaceholderKind::Text => {
            let text = String::from_utf8(bytes).map_err(|_| "is no UTF-8; save it as UTF-8".to_owned())?;
            Ok(Value::String(text))
        }
        PlaceholderKind::Json => serde_json::from_slice(&bytes).map_err(|error| format!("is no JSON: {error}")),
        PlaceholderKind::Yaml => {
            let mut documents = yaml::parse_documents(&bytes, cx.limits);
            let (Some(document), true) = (documents.pop(), documents.is_empty()) else {
                return Err("must hold exactly one YAML document".to_owned());
            };
            let root = document.root.map_err(|error| format!("is no YAML: {error}"))?;
            Ok(root.into_json())
        }
    }
}
