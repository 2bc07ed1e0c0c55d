//! What simulated sources have and say: a small world of scopes, origins and documents, and claims made from it.
//!
//! A document is a subject and a variant; the claim that it makes is a pure function of both and of the source, so a
//! document that comes back says what it said before. The world is small on purpose: sources meet at the same
//! entities, identifiers and scopes all the time.

use std::collections::BTreeMap;

use bailiwick_schema::{
    Claim, ClaimBody, EntityRef, Identifier, IdentifierClaim, Origin, OwnerEvidence, OwnerMethod, RelationClaim,
    ScopeId, SourceId, Subject,
};
use serde_json::{Value, json};

use super::numbers::Numbers;

/// A scope of a source, as an index into [`SCOPES`].
pub(crate) type ScopeAt = usize;

/// (id, parent)
pub(crate) const SCOPES: [(&str, Option<ScopeAt>); 6] = [
    ("list", None),
    ("r1", Some(0)),
    ("r2", Some(0)),
    ("r3", Some(0)),
    ("r1/ns", Some(1)),
    ("solo", None),
];

/// Scopes whose readings name members.
pub(crate) const LISTINGS: [ScopeAt; 2] = [0, 1];

pub(crate) fn scope_id(at: ScopeAt) -> ScopeId {
    ScopeId::new(SCOPES[at].0)
}

pub(crate) fn scope_at(id: &ScopeId) -> Option<ScopeAt> {
    SCOPES.iter().position(|(name, _)| *name == id.as_str())
}

/// Sources with every id that they may have had; the index is what lasts.
pub(crate) const SOURCES: [[&str; 2]; 3] = [["alpha", "omega"], ["beta", "beta-2"], ["gamma", "delta"]];

/// A source, as an index into [`SOURCES`].
pub(crate) type SourceAt = usize;

pub(crate) fn source_id(at: SourceAt, renamed: bool) -> SourceId {
    SourceId::parse(SOURCES[at][usize::from(renamed)]).expect("the ids are well formed")
}

pub(crate) fn source_at(id: &SourceId) -> Option<SourceAt> {
    SOURCES.iter().position(|names| names.contains(&id.as_str()))
}

/// Which sorts of content a seed uses: fewer sorts in more depth in each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flavour {
    /// Claims are addressed through identifiers, and relations point at them.
    pub identifiers: bool,
    /// Entities continue others.
    pub moves: bool,
    /// Owners come from parents, handles and labels.
    pub owners: bool,
    /// How many components there are.
    pub components: usize,
}

impl Flavour {
    pub(crate) fn of(numbers: &mut Numbers) -> Self {
        Self {
            identifiers: numbers.percent(60),
            moves: numbers.percent(20),
            owners: numbers.percent(70),
            components: 4 + numbers.below(12),
        }
    }
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Document {
    pub about: About,
    pub variant: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    Declared(Thing),
    Observed(Thing),
    /// Whoever holds this host.
    Host(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    Component(usize),
    System(usize),
    Domain,
    Group(usize),
    User,
}

impl Thing {
    pub(crate) fn entity(self) -> EntityRef {
        let (kind, name) = match self {
            Self::Component(at) => ("component", format!("c{at}")),
            Self::System(at) => ("system", format!("s{at}")),
            Self::Domain => ("domain", "d".to_owned()),
            Self::Group(at) => ("group", format!("g{at}")),
            Self::User => ("user", "u".to_owned()),
        };
        EntityRef::new(kind, "default", &name).expect("the names are well formed")
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Component(_) => "Component",
            Self::System(_) => "System",
            Self::Domain => "Domain",
            Self::Group(_) => "Group",
            Self::User => "User",
        }
    }
}

impl Document {
    pub(crate) fn any(numbers: &mut Numbers, flavour: Flavour) -> Self {
        let thing = match numbers.below(10) {
            0..=5 => Thing::Component(numbers.below(flavour.components)),
            6 | 7 => Thing::System(numbers.below(2)),
            8 if numbers.percent(50) => Thing::Domain,
            8 => Thing::User,
            _ => Thing::Group(numbers.below(3)),
        };
        let about = match numbers.below(10) {
            0..=6 => About::Declared(thing),
            7 if flavour.identifiers => About::Host(numbers.below(3)),
            _ => About::Observed(thing),
        };
        Self {
            about,
            variant: numbers.below(12),
        }
    }

