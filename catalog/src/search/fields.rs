//! The schema of the index.
//!
//! The names and options are part of the stored format: a change here raises [`FORMAT_VERSION`].

use tantivy::schema::{
    FAST, Field as IndexField, INDEXED, IndexRecordOption, NumericOptions, Schema, SchemaBuilder, TextFieldIndexing,
    TextOptions,
};

use super::analysis::{EDGES, ENGLISH, PARTS, PLAIN, RAW};
use crate::graph::Field;

/// Raised when the schema, the analysis or the making of documents changes: every index is then built anew.
pub(crate) const FORMAT_VERSION: u32 = 2;

/// Handles of the fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// The entity number, the key of a document.
    pub(crate) no: IndexField,
    /// [`super::document_hash`], for `verify`.
    pub(crate) hash: IndexField,
    /// One for each [`Field`], in lower case, as in [`Field::ALL`].
    pub(crate) values: [IndexField; Field::ALL.len()],
    /// The full ref and `namespace/name`.
    pub(crate) entity: IndexField,
    /// Names of owners as people write them.
    pub(crate) owner_name: IndexField,
    pub(crate) name_exact: IndexField,
    pub(crate) name: IndexField,
    pub(crate) name_edges: IndexField,
    pub(crate) title: IndexField,
    pub(crate) title_edges: IndexField,
    /// The description, stemmed.
    pub(crate) text: IndexField,
    /// Every word of name, title, description, tags, owners and identifiers, as written.
    pub(crate) words: IndexField,
    pub(crate) identifier: IndexField,
    pub(crate) identifier_parts: IndexField,
    /// Words of other values and of API definitions.
    pub(crate) rest: IndexField,
    /// Hashes of path and value, see [`super::paths`].
    pub(crate) path: IndexField,
}

/// The name of the column that holds a field's values.
pub(crate) const fn column_of(field: Field) -> &'static str {
    match field {
        Field::Kind => "kind",
        Field::Namespace => "namespace",
        Field::Owner => "owner",
        Field::Tag => "tag",
        Field::Lifecycle => "lifecycle",
        Field::Type => "type",
        Field::Label => "label",
    }
}

pub(crate) const NO: &str = "no";
pub(crate) const HASH: &str = "hash";

impl Fields {
    pub(crate) fn schema() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let fields = Self {
            no: schema.add_u64_field(NO, NumericOptions::from(INDEXED | FAST)),
            hash: schema.add_u64_field(HASH, FAST),
            values: Field::ALL.map(|field| {
                schema.add_text_field(column_of(field), indexed(RAW, IndexRecordOption::Basic).set_fast(RAW))
            }),
            entity: text(&mut schema, "ref", RAW),
            owner_name: text(&mut schema, "owner_name", RAW),
            name_exact: text(&mut schema, "name_exact", RAW),
            name: text_with_positions(&mut schema, "name", PARTS),
            name_edges: text(&mut schema, "name_edges", EDGES),
            title: text_with_positions(&mut schema, "title", ENGLISH),
            title_edges: text(&mut schema, "title_edges", EDGES),
            text: text_with_positions(&mut schema, "text", ENGLISH),
            words: text(&mut schema, "words", PLAIN),
            identifier: text(&mut schema, "identifier", RAW),
            identifier_parts: text_with_positions(&mut schema, "identifier_parts", PARTS),
            rest: text(&mut schema, "rest", PLAIN),
            path: schema.add_bytes_field("path", INDEXED),
        };
        (schema.build(), fields)
    }

    pub(crate) fn of(&self, field: Field) -> IndexField {
        let at = Field::ALL
            .iter()
            .position(|other| *other == field)
            .expect("every field is in the list of all fields");
        self.values[at]
    }
}

fn indexed(tokenizer: &str, record: IndexRecordOption) -> TextOptions {
    // No norms: scores are constants, so that they do not depend on what else is in the index.
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_index_option(record)
        .set_fieldnorms(false);
    TextOptions::default().set_indexing_options(indexing)
}

fn text(schema: &mut SchemaBuilder, name: &str, tokenizer: &str) -> IndexField {
    schema.add_text_field(name, indexed(tokenizer, IndexRecordOption::Basic))
}

fn text_with_positions(schema: &mut SchemaBuilder, name: &str, tokenizer: &str) -> IndexField {
    schema.add_text_field(name, indexed(tokenizer, IndexRecordOption::WithFreqsAndPositions))
}
