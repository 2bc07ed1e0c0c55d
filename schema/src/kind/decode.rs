//! Reads kind files.
//!
//! A file holds one kind per document. Every problem is collected, with its place; a document with a problem declares
//! nothing.

use super::{
    Declared, DefaultNamespace, Direction, KindDecl, Path, Problem, RELATION_FIELDS_MAX, RelationField,
    SEARCH_WEIGHT_MAX, SearchWeights, SpecCheck, check::article, format,
};
use crate::yaml::{self, Limits, Node, NodeValue, Position};

/// The kinds that a file declares and the problems of its other documents.
pub(super) fn decode(text: &str) -> (Vec<Declared>, Vec<Problem>) {
    let mut declared = Vec::new();
    let mut problems = Vec::new();
    for document in yaml::parse_documents(text, &Limits::default()) {
        match document.root {
            Err(error) => problems.push(error.into()),
            Ok(Node {
                value: NodeValue::Null, ..
            }) => {}
            Ok(root) => {
                let before = problems.len();
                let kind = decode_kind(&root, &mut problems);
                declared.extend(kind.filter(|_| problems.len() == before));
            }
        }
    }
    if declared.is_empty() && problems.is_empty() {
        let message = "the file declares no kind; it needs at least kind, plural, api_versions and spec_schema";
        problems.push(Problem::at("missing_field", message, Position::START, String::new()));
    }
    (declared, problems)
}

const KIND_FIELDS: &[&str] = &[
    "kind",
    "plural",
    "api_versions",
    "description",
    "type_field",
    "lifecycle_field",
    "inherits_owner_via",
    "search",
    "relation_pairs",
    "relations",
    "spec_schema",
];
const RELATION_KEYS: &[&str] = &[
    "field",
    "relation",
    "direction",
    "default_kind",
    "default_namespace",
    "many",
];
const PAIR_KEYS: &[&str] = &["forward", "inverse"];

fn decode_kind(root: &Node, problems: &mut Vec<Problem>) -> Option<Declared> {
    let mut reader = Reader {
        node: root,
        path: Path::Root,
        problems,
    };
    reader.expect_fields(KIND_FIELDS)?;
    let kind = reader.name(
        "kind",
        format::is_kind,
        "letters and digits, the first a letter, at most 63",
    );
    let plural = reader.name("plural", is_plural, "lower-case letters, digits and dashes, at most 63");
    let api_versions = reader.api_versions();
    let description = reader
        .text("description", false)
        .map_or(String::new(), |(text, _)| text);
    let type_field = reader.text("type_field", false).map(|(text, _)| text);
    let lifecycle_field = reader.text("lifecycle_field", false).map(|(text, _)| text);
    let search = reader.search();
    let pairs = reader.pairs();
    let (relations, relation_positions) = reader.relations();
    let inherits_owner_via = reader.inherits(&relations);
    let (spec_schema, check) = reader.schema()?;
    let (kind, kind_position) = kind?;
    let (plural, plural_position) = plural?;
    let decl = KindDecl {
        kind,
        plural,
        api_versions,
        description,
        spec_schema,
        relations,
        inherits_owner_via,
        type_field,
        lifecycle_field,
        search,
        check,
    };
    Some(Declared {
        decl,
        kind_position,
        plural_position,
        pairs,
        relation_positions,
    })
}

fn is_plural(text: &str) -> bool {
    format::is_dns_label(text) && text.as_bytes()[0].is_ascii_lowercase()
}

fn is_relation(text: &str) -> bool {
    format::is_kind(text)
}

fn is_field(text: &str) -> bool {
    !text.is_empty() && text.split('.').all(|part| !part.is_empty())
}

/// Reads the fields of one mapping and reports what is wrong with them.
struct Reader<'n, 'p> {
    node: &'n Node,
    path: Path<'p>,
    problems: &'p mut Vec<Problem>,
}

