//! What is asked: the operations of `bench/queries/`, their variables drawn over many entities, and what a right answer
//! is.
//!
//! Two checks: every answer under load must contain a piece that only a right one contains, and a sample of each
//! operation is compared whole with the workload's file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Connection, Prepared};
use crate::draw::Draw;
use crate::failure::{Outcome, fail};
use crate::truth::{Entity, Truth};

/// Entities of a page, as the operations say.
const PAGE: usize = 20;
/// Relations of a whole entity, as its operation says.
const RELATIONS: usize = 8;
/// Letters of a word that what it finds must contain: stemming changes only ends.
const STEM: usize = 4;

/// The operations, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    Lookup,
    Entity,
    Page,
    Search,
    Ordered,
    Facets,
    FacetsOfOwner,
    TwoHops,
}

impl Operation {
    pub(crate) const ALL: [Self; 8] = [
        Self::Lookup,
        Self::Entity,
        Self::Page,
        Self::Search,
        Self::Ordered,
        Self::Facets,
        Self::FacetsOfOwner,
        Self::TwoHops,
    ];

    /// Its file in `bench/queries/`, and its name in a mix.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Entity => "entity",
            Self::Page => "page",
            Self::Search => "search",
            Self::Ordered => "ordered",
            Self::Facets => "facets",
            Self::FacetsOfOwner => "facets_of_owner",
            Self::TwoHops => "two_hops",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// What it is, for the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Lookup => "ref, kind, name and owner by ref",
            Self::Entity => "the whole entity by ref, eight relations",
            Self::Page => "page by kind and owner",
            Self::Search => "text search",
            Self::Ordered => "ordered first page",
            Self::Facets => "facets over tags of Components",
            Self::FacetsOfOwner => "facets over tags of one owner's Components",
            Self::TwoHops => "two hops of dependencies",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Lookup => include_str!("../queries/lookup.graphql"),
            Self::Entity => include_str!("../queries/entity.graphql"),
            Self::Page => include_str!("../queries/page.graphql"),
            Self::Search => include_str!("../queries/search.graphql"),
            Self::Ordered => include_str!("../queries/ordered.graphql"),
            Self::Facets => include_str!("../queries/facets.graphql"),
            Self::FacetsOfOwner => include_str!("../queries/facets_of_owner.graphql"),
            Self::TwoHops => include_str!("../queries/two_hops.graphql"),
        }
    }
}

/// An operation with its variables.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) operation: Operation,
    pub(crate) variables: Value,
    /// A piece of every right answer.
    expect: String,
}

impl Question {
    pub(crate) fn prepared(&self, address: SocketAddr) -> Prepared {
        Prepared::graphql(address, self.operation.text(), &self.variables, self.expect.as_bytes())
    }

    /// Asks it and compares the whole answer with the workload.
    pub(crate) fn check(&self, truth: &Truth, connection: &mut Connection) -> Outcome<()> {
        let answer = connection.graphql(self.operation.text(), &self.variables)?;
        match judge(self, truth, &answer["data"]) {
            Ok(()) => Ok(()),
            Err(wrong) => fail(format!(
                "a wrong answer to {} with {}: {wrong}\n  answer: {answer}",
                self.operation.name(),
                self.variables
            )),
        }
    }
}

