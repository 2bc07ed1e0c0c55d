//! Entity by entity: envelope and spec of each kind, and what a change does to one. The order in which chances are drawn
//! is part of the workload.

use super::entity::{Entity, Fields, Value};
use super::organization::Organization;
use super::random::Random;
use super::words::{API_TYPES, COMPONENT_TYPES, GROUP_TYPES, RESOURCE_TYPES, Words, capitalized, list, shares, titled};

const REVISION: &str = "bench.example.com/revision";

/// Makes the entities of an organization, in the order of their numbers.
pub(super) struct Builder<'a> {
    words: &'a Words,
    organization: &'a Organization,
    random: Random,
    component_types: Vec<&'static str>,
    api_types: Vec<&'static str>,
    resource_types: Vec<&'static str>,
}

impl<'a> Builder<'a> {
    /// `random` is in the state that drawing the organization left it in.
    pub(super) fn new(words: &'a Words, organization: &'a Organization, random: Random) -> Self {
        Self {
            words,
            organization,
            random,
            component_types: shares(COMPONENT_TYPES),
            api_types: shares(API_TYPES),
            resource_types: list(RESOURCE_TYPES),
        }
    }

    /// Gives every entity to `emit`, until that fails.
    pub(super) fn each<E>(mut self, mut emit: impl FnMut(Entity) -> Result<(), E>) -> Result<(), E> {
        let organization = self.organization;
        for name in &organization.domains {
            emit(self.domain(name))?;
        }
        for at in 0..organization.systems.len() {
            emit(self.system(at))?;
        }
        for at in 0..organization.groups.len() {
            emit(self.group(at))?;
        }
        for name in &organization.users {
            emit(self.user(name))?;
        }
        for at in 0..organization.resources.len() {
            emit(self.resource(at))?;
        }
        for at in 0..organization.apis.len() {
            emit(self.api(at))?;
        }
        for at in 0..organization.components.len() {
            emit(self.component(at))?;
        }
        Ok(())
    }

    fn domain(&mut self, name: &str) -> Entity {
        let metadata = self.metadata("Domain", name);
        let mut spec = Fields::default();
        let group = self.random.skewed(self.organization.groups.len(), 2.0);
        spec.push("owner", self.group_ref(group));
        entity("Domain", metadata, spec)
    }

    fn system(&mut self, at: usize) -> Entity {
        let organization = self.organization;
        let metadata = self.metadata("System", &organization.systems[at]);
        let mut spec = Fields::default();
        spec.push("owner", self.group_ref(organization.owner_of_system[at]));
        spec.push(
            "domain",
            organization.domains[organization.domain_of_system[at]].clone(),
        );
        entity("System", metadata, spec)
    }

    fn group(&mut self, at: usize) -> Entity {
        let organization = self.organization;
        let name = &organization.groups[at];
        let children: Vec<String> = organization
            .children(at)
            .map(|child| organization.groups[child].clone())
            .collect();
        let mut profile = Fields::default();
        profile.push("displayName", titled(name));
        profile.push("email", format!("{name}@example.com"));
        let mut spec = Fields::default();
        spec.push("type", GROUP_TYPES[organization.depth(at).min(3)]);
        spec.push("profile", profile);
        spec.push("children", children);
        if let Some(parent) = organization.parent(at) {
            spec.push("parent", organization.groups[parent].clone());
        }
        entity("Group", self.metadata("Group", name), spec)
    }

    fn user(&mut self, name: &str) -> Entity {
        let groups = &self.organization.groups;
        let count = if self.random.fraction() < 0.2 { 2 } else { 1 };
        let mut member: Vec<String> = (0..count)
            .map(|_| groups[self.random.below(groups.len())].clone())
            .collect();
        member.sort();
        member.dedup();
        let mut profile = Fields::default();
        profile.push("displayName", titled(&name.replace('.', " ")));
        profile.push("email", format!("{name}@example.com"));
        profile.push("picture", format!("https://avatars.example.com/{name}.png"));
        let mut spec = Fields::default();
        spec.push("profile", profile);
        spec.push("memberOf", member);
        entity("User", self.metadata("User", name), spec)
    }

    fn resource(&mut self, at: usize) -> Entity {
        let organization = self.organization;
        let system = organization.system_of_resource[at];
        let mut spec = Fields::default();
        spec.push("type", self.random.choice(&self.resource_types).to_owned());
        spec.push("owner", self.owner(system));
        spec.push("system", organization.systems[system].clone());
        if self.random.fraction() < 0.2 {
            let other = self.random.below(organization.resources.len());
            if other != at {
                spec.push("dependsOn", vec![resource_ref(organization, other)]);
            }
        }
        entity("Resource", self.metadata("Resource", &organization.resources[at]), spec)
    }

