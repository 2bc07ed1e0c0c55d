//! Explaining: the effective configuration, value by value, with who set it, and without secrets.

use bailiwick_schema::secret::redact_url;
use serde_json::Value;

use crate::model::Config;
use crate::place::{Origin, Path, Step};

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// One value of the effective configuration.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Shown {
    /// Its parts separated by dots, sources by their id: `sources.code.schedule`.
    pub path: String,
    /// A scalar, a list of scalars, or an empty section.
    pub value: Value,
    /// `default`, `FILE:LINE:COLUMN`, `environment variable X` or `flag --x`.
    pub from: String,
}

impl Config {
    /// Every value with its origin, ordered by path.
    pub fn shown(&self) -> Vec<Shown> {
        let mut shown = Vec::new();
        self.walk(&self.effective, &mut Path::new(), &mut shown);
        shown
    }

    /// The whole with defaults written out and secrets redacted; a valid configuration but for the redacted values.
    pub fn effective(&self) -> Value {
        let mut value = self.effective.clone();
        redact(&mut value, "");
        value
    }

    fn walk(&self, value: &Value, path: &mut Path, shown: &mut Vec<Shown>) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (key, value) in fields {
                    path.push(Step::Key(key.clone()));
                    self.walk(value, path, shown);
                    path.pop();
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for (at, value) in items.iter().enumerate() {
                    path.push(Step::Item(at));
                    self.walk(value, path, shown);
                    path.pop();
                }
            }
            leaf => {
                let mut value = leaf.clone();
                let key = path.iter().rev().find_map(|step| match step {
                    Step::Key(key) => Some(key.as_str()),
                    Step::Item(_) => None,
                });
                redact(&mut value, key.unwrap_or_default());
                shown.push(Shown {
                    path: self.document.tree.shown(path),
                    value,
                    from: self.origin(path),
                });
            }
        }
    }

    fn origin(&self, path: &Path) -> String {
        match self.document.tree.get(path).map(|tree| &tree.origin) {
            None | Some(Origin::Default | Origin::Embedded { .. }) => "default".to_owned(),
            Some(Origin::File { line, column }) => format!("{}:{line}:{column}", self.document.file),
            Some(Origin::Environment(name)) => format!("environment variable {name}"),
            Some(Origin::Flag(name)) => format!("flag {name}"),
        }
    }
}

/// Hides what may be a secret: values of telling keys that are no references, and credentials in URLs.
fn redact(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| redact(value, key)),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, key)),
        Value::String(text) if is_telling(key) => *text = REDACTED.to_owned(),
        Value::String(text) if text.contains("://") => *text = redact_url(text),
        _ => {}
    }
}

fn is_telling(key: &str) -> bool {
    let key = key.to_lowercase();
    let reference = key.ends_with("_env") || key.ends_with("_file");
    let telling = ["hash", "token", "secret", "password", "credential", "key"]
        .iter()
        .any(|word| key.contains(word));
    telling && !reference
}
