//! CODEOWNERS files in the dialects of GitHub and GitLab: rules, problems, and the owners that the host would give.
//!
//! The dialects differ in nearly everything but the look: GitHub follows gitignore with three exceptions and the last
//! matching line wins; GitLab matches as Ruby's `File.fnmatch` with `FNM_PATHNAME | FNM_DOTMATCH`, has sections that each
//! give owners of their own, default owners, exclusions and roles. What only the host knows (does the account exist, may
//! it write, is `@name` a user or a group) is not known here.
//!
//! Sources: docs.github.com "About code owners"; docs.gitlab.com "CODEOWNERS syntax" and "Advanced CODEOWNERS
//! configuration" (17.9).

mod choose;
mod github;
mod gitlab;
mod pattern;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use choose::{Choice, Host, PATHS, choose};

use super::{Problem, Problems, text};
use pattern::Pattern;

/// Size from which GitHub does not load the file, in bytes ("must be under 3 MB").
pub const GITHUB_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Size above which a file in GitLab's dialect is not read, in bytes; GitLab itself names no limit.
pub const GITLAB_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Most rules read from one file.
pub const RULES_MAX: usize = 50_000;
/// Most owners on one line.
pub const OWNERS_PER_RULE_MAX: usize = 500;
/// Longest line read, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Whose rules a file is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// GitHub's: gitignore patterns, last match wins.
    Github,
    /// GitLab's: sections, default owners, exclusions, roles.
    Gitlab,
}

/// An owner as it is written, in the words of its host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OwnerHandle {
    /// `@org/team` on GitHub.
    Team {
        /// Login of the organisation.
        org: String,
        /// Slug of the team.
        team: String,
    },
    /// `@name`: a user; on GitLab possibly a top-level group, which only the host can tell.
    User {
        /// Login without `@`.
        name: String,
    },
    /// An e-mail address.
    Email {
        /// The address as written.
        address: String,
    },
    /// `@@developer` on GitLab: everybody with this role in the project, singular and lower case.
    Role {
        /// `developer`, `maintainer` or `owner`.
        name: String,
    },
    /// `@group/subgroup` on GitLab.
    Group {
        /// Full path without `@`.
        path: String,
    },
}

/// One line that says who owns what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Line of the file, 1-based.
    pub line: u32,
    /// The pattern as written.
    pub pattern: String,
    /// Index into [`Codeowners::sections`]; always 0 on GitHub.
    pub section: usize,
    /// Owners in the order written, default owners of a section filled in, without repetition.
    pub owners: Vec<OwnerHandle>,
    /// `!pattern` on GitLab: what it matches has no owner in this section.
    pub exclusion: bool,
    /// Under a `^[Section]` heading: approval is optional.
    pub optional: bool,
    #[serde(skip)]
    compiled: Pattern,
}

/// A section of GitLab's dialect; every file begins with the unnamed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Name as first written; `None` for what stands before any heading.
    pub name: Option<String>,
    /// Approvals asked for by the latest heading of this name; 0 when it names none.
    pub approvals: u32,
    /// Indexes into [`Codeowners::rules`], weakest first.
    pub rules: Vec<usize>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Codeowners {
    /// The dialect it was read by.
    pub dialect: Dialect,
    /// Rules in file order.
    pub rules: Vec<Rule>,
    /// Sections in file order, the unnamed one first.
    pub sections: Vec<Section>,
    /// Lines that looked like rules and were skipped, each with a problem (up to the limit of problems).
    pub skipped: u32,
}

/// The rule that decided, in one section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matched {
    /// Owners of the rule; empty where ownership is unset.
    pub owners: Vec<OwnerHandle>,
    /// Line of the rule, 1-based.
    pub line: u32,
    /// The pattern as written.
    pub pattern: String,
    /// Name of the section; `None` on GitHub and before the first heading.
    pub section: Option<String>,
    /// Approval is optional (GitLab `^[Section]`).
    pub optional: bool,
}

/// Who owns a path, and by which rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ownership {
    /// Owners of all matched rules, without repetition, in section order.
    pub owners: Vec<OwnerHandle>,
    /// Empty when no rule speaks of the path; at most one on GitHub, at most one a section on GitLab.
    pub matched: Vec<Matched>,
}

