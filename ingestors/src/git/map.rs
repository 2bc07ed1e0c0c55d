//! From what was read of a repository to claims. Pure.

use bailiwick_schema::{
    Claim, ClaimBody, EntityRef, Finding, Identifier, IdentifierClaim, Origin, OwnerEvidence, OwnerMethod, Severity,
    Subject, Timestamp,
};
use serde_json::{Map, Value, json};

use super::facts::OwnersFile;
use super::history::History;
use super::naming::RepositoryName;
use crate::content::Problem;
use crate::content::codeowners::{Matched, OwnerHandle};
use crate::descriptors::EntityItem;

/// Origin of the claim that declares the repository.
pub(crate) const REPOSITORY_ORIGIN: &str = ":repository";
/// Origin of the facts that come from refs and history.
pub(crate) const FACTS_ORIGIN: &str = ":facts";
/// Origin of the facts that come from the content of the tree.
pub(crate) const CONTENT_ORIGIN: &str = ":content";
/// The weeks in which somebody must have committed to be named as evidence of ownership.
const RECENT_WEEKS: u32 = 13;
/// Most committers named as evidence.
pub(super) const EVIDENCE_COMMITTERS_MAX: usize = 5;

/// One repository as far as every claim from it needs it.
#[derive(Debug, Clone)]
pub(crate) struct Subjects {
    pub(crate) name: RepositoryName,
    pub(crate) entity: EntityRef,
    /// `host/path` of its remote.
    pub(crate) identity: Option<String>,
    /// Its own path, where it has no remote or is a further copy.
    pub(crate) path: Option<String>,
    pub(crate) branch: Option<String>,
    /// The commit that was read.
    pub(crate) commit: Option<String>,
    pub(crate) commit_time: Option<i64>,
}

impl Subjects {
    fn host(&self) -> Option<&str> {
        self.identity
            .as_deref()
            .and_then(|identity| identity.split_once('/'))
            .map(|(host, _)| host)
    }

    fn origin(&self, path: &str) -> Origin {
        Origin {
            path: path.to_owned(),
            line: None,
            url: None,
            version: self.commit.clone(),
        }
    }

    /// Where a person can look at a file, on hosts whose addresses are known. Names the branch and not the commit,
    /// which would make another claim of it with every commit.
    fn file_url(&self, path: &str) -> Option<String> {
        let identity = self.identity.as_deref()?;
        let host = self.host()?;
        let branch = self.branch.as_deref()?;
        let middle = if host.contains("github") {
            "blob"
        } else if host.contains("gitlab") {
            "-/blob"
        } else {
            return None;
        };
        let path = path.split('/').map(escape).collect::<Vec<_>>().join("/");
        let branch = branch.split('/').map(escape).collect::<Vec<_>>().join("/");
        Some(format!("https://{identity}/{middle}/{branch}/{path}"))
    }
}

/// Escapes what may not stand in a segment of a URL's path.
fn escape(segment: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'@' | b'+') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The claim that there is such a repository.
pub(crate) fn repository(
    subjects: &Subjects,
    default_branch: Option<&str>,
    description: Option<String>,
    continues: Option<EntityRef>,
) -> Claim {
    let mut spec = Map::new();
    spec.insert("type".to_owned(), json!("git"));
    if let Some((host, path)) = subjects
        .identity
        .as_deref()
        .and_then(|identity| identity.split_once('/'))
    {
        spec.insert("host".to_owned(), json!(host));
        spec.insert("path".to_owned(), json!(path));
    }
    if let Some(branch) = default_branch.filter(|branch| !branch.is_empty()) {
        spec.insert("default_branch".to_owned(), json!(branch));
    }
    let mut metadata = Map::new();
    metadata.insert("namespace".to_owned(), json!(subjects.name.namespace));
    metadata.insert("name".to_owned(), json!(subjects.name.name));
    metadata.insert("title".to_owned(), json!(subjects.name.title));
    if let Some(description) = description {
        metadata.insert("description".to_owned(), json!(description));
    }
    if let Some(host) = subjects.host()
        && (host.contains("github") || host.contains("gitlab") || host.contains("bitbucket"))
    {
        let url = format!("https://{}", subjects.identity.as_deref().unwrap_or(host));
        metadata.insert("links".to_owned(), json!([{ "url": url, "title": "Repository" }]));
    }
    let entity = Map::from_iter([
        ("apiVersion".to_owned(), json!("bailiwick.dev/v1")),
        ("kind".to_owned(), json!("Repository")),
        ("metadata".to_owned(), Value::Object(metadata)),
        ("spec".to_owned(), Value::Object(spec)),
    ]);
    let body = ClaimBody {
        entity,
        identifiers: identifiers(subjects),
        continues,
        ..ClaimBody::default()
    };
    with_time(
        subjects,
        Claim::declares(subjects.entity.clone(), subjects.origin(REPOSITORY_ORIGIN), body),
    )
}

