//! Which of several CODEOWNERS files counts, and by whose rules it is read.

use super::Dialect;

/// Every place where one of the hosts looks.
pub const PATHS: [&str; 4] = [
    ".github/CODEOWNERS",
    "CODEOWNERS",
    "docs/CODEOWNERS",
    ".gitlab/CODEOWNERS",
];

const GITHUB_ORDER: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
const GITLAB_ORDER: [&str; 3] = ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// The forge that a repository lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// github.com or GitHub Enterprise.
    Github,
    /// gitlab.com or an instance of one's own.
    Gitlab,
    /// Anything else, or no remote at all.
    Unknown,
}

impl Host {
    /// Guesses by the host name of a remote: names are all that a mirror without an API has.
    pub fn of(host_name: &str) -> Self {
        let name = host_name.to_ascii_lowercase();
        if name.contains("gitlab") {
            Self::Gitlab
        } else if name.contains("github") || name.ends_with(".ghe.com") {
            Self::Github
        } else {
            Self::Unknown
        }
    }
}

/// The file that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Its path in the repository.
    pub path: &'static str,
    /// Its dialect; `None` where only the content can tell, see [`Choice::dialect_of`].
    pub dialect: Option<Dialect>,
}

impl Choice {
    /// The dialect, looking for section headings where host and place do not say it.
    pub fn dialect_of(&self, bytes: &[u8]) -> Dialect {
        self.dialect.unwrap_or_else(|| {
            if has_headings(bytes) {
                Dialect::Gitlab
            } else {
                Dialect::Github
            }
        })
    }
}

/// The file that the host would use among `existing` repository paths; each host takes the first of its own order.
///
/// On an unknown host the place decides: a `.github` folder means GitHub, a `.gitlab` folder GitLab and its order;
/// a file at the root or below `docs` is read by what it holds.
pub fn choose<'a>(host: Host, existing: impl IntoIterator<Item = &'a str>) -> Option<Choice> {
    let existing: Vec<&str> = existing.into_iter().collect();
    let first = |order: &[&'static str]| order.iter().copied().find(|path| existing.contains(path));
    match host {
        Host::Github => Some(Choice {
            path: first(&GITHUB_ORDER)?,
            dialect: Some(Dialect::Github),
        }),
        Host::Gitlab => Some(Choice {
            path: first(&GITLAB_ORDER)?,
            dialect: Some(Dialect::Gitlab),
        }),
        Host::Unknown => {
            if let Some(path) = first(&GITHUB_ORDER[..1]) {
                return Some(Choice {
                    path,
                    dialect: Some(Dialect::Github),
                });
            }
            let dialect = existing.contains(&".gitlab/CODEOWNERS").then_some(Dialect::Gitlab);
            Some(Choice {
                path: first(&GITLAB_ORDER)?,
                dialect,
            })
        }
    }
}

/// Does any line look like `[Section]` or `^[Section]`, with nothing but approvals and owners behind it?
fn has_headings(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        let body = line.strip_prefix(b"^").unwrap_or(line);
        let Some(inner) = body.strip_prefix(b"[") else {
            return false;
        };
        let Some(close) = inner.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let rest = &inner[close + 1..];
        close > 0 && (rest.is_empty() || rest[0] == b'[' || rest[0].is_ascii_whitespace())
    })
}
