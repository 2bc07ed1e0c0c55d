//! Well-known annotations and fields that name an entity in the outside world.
//!
//! Source: Backstage documentation, "Well-known Annotations on Catalog Entities" (1.45), and the pages of the tools.

use bailiwick_schema::{Identifier, IdentifierClaim};
use serde_json::{Map, Value};

/// How an annotation becomes an identifier.
enum Rule {
    /// `host/` before the value makes a repository.
    Slug(&'static str),
    /// The value is a repository URL, perhaps with a path into a tree.
    SourceUrl,
    /// The value is a handle on a host: `host/@value`.
    Handle(&'static str),
    /// The value as it is, under a type of its own.
    Plain(&'static str),
}

/// (annotation, rule, whether the entity alone holds the identifier)
const ANNOTATIONS: &[(&str, Rule, bool)] = &[
    ("github.com/project-slug", Rule::Slug("github.com"), false),
    ("gitlab.com/project-slug", Rule::Slug("gitlab.com"), false),
    ("bitbucket.org/project-slug", Rule::Slug("bitbucket.org"), false),
    ("backstage.io/source-location", Rule::SourceUrl, false),
    ("github.com/team-slug", Rule::Handle("github.com"), true),
    ("github.com/user-login", Rule::Handle("github.com"), true),
    ("gitlab.com/user-login", Rule::Handle("gitlab.com"), true),
    ("pagerduty.com/service-id", Rule::Plain("pagerduty"), false),
    ("backstage.io/kubernetes-id", Rule::Plain("kubernetes_id"), false),
    ("slack.com/channel", Rule::Plain("slack"), false),
];

/// The identifiers that an entity's own fields name, sorted, without repetition.
pub fn identifiers_of(entity: &Map<String, Value>) -> Vec<IdentifierClaim> {
    let mut found = Vec::new();
    if let Some(annotations) = value_at(entity, &["metadata", "annotations"]).and_then(Value::as_object) {
        for (name, rule, exclusive) in ANNOTATIONS {
            let Some(value) = annotations.get(*name).and_then(Value::as_str) else {
                continue;
            };
            if let Some(identifier) = apply(rule, value.trim()) {
                found.push(IdentifierClaim {
                    identifier,
                    exclusive: *exclusive,
                });
            }
        }
    }
    let kind = entity.get("kind").and_then(Value::as_str).unwrap_or("");
    if kind.eq_ignore_ascii_case("user") || kind.eq_ignore_ascii_case("group") {
        let email = value_at(entity, &["spec", "profile", "email"]).and_then(Value::as_str);
        if let Some(identifier) = email.and_then(|email| Identifier::new("email", email).ok()) {
            // A shared mailbox may stand in several profiles; a person's address should not.
            found.push(IdentifierClaim {
                identifier,
                exclusive: kind.eq_ignore_ascii_case("user"),
            });
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The value under a path of keys.
pub(crate) fn value_at<'a>(entity: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(entity.get(*first)?, |value, key| value.get(*key))
}

fn apply(rule: &Rule, value: &str) -> Option<Identifier> {
    match rule {
        Rule::Slug(host) => Identifier::new("repo", &format!("{host}/{value}")).ok(),
        Rule::SourceUrl => {
            let url = value.strip_prefix("url:").unwrap_or(value);
            let repository = ["/tree/", "/blob/", "/-/tree/", "/-/blob/", "/src/"]
                .iter()
                .filter_map(|marker| url.find(marker))
                .min()
                .map_or(url, |end| &url[..end]);
            repository
                .contains("://")
                .then(|| Identifier::new("repo", repository).ok())
                .flatten()
        }
        Rule::Handle(host) => Identifier::new("handle", &format!("{host}/@{}", value.trim_start_matches('@'))).ok(),
        Rule::Plain(kind) => Identifier::new(kind, value).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn annotations_name_identifiers() {
        let entity = json!({"kind": "Component", "metadata": {"annotations": {
            "github.com/project-slug": "Acme/Pay",
            "backstage.io/source-location": "url:https://gitlab.example.com/acme/pay/-/tree/main/services",
            "pagerduty.com/service-id": "P1",
            "unknown": "x"
        }}});
        let found: Vec<String> = identifiers_of(entity.as_object().unwrap())
            .iter()
            .map(|claim| claim.identifier.to_string())
            .collect();
        assert_eq!(
            found,
            [
                "pagerduty:P1",
                "repo:github.com/acme/pay",
                "repo:gitlab.example.com/acme/pay"
            ]
        );
    }

    #[test]
    fn a_persons_address_is_theirs_alone() {
        let user = json!({"kind": "User", "spec": {"profile": {"email": "Bob@Example.com"}}});
        assert_eq!(
            identifiers_of(user.as_object().unwrap())[0].identifier.as_str(),
            "email:bob@example.com"
        );
        assert!(identifiers_of(user.as_object().unwrap())[0].exclusive);
    }
}
