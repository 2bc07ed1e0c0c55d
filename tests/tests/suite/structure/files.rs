//! What holds for every file of the project.

use bailiwick_tests::{Workspace, code_of};
use regex::Regex;

/// Lines above which a Rust file has to say in its module doc why it is long.
const LINES_MAX: usize = 1_000;

/// The words with which such a module doc gives its reason.
const REASON: &str = "long because";

/// Paths of a particular machine. Examples in documentation use relative paths, `/etc/…`, `/var/lib/…` or `/path/to`.
const MACHINE_PATHS: &str = r"(^|[\s\x22'`(=:])/(work|root|home/[a-z]|Users/[A-Z]|mnt|private/tmp)/";

/// Files that may name such paths, with the reason.
const MACHINE_PATH_EXCEPTIONS: &[(&str, &str)] = &[("tests/tests/suite/structure/files.rs", "the pattern stands here")];

/// The project speaks of itself alone, not of the tools that texts were written with. In halves, so that this list does
/// not find itself.
const FOREIGN_WORDS: &[(&str, &str)] = &[
    ("artificial", " intelligence"),
    ("language", " model"),
    ("machine-", "generated"),
    ("chat", "gpt"),
    ("open", "ai"),
    ("anthro", "pic"),
    ("clau", "de"),
    ("co", "pilot"),
    ("code", "whisperer"),
    ("coding", " assistant"),
    ("coding", " agent"),
    ("sub", "agent"),
    ("gene", "rated with"),
    ("co-auth", "ored-by"),
];

/// Files whose words are not ours.
const FOREIGN_FILES: &[&str] = &["Cargo.lock", "LICENSE"];

/// File endings that are text.
const TEXT: &[&str] = &[
    "rs", "md", "toml", "yaml", "yml", "json", "ndjson", "txt", "sh", "graphql", "html", "css", "js", "snap", "lock",
];

fn texts() -> Vec<(String, String)> {
    let workspace = Workspace::here();
    let is_text = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.rsplit_once('.').is_none_or(|(_, ending)| TEXT.contains(&ending)) && !FOREIGN_FILES.contains(&name)
    };
    let paths = workspace.files().into_iter().filter(is_text);
    let read = |path: String| {
        let bytes = std::fs::read(workspace.root().join(&path)).ok()?;
        Some((path, String::from_utf8(bytes).ok()?))
    };
    paths.filter_map(read).collect()
}

#[test]
fn a_long_file_says_why() {
    let long = Workspace::here()
        .rust_files()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > LINES_MAX);
    let silent = long.filter(|(_, text)| {
        !text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .any(|line| line.contains(REASON))
    });
    let silent: Vec<_> = silent
        .map(|(path, text)| format!("{path}: {} lines", text.lines().count()))
        .collect();
    assert!(
        silent.is_empty(),
        "look for the second idea in these files, or say in the module doc that one is `{REASON}` …: {silent:?}"
    );
}

#[test]
fn every_module_opens_with_what_it_is_for() {
    let silent = Workspace::here()
        .rust_files()
        .into_iter()
        .filter(|(path, text)| !path.ends_with("tests.rs") && !path.contains("/tests/") && !text.starts_with("//!"));
    let silent: Vec<_> = silent.map(|(path, _)| path).collect();
    assert!(
        silent.is_empty(),
        "these modules begin without a doc comment: {silent:?}"
    );
}

#[test]
fn nothing_is_left_to_be_done() {
    let unfinished = Regex::new(r"\btodo!|\bunimplemented!").unwrap();
    let ignored = Regex::new(r"#\[ignore").unwrap();
    let mut found = Vec::new();
    for (path, text) in Workspace::here().rust_files() {
        for (at, line) in code_of(&text).lines().enumerate() {
            if unfinished.is_match(line) || ignored.is_match(line) {
                found.push(format!("{path}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "stubs and tests that do not run:\n{}",
        found.join("\n")
    );
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    let pattern = Regex::new(&format!("(?m){MACHINE_PATHS}")).unwrap();
    let mut found = Vec::new();
    for (path, text) in texts() {
        if MACHINE_PATH_EXCEPTIONS.iter().any(|(exception, _)| *exception == path) {
            continue;
        }
        for (at, line) in text.lines().enumerate() {
            if pattern.is_match(line) {
                found.push(format!("{path}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "paths of one machine:\n{}", found.join("\n"));
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let words: Vec<String> = FOREIGN_WORDS
        .iter()
        .map(|(head, tail)| regex::escape(&format!("{head}{tail}")))
        .collect();
    let pattern = Regex::new(&format!(r"(?i)\b({}|llms?)\b", words.join("|"))).unwrap();
    let mut found = Vec::new();
    for (path, text) in texts()
        .into_iter()
        .filter(|(path, _)| !path.starts_with("tests/tests/suite/structure/"))
    {
        for (at, line) in text.lines().enumerate() {
            found.extend(
                pattern
                    .find(line)
                    .map(|hit| format!("{path}:{}: `{}`", at + 1, hit.as_str())),
            );
        }
    }
    assert!(
        found.is_empty(),
        "say what the project does, not with what it was written:\n{}",
        found.join("\n")
    );
}
