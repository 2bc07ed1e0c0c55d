//! The options of a git source: typed, validated, and hashed as far as they change what is emitted.

use std::path::PathBuf;

use bailiwick_schema::secret::redact_url;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::history::HistoryLimits;
use super::limits::{COMMITS_MAX, CONCURRENCY_DEFAULT, CONCURRENCY_MAX, WEEKS_DEFAULT, WEEKS_MAX};
use super::location::Location;
use crate::kit::{OptionProblem, TokenRef};

/// The options as they are written in the configuration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GitOptions {
    /// Paths, globs of paths (`*`, `?`, `[…]`, `{…}`, `**`), `file://`, `https://`, `ssh://` and `user@host:path`
    /// locations, or objects with `url` and how to reach it. Relative paths begin at the configuration file. At least one.
    #[schemars(with = "Vec<RepositoryWire>")]
    pub repositories: Vec<RepositoryItem>,
    /// The branch to read in every repository; the default branch of each if absent.
    pub branch: Option<String>,
    /// Which files are descriptors.
    pub descriptors: DescriptorOptions,
    /// How much of the history is counted.
    pub history: HistoryOptions,
    /// Repositories read at the same time, 1 to 16.
    pub concurrency: usize,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self {
            repositories: Vec::new(),
            branch: None,
            descriptors: DescriptorOptions::default(),
            history: HistoryOptions::default(),
            concurrency: CONCURRENCY_DEFAULT,
        }
    }
}

/// How an entry may be written; for the schema only.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "stands for its schema; reading it is done by hand for better messages"
)]
enum RepositoryWire {
    Location(String),
    Object(RepositoryObject),
}

/// One entry of `repositories`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryItem {
    pub url: String,
    pub branch: Option<String>,
    /// Shown instead of the name that the location gives.
    pub name: Option<String>,
    pub username: Option<String>,
    pub token_env: Option<String>,
    pub token_file: Option<PathBuf>,
    pub ssh_key_file: Option<PathBuf>,
}

/// A repository and how to reach it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RepositoryObject {
    /// Path, glob or URL.
    #[serde(alias = "path")]
    url: String,
    /// The branch to read here.
    branch: Option<String>,
    /// Title of the repository instead of what its location gives.
    name: Option<String>,
    /// User name for the token, or for ssh.
    username: Option<String>,
    /// Environment variable that holds a token.
    token_env: Option<String>,
    /// File that holds a token.
    token_file: Option<PathBuf>,
    /// Private key for ssh, without a passphrase.
    ssh_key_file: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for RepositoryItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not an untagged enum: its errors would not say which key is unknown.
        let value = Value::deserialize(deserializer)?;
        if let Value::String(url) = value {
            return Ok(Self::at(url));
        }
        let object: RepositoryObject = serde_json::from_value(value).map_err(serde::de::Error::custom)?;
        let RepositoryObject {
            url,
            branch,
            name,
            username,
            token_env,
            token_file,
            ssh_key_file,
        } = object;
        Ok(Self {
            url,
            branch,
            name,
            username,
            token_env,
            token_file,
            ssh_key_file,
        })
    }
}

impl RepositoryItem {
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            branch: None,
            name: None,
            username: None,
            token_env: None,
            token_file: None,
            ssh_key_file: None,
        }
    }
}

/// Which files are descriptors, as globs over paths from the root of the repository.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DescriptorOptions {
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

impl Default for DescriptorOptions {
    fn default() -> Self {
        Self {
            include: vec!["**/catalog-info.{yaml,yml}".to_owned()],
            exclude: Vec::new(),
        }
    }
}

/// How much of the history is counted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HistoryOptions {
    /// Commits counted at most; zero leaves the history unread.
    pub commits_max: u64,
    /// Weekly buckets, ending with the week of the newest commit, 1 to 520.
    pub weeks: u32,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self {
            commits_max: COMMITS_MAX,
            weeks: WEEKS_DEFAULT,
        }
    }
}

/// The options after validation.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) items: Vec<Item>,
    pub(crate) include: globset::GlobSet,
    pub(crate) exclude: globset::GlobSet,
    pub(crate) history: HistoryLimits,
    pub(crate) concurrency: usize,
}

/// One configured entry after validation.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// As configured, without credentials; for findings.
    pub(crate) shown: String,
    pub(crate) location: Location,
    pub(crate) branch: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) access: Access,
}

