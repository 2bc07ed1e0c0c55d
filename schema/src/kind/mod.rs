//! Kinds: what sorts of entity there are, declared in YAML files.
//!
//! A kind file says which `apiVersion`s a kind has, what its `spec` looks like (a JSON Schema), which fields of it are
//! relations, where an entity without an owner gets one from, and how much its fields weigh in search. The built-in
//! kinds are the files in `schema/kinds/`, read in the same way as the files that an operator adds; nothing here asks
//! for a kind by name.
//!
//! Invariants of a [`KindSet`]: kinds and plurals are unique whatever their case; every relation has an inverse, and
//! the inverse of the inverse is the relation; every `inherits_owner_via` field is a relation of its kind.
//!
//! Source of the built-in specs and relations: `@backstage/catalog-model` 1.10.1 (`schema/kinds`),
//! `@backstage/plugin-scaffolder-common` 2.3.0 and the `BuiltinKindsEntityProcessor` of
//! `@backstage/plugin-catalog-backend` 4.0.0. The envelope around the spec is checked in [`crate::descriptor`].

mod check;
mod decode;
pub(crate) mod format;
pub(crate) mod placeholder;
mod problem;
mod relations;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

pub use check::SpecCheck;
pub(crate) use check::article;
pub use placeholder::{Placeholder, PlaceholderKind};
pub use problem::{Path, Problem};
pub(crate) use relations::check_refs;
pub use relations::{DeclaredRelation, relations_of};

use crate::yaml::Position;

/// Most kinds in one set.
pub const KINDS_MAX: usize = 256;
/// Most fields of one kind that are relations.
pub const RELATION_FIELDS_MAX: usize = 64;
/// Heaviest search weight.
pub const SEARCH_WEIGHT_MAX: u32 = 100;

/// The limits of this module for the table of the whole program.
pub const LIMITS: &[crate::Limit] = &[
    crate::Limit {
        name: "kinds_max",
        value: KINDS_MAX as u64,
        unit: "kinds",
        effect: "the kind files are refused",
    },
    crate::Limit {
        name: "kind_relation_fields_max",
        value: RELATION_FIELDS_MAX as u64,
        unit: "fields",
        effect: "the kind file is refused",
    },
    crate::Limit {
        name: "kind_search_weight_max",
        value: SEARCH_WEIGHT_MAX as u64,
        unit: "weight",
        effect: "the kind file is refused",
    },
];

/// The kind files that are part of the program, by name.
const BUILTIN_FILES: &[(&str, &str)] = &[
    ("api.yaml", include_str!("../../kinds/api.yaml")),
    ("component.yaml", include_str!("../../kinds/component.yaml")),
    ("domain.yaml", include_str!("../../kinds/domain.yaml")),
    ("group.yaml", include_str!("../../kinds/group.yaml")),
    ("location.yaml", include_str!("../../kinds/location.yaml")),
    ("repository.yaml", include_str!("../../kinds/repository.yaml")),
    ("resource.yaml", include_str!("../../kinds/resource.yaml")),
    ("system.yaml", include_str!("../../kinds/system.yaml")),
    ("template.yaml", include_str!("../../kinds/template.yaml")),
    ("user.yaml", include_str!("../../kinds/user.yaml")),
];

/// One kind, as its file declares it.
#[derive(Debug)]
pub struct KindDecl {
    /// As entities write it: `Component`.
    pub kind: String,
    /// Lower-case plural for lists and paths: `components`.
    pub plural: String,
    /// The `apiVersion`s that entities of this kind may have; at least one.
    pub api_versions: Vec<String>,
    pub description: String,
    /// JSON Schema of `spec`, which every entity of a kind must have.
    pub spec_schema: serde_json::Value,
    /// In the order of the file.
    pub relations: Vec<RelationField>,
    /// Fields of `spec` whose targets' owner an entity without its own owner gets, nearest first.
    pub inherits_owner_via: Vec<String>,
    /// Field of `spec` that says which sort of this kind an entity is.
    pub type_field: Option<String>,
    /// Field of `spec` that says which state an entity is in.
    pub lifecycle_field: Option<String>,
    pub search: SearchWeights,
    /// [`Self::spec_schema`], compiled.
    pub check: SpecCheck,
}