impl<'n> Reader<'n, '_> {
    fn report(&mut self, code: &'static str, message: String, position: Position, field: &str) {
        let path = if field.is_empty() {
            self.path.to_string()
        } else {
            Path::Field(&self.path, field).to_string()
        };
        self.problems.push(Problem::at(code, message, position, path));
    }

    fn expect_fields(&mut self, known: &[&str]) -> Option<()> {
        let Some(entries) = self.node.as_mapping() else {
            let message = format!("an object is expected here, not {}", article(self.node.type_name()));
            self.report("wrong_type", message, self.node.position, "");
            return None;
        };
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                let message = format!(
                    "the field `{}` is unknown here; known are {}",
                    entry.key,
                    known.join(", ")
                );
                self.report("unknown_field", message, entry.key_position, &entry.key);
            }
        }
        Some(())
    }

    fn wrong_type(&mut self, field: &str, node: &Node, expected: &str) {
        let message = format!("{expected} is expected here, not {}", article(node.type_name()));
        self.report("wrong_type", message, node.position, field);
    }

    fn text(&mut self, field: &str, required: bool) -> Option<(String, Position)> {
        match self.node.get(field) {
            Some(node) => match node.as_str().filter(|text| !text.is_empty()) {
                Some(text) => Some((text.to_owned(), node.position)),
                None => {
                    self.wrong_type(field, node, "a text that is not empty");
                    None
                }
            },
            None => {
                if required {
                    self.report(
                        "missing_field",
                        format!("the field `{field}` is missing"),
                        self.node.position,
                        field,
                    );
                }
                None
            }
        }
    }

    fn name(&mut self, field: &str, accepts: fn(&str) -> bool, format: &str) -> Option<(String, Position)> {
        let (text, position) = self.text(field, true)?;
        if accepts(&text) {
            return Some((text, position));
        }
        self.report(
            "invalid_format",
            format!("`{text}` is no valid {field}: {format}"),
            position,
            field,
        );
        None
    }

    fn flag(&mut self, field: &str) -> bool {
        match self.node.get(field).map(|node| (node, &node.value)) {
            None => false,
            Some((_, NodeValue::Bool(value))) => *value,
            Some((node, _)) => {
                self.wrong_type(field, node, "true or false");
                false
            }
        }
    }

    fn choice<T: Copy>(&mut self, field: &str, choices: &[(&str, T)], default: T) -> T {
        let Some((text, position)) = self.text(field, false) else {
            return default;
        };
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return *value;
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let message = format!("`{text}` is not allowed here; use {}", names.join(" or "));
        self.report("value_not_allowed", message, position, field);
        default
    }

    fn list(&mut self, field: &str) -> &'n [Node] {
        match self.node.get(field) {
            None => &[],
            Some(node) => node.as_sequence().unwrap_or_else(|| {
                self.wrong_type(field, node, "a list");
                &[]
            }),
        }
    }

    fn api_versions(&mut self) -> Vec<String> {
        let items = self.list("api_versions");
        if items.is_empty() {
            let message = "at least one apiVersion is needed, such as `example.com/v1`".to_owned();
            self.report("missing_field", message, self.node.position, "api_versions");
        }
        let mut versions: Vec<String> = Vec::new();
        for item in items {
            match item.as_str() {
                Some(text) if format::is_api_version(text) && !versions.iter().any(|known| known == text) => {
                    versions.push(text.to_owned());
                }
                _ => {
                    let message = "an apiVersion stands here once, like `v1` or `example.com/v1`".to_owned();
                    self.report("invalid_format", message, item.position, "api_versions");
                }
            }
        }
        versions
    }

    fn search(&mut self) -> SearchWeights {
        let mut weights = SearchWeights::default();
        let Some(node) = self.node.get("search") else {
            return weights;
        };
        let Some(entries) = node.as_mapping() else {
            self.wrong_type("search", node, "an object of weights");
            return weights;
        };
        for entry in entries {
            let slot = match entry.key.as_str() {
                "name" => &mut weights.name,
                "title" => &mut weights.title,
                "description" => &mut weights.description,
                "tags" => &mut weights.tags,
                "labels" => &mut weights.labels,
                "annotations" => &mut weights.annotations,
                "identifiers" => &mut weights.identifiers,
                "spec" => &mut weights.spec,
                other => {
                    let message = format!("`{other}` has no search weight");
                    self.report("unknown_field", message, entry.key_position, "search");
                    continue;
                }
            };
            let weight = match &entry.value.value {
                NodeValue::Number(number) => number.as_u64().and_then(|weight| u32::try_from(weight).ok()),
                _ => None,
            };
            match weight.filter(|weight| *weight <= SEARCH_WEIGHT_MAX) {
                Some(weight) => *slot = weight,
                None => {
                    let message = format!("a weight is a whole number from 0 to {SEARCH_WEIGHT_MAX}");
                    self.report("value_not_allowed", message, entry.value.position, "search");
                }
            }
        }
        weights
    }

    fn pairs(&mut self) -> Vec<(String, String, Position)> {
        let mut pairs = Vec::new();
        for (at, item) in self.list("relation_pairs").iter().enumerate() {
            let list = Path::Field(&self.path, "relation_pairs");
            let mut reader = Reader {
                node: item,
                path: Path::Item(&list, at),
                problems: self.problems,
            };
            if reader.expect_fields(PAIR_KEYS).is_none() {
                continue;
            }
            let forward = reader.name(
                "forward",
                is_relation,
                "letters and digits, the first a letter, at most 63",
            );
            let inverse = reader.name(
                "inverse",
                is_relation,
                "letters and digits, the first a letter, at most 63",
            );
            if let (Some((forward, position)), Some((inverse, _))) = (forward, inverse) {
                pairs.push((forward, inverse, position));
            }
        }
        pairs
    }

    fn relations(&mut self) -> (Vec<RelationField>, Vec<Position>) {
        let mut relations: Vec<RelationField> = Vec::new();
        let mut positions = Vec::new();
        let items = self.list("relations");
        if let Some(beyond) = items.get(RELATION_FIELDS_MAX) {
            let message =
                format!("a kind has at most {RELATION_FIELDS_MAX} relation fields (kind_relation_fields_max)");
            self.report("too_many_relations", message, beyond.position, "relations");
        }
        for (at, item) in items.iter().take(RELATION_FIELDS_MAX).enumerate() {
            let list = Path::Field(&self.path, "relations");
            let mut reader = Reader {
                node: item,
                path: Path::Item(&list, at),
                problems: self.problems,
            };
            if reader.expect_fields(RELATION_KEYS).is_none() {
                continue;
            }
            let field = reader.name("field", is_field, "a path below spec, its parts separated by dots");
            let relation = reader.name(
                "relation",
                is_relation,
                "letters and digits, the first a letter, at most 63",
            );
            let default_kind = reader.node.get("default_kind").and_then(|_| {
                reader.name(
                    "default_kind",
                    format::is_kind,
                    "letters and digits, the first a letter, at most 63",
                )
            });
            let directions = [("outgoing", Direction::Outgoing), ("incoming", Direction::Incoming)];
            let direction = reader.choice("direction", &directions, Direction::Outgoing);
            let namespaces = [
                ("inherit", DefaultNamespace::Inherit),
                ("default", DefaultNamespace::Default),
            ];
            let default_namespace = reader.choice("default_namespace", &namespaces, DefaultNamespace::Inherit);
            let many = reader.flag("many");
            let (Some((field, field_position)), Some((relation, position))) = (field, relation) else {
                continue;
            };
            if relations.iter().any(|known| known.field == field) {
                let message = format!("the field `{field}` is a relation already");
                reader.report("duplicate_relation", message, field_position, "field");
                continue;
            }
            let default_kind = default_kind.map(|(kind, _)| kind);
            relations.push(RelationField {
                field,
                relation,
                direction,
                default_kind,
                default_namespace,
                many,
            });
            positions.push(position);
        }
        (relations, positions)
    }

    fn inherits(&mut self, relations: &[RelationField]) -> Vec<String> {
        let mut fields = Vec::new();
        for item in self.list("inherits_owner_via") {
            match item.as_str() {
                Some(field) if relations.iter().any(|relation| relation.field == field) => {
                    fields.push(field.to_owned())
                }
                _ => {
                    let message = "each item names a field that stands under `relations`".to_owned();
                    self.report("value_not_allowed", message, item.position, "inherits_owner_via");
                }
            }
        }
        fields
    }

    fn schema(&mut self) -> Option<(serde_json::Value, SpecCheck)> {
        let Some(node) = self.node.get("spec_schema") else {
            let message = "the field `spec_schema` is missing; `{type: object}` takes any spec".to_owned();
            self.report("missing_field", message, self.node.position, "spec_schema");
            return None;
        };
        if node.as_mapping().is_none() {
            self.wrong_type("spec_schema", node, "an object");
            return None;
        }
        let schema = node.to_json();
        match SpecCheck::compile(&schema) {
            Ok(check) => Some((schema, check)),
            Err(reason) => {
                let message = format!("the schema is no valid JSON Schema: {reason}");
                self.report("invalid_schema", message, node.position, "spec_schema");
                None
            }
        }
    }
}
