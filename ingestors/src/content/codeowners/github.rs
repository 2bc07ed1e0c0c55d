//! A line of GitHub's dialect.
//!
//! A line with invalid syntax is skipped whole, as GitHub does ("that line will be skipped"): an owner that is neither
//! `@user`, `@org/team` nor an e-mail address, a pattern with `!`, `[ ]` or an escaped `#`.

use super::pattern::Pattern;
use super::{OWNERS_PER_RULE_MAX, OwnerHandle, Problem, Reading, Rule};

pub(super) fn line(reading: &mut Reading, number: usize, line: &str) {
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') || !reading.has_room(number) {
        return;
    }
    let (pattern, rest) = split_pattern(trimmed);
    let column_of = |part: &str| line[..part.as_ptr() as usize - line.as_ptr() as usize].chars().count() + 1;
    if let Some(reason) = unsupported(pattern) {
        let message = format!(
            "the pattern `{}` {reason}; GitHub skips the line",
            crate::content::text::clip(pattern, 80)
        );
        reading.skip(Problem::new("pattern_invalid", message).at(number, column_of(pattern)));
        return;
    }
    let owners_text = rest.split('#').next().unwrap_or_default();
    let mut owners = Vec::new();
    for (count, word) in owners_text.split_whitespace().enumerate() {
        if count >= OWNERS_PER_RULE_MAX {
            let message = format!("has more than {OWNERS_PER_RULE_MAX} owners; the others were left out");
            reading
                .problems
                .push(Problem::new("too_many_owners", message).at(number, column_of(word)));
            break;
        }
        let Some(owner) = owner(word) else {
            let message = format!(
                "`{}` is no owner: write `@user`, `@org/team` or an e-mail address; GitHub skips the line",
                crate::content::text::clip(word, 80)
            );
            reading.skip(Problem::new("owner_invalid", message).at(number, column_of(word)));
            return;
        };
        if !owners.contains(&owner) {
            owners.push(owner);
        }
    }
    let rule = Rule {
        line: u32::try_from(number).unwrap_or(u32::MAX),
        pattern: pattern.to_owned(),
        section: 0,
        owners,
        exclusion: false,
        optional: false,
        compiled: Pattern::github(pattern),
    };
    reading.file.sections[0].rules.push(reading.file.rules.len());
    reading.file.rules.push(rule);
}

/// The pattern up to the first white space that no backslash escapes, and what follows.
fn split_pattern(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, char) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if char == '\\' {
            escaped = true;
        } else if char.is_whitespace() {
            return (&line[..at], &line[at..]);
        }
    }
    (line, "")
}

fn unsupported(pattern: &str) -> Option<&'static str> {
    if pattern.starts_with('!') {
        return Some("negates with `!`, which CODEOWNERS does not know");
    }
    if pattern.starts_with("\\#") {
        return Some("escapes `#`, which CODEOWNERS does not know");
    }
    if pattern.chars().all(|char| char == '/') {
        return Some("never matches anything: write `*` for every file");
    }
    if pattern.contains("***") {
        return Some("has three asterisks in a row");
    }
    let mut escaped = false;
    for char in pattern.chars() {
        if char == '[' && !escaped {
            return Some("has a character range `[ ]`, which CODEOWNERS does not know");
        }
        escaped = char == '\\' && !escaped;
    }
    None
}

/// `@user`, `@org/team` or an e-mail address.
fn owner(word: &str) -> Option<OwnerHandle> {
    let Some(handle) = word.strip_prefix('@') else {
        return email(word);
    };
    let fits = |text: &str, underscore: bool| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || (underscore && byte == b'_'))
    };
    match handle.split_once('/') {
        // Users of managed enterprises and team slugs have underscores, organisations have none.
        Some((org, team)) => (fits(org, false) && fits(team, true)).then(|| OwnerHandle::Team {
            org: org.to_owned(),
            team: team.to_owned(),
        }),
        None => fits(handle, true).then(|| OwnerHandle::User {
            name: handle.to_owned(),
        }),
    }
}

fn email(word: &str) -> Option<OwnerHandle> {
    let (local, domain) = word.split_once('@')?;
    let local_fits = !local.is_empty()
        && local
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte));
    let (name, top) = domain.rsplit_once('.')?;
    let name_fits = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let top_fits = top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    (local_fits && name_fits && top_fits).then(|| OwnerHandle::Email {
        address: word.to_owned(),
    })
}