/// A field of `spec` that holds refs to other entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationField {
    /// Path below `spec`, its parts separated by dots.
    pub field: String,
    /// The relation as seen from the entity that holds the field (`incoming`: from the target).
    pub relation: String,
    pub direction: Direction,
    /// The kind of a ref that names none; without it such a ref is a problem.
    pub default_kind: Option<String>,
    pub default_namespace: DefaultNamespace,
    /// Whether the field is meant to hold a list. A single ref is read all the same.
    pub many: bool,
}

/// Which way a relation field points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The entity has the relation to its target.
    Outgoing,
    /// The target has the relation to the entity, so the entity has its inverse.
    Incoming,
}

/// The namespace of a ref that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultNamespace {
    /// That of the entity which holds the ref.
    Inherit,
    /// `default`.
    Default,
}

/// How much a match in a field counts in search; 0 leaves the field out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchWeights {
    pub name: u32,
    pub title: u32,
    pub description: u32,
    pub tags: u32,
    pub labels: u32,
    pub annotations: u32,
    pub identifiers: u32,
    pub spec: u32,
}

impl Default for SearchWeights {
    fn default() -> Self {
        Self {
            name: 4,
            title: 4,
            description: 1,
            tags: 2,
            labels: 1,
            annotations: 1,
            identifiers: 3,
            spec: 1,
        }
    }
}

/// A problem in a kind file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}:{}: {} ({})", problem.line, problem.column, problem.message, problem.code)]
pub struct KindFileProblem {
    pub file: String,
    pub problem: Problem,
}

/// What a set says about a `kind` and `apiVersion`.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'a> {
    Known(&'a KindDecl),
    /// The kind is known, in other versions or another case.
    OtherVersion(&'a KindDecl),
    Unknown,
}

/// All kinds that a catalog knows, with the pairs of relations that they use.
#[derive(Debug, Clone, Default)]
pub struct KindSet {
    kinds: Vec<Arc<KindDecl>>,
    /// Lower-case kind → place in `kinds`.
    by_kind: HashMap<String, usize>,
    inverses: BTreeMap<String, String>,
    /// Forward → inverse.
    pairs: BTreeMap<String, String>,
}

static BUILTIN: LazyLock<KindSet> = LazyLock::new(|| {
    let files = BUILTIN_FILES.iter().copied();
    KindSet::load(KindSet::default(), files).expect("the kind files in schema/kinds are valid, a test reads them")
});

impl KindSet {
    /// The kinds of `schema/kinds/`.
    pub fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// The built-in kinds and those of `files` (name and text of each).
    ///
    /// Errors: every problem of every file, with its place; a kind or plural that exists already is one.
    pub fn with_custom<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> Result<Self, Vec<KindFileProblem>> {
        let custom = files.iter().map(|(name, text)| (name.as_ref(), text.as_ref()));
        Self::load(Self::builtin(), custom)
    }

    /// Adds the kinds of files to a set.
    fn load<'a>(set: Self, files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<KindFileProblem>> {
        let mut loading = Loading {
            set,
            uses: Vec::new(),
            problems: Vec::new(),
        };
        for (file, text) in files {
            let (declared, problems) = decode::decode(text);
            loading
                .problems
                .extend(problems.into_iter().map(|problem| KindFileProblem {
                    file: file.to_owned(),
                    problem,
                }));
            for one in declared {
                loading.add(file, one);
            }
        }
        loading.check_uses();
        if loading.problems.is_empty() {
            Ok(loading.set)
        } else {
            Err(loading.problems)
        }
    }

    /// The declaration of a kind, whatever its case.
    pub fn get(&self, kind: &str) -> Option<&KindDecl> {
        if let Some(at) = self.by_kind.get(kind) {
            return self.kinds.get(*at).map(Arc::as_ref);
        }
        let at = self.by_kind.get(&kind.to_lowercase())?;
        self.kinds.get(*at).map(Arc::as_ref)
    }

    /// The declaration for an entity's `kind` and `apiVersion`, both compared exactly, as Backstage does.
    pub fn lookup(&self, kind: &str, api_version: &str) -> Lookup<'_> {
        match self.get(kind) {
            Some(decl) if decl.kind == kind && decl.api_versions.iter().any(|version| version == api_version) => {
                Lookup::Known(decl)
            }
            Some(decl) => Lookup::OtherVersion(decl),
            None => Lookup::Unknown,
        }
    }

    /// All kinds, built-in ones first, each file in its order.
    pub fn iter(&self) -> impl Iterator<Item = &KindDecl> {
        self.kinds.iter().map(Arc::as_ref)
    }

    /// The relation that holds in the other direction whenever `relation` holds.
    pub fn inverse_of(&self, relation: &str) -> Option<&str> {
        self.inverses.get(relation).map(String::as_str)
    }

    /// Pairs of relation and inverse, by the name of the relation (`ownedBy`, `ownerOf`).
    pub fn relation_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(forward, inverse)| (forward.as_str(), inverse.as_str()))
    }

    /// The name under which the pair of `relation` is declared: `ownedBy` for `ownerOf`.
    pub fn forward_of(&self, relation: &str) -> Option<&str> {
        if let Some((forward, _)) = self.pairs.get_key_value(relation) {
            return Some(forward);
        }
        self.inverse_of(relation)
    }
}

