//! Ownership: a chain of evidence, in a configured order, that ends in owners, and in how we know.
//!
//! What a descriptor or a source declares outright counts even where the catalog does not know the owner yet; every
//! other kind of evidence has to name an entity that is there. Inheritance asks the parents, nearest first, for what
//! is said about *them*: it never builds on another inheritance, so cycles end and order does not matter.

use std::collections::VecDeque;

use bailiwick_schema::{EntityRef, Identifier, OwnerMethod};

use super::stitch::OwnEvidence;
use crate::store::{EvidenceItem, Ownership};

/// How far up owners are inherited.
pub const INHERIT_DEPTH_MAX: usize = 8;

/// What ownership needs to know of other entities.
pub trait World {
    /// Whether this entity is live.
    fn lives(&self, entity: &EntityRef) -> bool;
    /// Who alone holds an identifier.
    fn holder(&self, identifier: &Identifier) -> Option<EntityRef>;
    /// What is known of a parent.
    fn parent(&self, entity: &EntityRef) -> Option<Parent>;
}

/// A parent's part in inheritance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parent {
    /// Owners that what is said about it decides; empty where it inherits itself.
    pub own_owners: Vec<EntityRef>,
    pub parents: Vec<EntityRef>,
}

/// Decides who owns an entity. Returns the ownership and the identifiers and names that it depends on.
pub fn own(
    evidence: &[OwnEvidence],
    inherits_from: &[EntityRef],
    order: &[OwnerMethod],
    world: &dyn World,
) -> (Ownership, Vec<String>) {
    let mut watches = Vec::new();
    let mut items: Vec<EvidenceItem> = Vec::new();
    let mut decided = false;
    let mut asks_parents = false;
    for method in order {
        if *method == OwnerMethod::Inherited {
            asks_parents = !decided;
            if asks_parents && let Some(item) = inherited(inherits_from, world) {
                decided = true;
                items.push(item);
            }
            continue;
        }
        for said in evidence.iter().filter(|said| said.method == *method) {
            let owners = resolve(said, world, &mut watches);
            decided |= !owners.is_empty();
            items.push(EvidenceItem {
                method: method.as_str().to_owned(),
                who: said.who.clone(),
                owners,
                detail: said.detail.clone(),
                source: Some(said.source.to_string()),
                origin: Some(said.origin.clone()),
                standing: String::new(),
            });
        }
    }
    let owners = items
        .iter()
        .find(|item| !item.owners.is_empty())
        .map(|item| item.owners.clone())
        .unwrap_or_default();
    let mut decisive_seen = false;
    for item in &mut items {
        let standing = if item.owners.is_empty() {
            EvidenceItem::UNRESOLVED
        } else if !decisive_seen {
            decisive_seen = true;
            EvidenceItem::DECISIVE
        } else if item.owners.iter().any(|owner| owners.contains(owner)) {
            EvidenceItem::AGREES
        } else {
            EvidenceItem::OVERRULED
        };
        item.standing = standing.to_owned();
    }
    watches.sort();
    watches.dedup();
    (
        Ownership {
            owners,
            evidence: items,
            asks_parents,
        },
        watches,
    )
}

fn resolve(said: &OwnEvidence, world: &dyn World, watches: &mut Vec<String>) -> Vec<EntityRef> {
    let mut owners = Vec::new();
    for who in &said.who {
        let owner = resolve_who(who, said.method, world, watches);
        if let Some(owner) = owner
            && !owners.contains(&owner)
        {
            owners.push(owner);
        }
    }
    owners
}

fn resolve_who(who: &str, method: OwnerMethod, world: &dyn World, watches: &mut Vec<String>) -> Option<EntityRef> {
    if let Some(handle) = who.strip_prefix("handle:") {
        let identifier = Identifier::new("handle", handle).ok()?;
        watches.push(identifier.to_string());
        if let Some(holder) = world.holder(&identifier) {
            return Some(holder);
        }
        // Nobody holds the handle itself: a team by its slug, a person by their login.
        let name = handle.rsplit(['/', '@']).next()?.to_lowercase();
        watches.push(format!("name:{name}"));
        let is_team = handle.split_once('@').is_some_and(|(_, path)| path.contains('/'));
        let kinds: &[&str] = if is_team { &["group"] } else { &["user", "group"] };
        return kinds
            .iter()
            .filter_map(|kind| EntityRef::new(kind, "default", &name).ok())
            .find(|candidate| world.lives(candidate));
    }
    if who.starts_with("email:") {
        let identifier = Identifier::parse(who).ok()?;
        watches.push(identifier.to_string());
        return world.holder(&identifier);
    }
    let owner = EntityRef::parse_with_defaults(who, Some("group"), "default").ok()?;
    if method == OwnerMethod::Explicit {
        return Some(owner);
    }
    watches.push(format!("name:{}", owner.name()));
    world.lives(&owner).then_some(owner)
}

