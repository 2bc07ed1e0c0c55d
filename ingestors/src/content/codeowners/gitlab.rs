//! A line of GitLab's dialect.
//!
//! GitLab reports malformed lines but applies what it could read of them, so a problem here does not take the rule away.
//! There are no inline comments: owners named behind a `#` count. A repeated pattern of a section takes the place of its
//! first appearance, with the owners of its last.

use super::pattern::Pattern;
use super::{OWNERS_PER_RULE_MAX, OwnerHandle, Problem, Reading, Rule, Section};

/// Name under which the rules before any heading stand; a later heading of this name joins them.
const UNNAMED: &str = "codeowners";
/// Deepest group path read, in segments.
const GROUP_DEPTH_MAX: usize = 21;
/// Roles that can own.
const ROLES: [&str; 3] = ["developer", "maintainer", "owner"];

/// What the latest heading said; rules below it inherit this, not what an earlier heading of the same name said.
#[derive(Debug, Default)]
pub(super) struct Heading {
    section: usize,
    optional: bool,
    owners: Vec<OwnerHandle>,
}

pub(super) fn line(reading: &mut Reading, number: usize, line: &str) {
    let trimmed = line.trim_matches(|char: char| char.is_ascii_whitespace() || char == '\0' || char == '\u{b}');
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return;
    }
    if heading(reading, number, trimmed) {
        return;
    }
    if reading.has_room(number) {
        entry(reading, number, trimmed);
    }
}

/// Reads `^[Name][2] @default`; false when the line is no heading.
fn heading(reading: &mut Reading, number: usize, line: &str) -> bool {
    let (optional, body) = match line.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let Some(inner) = body.strip_prefix('[') else {
        return false;
    };
    let Some((name, mut rest)) = inner.split_once(']') else {
        if !inner.is_empty() {
            reading.problems.push(
                Problem::new(
                    "section_invalid",
                    "a section heading has no closing `]`: it is read as a pattern",
                )
                .at(number, 1),
            );
        }
        return false;
    };
    let mut approvals = 0;
    if let Some((count, after)) = rest.strip_prefix('[').and_then(|text| text.split_once(']'))
        && count.bytes().all(|byte| byte.is_ascii_digit())
    {
        approvals = count.parse().unwrap_or(if count.is_empty() { 0 } else { u32::MAX });
        rest = after;
    }
    if name.trim().is_empty() {
        reading
            .problems
            .push(Problem::new("section_invalid", "a section heading has no name").at(number, 1));
    }
    if optional && approvals > 0 {
        reading
            .problems
            .push(Problem::new("section_invalid", "an optional section cannot ask for approvals").at(number, 1));
    }
    let defaults: &str = if rest.starts_with(|char: char| char.is_ascii_whitespace()) {
        let end = rest.find(|char: char| !(char.is_ascii_whitespace() || is_word(char) || "@.-/+".contains(char)));
        &rest[..end.unwrap_or(rest.len())]
    } else {
        ""
    };
    let owners = owners(defaults);
    if owners.is_empty() && !defaults.trim().is_empty() {
        reading.problems.push(Problem::new("section_invalid", "the default owners of a section name nobody: write `@user`, `@group/subgroup`, `@@role` or an e-mail address").at(number, 1));
    }
    let section = section_of(reading, name);
    reading.file.sections[section].approvals = approvals;
    reading.heading = Heading {
        section,
        optional,
        owners,
    };
    true
}

/// Index of the section of this name, without regard to case, new where there is none.
fn section_of(reading: &mut Reading, name: &str) -> usize {
    let sections = &mut reading.file.sections;
    let only_unnamed = sections.len() == 1;
    let held = sections.iter().position(|section| {
        let held = section.name.as_deref().unwrap_or(UNNAMED);
        if only_unnamed {
            held == name
        } else {
            held.eq_ignore_ascii_case(name)
        }
    });
    held.unwrap_or_else(|| {
        sections.push(Section {
            name: Some(name.to_owned()),
            approvals: 0,
            rules: Vec::new(),
        });
        sections.len() - 1
    })
}

fn entry(reading: &mut Reading, number: usize, line: &str) {
    let (written, owners_text) = split_pattern(line);
    let (exclusion, pattern) = match written.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, written),
    };
    let mut named = Vec::new();
    if !exclusion {
        named = owners(owners_text);
        for word in owners_text
            .split_ascii_whitespace()
            .filter(|word| owners(word).is_empty())
            .take(1)
        {
            let message = format!(
                "`{}` is no owner: write `@user`, `@group/subgroup`, `@@role` or an e-mail address",
                crate::content::text::clip(word, 80)
            );
            reading
                .problems
                .push(Problem::new("owner_invalid", message).at(number, 1));
        }
        if owners_text.trim().is_empty() {
            named = reading.heading.owners.clone();
            if named.is_empty() {
                reading.problems.push(
                    Problem::new(
                        "owner_missing",
                        "the line names no owner and its section has no default owner",
                    )
                    .at(number, 1),
                );
            }
        }
        if named.len() > OWNERS_PER_RULE_MAX {
            named.truncate(OWNERS_PER_RULE_MAX);
            let message = format!("has more than {OWNERS_PER_RULE_MAX} owners; the others were left out");
            reading
                .problems
                .push(Problem::new("too_many_owners", message).at(number, 1));
        }
    }
    let normalised = normalise(pattern);
    let rule = Rule {
        line: u32::try_from(number).unwrap_or(u32::MAX),
        pattern: written.to_owned(),
        section: reading.heading.section,
        owners: named,
        exclusion,
        optional: reading.heading.optional,
        compiled: Pattern::gitlab(&normalised),
    };
    let index = reading.file.rules.len();
    reading.file.rules.push(rule);
    let rules = &mut reading.file.sections[reading.heading.section].rules;
    match reading.places.entry((reading.heading.section, normalised)) {
        std::collections::hash_map::Entry::Occupied(place) => rules[*place.get()] = index,
        std::collections::hash_map::Entry::Vacant(place) => {
            place.insert(rules.len());
            rules.push(index);
        }
    }
}