/// A kind of one file with the places that later checks speak of.
struct Declared {
    decl: KindDecl,
    kind_position: Position,
    plural_position: Position,
    /// Forward, inverse and place.
    pairs: Vec<(String, String, Position)>,
    relation_positions: Vec<Position>,
}

struct Loading {
    set: KindSet,
    /// File, relation and place of every use of a relation, checked when all pairs are known.
    uses: Vec<(String, String, Position)>,
    problems: Vec<KindFileProblem>,
}

impl Loading {
    fn add(&mut self, file: &str, declared: Declared) {
        let Declared {
            decl,
            kind_position,
            plural_position,
            pairs,
            relation_positions,
        } = declared;
        for (forward, inverse, position) in pairs {
            self.add_pair(file, forward, inverse, position);
        }
        for (relation, position) in decl.relations.iter().zip(relation_positions) {
            self.uses.push((file.to_owned(), relation.relation.clone(), position));
        }
        let key = decl.kind.to_lowercase();
        if self.set.by_kind.contains_key(&key) {
            let message = format!(
                "the kind `{}` is declared already; kinds differ in more than case",
                decl.kind
            );
            return self.report(file, "duplicate_kind", message, kind_position, "kind");
        }
        if self.set.kinds.iter().any(|other| other.plural == decl.plural) {
            let message = format!("the plural `{}` belongs to another kind already", decl.plural);
            return self.report(file, "duplicate_kind", message, plural_position, "plural");
        }
        if self.set.kinds.len() >= KINDS_MAX {
            let message = format!("there are more than {KINDS_MAX} kinds (kinds_max)");
            return self.report(file, "too_many_kinds", message, kind_position, "kind");
        }
        self.set.by_kind.insert(key, self.set.kinds.len());
        self.set.by_kind.insert(decl.kind.clone(), self.set.kinds.len());
        self.set.kinds.push(Arc::new(decl));
    }

    fn add_pair(&mut self, file: &str, forward: String, inverse: String, position: Position) {
        let inverses = &self.set.inverses;
        let same = inverses.get(&forward) == Some(&inverse) && self.set.pairs.contains_key(&forward);
        if same {
            return;
        }
        if forward == inverse || inverses.contains_key(&forward) || inverses.contains_key(&inverse) {
            let message =
                format!("`{forward}` and `{inverse}` cannot be a pair: a relation has one inverse, not itself");
            return self.report(file, "relation_pair_conflict", message, position, "relation_pairs");
        }
        self.set.inverses.insert(forward.clone(), inverse.clone());
        self.set.inverses.insert(inverse.clone(), forward.clone());
        self.set.pairs.insert(forward, inverse);
    }

    fn check_uses(&mut self) {
        for (file, relation, position) in std::mem::take(&mut self.uses) {
            if self.set.inverses.contains_key(&relation) {
                continue;
            }
            let known: Vec<&str> = self.set.inverses.keys().map(String::as_str).collect();
            let message = format!(
                "the relation `{relation}` has no pair; declare one under relation_pairs, or use one of {}",
                known.join(", ")
            );
            self.report(&file, "unknown_relation", message, position, "relations");
        }
    }

    fn report(&mut self, file: &str, code: &'static str, message: String, position: Position, path: &str) {
        let problem = Problem::at(code, message, position, path.to_owned());
        self.problems.push(KindFileProblem {
            file: file.to_owned(),
            problem,
        });
    }
}