/// The nearest parent of which something decides who owns it.
fn inherited(inherits_from: &[EntityRef], world: &dyn World) -> Option<EvidenceItem> {
    let mut seen: Vec<EntityRef> = inherits_from.to_vec();
    let mut queue: VecDeque<(EntityRef, usize)> = inherits_from.iter().map(|parent| (parent.clone(), 1)).collect();
    while let Some((parent, depth)) = queue.pop_front() {
        let Some(known) = world.parent(&parent) else { continue };
        if !known.own_owners.is_empty() {
            return Some(EvidenceItem {
                method: OwnerMethod::Inherited.as_str().to_owned(),
                who: vec![parent.to_string()],
                owners: known.own_owners,
                detail: format!("inherited from {parent}"),
                source: None,
                origin: None,
                standing: String::new(),
            });
        }
        if depth < INHERIT_DEPTH_MAX {
            for grandparent in known.parents {
                if !seen.contains(&grandparent) {
                    seen.push(grandparent.clone());
                    queue.push_back((grandparent, depth + 1));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use bailiwick_schema::SourceId;

    #[derive(Default)]
    struct Few {
        live: Vec<EntityRef>,
        holders: HashMap<Identifier, EntityRef>,
        parents: HashMap<EntityRef, Parent>,
    }

    impl World for Few {
        fn lives(&self, entity: &EntityRef) -> bool {
            self.live.contains(entity)
        }
        fn holder(&self, identifier: &Identifier) -> Option<EntityRef> {
            self.holders.get(identifier).cloned()
        }
        fn parent(&self, entity: &EntityRef) -> Option<Parent> {
            self.parents.get(entity).cloned()
        }
    }

    fn said(method: OwnerMethod, who: &str) -> OwnEvidence {
        OwnEvidence {
            method,
            who: vec![who.to_owned()],
            detail: String::new(),
            source: SourceId::parse("code").unwrap(),
            origin: "x".to_owned(),
        }
    }

    fn entity(text: &str) -> EntityRef {
        EntityRef::parse(text).unwrap()
    }

    #[test]
    fn stronger_evidence_decides_and_the_rest_says_whether_it_agrees() {
        let world = Few {
            live: vec![entity("group:default/ops"), entity("group:default/pay")],
            ..Few::default()
        };
        let evidence = [
            said(OwnerMethod::Explicit, "group:default/pay"),
            said(OwnerMethod::Codeowners, "handle:github.com/@acme/pay"),
            said(OwnerMethod::Label, "ops"),
            said(OwnerMethod::Committers, "email:x@y"),
        ];
        let (ownership, watches) = own(&evidence, &[], &OwnerMethod::ALL, &world);
        assert_eq!(ownership.owners, [entity("group:default/pay")]);
        let standing: Vec<&str> = ownership.evidence.iter().map(|item| item.standing.as_str()).collect();
        assert_eq!(standing, ["decisive", "agrees", "overruled", "unresolved"]);
        assert!(!ownership.asks_parents);
        assert_eq!(
            watches,
            ["email:x@y", "handle:github.com/@acme/pay", "name:ops", "name:pay"]
        );
    }

    #[test]
    fn inheritance_takes_the_nearest_parent_and_ends_in_cycles() {
        let mut world = Few::default();
        let (a, b) = (entity("system:default/a"), entity("system:default/b"));
        world.parents.insert(
            a.clone(),
            Parent {
                own_owners: vec![],
                parents: vec![b.clone()],
            },
        );
        world.parents.insert(
            b.clone(),
            Parent {
                own_owners: vec![],
                parents: vec![a.clone()],
            },
        );
        let (ownership, _) = own(&[], std::slice::from_ref(&a), &OwnerMethod::ALL, &world);
        assert_eq!(
            ownership,
            Ownership {
                owners: vec![],
                evidence: vec![],
                asks_parents: true
            }
        );
        world.parents.get_mut(&b).unwrap().own_owners = vec![entity("group:default/pay")];
        let (ownership, _) = own(&[], &[a], &OwnerMethod::ALL, &world);
        assert_eq!(ownership.owners, [entity("group:default/pay")]);
        assert!(ownership.is_inherited());
    }

    #[test]
    fn an_explicit_owner_counts_before_the_catalog_knows_it() {
        let (ownership, _) = own(
            &[said(OwnerMethod::Explicit, "group:default/ghost")],
            &[],
            &OwnerMethod::ALL,
            &Few::default(),
        );
        assert_eq!(ownership.owners, [entity("group:default/ghost")]);
    }
}
