//! One entity as a document of the index.

use std::collections::HashSet;
use std::hash::BuildHasher as _;

use bailiwick_schema::EntityRef;
use serde_json::Value;
use tantivy::TantivyDocument;
use tantivy::schema::Field as IndexField;
use tracing::debug;

use super::analysis::{fold, for_runs, runs};
use super::fields::{FORMAT_VERSION, Fields};
use super::limits::{
    DEFINITION_BYTES_MAX, DESCRIPTION_BYTES_MAX, FIELD_VALUE_BYTES_MAX, IDENTIFIERS_MAX, TITLE_BYTES_MAX, cut,
};
use super::paths::TermMaker;
use crate::follow::IndexState;
use crate::graph::{Field, Node};

/// Paths whose words have fields of their own.
const SEARCHED_ELSEWHERE: [&str; 10] = [
    "apiVersion",
    "kind",
    "metadata.name",
    "metadata.namespace",
    "metadata.title",
    "metadata.description",
    "metadata.tags",
    "spec.type",
    "spec.lifecycle",
    "spec.definition",
];

/// A hash over what the document of a node is made from. Equal nodes have equal hashes, in a followed index and in a
/// rebuilt one; summed over all documents it shows whether the index holds what the snapshot holds.
pub fn document_hash(node: &Node) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FORMAT_VERSION.to_le_bytes());
    hasher.update(&node.no.0.to_le_bytes());
    hasher.update(node.hash.as_bytes());
    hasher.update(node.entity.as_str().as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// Builds the document, and says whether the body could be read; without one it holds what the node itself says.
pub(crate) fn document(fields: &Fields, state: &IndexState, terms: &mut TermMaker) -> (TantivyDocument, bool) {
    let node = &*state.node;
    let body: Option<Value> = state.body.as_deref().and_then(|body| serde_json::from_slice(body).ok());
    if body.is_none() {
        debug!(entity = %node.entity, position = %node.position, "entity is indexed without its body");
    }
    let mut document = Document {
        fields,
        document: TantivyDocument::default(),
    };
    document.document.add_u64(fields.no, u64::from(node.no.0));
    document.document.add_u64(fields.hash, document_hash(node));
    document.values(node, &state.owners);
    document.names(node, &state.owners);
    if let Some(body) = &body {
        document.body(node, body, terms);
    }
    (document.document, body.is_some())
}

/// The words of many values, each once: a URL under every second annotation makes the same words again and again.
#[derive(Default)]
struct Rest {
    words: String,
    seen: HashSet<u64, foldhash::fast::RandomState>,
}

impl Rest {
    fn add(&mut self, value: &str) {
        for_runs(value, &mut |from, to| {
            let word = &value[from..to];
            if self.seen.insert(self.seen.hasher().hash_one(word)) {
                self.words.push_str(word);
                self.words.push(' ');
            }
        });
    }
}

/// Whether every word of the title is one of the name.
fn same_words(name: &str, title: &str) -> bool {
    let name = runs(name);
    runs(title).iter().all(|word| name.contains(word))
}

struct Document<'a> {
    fields: &'a Fields,
    document: TantivyDocument,
}

