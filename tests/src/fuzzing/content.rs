//! Readers of repository content: the same verdict twice, and lists, names and problems within their limits.

use std::fmt::Debug;

use bailiwick_ingestors::content::codeowners::{self, Codeowners, Dialect, Host, OWNERS_PER_RULE_MAX, RULES_MAX};
use bailiwick_ingestors::content::language::Languages;
use bailiwick_ingestors::content::{
    DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, NAMES_MAX, PROBLEMS_MAX, Problem, Read, apidef, classify, licence, manifest,
    readme, workflow,
};
use serde::Serialize;
use serde_json::Value;

use super::{named, yaml::last_line};

/// Reads twice, and holds what every reader promises against the value as it is written.
fn read_within<T: Debug + PartialEq + Serialize>(bytes: &[u8], read: impl Fn() -> Read<T>) {
    let (found, problems) = read();
    assert_eq!(
        (&found, &problems),
        (&read().0, &read().1),
        "the same bytes have the same verdict"
    );
    say_where(bytes, &problems);
    if let Some(found) = found {
        let value = serde_json::to_value(&found).expect("what was read has string keys");
        texts_are_short(&value, &mut String::new());
    }
}

fn say_where(bytes: &[u8], problems: &[Problem]) {
    assert!(problems.len() <= PROBLEMS_MAX + 1, "{} problems", problems.len());
    let last_line = last_line(bytes);
    for problem in problems {
        assert!(
            !problem.code.is_empty() && !problem.message.is_empty(),
            "{problem:?} says what is wrong"
        );
        assert!(!problem.message.contains('\n'), "{problem:?} is one line");
        // Readers end lines in their own way; none has more than there are ends of any sort.
        let ends = bytes
            .iter()
            .filter(|byte| matches!(byte, b'\n' | b'\r' | 0x0b | 0x0c | 0x85 | 0xa8 | 0xa9));
        let lines = last_line.max(u32::try_from(ends.count() + 1).expect("an input has few lines"));
        assert!(
            problem.line.is_none_or(|line| (1..=lines).contains(&line)),
            "{problem:?} lies within {lines} lines"
        );
        assert!(problem.column.is_none_or(|column| column >= 1), "{problem:?}");
    }
}

/// Whatever is kept is clipped, except for the path that was given.
fn texts_are_short(value: &Value, key: &mut String) {
    match value {
        Value::String(text) if key != "path" => {
            let chars = text.chars().count();
            let max = if key == "description" {
                DESCRIPTION_CHARS_MAX
            } else {
                NAME_CHARS_MAX
            };
            assert!(chars <= max, "{key} has {chars} characters");
        }
        Value::Array(items) => {
            assert!(items.len() <= NAMES_MAX, "{key} has {} items", items.len());
            items.iter().for_each(|item| texts_are_short(item, key));
        }
        Value::Object(fields) => {
            if let Some(names) = fields.get("names").and_then(Value::as_array) {
                let count = fields.get("count").and_then(Value::as_u64);
                assert!(count >= Some(names.len() as u64), "{key} counts what it keeps");
            }
            for (field, value) in fields {
                let field = if field == "names" { key.clone() } else { field.clone() };
                texts_are_short(value, &mut field.clone());
            }
        }
        _ => {}
    }
}

/// The first line is the path whose owners are looked for.
pub fn codeowners(bytes: &[u8]) {
    let (path, text) = named(bytes);
    for dialect in [Dialect::Github, Dialect::Gitlab] {
        let (file, problems) = Codeowners::parse(dialect, text);
        assert_eq!(
            (&file, &problems),
            (&Codeowners::parse(dialect, text).0, &Codeowners::parse(dialect, text).1),
            "the same bytes have the same verdict"
        );
        say_where(text, &problems);
        let last_line = last_line(text);
        assert!(file.rules.len() <= RULES_MAX && !file.sections.is_empty());
        for rule in &file.rules {
            assert!(
                (1..=last_line).contains(&rule.line),
                "{rule:?} lies within {last_line} lines"
            );
            assert!(rule.section < file.sections.len(), "{rule:?} is of a section");
            // Default owners of a section come on top of none: a line has its own or those.
            assert!(rule.owners.len() <= OWNERS_PER_RULE_MAX, "{} owners", rule.owners.len());
            let mut owners = rule.owners.clone();
            owners.sort();
            owners.dedup();
            assert_eq!(owners.len(), rule.owners.len(), "{rule:?} repeats nobody");
        }
        for (at, section) in file.sections.iter().enumerate() {
            for rule in &section.rules {
                let rule = file.rules.get(*rule);
                assert_eq!(rule.map(|rule| rule.section), Some(at), "a section holds its own rules");
            }
        }

        let owned = file.owners_of(path.as_bytes());
        assert_eq!(
            owned,
            file.owners_of(path.as_bytes()),
            "the same path has the same owners"
        );
        assert_eq!(
            owned,
            file.owners_of(format!("/{path}//").as_bytes()),
            "slashes around a path change nothing"
        );
        let sections = if dialect == Dialect::Github {
            1
        } else {
            file.sections.len()
        };
        for owned in [owned, file.owners_of_everything()] {
            assert!(owned.matched.len() <= sections, "one rule of a section decides");
            for owner in &owned.owners {
                let named = owned.matched.iter().any(|matched| matched.owners.contains(owner));
                assert!(named, "{owner:?} is of a rule that matched");
            }
        }
    }
    for host in [Host::Unknown, Host::of(path)] {
        if let Some(choice) = codeowners::choose(host, [path, "CODEOWNERS"]) {
            choice.dialect_of(text);
        }
    }
}

/// The first line is the path of the manifest.
pub fn manifest(bytes: &[u8]) {
    let (path, text) = named(bytes);
    read_within(text, || manifest::parse(path, text));
    classified(path);
}

/// The first line is the path of the definition.
pub fn api_definition(bytes: &[u8]) {
    let (path, text) = named(bytes);
    read_within(text, || apidef::parse(path, text));
}

/// The first line is the path of the workflow.
pub fn workflow(bytes: &[u8]) {
    let (path, text) = named(bytes);
    read_within(text, || workflow::parse(path, text));
}

/// The first line is the path of a README or licence.
pub fn readme(bytes: &[u8]) {
    let (path, text) = named(bytes);
    let read = readme::parse(path, text);
    assert_eq!(read, readme::parse(path, text), "the same bytes have the same verdict");
    for (text, max) in [
        (&read.title, readme::TITLE_CHARS_MAX),
        (&read.paragraph, readme::PARAGRAPH_CHARS_MAX),
    ] {
        let Some(text) = text else { continue };
        assert!(!text.trim().is_empty(), "what was found is no blank");
        assert!(text.chars().count() <= max, "{} characters", text.chars().count());
        assert!(!text.contains('\n'), "{text:?} is one line");
    }
    let read = licence::parse(path, text);
    assert_eq!(read, licence::parse(path, text), "the same bytes have the same verdict");
    licence::combine([&read, &read]);
    classified(path);
}

fn classified(path: &str) {
    assert_eq!(classify::classify(path.as_bytes()), classify::classify(path.as_bytes()));
    let mut languages = Languages::default();
    languages.add(path, 7);
    let shares: u32 = languages.shares_per_mille().iter().map(|(_, share)| share).sum();
    assert!(shares == 0 || shares == 1_000, "shares are of the whole, not {shares}");
    languages.subtract(path, 9);
    assert!(
        languages.bytes().values().all(|bytes| *bytes > 0),
        "what is gone is not kept"
    );
}
