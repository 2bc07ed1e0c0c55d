//! Resolving whatever somebody has at hand to an entity.

use std::sync::Arc;

use bailiwick_schema::{EntityRef, Identifier, Viewer};

use super::Catalog;
use crate::graph::filter::{Filter, Matcher};
use crate::graph::{Node, Resolution};
use crate::store::EntityNo;

/// What a text that names something was resolved to.
#[derive(Debug, Clone)]
pub enum Found {
    Entity {
        node: Arc<Node>,
        how: String,
    },
    /// Several entities claim an exclusive identifier.
    Contested {
        identifier: Identifier,
        nodes: Vec<Arc<Node>>,
    },
    Several {
        identifier: Identifier,
        nodes: Vec<Arc<Node>>,
    },
    Nothing {
        tried: Vec<String>,
    },
}

impl Catalog {
    /// Resolves whatever somebody has at hand: a ref, an identifier, a URL of a repository, an address, a bare name.
    pub fn find(&self, viewer: &Viewer, text: &str) -> Found {
        let snapshot = self.snapshot();
        let text = text.trim();
        let mut tried = Vec::new();
        if let Ok(entity) = EntityRef::parse(text) {
            tried.push(format!("entity {entity}"));
            if let Some(node) = snapshot.get(viewer, &entity) {
                return Found::Entity {
                    node: Arc::clone(node),
                    how: format!("entity ref {entity}"),
                };
            }
        }
        let mut identifiers: Vec<Identifier> = Vec::new();
        identifiers.extend(Identifier::parse(text).ok());
        if text.contains('@') && !text.contains('/') {
            identifiers.extend(Identifier::new("email", text).ok());
        }
        identifiers.extend(repository_candidates(text));
        if let Some(channel) = text.strip_prefix('#') {
            identifiers.extend(Identifier::new("slack", &format!("#{channel}")).ok());
        }
        identifiers.dedup();
        for identifier in identifiers {
            tried.push(format!("identifier {identifier}"));
            let nodes = |numbers: &[EntityNo]| -> Vec<Arc<Node>> {
                numbers
                    .iter()
                    .filter_map(|no| snapshot.node(viewer, *no).cloned())
                    .collect()
            };
            match snapshot.resolve(viewer, &identifier) {
                Resolution::Nobody => {}
                Resolution::One(no) => {
                    if let Some(node) = snapshot.node(viewer, no) {
                        return Found::Entity {
                            node: Arc::clone(node),
                            how: how_of(text, &identifier),
                        };
                    }
                }
                Resolution::Contested(numbers) => {
                    return Found::Contested {
                        identifier,
                        nodes: nodes(&numbers),
                    };
                }
                Resolution::Several(numbers) => {
                    return Found::Several {
                        identifier,
                        nodes: nodes(&numbers),
                    };
                }
            }
        }
        if !text.is_empty() && !text.contains(['/', ':', '@']) {
            tried.push(format!("any entity named {text}"));
            let filter = Filter::Name(Matcher::Eq(text.to_owned()));
            let page = snapshot.select(viewer, &filter, &[], None, 2);
            if let [node] = page.nodes.as_slice() {
                return Found::Entity {
                    node: Arc::clone(node),
                    how: format!("the only entity named {text}"),
                };
            }
            if !page.nodes.is_empty() {
                let refs: Vec<String> = snapshot
                    .select(viewer, &filter, &[], None, 10)
                    .nodes
                    .iter()
                    .map(|node| node.entity.to_string())
                    .collect();
                tried.push(format!(
                    "{} entities have that name: {}; say which",
                    page.total,
                    refs.join(", ")
                ));
            }
        }
        Found::Nothing { tried }
    }
}

/// Says how an identifier was read from the text, and what the answer leaves out.
fn how_of(text: &str, identifier: &Identifier) -> String {
    let whole = Identifier::new("repo", text).ok();
    if identifier.kind() == "repo" && whole.as_ref().is_some_and(|whole| whole != identifier) {
        format!("identifier {identifier}, the repository of this URL; rules for single paths in it are not looked at")
    } else {
        format!("identifier {identifier}")
    }
}

/// Repositories that a URL or path may mean: the whole, and the whole without what follows a repository in the URLs
/// of the large hosts.
fn repository_candidates(text: &str) -> Vec<Identifier> {
    if !text.contains('/') {
        return Vec::new();
    }
    let mut candidates: Vec<Identifier> = Identifier::new("repo", text).ok().into_iter().collect();
    for marker in [
        "/-/",
        "/tree/",
        "/blob/",
        "/pull/",
        "/issues/",
        "/actions/",
        "/commit/",
        "/src/",
    ] {
        if let Some(end) = text.find(marker) {
            candidates.extend(Identifier::new("repo", &text[..end]).ok());
        }
    }
    candidates
}