impl Document<'_> {
    fn add(&mut self, field: IndexField, text: &str) {
        if !text.is_empty() {
            self.document.add_text(field, text);
        }
    }

    /// The values of filters and facets.
    fn values(&mut self, node: &Node, owners: &[EntityRef]) {
        let mut seen: Vec<(Field, String)> = Vec::new();
        let mut put = |document: &mut Self, field: Field, value: &str| {
            let lower = value.to_lowercase();
            if lower.len() <= FIELD_VALUE_BYTES_MAX && !seen.iter().any(|(at, same)| *at == field && *same == lower) {
                document.document.add_text(document.fields.of(field), &lower);
                seen.push((field, lower));
            }
        };
        put(self, Field::Kind, &node.kind);
        put(self, Field::Namespace, &node.namespace);
        if let Some(lifecycle) = &node.lifecycle {
            put(self, Field::Lifecycle, lifecycle);
        }
        if let Some(entity_type) = &node.entity_type {
            put(self, Field::Type, entity_type);
        }
        for tag in &node.tags {
            put(self, Field::Tag, tag);
        }
        for (key, value) in &node.labels {
            put(self, Field::Label, &format!("{key}={value}"));
        }
        for owner in owners {
            put(self, Field::Owner, owner.as_str());
        }
    }

    /// What entity and owners are called.
    fn names(&mut self, node: &Node, owners: &[EntityRef]) {
        let fields = self.fields;
        self.add(fields.entity, node.entity.as_str());
        self.add(
            fields.entity,
            &format!("{}/{}", node.entity.namespace(), node.entity.name()),
        );
        let name = fold(cut(&node.name, FIELD_VALUE_BYTES_MAX));
        self.add(fields.name_exact, &name);
        let name = cut(&node.name, FIELD_VALUE_BYTES_MAX);
        self.add(fields.name, name);
        // `paymentservice` finds `payment-service` too.
        let joined: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
        if joined.len() != name.len() {
            self.add(fields.name, &joined.to_lowercase());
        }
        self.add(fields.name_edges, name);
        self.add(fields.words, name);
        if let Some(title) = &node.title {
            let title = cut(title, TITLE_BYTES_MAX);
            self.add(fields.title, title);
            // The name's own beginnings are worth more.
            if !same_words(name, title) {
                self.add(fields.title_edges, title);
            }
            self.add(fields.words, title);
        }
        for tag in &node.tags {
            self.add(fields.words, cut(tag, FIELD_VALUE_BYTES_MAX));
        }
        for owner in owners {
            self.add(fields.owner_name, owner.name());
            self.add(fields.owner_name, &format!("{}/{}", owner.namespace(), owner.name()));
            self.add(fields.words, owner.name());
        }
    }

    fn body(&mut self, node: &Node, body: &Value, terms: &mut TermMaker) {
        let fields = self.fields;
        if let Some(description) = body.pointer("/metadata/description").and_then(Value::as_str) {
            let description = cut(description, DESCRIPTION_BYTES_MAX);
            self.add(fields.text, description);
            self.add(fields.words, description);
        }
        if let Some(identifiers) = body.get("identifiers") {
            let mut left = IDENTIFIERS_MAX;
            self.identifiers(identifiers, &mut left);
        }
        if let Some(definition) = body.pointer("/spec/definition").and_then(Value::as_str) {
            self.add(fields.rest, cut(definition, DEFINITION_BYTES_MAX));
        }
        let mut rest = Rest::default();
        let complete = terms.for_terms(body, &mut |term, path, value| {
            if let Some(term) = term {
                self.document.add_bytes(fields.path, &term);
            }
            if !SEARCHED_ELSEWHERE.contains(&path) {
                rest.add(value);
            }
        });
        self.add(fields.rest, &rest.words);
        if !complete {
            debug!(entity = %node.entity, "entity has more values than are indexed by path (search_path_terms_max)");
        }
    }

    /// A list of texts, or of objects whose texts are taken.
    fn identifiers(&mut self, value: &Value, left: &mut usize) {
        match value {
            Value::String(identifier) if *left > 0 => {
                *left -= 1;
                let lower = cut(identifier, FIELD_VALUE_BYTES_MAX).to_lowercase();
                let fields = self.fields;
                self.add(fields.identifier, &lower);
                if let Some((_, value)) = lower.split_once(':') {
                    self.add(fields.identifier, value);
                }
                self.add(fields.identifier_parts, &lower);
                self.add(fields.words, &lower);
            }
            Value::Array(items) => items.iter().for_each(|item| self.identifiers(item, left)),
            Value::Object(members) => members.values().for_each(|member| self.identifiers(member, left)),
            _ => {}
        }
    }
}