/// How a remote is reached; secrets by reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) username: Option<String>,
    pub(crate) token: Option<TokenRef>,
    pub(crate) ssh_key_file: Option<PathBuf>,
}

impl GitOptions {
    /// Checks everything that can be checked without looking at the disk or the network. Errors: all problems.
    pub(crate) fn settings(&self) -> Result<Settings, Vec<OptionProblem>> {
        let mut problems = Vec::new();
        if self.repositories.is_empty() {
            problems.push(OptionProblem::new(
                "repositories",
                "must name at least one path, glob or URL",
            ));
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            problems.push(OptionProblem::new(
                "concurrency",
                format!("must be 1 to {CONCURRENCY_MAX}"),
            ));
        }
        if !(1..=WEEKS_MAX).contains(&self.history.weeks) {
            problems.push(OptionProblem::new("history.weeks", format!("must be 1 to {WEEKS_MAX}")));
        }
        let mut items = Vec::new();
        for (index, item) in self.repositories.iter().enumerate() {
            match self.item(item) {
                Ok(item) => items.push(item),
                Err(message) => problems.push(OptionProblem::new(format!("repositories.{index}"), message)),
            }
        }
        let mut globs = |key: &str, globs: &[String]| match glob_set(key, globs) {
            Ok(set) => set,
            Err(problem) => {
                problems.push(problem);
                globset::GlobSet::empty()
            }
        };
        let include = globs("descriptors.include", &self.descriptors.include);
        let exclude = globs("descriptors.exclude", &self.descriptors.exclude);
        if !problems.is_empty() {
            return Err(problems);
        }
        let history = HistoryLimits {
            weeks: self.history.weeks,
            commits_max: self.history.commits_max.min(COMMITS_MAX),
        };
        Ok(Settings {
            items,
            include,
            exclude,
            history,
            concurrency: self.concurrency,
        })
    }

    fn item(&self, item: &RepositoryItem) -> Result<Item, String> {
        let shown = redact_url(&item.url);
        let location = Location::parse(&item.url).map_err(|error| error.to_string())?;
        let token = TokenRef::from_options(item.token_env.as_deref(), item.token_file.as_deref())
            .map_err(|error| error.to_string())?;
        let branch = item.branch.clone().or_else(|| self.branch.clone());
        let is_branch = |branch: &str| !branch.is_empty() && !branch.contains(['\0', ':', '*', ' ', '?', '[', '\\']);
        if !branch.as_deref().is_none_or(is_branch) {
            return Err("branch is no name of a branch; leave it out for the default branch".to_owned());
        }
        let refusal = match &location {
            Location::Remote(remote) if token.is_some() && remote.sends_credentials_in_clear() => {
                Some("a token would travel unencrypted; use https:// (http:// is for loopback only)")
            }
            Location::Remote(remote) if token.is_some() && remote.is_ssh() => {
                Some("a token is of no use over ssh; name a key with ssh_key_file")
            }
            Location::Remote(remote) if item.ssh_key_file.is_some() && !remote.is_ssh() => {
                Some("ssh_key_file is for ssh:// locations only")
            }
            Location::Path(_) | Location::Glob(_)
                if token.is_some() || item.ssh_key_file.is_some() || item.username.is_some() =>
            {
                Some("a local repository needs no credentials")
            }
            _ => None,
        };
        if let Some(refusal) = refusal {
            return Err(refusal.to_owned());
        }
        let username = item.username.clone().or_else(|| location.username());
        let access = Access {
            username,
            token,
            ssh_key_file: item.ssh_key_file.clone(),
        };
        Ok(Item {
            shown,
            location,
            branch,
            name: item.name.clone(),
            access,
        })
    }
}

/// `**` crosses folders, `*` does not; compared with case, as git does.
fn glob_set(key: &str, globs: &[String]) -> Result<globset::GlobSet, OptionProblem> {
    let mut set = globset::GlobSetBuilder::new();
    for (index, text) in globs.iter().enumerate() {
        let text = text.strip_prefix('/').unwrap_or(text);
        let glob = globset::GlobBuilder::new(text).literal_separator(true).build();
        set.add(glob.map_err(|error| OptionProblem::new(format!("{key}.{index}"), error.to_string()))?);
    }
    set.build().map_err(|error| OptionProblem::new(key, error.to_string()))
}