/// The remote for the one copy that stands for it, the path for every other.
fn identifiers(subjects: &Subjects) -> Vec<IdentifierClaim> {
    let identifier = match &subjects.path {
        Some(path) => Identifier::new("repo_path", path),
        None => Identifier::new("repo", subjects.identity.as_deref().unwrap_or_default()),
    };
    identifier
        .map(|identifier| IdentifierClaim {
            identifier,
            exclusive: true,
        })
        .into_iter()
        .collect()
}

/// What refs and history tell.
pub(crate) struct HistoryFacts<'a> {
    pub(crate) default_branch: Option<&'a str>,
    pub(crate) shallow: bool,
    pub(crate) history: Option<&'a History>,
    pub(crate) latest_tag: Option<(String, i64)>,
}

pub(crate) fn history_facts(subjects: &Subjects, found: &HistoryFacts<'_>) -> Claim {
    let mut facts = Map::new();
    let mut put = |key: &str, value: Value| facts.insert(key.to_owned(), value);
    put("default_branch", json!(found.default_branch));
    put("branch", json!(subjects.branch));
    put("head", json!(subjects.commit));
    put("last_commit_at", json!(subjects.commit_time.map(Timestamp::from_secs)));
    put("shallow", json!(found.shallow));
    let tag = found.latest_tag.as_ref();
    put(
        "latest_tag",
        json!(tag.map(|(name, at)| json!({ "name": name, "at": Timestamp::from_secs(*at) }))),
    );
    let mut owners = Vec::new();
    if let Some(history) = found.history {
        put("commits", json!(history.commits));
        put("history_whole", json!(history.whole));
        put("first_commit_at", json!(history.first.map(Timestamp::from_secs)));
        put("weeks", json!(history.weeks()));
        put("top_committers", json!(history.top_committers(history.weeks_kept)));
        owners.extend(committers(history));
    }
    let body = ClaimBody {
        facts,
        owners,
        ..ClaimBody::default()
    };
    observes(subjects, FACTS_ORIGIN, body)
}

fn committers(history: &History) -> Option<OwnerEvidence> {
    let top = history.top_committers(RECENT_WEEKS);
    let who: Vec<String> = top
        .iter()
        .take(EVIDENCE_COMMITTERS_MAX)
        .filter_map(|committer| Identifier::new("email", &committer.email).ok())
        .map(|identifier| identifier.to_string())
        .collect();
    let shares: Vec<String> = top
        .iter()
        .take(EVIDENCE_COMMITTERS_MAX)
        .map(|c| format!("{} {}", c.name, c.commits))
        .collect();
    let detail = format!(
        "commits in the {RECENT_WEEKS} weeks before the newest one: {}",
        shares.join(", ")
    );
    (!who.is_empty()).then_some(OwnerEvidence {
        method: OwnerMethod::Committers,
        who,
        detail,
    })
}

