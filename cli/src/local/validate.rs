//! `bailiwick validate`: judges descriptor files as the sources do, for use in a repository's own CI.
//!
//! Files are read one after the other and nothing is followed: neither targets of Locations nor placeholders. What is
//! named, by path or glob, is judged; in a folder only what could be a descriptor, so that API definitions and other
//! YAML may lie beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use bailiwick_schema::descriptor::{DescriptorItem, Problem, read_descriptor};
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::yaml::{DOCUMENT_BYTES_MAX, Document, Limits, parse_documents};
use serde::Serialize;
use serde_json::json;

use crate::args::ValidateArgs;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::local::kinds::{self, KindsError};
use crate::output::printable;

/// Largest file that is read, in bytes; NDJSON is read line by line and may be larger.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Endings of the files that a folder gives.
const ENDINGS: &[&str] = &["yaml", "yml", "json", "ndjson"];
/// Deepest nesting of folders that is followed.
const FOLDER_DEPTH_MAX: usize = 64;

/// One problem, in the form that `--output json` prints.
#[derive(Debug, Serialize)]
struct Found {
    file: String,
    line: u32,
    column: u32,
    code: String,
    message: String,
}

/// What was read, in numbers.
#[derive(Debug, Default)]
struct Tally {
    files: usize,
    entities: usize,
    skeletons: usize,
    /// Files of folders that hold something else.
    others: usize,
}

/// Keys of which a descriptor has at least one.
const TELLING_KEYS: &[&str] = &["apiVersion", "kind", "metadata", "spec"];

pub(crate) fn run(args: &ValidateArgs, context: &Context) -> Result<Exit, Failure> {
    let kinds = kinds::load(&args.kinds).map_err(|error| refused(&error))?;
    let mut found = Vec::new();
    let mut tally = Tally::default();
    for (file, named) in files(&args.paths, &mut found)? {
        tally.files += 1;
        validate_file(&file, named, &kinds, &mut found, &mut tally);
    }
    found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    context.print(&json!(found), |style| {
        let mut text = String::new();
        for one in &found {
            let place = format!("{}:{}:{}", one.file, one.line, one.column);
            let line = format!(
                "{}: {} {}\n",
                printable(&place),
                printable(&one.message),
                style.dim(&format!("({})", one.code))
            );
            text.push_str(&line);
        }
        text
    })?;
    let skeletons = match tally.skeletons {
        0 => String::new(),
        n => format!(", {n} skeleton documents left out"),
    };
    let others = match tally.others {
        0 => String::new(),
        n => format!(", {n} files are no descriptors"),
    };
    let verdict = if found.is_empty() {
        "valid".to_owned()
    } else {
        format!("{} problems", found.len())
    };
    context.note(&format!(
        "{} files, {} entities{skeletons}{others}: {verdict}",
        tally.files, tally.entities
    ));
    Ok(if found.is_empty() { Exit::Ok } else { Exit::No })
}

fn refused(error: &KindsError) -> Failure {
    match error {
        KindsError::Unreadable { path, message } => {
            Failure::usage(format!("cannot read `{}`: {message}", path.display()))
        }
        KindsError::Problems(problems) => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
            Failure::usage(format!("the kind files have problems:\n{}", lines.join("\n")))
        }
    }
}

/// The files that paths, folders and globs give, each once, sorted, and whether it was named or only lies in a folder. A
/// path that is not there is a problem.
fn files(paths: &[PathBuf], found: &mut Vec<Found>) -> Result<BTreeMap<PathBuf, bool>, Failure> {
    let mut files = BTreeMap::new();
    for path in paths {
        if path.is_dir() {
            for file in walk(path, FOLDER_DEPTH_MAX, found) {
                files.entry(file).or_insert(false);
            }
        } else if path.is_file() {
            files.insert(path.clone(), true);
        } else if path.exists() {
            // A pipe that nobody writes to would be waited for without end.
            found.push(file_problem(
                path,
                "not_a_file",
                "it is neither a regular file nor a folder",
            ));
        } else if let Some(glob) = path.to_str().filter(|text| text.contains(['*', '?', '[', '{'])) {
            let matched = globbed(glob, found)?;
            if matched.is_empty() {
                found.push(file_problem(path, "no_match", "the glob matches no file"));
            }
            files.extend(matched.into_iter().map(|file| (file, true)));
        } else {
            found.push(file_problem(path, "unreadable", "there is no such file or folder"));
        }
    }
    Ok(files)
}

/// Files below the part of the glob that has no wildcards. `**` crosses folders, `*` does not.
fn globbed(glob: &str, found: &mut Vec<Found>) -> Result<BTreeSet<PathBuf>, Failure> {
    let matcher = globset::GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .map_err(|error| Failure::usage(format!("`{glob}` is no glob: {error}")))?
        .compile_matcher();
    let fixed = glob.split('/').take_while(|part| !part.contains(['*', '?', '[', '{']));
    let fixed: Vec<&str> = fixed.collect();
    let start = match fixed.join("/") {
        start if start.is_empty() && glob.starts_with('/') => "/".to_owned(),
        start => start,
    };
    let folder = if start.is_empty() {
        PathBuf::from(".")
    } else {
        PathBuf::from(&start)
    };
    let mut all = BTreeSet::new();
    if folder.is_dir() {
        walk_all(&folder, FOLDER_DEPTH_MAX, &mut all, found);
    }
    let relative = |file: PathBuf| match start.is_empty() {
        true => file.strip_prefix(".").map(Path::to_owned).unwrap_or(file),
        false => file,
    };
    Ok(all
        .into_iter()
        .map(relative)
        .filter(|file| matcher.is_match(file))
        .collect())
}