    /// The claim that the document makes; a pure function.
    pub(crate) fn claim(&self, source: SourceAt, origin: &str, flavour: Flavour) -> Claim {
        let variant = self.variant;
        let at = Origin {
            line: Some(1 + u32::try_from(variant % 2).unwrap_or(0)),
            ..Origin::path(origin)
        };
        match &self.about {
            About::Declared(thing) => Claim::declares(thing.entity(), at, declared(*thing, source, variant, flavour)),
            About::Observed(thing) => {
                let subject = Subject::Ref(thing.entity());
                Claim::observes(subject, at, observed(source, variant, flavour))
            }
            About::Host(host) => Claim::observes(
                Subject::Identifier(host_of(*host)),
                at,
                observed(source, variant, flavour),
            ),
        }
    }
}

fn host_of(at: usize) -> Identifier {
    Identifier::new("host", &format!("h{at}.acme.com")).expect("the host is well formed")
}

fn declared(thing: Thing, source: SourceAt, variant: usize, flavour: Flavour) -> ClaimBody {
    let entity = thing.entity();
    let mut metadata = json!({"name": entity.name(), "namespace": "default"});
    // Of twelve variants some say nothing of a field, and some say that there is none.
    match variant % 4 {
        0 => metadata["title"] = json!(format!("title {variant} of {source}")),
        1 => metadata["title"] = Value::Null,
        _ => {}
    }
    if variant.is_multiple_of(3) {
        metadata["tags"] = json!([format!("tag-{}", variant % 5), "all"]);
    }
    if flavour.owners && variant % 5 == 1 {
        metadata["labels"] = json!({"owner": format!("g{}", variant % 3)});
    }
    let mut spec = json!({});
    let mut body = ClaimBody::default();
    let owner = format!("g{}", variant % 4);
    match thing {
        Thing::Component(at) => {
            spec["type"] = json!("service");
            spec["lifecycle"] = json!(["production", "experimental"][variant % 2]);
            if variant % 3 != 2 {
                spec["system"] = json!(format!("s{}", variant % 2));
            }
            if !flavour.owners || variant.is_multiple_of(2) {
                spec["owner"] = json!(owner);
            }
            if variant % 6 == 5 {
                spec["dependsOn"] = json!([format!("component:c{}", (at + variant) % flavour.components.max(1))]);
            }
            if flavour.owners && variant % 7 == 6 {
                spec["subcomponentOf"] = json!(format!("c{}", (at + 1) % flavour.components.max(1)));
            }
            if flavour.identifiers && variant % 3 == 1 {
                body.identifiers.push(IdentifierClaim {
                    identifier: host_of((at + variant) % 3),
                    exclusive: variant.is_multiple_of(2) || variant > 8,
                });
            }
            if flavour.identifiers && variant % 4 == 3 {
                body.relations.push(RelationClaim {
                    relation: "dependsOn".to_owned(),
                    target: Subject::Identifier(host_of(variant % 3)),
                });
            }
            if flavour.moves && variant % 4 == 2 {
                body.continues = Some(Thing::Component((at + 1) % flavour.components.max(1)).entity());
            }
        }
        Thing::System(_) => {
            if variant.is_multiple_of(2) {
                spec["owner"] = json!(owner);
            }
            if !variant.is_multiple_of(3) {
                spec["domain"] = json!("d");
            }
        }
        Thing::Domain => {
            if variant.is_multiple_of(2) {
                spec["owner"] = json!(owner);
            }
        }
        Thing::Group(at) => {
            spec["type"] = json!("team");
            spec["children"] = json!([]);
            metadata["annotations"] = json!({"github.com/team-slug": format!("acme/t{}", (at + variant / 6) % 3)});
        }
        Thing::User => {
            spec["memberOf"] = json!([owner]);
            spec["profile"] = json!({"email": format!("u{}@acme.com", variant % 2)});
        }
    }
    let entity = json!({
        "apiVersion": "backstage.io/v1alpha1", "kind": thing.kind(), "metadata": metadata, "spec": spec,
    });
    if let Value::Object(entity) = entity {
        body.entity = entity;
    }
    body
}

fn observed(source: SourceAt, variant: usize, flavour: Flavour) -> ClaimBody {
    let mut body = ClaimBody::default();
    let fact = if variant % 5 == 4 {
        Value::Null
    } else {
        json!(variant / 2)
    };
    body.facts.insert("last_seen".to_owned(), fact);
    body.facts.insert(format!("by_{source}"), json!(true));
    if variant.is_multiple_of(3)
        && let Value::Object(entity) = json!({"metadata": {"tags": [format!("seen-{}", variant % 2)]}})
    {
        body.entity = entity;
    }
    if flavour.owners && variant.is_multiple_of(2) {
        let who = match variant % 3 {
            0 => format!("handle:github.com/@acme/t{}", variant % 3),
            1 => format!("email:u{}@acme.com", variant % 2),
            _ => format!("handle:github.com/@acme/g{}", variant % 3),
        };
        body.owners.push(OwnerEvidence {
            method: if variant.is_multiple_of(4) {
                OwnerMethod::Codeowners
            } else {
                OwnerMethod::Committers
            },
            who: vec![who],
            detail: format!("line {variant}"),
        });
    }
    body
}

/// What a source has at a moment: documents by scope and origin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub scopes: BTreeMap<ScopeAt, BTreeMap<usize, Vec<Document>>>,
}