/// What the content of the tree tells, with the owners of everything.
pub(crate) fn content_facts(subjects: &Subjects, facts: Map<String, Value>, owners: Option<&OwnersFile>) -> Claim {
    let evidence = owners.and_then(|file| evidence(subjects, file, &file.rules.owners_of_everything().matched));
    let body = ClaimBody {
        facts,
        owners: evidence.into_iter().collect(),
        ..ClaimBody::default()
    };
    observes(subjects, CONTENT_ORIGIN, body)
}

fn observes(subjects: &Subjects, origin: &str, body: ClaimBody) -> Claim {
    let subject = Subject::Ref(subjects.entity.clone());
    with_time(subjects, Claim::observes(subject, subjects.origin(origin), body))
}

fn with_time(subjects: &Subjects, mut claim: Claim) -> Claim {
    claim.source_time = subjects.commit_time.map(Timestamp::from_secs);
    claim
}

/// The claim of a descriptor's document: the entity, where it stands, and who owns that place.
pub(crate) fn described(subjects: &Subjects, path: &str, item: EntityItem, owners: Option<&OwnersFile>) -> Claim {
    let url = subjects.file_url(path);
    let origin = Origin {
        line: Some(item.line),
        url: url.clone(),
        ..subjects.origin(path)
    };
    let place = json!({ "ref": subjects.entity, "path": path, "url": url });
    let evidence = owners.and_then(|file| evidence(subjects, file, &file.rules.owners_of(path.as_bytes()).matched));
    let body = ClaimBody {
        entity: item.entity,
        facts: Map::from_iter([("repository".to_owned(), place)]),
        owners: evidence.into_iter().collect(),
        ..ClaimBody::default()
    };
    with_time(subjects, Claim::declares(item.entity_ref, origin, body))
}

/// The lines that decided, as evidence; nothing where no line names anybody.
fn evidence(subjects: &Subjects, file: &OwnersFile, matched: &[Matched]) -> Option<OwnerEvidence> {
    let mut who: Vec<String> = Vec::new();
    for owner in matched.iter().flat_map(|matched| &matched.owners) {
        if let Some(name) = owner_name(subjects.host(), owner)
            && !who.contains(&name)
        {
            who.push(name);
        }
    }
    let lines: Vec<String> = matched
        .iter()
        .filter(|matched| !matched.owners.is_empty())
        .map(|matched| {
            let owners: Vec<String> = matched.owners.iter().map(written).collect();
            let section = matched
                .section
                .as_ref()
                .map(|name| format!(" in section [{name}]"))
                .unwrap_or_default();
            format!(
                "{} line {}{section}: {} {}",
                file.path,
                matched.line,
                matched.pattern,
                owners.join(" ")
            )
        })
        .collect();
    (!who.is_empty()).then(|| OwnerEvidence {
        method: OwnerMethod::Codeowners,
        who,
        detail: lines.join("; "),
    })
}

/// An owner as it is written in the file.
fn written(owner: &OwnerHandle) -> String {
    match owner {
        OwnerHandle::Team { org, team } => format!("@{org}/{team}"),
        OwnerHandle::User { name } => format!("@{name}"),
        OwnerHandle::Email { address } => address.clone(),
        OwnerHandle::Role { name } => format!("@@{name}"),
        OwnerHandle::Group { path } => format!("@{path}"),
    }
}

fn owner_name(host: Option<&str>, owner: &OwnerHandle) -> Option<String> {
    let identifier = match owner {
        OwnerHandle::Email { address } => Identifier::new("email", address),
        handle => {
            let handle = written(handle);
            match host {
                Some(host) => Identifier::new("handle", &format!("{host}/{handle}")),
                None => Identifier::new("handle", &handle),
            }
        }
    };
    identifier.ok().map(|identifier| identifier.to_string())
}

/// A problem in the CODEOWNERS file.
pub(crate) fn owners_finding(path: &str, problem: &Problem) -> Finding {
    let code = format!("codeowners_{}", problem.code);
    Finding::new(&code, Severity::Warning, problem.message.clone()).at(path, problem.line, problem.column)
}
