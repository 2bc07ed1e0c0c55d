//! What is true: the workload as its file says it, read by this program alone, to judge the server's answers by.
//!
//! Holds for each entity what the checks need, and where its line stands for the rest. It knows nothing of how the
//! server works.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Outcome, While as _, fail};

/// The revision of what was not changed.
const FIRST_REVISION: &str = "1";

/// The lines of the file, as far as they matter here.
#[derive(Deserialize)]
struct Line {
    kind: Box<str>,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: Box<str>,
    #[serde(default)]
    tags: Vec<Box<str>>,
    annotations: Annotations,
}

#[derive(Deserialize)]
struct Annotations {
    /// Another one marks what was changed.
    #[serde(rename = "bench.example.com/revision")]
    revision: Box<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    owner: Option<Box<str>>,
    system: Option<Box<str>>,
    #[serde(default)]
    depends_on: Vec<Box<str>>,
    #[serde(default)]
    provides_apis: Vec<Box<str>>,
    #[serde(default)]
    consumes_apis: Vec<Box<str>>,
}

/// One entity.
#[derive(Debug)]
pub(crate) struct Entity {
    kind: u8,
    pub(crate) name: Box<str>,
    /// As a ref.
    pub(crate) owner: Option<Box<str>>,
    tags: Box<[u8]>,
    pub(crate) depends_on: Box<[Box<str>]>,
    /// Relations that its own descriptor states.
    stated: u16,
    /// Descriptors that say they depend on it.
    depended_on: u16,
    /// Whether it differs from the first file.
    changed: bool,
    line_at: u64,
    line_bytes: u32,
}

/// All entities of a file, in its order.
#[derive(Debug)]
pub(crate) struct Truth {
    file: File,
    pub(crate) entities: Vec<Entity>,
    kinds: Vec<Box<str>>,
    tags: Vec<Box<str>>,
    by_ref: BTreeMap<Box<str>, u32>,
    /// Entities of a kind and an owner, in order of their names.
    owned: BTreeMap<(u8, Box<str>), Vec<u32>>,
}

fn number_of(names: &mut Vec<Box<str>>, name: &str) -> Outcome<u8> {
    let at = match names.iter().position(|known| **known == *name) {
        Some(at) => at,
        None => {
            names.push(name.into());
            names.len() - 1
        }
    };
    u8::try_from(at).while_doing("counting names")
}