/// The files below a folder whose endings descriptors have.
fn walk(folder: &Path, depth: usize, found: &mut Vec<Found>) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    walk_all(folder, depth, &mut all, found);
    let wanted = |file: &PathBuf| {
        file.extension()
            .and_then(|ending| ending.to_str())
            .is_some_and(|ending| ENDINGS.contains(&ending))
    };
    all.into_iter().filter(wanted).collect()
}

/// Every file below a folder. Links are not followed, `.git` is left out.
fn walk_all(folder: &Path, depth: usize, files: &mut BTreeSet<PathBuf>, found: &mut Vec<Found>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) if depth > 0 => entries,
        Ok(_) => {
            return found.push(file_problem(
                folder,
                "too_deep",
                "the folder lies too deep (folder_depth_max)",
            ));
        }
        Err(error) => return found.push(file_problem(folder, "unreadable", &format!("cannot be read: {error}"))),
    };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && entry.file_name() != ".git" => {
                walk_all(&entry.path(), depth - 1, files, found)
            }
            Ok(kind) if kind.is_file() => {
                files.insert(entry.path());
            }
            _ => {}
        }
    }
}

fn validate_file(path: &Path, named: bool, kinds: &KindSet, found: &mut Vec<Found>, tally: &mut Tally) {
    let result = match path.extension().is_some_and(|ending| ending == "ndjson") {
        true => validate_lines(path, kinds, found, tally),
        false => validate_whole(path, named, kinds, found, tally),
    };
    if let Err(error) = result {
        found.push(file_problem(path, "unreadable", &format!("cannot be read: {error}")));
    }
}

fn validate_whole(
    path: &Path,
    named: bool,
    kinds: &KindSet,
    found: &mut Vec<Found>,
    tally: &mut Tally,
) -> std::io::Result<()> {
    let mut text = Vec::new();
    std::fs::File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let message = format!("the file is longer than {FILE_BYTES_MAX} bytes (validate_file_bytes_max)");
        found.push(file_problem(path, "file_too_large", &message));
        return Ok(());
    }
    let documents = parse_documents(&text, &Limits::default());
    if !named && !documents.is_empty() && documents.iter().all(is_something_else) {
        tally.others += 1;
        return Ok(());
    }
    judge(path, documents, 0, kinds, found, tally);
    Ok(())
}

/// Whether a document can be read and has nothing of a descriptor.
fn is_something_else(document: &Document) -> bool {
    match &document.root {
        Ok(root) => !TELLING_KEYS.iter().any(|key| root.get(key).is_some()),
        Err(_) => false,
    }
}

/// Each line is a document of its own.
fn validate_lines(path: &Path, kinds: &KindSet, found: &mut Vec<Found>, tally: &mut Tally) -> std::io::Result<()> {
    let mut reader = BufReader::new(std::fs::File::open(path)?);
    let mut before = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more than a document may have, so that a longer line is seen to be one.
        let read = reader
            .by_ref()
            .take(DOCUMENT_BYTES_MAX as u64 + 2)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if !line.iter().all(u8::is_ascii_whitespace) {
            judge(
                path,
                parse_documents(&line, &Limits::default()),
                before,
                kinds,
                found,
                tally,
            );
        }
        if line.last() != Some(&b'\n') {
            skip_line(&mut reader)?;
        }
        before += 1;
    }
}

/// Skips what is left of a line that is too long.
fn skip_line(reader: &mut impl std::io::BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => {
                reader.consume(at + 1);
                return Ok(());
            }
            None => {
                let length = buffer.len();
                reader.consume(length);
            }
        }
    }
}

/// Judges the documents of a text that begins after `lines_before` lines of its file.
fn judge(
    path: &Path,
    documents: Vec<Document>,
    lines_before: u32,
    kinds: &KindSet,
    found: &mut Vec<Found>,
    tally: &mut Tally,
) {
    for document in documents {
        match read_descriptor(document, kinds) {
            DescriptorItem::Entity(_) => tally.entities += 1,
            DescriptorItem::Empty(_) => {}
            // A template's skeleton is no descriptor yet and nothing is wrong with it.
            DescriptorItem::TemplateSkeleton(..) => tally.skeletons += 1,
            DescriptorItem::Invalid(document) => {
                found.extend(
                    document
                        .problems
                        .into_iter()
                        .map(|problem| of_problem(path, problem, lines_before)),
                );
            }
        }
    }
}

fn of_problem(path: &Path, problem: Problem, lines_before: u32) -> Found {
    let message = match problem.path.is_empty() {
        true => problem.message,
        false => format!("{}: {}", problem.path, problem.message),
    };
    Found {
        file: path.display().to_string(),
        line: problem.line.saturating_add(lines_before),
        column: problem.column,
        code: problem.code.to_owned(),
        message,
    }
}

fn file_problem(path: &Path, code: &str, message: &str) -> Found {
    Found {
        file: path.display().to_string(),
        line: 1,
        column: 1,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}