    fn api(&mut self, at: usize) -> Entity {
        let organization = self.organization;
        let name = &organization.apis[at];
        let system = organization.system_of_api[at];
        let kind = self.random.choice(&self.api_types).to_owned();
        let metadata = self.metadata("API", name);
        let mut spec = Fields::default();
        spec.push("type", kind);
        spec.push("lifecycle", self.random.choice(&self.words.lifecycles).to_owned());
        spec.push("owner", self.owner(system));
        spec.push("system", organization.systems[system].clone());
        spec.push("definition", self.definition(name));
        entity("API", metadata, spec)
    }

    fn component(&mut self, at: usize) -> Entity {
        let organization = self.organization;
        let system = organization.system_of_component[at];
        let depends_on = self.dependencies(at, system);
        let mut spec = Fields::default();
        spec.push("type", self.random.choice(&self.component_types).to_owned());
        spec.push("lifecycle", self.random.choice(&self.words.lifecycles).to_owned());
        spec.push("owner", self.owner(system));
        spec.push("system", organization.systems[system].clone());
        if !depends_on.is_empty() {
            spec.push("dependsOn", depends_on);
        }
        if let Some(provided) = organization.provided.get(&at) {
            let provided = provided.iter().map(|api| organization.apis[*api].clone());
            spec.push("providesApis", provided.collect::<Vec<_>>());
        }
        let consumed = self.consumed(system);
        if !consumed.is_empty() {
            spec.push("consumesApis", consumed);
        }
        entity(
            "Component",
            self.metadata("Component", &organization.components[at]),
            spec,
        )
    }

    fn dependencies(&mut self, at: usize, system: usize) -> Vec<String> {
        let organization = self.organization;
        let mut depends_on = Vec::new();
        for _ in 0..self.random.between(0, 5) {
            let near = self.random.fraction() < 0.6;
            let target = if self.random.fraction() < 0.65 {
                let pool = &organization.components_of_system[system];
                let other = match near {
                    true => pool[self.random.below(pool.len())],
                    false => self.random.skewed(organization.components.len(), 3.0),
                };
                if other == at {
                    continue;
                }
                component_ref(organization, other)
            } else {
                let pool = &organization.resources_of_system[system];
                let other = match near && !pool.is_empty() {
                    true => pool[self.random.below(pool.len())],
                    false => self.random.skewed(organization.resources.len(), 2.0),
                };
                resource_ref(organization, other)
            };
            if !depends_on.contains(&target) {
                depends_on.push(target);
            }
        }
        depends_on
    }

    fn consumed(&mut self, system: usize) -> Vec<String> {
        let organization = self.organization;
        let mut consumed = Vec::new();
        for _ in 0..[0, 0, 1, 1, 2][self.random.below(5)] {
            let pool = &organization.apis_of_system[system];
            let api = match !pool.is_empty() && self.random.fraction() < 0.4 {
                true => pool[self.random.below(pool.len())],
                false => self.random.skewed(organization.apis.len(), 2.0),
            };
            let name = &organization.apis[api];
            if !consumed.contains(name) {
                consumed.push(name.clone());
            }
        }
        consumed
    }

    fn group_ref(&self, group: usize) -> String {
        format!("group:default/{}", self.organization.groups[group])
    }

    /// Mostly the owner of the system.
    fn owner(&mut self, system: usize) -> String {
        let group = match self.random.fraction() < 0.8 {
            true => self.organization.owner_of_system[system],
            false => self.random.skewed(self.organization.groups.len(), 1.5),
        };
        self.group_ref(group)
    }