impl Codeowners {
    /// Reads a file by the rules of `dialect`.
    ///
    /// Lines that the host would skip are problems and no rules; a file that the host would not load gives no rules
    /// and one problem. Never fails.
    pub fn parse(dialect: Dialect, bytes: &[u8]) -> (Self, Vec<Problem>) {
        let mut reading = Reading::new(dialect);
        let limit = match dialect {
            Dialect::Github => GITHUB_BYTES_MAX,
            Dialect::Gitlab => GITLAB_BYTES_MAX,
        };
        if bytes.len() >= limit {
            reading.problems.push(Problem::too_large(bytes.len(), limit));
            return reading.finish();
        }
        for (index, line) in text::without_bom(bytes).split(|byte| *byte == b'\n').enumerate() {
            let number = index + 1;
            if line.len() > LINE_BYTES_MAX {
                reading.skip(
                    Problem::new("line_too_long", format!("is longer than {LINE_BYTES_MAX} bytes")).at(number, 1),
                );
                continue;
            }
            let Ok(line) = std::str::from_utf8(line) else {
                reading
                    .skip(Problem::new("not_utf8", "the line is not UTF-8 text: save the file as UTF-8").at(number, 1));
                continue;
            };
            match dialect {
                Dialect::Github => github::line(&mut reading, number, line),
                Dialect::Gitlab => gitlab::line(&mut reading, number, line),
            }
        }
        reading.finish()
    }

    /// The owners of `path`, a repository path without leading slash, as the host would give them.
    pub fn owners_of(&self, path: &[u8]) -> Ownership {
        let segments: Vec<&[u8]> = path
            .split(|byte| *byte == b'/')
            .filter(|segment| !segment.is_empty())
            .collect();
        self.decide(|rule| rule.compiled.matches(&segments))
    }

    /// The owners of what nothing more special speaks of: the last rules that match every path.
    pub fn owners_of_everything(&self) -> Ownership {
        self.decide(|rule| rule.compiled.is_universal())
    }

    fn decide(&self, matches: impl Fn(&Rule) -> bool) -> Ownership {
        let mut ownership = Ownership::default();
        for section in &self.sections {
            let mut rules = section
                .rules
                .iter()
                .rev()
                .map(|index| &self.rules[*index])
                .filter(|rule| matches(rule));
            let Some(rule) = rules.next() else { continue };
            // GitLab: an exclusion anywhere among the matches cannot be taken back in the same section.
            if rule.exclusion || (self.dialect == Dialect::Gitlab && rules.any(|other| other.exclusion)) {
                continue;
            }
            for owner in &rule.owners {
                if !ownership.owners.contains(owner) {
                    ownership.owners.push(owner.clone());
                }
            }
            ownership.matched.push(Matched {
                owners: rule.owners.clone(),
                line: rule.line,
                pattern: rule.pattern.clone(),
                section: section.name.clone(),
                optional: rule.optional,
            });
        }
        ownership
    }
}

/// The state of a file being read.
struct Reading {
    file: Codeowners,
    problems: Problems,
    /// What the latest heading of GitLab said.
    heading: gitlab::Heading,
    /// GitLab: (section, normalised pattern) → rule; a repeated pattern takes the place of the first.
    places: std::collections::HashMap<(usize, String), usize>,
}

impl Reading {
    fn new(dialect: Dialect) -> Self {
        let unnamed = Section {
            name: None,
            approvals: 0,
            rules: Vec::new(),
        };
        Self {
            file: Codeowners {
                dialect,
                rules: Vec::new(),
                sections: vec![unnamed],
                skipped: 0,
            },
            problems: Problems::default(),
            heading: gitlab::Heading::default(),
            places: std::collections::HashMap::new(),
        }
    }

    fn skip(&mut self, problem: Problem) {
        self.file.skipped = self.file.skipped.saturating_add(1);
        self.problems.push(problem);
    }

    /// Room for one more rule? Otherwise the line is skipped with a problem.
    fn has_room(&mut self, line: usize) -> bool {
        if self.file.rules.len() < RULES_MAX {
            return true;
        }
        self.skip(
            Problem::new(
                "too_many_rules",
                format!("the file has more than {RULES_MAX} rules: this line was not read"),
            )
            .at(line, 1),
        );
        false
    }

    fn finish(self) -> (Codeowners, Vec<Problem>) {
        (self.file, self.problems.into_vec())
    }
}
