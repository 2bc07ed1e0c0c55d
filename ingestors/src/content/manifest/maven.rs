//! `pom.xml`: coordinates (what is missing comes from `<parent>`), licences, dependencies, modules.
//!
//! Entities of a document type are never expanded; `${…}` is filled from the file's own properties, to a fixed depth.
//! The parent's file is not read. Format: Maven, "POM Reference" (4.0.0).

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{DESCRIPTION_CHARS_MAX, Manifest, NAME_CHARS_MAX, Problem, text};

/// Deepest element that is looked at.
const DEPTH_MAX: usize = 64;
/// Most properties kept.
const PROPERTIES_MAX: usize = 2_000;
/// Rounds of filling `${…}`, and the longest value while doing so.
const FILL_ROUNDS_MAX: usize = 4;
const VALUE_BYTES_MAX: usize = 4 * 1024;

#[derive(Debug, Default)]
struct Pom {
    values: HashMap<&'static str, String>,
    properties: HashMap<String, String>,
    dependencies: Vec<Dependency>,
    modules: bool,
}

#[derive(Debug, Default)]
struct Dependency {
    group: String,
    artifact: String,
    test: bool,
}

/// Paths below `project` whose text is kept.
const KEPT: [&str; 9] = [
    "groupId",
    "artifactId",
    "version",
    "description",
    "packaging",
    "parent/groupId",
    "parent/artifactId",
    "parent/version",
    "licenses/license/name",
];

pub(super) fn read(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let content = text::lossy(bytes);
    let pom = parse(&content)?;
    let field = |key: &str| pom.values.get(key).map(|value| fill(value, &pom));
    let own_or_parent = |key: &str| {
        field(key)
            .or_else(|| field(&format!("parent/{key}")))
            .filter(|value| !value.is_empty())
    };
    let Some(artifact) = field("artifactId").filter(|value| !value.is_empty()) else {
        return Err(Problem::new("manifest_incomplete", "has no `artifactId`"));
    };
    let name = match own_or_parent("groupId") {
        Some(group) => format!("{group}:{artifact}"),
        None => artifact,
    };
    manifest.name = text::tidy(&name, NAME_CHARS_MAX);
    manifest.version = own_or_parent("version").and_then(|version| text::tidy(&version, NAME_CHARS_MAX));
    manifest.description = field("description").and_then(|words| text::tidy(&words, DESCRIPTION_CHARS_MAX));
    manifest.licence = field("licenses/license/name").and_then(|name| text::tidy(&name, NAME_CHARS_MAX));
    manifest.workspace = pom.modules;
    for dependency in pom
        .dependencies
        .iter()
        .filter(|dependency| !dependency.test && !dependency.artifact.is_empty())
    {
        manifest.dependencies.push_new(&format!(
            "{}:{}",
            fill(&dependency.group, &pom),
            fill(&dependency.artifact, &pom)
        ));
    }
    Ok(true)
}

fn parse(content: &str) -> Result<Pom, Problem> {
    let mut reader = Reader::from_str(content);
    let mut pom = Pom::default();
    let mut path: Vec<String> = Vec::new();
    let mut value = String::new();
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return Err(invalid(content, reader.error_position(), &error.to_string())),
        };
        match event {
            Event::Start(start) => {
                if path.len() >= DEPTH_MAX {
                    return Err(invalid(
                        content,
                        reader.buffer_position(),
                        &format!("is nested deeper than {DEPTH_MAX} elements"),
                    ));
                }
                path.push(text::clip(
                    &String::from_utf8_lossy(start.local_name().as_ref()),
                    NAME_CHARS_MAX,
                ));
                if path.len() == 1 && path[0] != "project" {
                    return Err(Problem::new("manifest_incomplete", "the root element is not `project`"));
                }
                if path[1..] == ["dependencies", "dependency"] {
                    pom.dependencies.push(Dependency::default());
                }
                value.clear();
            }
            Event::End(_) => {
                keep(&mut pom, &path, value.trim());
                path.pop();
                value.clear();
            }
            Event::Text(part) => append(&mut value, &String::from_utf8_lossy(&part)),
            Event::CData(part) => append(&mut value, &String::from_utf8_lossy(&part)),
            Event::GeneralRef(reference) => {
                let named = match &reference[..] {
                    b"amp" => Some('&'),
                    b"lt" => Some('<'),
                    b"gt" => Some('>'),
                    b"quot" => Some('"'),
                    b"apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                if let Some(char) = named {
                    value.push(char);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match path.last() {
        Some(open) => Err(invalid(
            content,
            content.len() as u64,
            &format!("the element `{open}` is not closed"),
        )),
        None => Ok(pom),
    }
}

fn append(value: &mut String, part: &str) {
    if value.len() < VALUE_BYTES_MAX {
        value.push_str(&text::clip(part, VALUE_BYTES_MAX));
    }
}

/// Keeps the text of an element that ends, where it is one of those looked for.
fn keep(pom: &mut Pom, path: &[String], value: &str) {
    let below: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
    match below.as_slice() {
        ["properties", name] if pom.properties.len() < PROPERTIES_MAX => {
            pom.properties.insert((*name).to_owned(), value.to_owned());
        }
        ["modules" | "subprojects", _] => pom.modules = true,
        ["dependencies", "dependency", field] => {
            let Some(dependency) = pom.dependencies.last_mut() else {
                return;
            };
            match *field {
                "groupId" => dependency.group = value.to_owned(),
                "artifactId" => dependency.artifact = value.to_owned(),
                "scope" => dependency.test = value == "test",
                _ => {}
            }
        }
        other => {
            let joined = other.join("/");
            if let Some(key) = KEPT.into_iter().find(|key| *key == joined) {
                pom.values.entry(key).or_insert_with(|| value.to_owned());
            }
        }
    }
}

/// Fills `${…}` from the file's own properties and coordinates; what is not known stays as written.
fn fill(value: &str, pom: &Pom) -> String {
    let mut current = value.to_owned();
    for _ in 0..FILL_ROUNDS_MAX {
        let Some(next) = fill_once(&current, pom).filter(|next| next.len() <= VALUE_BYTES_MAX) else {
            break;
        };
        current = next;
    }
    current
}

/// One round; `None` when nothing was filled.
fn fill_once(value: &str, pom: &Pom) -> Option<String> {
    let mut out = String::new();
    let mut rest = value;
    let mut filled = false;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, left)) = after.split_once('}') else {
            out.push_str("${");
            out.push_str(after);
            return filled.then_some(out);
        };
        let coordinate = name
            .strip_prefix("project.")
            .or_else(|| name.strip_prefix("pom."))
            .map(|field| field.replacen("parent.", "parent/", 1));
        let known = pom.properties.get(name).or_else(|| {
            let field = coordinate.as_deref()?;
            pom.values
                .get(field)
                .or_else(|| pom.values.get(format!("parent/{field}").as_str()))
        });
        match known.filter(|known| !known.contains(&format!("${{{name}}}"))) {
            Some(known) if out.len() + known.len() <= VALUE_BYTES_MAX => {
                out.push_str(known);
                filled = true;
            }
            _ => {
                out.push_str("${");
                out.push_str(name);
                out.push('}');
            }
        }
        rest = left;
    }
    out.push_str(rest);
    filled.then_some(out)
}

fn invalid(content: &str, position: u64, message: &str) -> Problem {
    let at = usize::try_from(position).unwrap_or(content.len()).min(content.len());
    let before = &content.as_bytes()[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |found| found + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    Problem::new("invalid_xml", text::clip(&text::one_line(message), 300)).at(line, column)
}