    fn metadata(&mut self, kind: &'static str, name: &str) -> Fields {
        let location = format!("url:https://git.example.com/org/{name}/blob/main/catalog-info.yaml");
        let mut metadata = Fields::default();
        metadata.push("name", name.to_owned());
        metadata.push("namespace", "default");
        metadata.push("title", titled(&name.replace(['-', '.'], " ")));
        metadata.push("description", self.words.description(&mut self.random));
        let mut annotations = Fields::default();
        annotations.push("backstage.io/managed-by-location", location.clone());
        annotations.push("backstage.io/managed-by-origin-location", location);
        annotations.push(REVISION, "1");
        let runs = matches!(kind, "Component" | "API" | "Resource");
        let mut labels = Fields::default();
        if runs {
            annotations.push("git.example.com/project-slug", format!("org/{name}"));
            let pipeline = self.random.below(100_000);
            annotations.push("ci.example.com/pipeline", format!("pipelines/{pipeline}"));
            labels.push("example.com/tier", self.random.choice(&self.words.tiers).to_owned());
            labels.push("example.com/region", self.random.choice(&self.words.regions).to_owned());
            let center = self.random.below(400);
            labels.push("example.com/cost-center", format!("cc-{center:04}"));
        }
        if kind == "Component" {
            let id = self.random.bits_64();
            annotations.push("oncall.example.com/service-id", format!("{id:016x}"));
            annotations.push("docs.example.com/ref", "dir:.");
        }
        metadata.push("annotations", annotations);
        if runs {
            metadata.push("labels", labels);
        }
        if !matches!(kind, "Group" | "User") {
            metadata.push("tags", self.words.draw_tags(&mut self.random));
            metadata.push("links", self.links(name));
        }
        metadata
    }

    fn links(&mut self, name: &str) -> Vec<Fields> {
        const PLACES: [&str; 3] = ["dashboards", "runbooks", "logs"];
        let count = self.random.between(1, 2);
        let drawn = self.random.sample(PLACES.len(), count).into_iter();
        let link = |at: usize| {
            let mut link = Fields::default();
            link.push("url", format!("https://{}.example.com/{name}", PLACES[at]));
            link.push("title", capitalized(PLACES[at]));
            link.push("icon", "dashboard");
            link
        };
        drawn.map(link).collect()
    }

    /// A small OpenAPI document as text.
    fn definition(&mut self, name: &str) -> String {
        let random = &mut self.random;
        let base = name.split('-').nth(1).unwrap_or_default();
        let minor = random.below(20);
        let mut paths = Vec::new();
        for at in 0..random.between(2, 4) {
            let method = random.choice(&["get", "post", "put"]);
            let verb = random.choice(&["list", "get", "create", "update"]);
            let summary = self.words.sentence(random);
            let property = random.choice(&self.words.nouns);
            let below = match at {
                0 => "{id}".to_owned(),
                _ => format!("{}{at}", random.choice(&self.words.nouns)),
            };
            let operation = format!("{verb}{}{at}", capitalized(base));
            paths.push(format!(
                r#""/{base}/{below}":{{"{method}":{{"operationId":"{operation}","summary":"{summary}","responses":{{"200":{{"description":"OK","content":{{"application/json":{{"schema":{{"type":"object","properties":{{"id":{{"type":"string"}},"{property}":{{"type":"string"}}}}}}}}}}}}}}}}}}"#
            ));
        }
        let paths = paths.join(",");
        format!(
            r#"{{"openapi":"3.0.3","info":{{"title":"{name}","version":"1.{minor}.0"}},"servers":[{{"url":"https://{name}.internal.example.com"}}],"paths":{{{paths}}}}}"#
        )
    }
}

/// What changes in an entity: its revision and description, its tags, and of a component its lifecycle and, every other
/// time, its dependencies.
pub(super) fn change(entity: &mut Entity, words: &Words, organization: &Organization, random: &mut Random) {
    let metadata = &mut entity.metadata;
    if let Some((_, Value::Fields(annotations))) = metadata.0.iter_mut().find(|(name, _)| *name == "annotations") {
        annotations.set(REVISION, "2");
    }
    metadata.set("description", words.description(random));
    if metadata.get("tags").is_some() {
        metadata.set("tags", words.draw_tags(random));
    }
    if entity.kind != "Component" {
        return;
    }
    entity
        .spec
        .set("lifecycle", random.choice(&words.lifecycles).to_owned());
    if random.fraction() < 0.5 {
        let mut depends_on = match entity.spec.get("dependsOn") {
            Some(Value::List(held)) => held.get(1..).unwrap_or_default().to_vec(),
            _ => Vec::new(),
        };
        let target = component_ref(organization, random.below(organization.components.len()));
        let itself = match entity.metadata.get("name") {
            Some(Value::Text(name)) => target == format!("component:default/{name}"),
            _ => false,
        };
        if !itself && !depends_on.contains(&target) {
            depends_on.push(target);
        }
        entity.spec.set("dependsOn", depends_on);
    }
}

fn entity(kind: &'static str, metadata: Fields, spec: Fields) -> Entity {
    Entity { kind, metadata, spec }
}

fn component_ref(organization: &Organization, at: usize) -> String {
    format!("component:default/{}", organization.components[at])
}

fn resource_ref(organization: &Organization, at: usize) -> String {
    format!("resource:default/{}", organization.resources[at])
}
