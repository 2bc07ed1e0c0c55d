//! The shape of the organization: how many of each kind, what they are called, and who belongs to whom.

use std::collections::{BTreeMap, HashSet};

use super::random::Random;
use super::words::{FIRST_NAMES, LAST_NAMES, SUFFIXES, Words, list};
use crate::failure::{Outcome, fail};

/// Groups below one group.
const FAN_OUT: usize = 6;

/// Names of all entities by kind, and what belongs together. Everything else is drawn entity by entity.
pub(super) struct Organization {
    pub(super) domains: Vec<String>,
    pub(super) systems: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) users: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) apis: Vec<String>,
    pub(super) components: Vec<String>,
    /// The group that owns most of a system.
    pub(super) owner_of_system: Vec<usize>,
    pub(super) domain_of_system: Vec<usize>,
    pub(super) system_of_component: Vec<usize>,
    pub(super) system_of_api: Vec<usize>,
    pub(super) system_of_resource: Vec<usize>,
    pub(super) components_of_system: Vec<Vec<usize>>,
    pub(super) apis_of_system: Vec<Vec<usize>>,
    pub(super) resources_of_system: Vec<Vec<usize>>,
    /// APIs by the component that provides them.
    pub(super) provided: BTreeMap<usize, Vec<usize>>,
}

impl Organization {
    /// Draws the organization of so many entities. The order of the draws is part of the workload.
    pub(super) fn draw(entities: usize, words: &Words, random: &mut Random) -> Outcome<Self> {
        let share = |of: usize, per: usize| (entities * of / per).max(1);
        let [domains, systems] = [share(5, 1_000), share(25, 1_000)];
        let [groups, users, resources, apis] = [share(2, 100), share(10, 100), share(10, 100), share(15, 100)];
        let others = domains + systems + groups + users + resources + apis;
        if entities <= others {
            return fail(format!("a workload of {entities} entities is too small"));
        }
        let mut names = |count: usize, suffixes: &[&str]| names(count, suffixes, words, random);
        let domains = names(domains, &["domain"]);
        let systems = names(systems, &["system"]);
        let groups = names(groups, &["team", "squad", "crew"]);
        let components = names(entities - others, &list(SUFFIXES));
        let apis = names(apis, &["api", "events", "rpc"]);
        let resources = names(resources, &["db", "bucket", "topic", "cache"]);
        let users = people(users, random);

        let mut skewed = |count: usize, end: usize, power: f64| -> Vec<usize> {
            (0..count).map(|_| random.skewed(end, power)).collect()
        };
        let owner_of_system = skewed(systems.len(), groups.len(), 1.5);
        let domain_of_system = systems.iter().map(|_| random.below(domains.len())).collect();
        let mut skewed =
            |count: usize| -> Vec<usize> { (0..count).map(|_| random.skewed(systems.len(), 1.3)).collect() };
        let system_of_component = skewed(components.len());
        let system_of_api = skewed(apis.len());
        let system_of_resource = skewed(resources.len());
        let by_system = |system_of: &[usize]| {
            let mut parts = vec![Vec::new(); systems.len()];
            for (at, system) in system_of.iter().enumerate() {
                parts[*system].push(at);
            }
            parts
        };
        let components_of_system = by_system(&system_of_component);

        // APIs are provided by components of the same system where there are some.
        let mut provided: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (api, system) in system_of_api.iter().enumerate() {
            let pool = &components_of_system[*system];
            let component = match pool.is_empty() {
                true => random.below(components.len()),
                false => pool[random.below(pool.len())],
            };
            provided.entry(component).or_default().push(api);
        }
        Ok(Self {
            apis_of_system: by_system(&system_of_api),
            resources_of_system: by_system(&system_of_resource),
            domains,
            systems,
            groups,
            users,
            resources,
            apis,
            components,
            owner_of_system,
            domain_of_system,
            system_of_component,
            system_of_api,
            system_of_resource,
            components_of_system,
            provided,
        })
    }

    /// The group above a group; groups are a tree with one root.
    pub(super) fn parent(&self, group: usize) -> Option<usize> {
        Some(group.checked_sub(1)? / FAN_OUT)
    }

    pub(super) fn children(&self, group: usize) -> std::ops::Range<usize> {
        let first = group * FAN_OUT + 1;
        first.min(self.groups.len())..(first + FAN_OUT).min(self.groups.len())
    }

    pub(super) fn depth(&self, group: usize) -> usize {
        std::iter::successors(self.parent(group), |above| self.parent(*above)).count()
    }
}

fn names(count: usize, suffixes: &[&str], words: &Words, random: &mut Random) -> Vec<String> {
    let mut seen = HashSet::with_capacity(count);
    let mut names = Vec::with_capacity(count);
    while names.len() < count {
        let adjective = random.choice(&words.adjectives);
        let noun = random.choice(&words.nouns);
        let mut name = format!("{adjective}-{noun}-{}", random.choice(suffixes));
        if seen.contains(&name) {
            name = format!("{name}-{}", names.len());
        }
        seen.insert(name.clone());
        names.push(name);
    }
    names
}

fn people(count: usize, random: &mut Random) -> Vec<String> {
    let (first, last) = (list(FIRST_NAMES), list(LAST_NAMES));
    let mut seen = HashSet::with_capacity(count);
    let mut names = Vec::with_capacity(count);
    while names.len() < count {
        let mut name = format!("{}.{}", random.choice(&first), random.choice(&last));
        if seen.contains(&name) {
            name = format!("{name}{}", names.len());
        }
        seen.insert(name.clone());
        names.push(name);
    }
    names
}
