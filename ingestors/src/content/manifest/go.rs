//! `go.mod`. Format: Go Modules Reference, "go.mod files". A module has no version in its file.

use super::{Manifest, Problem, text};

pub(super) fn read(bytes: &[u8], manifest: &mut Manifest) -> Result<bool, Problem> {
    let content = text::utf8(bytes)?;
    let mut block: Option<&str> = None;
    for line in content.lines() {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let mut words = code.split_whitespace();
        let Some(first) = words.next() else { continue };
        if first == ")" {
            block = None;
            continue;
        }
        let second = words.next();
        let (verb, argument) = match block {
            Some(verb) => (verb, Some(first)),
            None if second == Some("(") => {
                block = Some(first);
                continue;
            }
            None => (first, second),
        };
        let Some(argument) = argument
            .map(|word| word.trim_matches(['"', '`']))
            .filter(|word| !word.is_empty())
        else {
            continue;
        };
        match verb {
            "module" if manifest.name.is_none() => manifest.name = text::tidy(argument, super::NAME_CHARS_MAX),
            "require" if comment.trim() != "indirect" && !comment.trim().starts_with("indirect;") => {
                manifest.dependencies.push_new(argument)
            }
            _ => {}
        }
    }
    if manifest.name.is_none() {
        return Err(Problem::new("manifest_incomplete", "has no `module` line"));
    }
    Ok(true)
}