impl Truth {
    /// Reads a file of one entity a line.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let what = || format!("reading {}", path.display());
        let file = File::open(path).while_doing(what())?;
        let mut truth = Self {
            file: file.try_clone().while_doing(what())?,
            entities: Vec::new(),
            kinds: Vec::new(),
            tags: Vec::new(),
            by_ref: BTreeMap::new(),
            owned: BTreeMap::new(),
        };
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut line = String::new();
        let mut at = 0_u64;
        loop {
            line.clear();
            let bytes = reader.read_line(&mut line).while_doing(what())?;
            if bytes == 0 {
                break;
            }
            let parsed: Line = serde_json::from_str(&line).while_doing(what())?;
            truth.add(parsed, at, u32::try_from(bytes).while_doing(what())?)?;
            at += bytes as u64;
        }
        if truth.entities.is_empty() {
            return fail(format!("{} holds no entities", path.display()));
        }
        for no in 0..truth.entities.len() {
            let targets = truth.entities[no].depends_on.clone();
            for target in &targets {
                if let Some(target) = truth.by_ref.get(target) {
                    let count = &mut truth.entities[*target as usize].depended_on;
                    *count = count.saturating_add(1);
                }
            }
        }
        let entities = &truth.entities;
        for group in truth.owned.values_mut() {
            group.sort_unstable_by(|left, right| entities[*left as usize].name.cmp(&entities[*right as usize].name));
        }
        Ok(truth)
    }

    fn add(&mut self, line: Line, line_at: u64, line_bytes: u32) -> Outcome<()> {
        let Line { kind, metadata, spec } = line;
        let kind = number_of(&mut self.kinds, &kind)?;
        let tags = metadata.tags.iter().map(|tag| number_of(&mut self.tags, tag));
        let stated = usize::from(spec.owner.is_some())
            + usize::from(spec.system.is_some())
            + spec.depends_on.len()
            + spec.provides_apis.len()
            + spec.consumes_apis.len();
        let entity = Entity {
            kind,
            tags: tags.collect::<Outcome<_>>()?,
            name: metadata.name,
            owner: spec.owner,
            depends_on: spec.depends_on.into(),
            stated: u16::try_from(stated).while_doing("counting relations")?,
            depended_on: 0,
            changed: &*metadata.annotations.revision != FIRST_REVISION,
            line_at,
            line_bytes,
        };
        let no = u32::try_from(self.entities.len()).while_doing("counting entities")?;
        if let Some(owner) = &entity.owner {
            self.owned.entry((kind, owner.clone())).or_default().push(no);
        }
        self.by_ref.insert(self.ref_of(&entity).into(), no);
        self.entities.push(entity);
        Ok(())
    }

    pub(crate) fn kind_of(&self, entity: &Entity) -> &str {
        &self.kinds[usize::from(entity.kind)]
    }

    pub(crate) fn ref_of(&self, entity: &Entity) -> String {
        format!("{}:default/{}", self.kind_of(entity).to_lowercase(), entity.name)
    }

    pub(crate) fn get(&self, entity_ref: &str) -> Option<&Entity> {
        self.by_ref.get(entity_ref).map(|no| &self.entities[*no as usize])
    }

    /// Where its line begins and ends in the file.
    pub(crate) fn line_of(&self, entity: &Entity) -> (u64, u64) {
        (entity.line_at, entity.line_at + u64::from(entity.line_bytes))
    }

    /// The line of the entity, with its end.
    pub(crate) fn line(&self, entity: &Entity) -> Outcome<Vec<u8>> {
        let mut line = vec![0; entity.line_bytes as usize];
        self.file
            .read_exact_at(&mut line, entity.line_at)
            .while_doing("reading a line of the workload")?;
        Ok(line)
    }

    /// The entity as its line says it.
    pub(crate) fn whole(&self, entity: &Entity) -> Outcome<Value> {
        serde_json::from_slice(&self.line(entity)?).while_doing("reading a line of the workload")
    }

    /// Entities of a kind.
    pub(crate) fn of_kind<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Entity> {
        let kind = self.kinds.iter().position(|known| **known == *kind);
        self.entities
            .iter()
            .filter(move |entity| Some(usize::from(entity.kind)) == kind)
    }

    /// Entities of a kind and an owner, in order of their names.
    pub(crate) fn owned(&self, kind: &str, owner: &str) -> Vec<&Entity> {
        let kind = self.kinds.iter().position(|known| **known == *kind);
        let key = kind.and_then(|kind| Some((u8::try_from(kind).ok()?, owner.into())));
        let found = key.and_then(|key| self.owned.get(&key)).into_iter().flatten();
        found.map(|no| &self.entities[*no as usize]).collect()
    }

    /// Entities that share the kind and the owner of one, itself among them.
    pub(crate) fn owned_beside(&self, entity: &Entity) -> Vec<&Entity> {
        match &entity.owner {
            Some(owner) => self.owned(self.kind_of(entity), owner),
            None => Vec::new(),
        }
    }

    /// How often each tag occurs among some entities, by name.
    pub(crate) fn tag_counts<'a>(&self, entities: impl Iterator<Item = &'a Entity>) -> BTreeMap<String, u64> {
        let mut counts = vec![0_u64; self.tags.len()];
        for tag in entities.flat_map(|entity| &entity.tags) {
            counts[usize::from(*tag)] += 1;
        }
        let named = self.tags.iter().zip(counts).filter(|(_, count)| *count > 0);
        named.map(|(tag, count)| (tag.to_string(), count)).collect()
    }

    /// Relations that an entity has because it or something that depends on it says so; others may point at it too.
    pub(crate) fn relations(&self, entity: &Entity) -> usize {
        usize::from(entity.stated) + usize::from(entity.depended_on)
    }

    /// Entities that differ from those of the first file.
    pub(crate) fn changed(&self) -> Vec<&Entity> {
        self.entities.iter().filter(|entity| entity.changed).collect()
    }

    /// Entities with at least so many relations.
    pub(crate) fn with_relations(&self, count: usize) -> Vec<&Entity> {
        let entities = self.entities.iter();
        entities.filter(|entity| self.relations(entity) >= count).collect()
    }
}