/// Draws questions of one operation.
pub(crate) fn draw(operation: Operation, truth: &Truth, count: usize, draw: &mut Draw) -> Outcome<Vec<Question>> {
    let candidates: Vec<&Entity> = match operation {
        Operation::Lookup => truth.entities.iter().collect(),
        Operation::Entity => truth.with_relations(RELATIONS),
        Operation::Page => truth.entities.iter().filter(|entity| entity.owner.is_some()).collect(),
        Operation::Search | Operation::Ordered | Operation::Facets | Operation::FacetsOfOwner => {
            truth.of_kind("Component").collect()
        }
        Operation::TwoHops => truth
            .of_kind("Component")
            .filter(|entity| {
                let mut targets = entity.depends_on.iter().filter_map(|target| truth.get(target));
                targets.any(|target| !target.depends_on.is_empty())
            })
            .collect(),
    };
    if candidates.is_empty() {
        return fail(format!("the workload is too small for {}", operation.name()));
    }
    (0..count)
        .map(|_| {
            let entity = *draw.one(&candidates);
            let (variables, expect) = match operation {
                Operation::Lookup | Operation::Entity | Operation::TwoHops => {
                    let entity_ref = truth.ref_of(entity);
                    (json!({ "ref": entity_ref }), format!(r#""ref":"{entity_ref}""#))
                }
                Operation::Page => (
                    json!({ "kind": truth.kind_of(entity), "owner": entity.owner }),
                    total(truth.owned_beside(entity).len()),
                ),
                Operation::Search => (
                    json!({ "text": words(truth, entity, draw)? }),
                    r#""totalCount":"#.to_owned(),
                ),
                Operation::Ordered => {
                    let kind = *draw.one(&["Component", "API", "Resource", "User"]);
                    let variables = json!({
                        "kind": kind,
                        "field": draw.one(&["metadata.name", "metadata.title"]),
                        "direction": draw.one(&["ASC", "DESC"]),
                    });
                    (variables, total(truth.of_kind(kind).count()))
                }
                Operation::Facets => (json!({}), total(candidates.len())),
                Operation::FacetsOfOwner => (
                    json!({ "owner": entity.owner }),
                    total(truth.owned_beside(entity).len()),
                ),
            };
            Ok(Question {
                operation,
                variables,
                expect,
            })
        })
        .collect()
}

fn total(count: usize) -> String {
    format!(r#""totalCount":{count}"#)
}

/// What somebody types who looks for this entity: two words of its title, one of them, or two of its description.
fn words(truth: &Truth, entity: &Entity, draw: &mut Draw) -> Outcome<String> {
    let whole = truth.whole(entity)?;
    let word_of = |field: &str, at: usize| {
        let text = whole["metadata"][field].as_str().unwrap_or_default();
        let word = text.split_whitespace().nth(at).unwrap_or_default();
        word.trim_end_matches('.').to_lowercase()
    };
    Ok(match draw.below(3) {
        0 => format!("{} {}", word_of("title", 0), word_of("title", 1)),
        1 => word_of("title", 1),
        _ => format!("{} {}", word_of("description", 1), word_of("description", 2)),
    })
}

/// Compares the data of an answer with the workload.
fn judge(question: &Question, truth: &Truth, data: &Value) -> Result<(), String> {
    let text = |name: &str| question.variables[name].as_str().unwrap_or_default();
    match question.operation {
        Operation::Lookup => judge_lookup(known(truth, text("ref"))?, truth, &data["entity"]),
        Operation::Entity => judge_entity(known(truth, text("ref"))?, truth, &data["entity"]),
        Operation::TwoHops => judge_hops(known(truth, text("ref"))?, truth, &data["entity"]),
        Operation::Page => {
            let owned = truth.owned(text("kind"), text("owner"));
            let wanted = owned.iter().map(|entity| truth.ref_of(entity));
            judge_page(owned.len(), wanted, &data["entities"])
        }
        Operation::Ordered => {
            let mut all: Vec<&Entity> = truth.of_kind(text("kind")).collect();
            // The workload makes titles of names, with spaces between their parts.
            let by_title = text("field") == "metadata.title";
            all.sort_by_cached_key(|entity| match by_title {
                true => entity.name.replace(['-', '.'], " "),
                false => entity.name.to_string(),
            });
            if text("direction") == "DESC" {
                all.reverse();
            }
            let wanted = all.iter().map(|entity| truth.ref_of(entity));
            judge_page(all.len(), wanted, &data["entities"])
        }
        Operation::Facets => judge_facets(truth, truth.of_kind("Component"), &data["aggregate"]),
        Operation::FacetsOfOwner => {
            let owned = truth.owned("Component", text("owner"));
            judge_facets(truth, owned.into_iter(), &data["aggregate"])
        }
        Operation::Search => judge_search(truth, text("text"), &data["search"]),
    }
}

fn known<'a>(truth: &'a Truth, entity_ref: &str) -> Result<&'a Entity, String> {
    truth
        .get(entity_ref)
        .ok_or_else(|| format!("{entity_ref} is not in the workload"))
}

fn equal(what: &str, got: &Value, wanted: &Value) -> Result<(), String> {
    match got == wanted {
        true => Ok(()),
        false => Err(format!("{what} is {got}, the workload says {wanted}")),
    }
}

fn judge_lookup(entity: &Entity, truth: &Truth, got: &Value) -> Result<(), String> {
    let owner = entity.owner.as_ref().map(|owner| json!({ "ref": owner }));
    let wanted = json!({
        "ref": truth.ref_of(entity),
        "kind": truth.kind_of(entity),
        "metadata": { "name": entity.name },
        "owner": owner,
    });
    equal("the entity", got, &wanted)
}

fn judge_entity(entity: &Entity, truth: &Truth, got: &Value) -> Result<(), String> {
    let whole = truth.whole(entity).map_err(|failure| failure.to_string())?;
    equal("spec", &got["spec"], &whole["spec"])?;
    for field in [
        "name",
        "namespace",
        "title",
        "description",
        "labels",
        "annotations",
        "tags",
        "links",
    ] {
        // What the workload leaves out is null, or an empty list of tags.
        let wanted = match (field, &whole["metadata"][field]) {
            ("tags", Value::Null) => &json!([]),
            (_, wanted) => wanted,
        };
        equal(field, &got["metadata"][field], wanted)?;
    }
    let relations = &got["relations"];
    let total = relations["totalCount"].as_u64().unwrap_or(0);
    let wanted = truth.relations(entity) as u64;
    if total < wanted {
        return Err(format!("it has {total} relations, the workload says {wanted} at least"));
    }
    let nodes = relations["nodes"].as_array().map_or(0, Vec::len);
    if nodes != RELATIONS {
        return Err(format!("{nodes} relations are shown"));
    }
    Ok(())
}

fn refs(nodes: &Value, path: &str) -> Vec<String> {
    let nodes = nodes.as_array().map(Vec::as_slice).unwrap_or_default();
    let found = nodes.iter().filter_map(|node| node.pointer(path)?.as_str());
    found.map(str::to_owned).collect()
}

fn judge_hops(entity: &Entity, truth: &Truth, got: &Value) -> Result<(), String> {
    let set = |nodes: &Value| refs(nodes, "/target/ref").into_iter().collect::<BTreeSet<_>>();
    let wanted_of = |entity: &Entity| {
        entity
            .depends_on
            .iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
    };
    let first = &got["relations"]["nodes"];
    if set(first) != wanted_of(entity) {
        return Err(format!("it depends on {:?}", entity.depends_on));
    }
    for node in first.as_array().into_iter().flatten() {
        let target = known(truth, node["target"]["ref"].as_str().unwrap_or_default())?;
        if set(&node["target"]["entity"]["relations"]["nodes"]) != wanted_of(target) {
            return Err(format!("{} depends on {:?}", target.name, target.depends_on));
        }
    }
    Ok(())
}

fn judge_page(total: usize, wanted: impl Iterator<Item = String>, got: &Value) -> Result<(), String> {
    equal("totalCount", &got["totalCount"], &json!(total))?;
    let wanted: Vec<String> = wanted.take(PAGE).collect();
    let shown = refs(&got["nodes"], "/ref");
    match shown == wanted {
        true => Ok(()),
        false => Err(format!("the page should be {wanted:?}")),
    }
}

fn judge_facets<'a>(truth: &Truth, of: impl Iterator<Item = &'a Entity>, got: &Value) -> Result<(), String> {
    let of: Vec<&Entity> = of.collect();
    equal("totalCount", &got["totalCount"], &json!(of.len()))?;
    let buckets = got["buckets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let counts: BTreeMap<String, u64> = buckets
        .iter()
        .filter_map(|bucket| Some((bucket["value"].as_str()?.to_owned(), bucket["count"].as_u64()?)))
        .collect();
    let wanted = truth.tag_counts(of.into_iter());
    match counts == wanted {
        true => Ok(()),
        false => Err(format!("the counts should be {wanted:?}")),
    }
}

fn judge_search(truth: &Truth, text: &str, got: &Value) -> Result<(), String> {
    let found = refs(&got["nodes"], "/entity/ref");
    let total = got["totalCount"].as_u64().unwrap_or(0);
    if found.is_empty() || found.len() as u64 != total.min(PAGE as u64) {
        return Err(format!("{} hits of {total} are shown", found.len()));
    }
    for entity_ref in found {
        let whole = truth
            .whole(known(truth, &entity_ref)?)
            .map_err(|failure| failure.to_string())?;
        let whole = whole.to_string().to_lowercase();
        let missing = text
            .split(' ')
            .find(|word| !whole.contains(&word[..word.len().min(STEM)]));
        if let Some(word) = missing {
            return Err(format!("{entity_ref} does not contain `{word}`"));
        }
    }
    Ok(())
}