/// Origins of a scope.
pub(crate) const ORIGINS: usize = 7;

pub(crate) fn origin(at: usize) -> String {
    format!("o{at}.yaml")
}

impl Truth {
    pub(crate) fn any(numbers: &mut Numbers, flavour: Flavour) -> Self {
        let mut truth = Self::default();
        truth.scopes.insert(0, BTreeMap::new());
        for scope in 0..SCOPES.len() {
            if numbers.percent(70) {
                truth.scopes.entry(scope).or_default();
                for _ in 0..numbers.below(7) {
                    truth.write(scope, numbers, flavour);
                }
            }
        }
        truth
    }

    /// Puts one document somewhere.
    fn write(&mut self, scope: ScopeAt, numbers: &mut Numbers, flavour: Flavour) {
        let at = numbers.below(ORIGINS);
        let documents = self.scopes.entry(scope).or_default().entry(at).or_default();
        let document = Document::any(numbers, flavour);
        // One document a subject in one origin: within an origin the last one would win.
        documents.retain(|held| held.about != document.about);
        documents.push(document);
    }

    /// Something happens in the source.
    pub(crate) fn change(&mut self, numbers: &mut Numbers, flavour: Flavour) -> String {
        let scopes: Vec<ScopeAt> = self.scopes.keys().copied().collect();
        let scope = numbers.pick(&scopes).copied().unwrap_or(0);
        let other = numbers.below(SCOPES.len());
        match numbers.below(12) {
            0..=4 => {
                self.write(scope, numbers, flavour);
                format!("write into {scope}")
            }
            5 | 6 => {
                let origins = self.scopes.entry(scope).or_default();
                let at: Vec<usize> = origins.keys().copied().collect();
                if let Some(at) = numbers.pick(&at) {
                    origins.remove(at);
                }
                format!("remove an origin of {scope}")
            }
            7 => {
                let taken = self.scopes.entry(scope).or_default().pop_first();
                if let Some((at, documents)) = taken {
                    self.scopes.entry(other).or_default().insert(at, documents);
                }
                format!("move an origin from {scope} to {other}")
            }
            8 => {
                if scope != 0 {
                    self.scopes.remove(&scope);
                }
                format!("scope {scope} goes")
            }
            9 => {
                let all = if scope == 0 {
                    BTreeMap::new()
                } else {
                    self.scopes.remove(&scope).unwrap_or_default()
                };
                self.scopes.entry(other).or_default().extend(all);
                format!("everything of {scope} moves to {other}")
            }
            10 => {
                if let Some(origins) = self.scopes.get_mut(&scope) {
                    origins.clear();
                }
                format!("scope {scope} is emptied")
            }
            _ => {
                for documents in self.scopes.entry(scope).or_default().values_mut() {
                    for document in documents.iter_mut() {
                        document.variant = numbers.below(12);
                    }
                }
                format!("all of {scope} is written anew")
            }
        }
    }

    /// The members of a listing that are there now.
    pub(crate) fn members(&self, listing: ScopeAt) -> Vec<ScopeAt> {
        let there = self.scopes.keys().copied();
        there.filter(|scope| SCOPES[*scope].1 == Some(listing)).collect()
    }
}
