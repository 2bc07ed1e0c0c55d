//! One entity as a document of the index.

use std::collections::HashSet;
use std::hash::BuildHasher as _;

use bailiwick_schema::EntityRef;
use tantivy::TantivyDocument;
use tantivy::schema::Field as IndexField;
use tracing::debug;

use super::analysis::{fold, for_runs, runs};
use super::fields::{FORMAT_VERSION, Fields};
use super::limits::{
    DEFINITION_BYTES_MAX, DESCRIPTION_BYTES_MAX, FIELD_VALUE_BYTES_MAX, IDENTIFIERS_MAX, TITLE_BYTES_MAX, cut,
};
use super::paths::{Pair, TermMaker};
use super::scalars::for_scalars;
use crate::follow::IndexState;
use crate::graph::{Field, Node};

/// The identifiers that an entity holds.
const IDENTIFIERS: &str = "identifiers";

/// What describes an entity.
const DESCRIPTION: &str = "metadata.description";

/// The text of an API.
const DEFINITION: &str = "spec.definition";

/// Paths whose words have fields of their own.
const SEARCHED_ELSEWHERE: [&str; 10] = [
    "apiVersion",
    "kind",
    "metadata.name",
    "metadata.namespace",
    "metadata.title",
    DESCRIPTION,
    "metadata.tags",
    "spec.type",
    "spec.lifecycle",
    DEFINITION,
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
    let mut document = Document {
        fields,
        document: TantivyDocument::default(),
    };
    document.document.add_u64(fields.no, u64::from(node.no.0));
    document.document.add_u64(fields.hash, document_hash(node));
    document.values(node, &state.owners);
    document.names(node, &state.owners);
    let is_readable = state
        .body
        .as_deref()
        .is_some_and(|body| document.body(node, body, terms));
    if !is_readable {
        debug!(entity = %node.entity, position = %node.position, "entity is indexed without its body");
    }
    (document.document, is_readable)
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

    /// What the body says; false if it cannot be read.
    fn body(&mut self, node: &Node, body: &[u8], terms: &mut TermMaker) -> bool {
        let fields = self.fields;
        let mut identifiers = 0;
        terms.begin();
        let mut rest = Rest::default();
        let read = for_scalars(body, &mut |path, value| {
            match path {
                IDENTIFIERS => {
                    identifiers += 1;
                    if identifiers <= IDENTIFIERS_MAX {
                        self.identifier(&cut(value, FIELD_VALUE_BYTES_MAX).to_lowercase());
                    }
                    return;
                }
                DESCRIPTION => {
                    let description = cut(value, DESCRIPTION_BYTES_MAX);
                    self.add(fields.text, description);
                    self.add(fields.words, description);
                }
                DEFINITION => self.add(fields.rest, cut(value, DEFINITION_BYTES_MAX)),
                _ => {}
            }
            match terms.pair(path, value) {
                Pair::LeftOut => return,
                Pair::Unindexed => {}
                Pair::Indexed(term) => self.document.add_bytes(fields.path, &term),
            }
            if !SEARCHED_ELSEWHERE.contains(&path) {
                rest.add(value);
            }
        });
        self.add(fields.rest, &rest.words);
        if terms.is_cut() {
            debug!(entity = %node.entity, "entity has more values than are indexed by path (search_path_terms_max)");
        }
        read.is_ok()
    }

    fn identifier(&mut self, lower: &str) {
        let fields = self.fields;
        self.add(fields.identifier, lower);
        if let Some((_, value)) = lower.split_once(':') {
            self.add(fields.identifier, value);
        }
        self.add(fields.identifier_parts, lower);
        self.add(fields.words, lower);
    }
}
