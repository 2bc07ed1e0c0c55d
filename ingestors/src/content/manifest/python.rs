//! Python's manifests: `pyproject.toml` (PEP 621 and Poetry), `setup.cfg`, `setup.py` (literals only), `requirements.txt`.

use std::sync::LazyLock;

use regex::Regex;
use toml::{Table, Value};

use super::{DESCRIPTION_CHARS_MAX, Manifest, NAME_CHARS_MAX, Problem, text, toml_description, toml_table, toml_text};

static SETUP_FIELD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\b(name|version|description|license)\s*=\s*(?:"([^"\\\r\n]{1,500})"|'([^'\\\r\n]{1,500})')"#)
        .expect("a pattern written here compiles, a test uses it")
});

pub(super) fn project(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let table = toml_table(bytes)?;
    let poetry = table
        .get("tool")
        .and_then(|tool| tool.get("poetry"))
        .and_then(Value::as_table);
    let project = table.get("project").and_then(Value::as_table);
    if let Some(project) = project {
        manifest.name = toml_text(project, "name");
        manifest.version = toml_text(project, "version");
        manifest.description = toml_description(project);
        manifest.licence = toml_text(project, "license").or_else(|| {
            project
                .get("license")
                .and_then(Value::as_table)
                .and_then(|licence| toml_text(licence, "text"))
        });
        for dependency in project
            .get("dependencies")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            requirement(dependency, manifest);
        }
        let private = project
            .get("classifiers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        if private
            .into_iter()
            .any(|classifier| classifier.starts_with("Private ::"))
        {
            manifest.private = Some(true);
        }
    }
    if let Some(poetry) = poetry {
        poetry_fields(poetry, manifest);
    }
    Ok(project.is_some() || poetry.is_some())
}

/// `[tool.poetry]`, where `[project]` leaves a field open.
fn poetry_fields(poetry: &Table, manifest: &mut Manifest) {
    manifest.name = manifest.name.take().or_else(|| toml_text(poetry, "name"));
    manifest.version = manifest.version.take().or_else(|| toml_text(poetry, "version"));
    manifest.description = manifest.description.take().or_else(|| toml_description(poetry));
    manifest.licence = manifest.licence.take().or_else(|| toml_text(poetry, "license"));
    for (name, _) in poetry
        .get("dependencies")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        if name != "python" {
            manifest.dependencies.push_new(name);
        }
    }
}

/// `setup.cfg`: the sections `[metadata]` and `[options]`.
pub(super) fn setup_cfg(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let content = text::utf8(bytes)?;
    let (mut section, mut key) = ("", "");
    let mut found = false;
    for line in content.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .filter(|_| !line.starts_with([' ', '\t']))
        {
            (section, key) = (name.trim(), "");
            continue;
        }
        let value = if line.starts_with([' ', '\t']) {
            trimmed
        } else {
            let Some((name, value)) = trimmed.split_once(['=', ':']) else {
                continue;
            };
            key = name.trim();
            value.trim()
        };
        let computed = value.starts_with("attr:") || value.starts_with("file:");
        let slot = match (section, key) {
            ("metadata", "name") => &mut manifest.name,
            ("metadata", "version") => &mut manifest.version,
            ("metadata", "description") => &mut manifest.description,
            ("metadata", "license") => &mut manifest.licence,
            ("options", "install_requires") => {
                requirement(value, manifest);
                found = true;
                continue;
            }
            _ => continue,
        };
        found = true;
        if slot.is_none() && !computed {
            *slot = text::tidy(value, chars_max(key));
        }
    }
    Ok(found)
}

/// How much of a field is kept.
fn chars_max(field: &str) -> usize {
    if field == "description" {
        DESCRIPTION_CHARS_MAX
    } else {
        NAME_CHARS_MAX
    }
}

/// `setup.py`: the first literal of each field behind the call of `setup(`.
pub(super) fn setup_py(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let content = text::utf8(bytes)?;
    let Some(at) = content.rfind("setup(") else {
        return Ok(false);
    };
    for found in SETUP_FIELD.captures_iter(&content[at..]) {
        let slot = match &found[1] {
            "name" => &mut manifest.name,
            "version" => &mut manifest.version,
            "description" => &mut manifest.description,
            _ => &mut manifest.licence,
        };
        let value = found.get(2).or_else(|| found.get(3)).map_or("", |value| value.as_str());
        if slot.is_none() {
            *slot = text::tidy(value, chars_max(&found[1]));
        }
    }
    Ok(true)
}

/// `requirements.txt`: names only; options, files and URLs without a name are passed over.
pub(super) fn requirements(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    for line in text::utf8(bytes)?.lines() {
        requirement(line, manifest);
    }
    Ok(!manifest.dependencies.is_empty())
}

/// The name at the front of a requirement (PEP 508).
fn requirement(line: &str, manifest: &mut Manifest) {
    let line = line.trim();
    let end = line
        .find(|char: char| !(char.is_ascii_alphanumeric() || "._-".contains(char)))
        .unwrap_or(line.len());
    let (name, rest) = (&line[..end], line[end..].trim_start());
    let starts = name.starts_with(|char: char| char.is_ascii_alphanumeric());
    let fits = rest.is_empty() || rest.starts_with(['=', '<', '>', '~', '!', '[', ';', '@', '#', '(', ',', '\\']);
    if starts && fits {
        manifest.dependencies.push_new(&text::clip(name, NAME_CHARS_MAX));
    }
}