/// The pattern up to the first white space that has no backslash before it, and what follows.
fn split_pattern(line: &str) -> (&str, &str) {
    let mut previous = '\0';
    for (at, char) in line.char_indices() {
        if char.is_ascii_whitespace() && previous != '\\' {
            return (&line[..at], &line[at..]);
        }
        previous = char;
    }
    (line, "")
}

/// The pattern as GitLab hands it to `File.fnmatch`.
fn normalise(pattern: &str) -> String {
    if pattern == "*" {
        return "/**/*".to_owned();
    }
    let pattern = if pattern.starts_with("\\#") {
        &pattern[1..]
    } else {
        pattern
    };
    let mut out = String::with_capacity(pattern.len() + 8);
    if !pattern.starts_with('/') {
        out.push_str("/**/");
    }
    let mut rest = pattern.chars().peekable();
    while let Some(char) = rest.next() {
        if char == '\\' && rest.peek().is_some_and(char::is_ascii_whitespace) {
            while rest.peek().is_some_and(char::is_ascii_whitespace) {
                rest.next();
            }
            out.push(' ');
        } else {
            out.push(char);
        }
    }
    if out.ends_with('/') {
        out.push_str("**/*");
    }
    out
}

/// Every reference in `text`, in the order written, without repetition; one word can hold none or several.
fn owners(text: &str) -> Vec<OwnerHandle> {
    let mut found = Vec::new();
    for word in text.split_ascii_whitespace() {
        if found.len() > OWNERS_PER_RULE_MAX {
            break;
        }
        let mut add = |owner: OwnerHandle| {
            if found.len() <= OWNERS_PER_RULE_MAX && !found.contains(&owner) {
                found.push(owner);
            }
        };
        if let Some(role) = role(word) {
            add(OwnerHandle::Role { name: role.to_owned() });
            continue;
        }
        let mut previous: Option<char> = None;
        let mut skip_to = 0;
        for (at, char) in word.char_indices() {
            if char == '@' && at >= skip_to {
                if let Some((address, end)) = email(word, skip_to, at) {
                    add(OwnerHandle::Email {
                        address: address.to_owned(),
                    });
                    skip_to = end;
                } else if previous.is_none_or(|before| !is_word(before) && before != '@') {
                    let name = full_path(&word[at + 1..]);
                    skip_to = at + 1 + name.len();
                    match name {
                        "" => {}
                        path if path.contains('/') => add(OwnerHandle::Group { path: path.to_owned() }),
                        name => add(OwnerHandle::User { name: name.to_owned() }),
                    }
                }
            }
            previous = Some(char);
        }
    }
    found
}

fn role(word: &str) -> Option<&'static str> {
    let name = word.strip_prefix("@@")?.to_ascii_lowercase();
    ROLES
        .into_iter()
        .find(|role| name == *role || name.strip_suffix('s') == Some(role))
}

/// The address around the `@` at `at`, and where it ends.
fn email(word: &str, from: usize, at: usize) -> Option<(&str, usize)> {
    let start = word[from..at].rfind('@').map_or(from, |before| from + before + 1);
    let domain = word[at + 1..].split('@').next().unwrap_or_default();
    let end = domain
        .char_indices()
        .rev()
        .find(|(_, char)| is_word(*char))
        .map(|(index, char)| index + char.len_utf8())?;
    (start < at).then(|| (&word[start..at + 1 + end], at + 1 + end))
}

/// The longest full path of a user or group at the front of `text`.
fn full_path(text: &str) -> &str {
    let mut end = 0;
    for _ in 0..GROUP_DEPTH_MAX {
        let start = if end == 0 { 0 } else { end + 1 };
        let segment = text.get(start..).unwrap_or_default();
        let run = segment
            .find(|char: char| !(char.is_ascii_alphanumeric() || "_.-".contains(char)))
            .unwrap_or(segment.len());
        let name = segment[..run].trim_end_matches('.');
        if name.is_empty() || name.starts_with('-') {
            break;
        }
        end = start + name.len();
        if !text[end..].starts_with('/') {
            break;
        }
    }
    &text[..end]
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}
