//! The index alone: documents of the same entities, with fields and words of the same sorts as the program's, into
//! tantivy as it comes.
//!
//! Documents are made before the clock runs, in parts; what is measured is adding and committing.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{Language, LowerCaser, NgramTokenizer, SimpleTokenizer, Stemmer, TextAnalyzer};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term};

use crate::args::IndexArgs;
use crate::failure::{Outcome, While as _};
use crate::server::disk_bytes;

/// Memory of the writer, in bytes.
const HEAP_BYTES: usize = 64 << 20;
/// Documents that are made ahead.
const PART: usize = 10_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IndexLimit {
    pub(crate) documents: usize,
    /// With one indexing thread.
    pub(crate) one_thread_secs: f64,
    /// With two.
    pub(crate) two_threads_secs: f64,
    /// One percent replaced, committed, and seen by a reader.
    pub(crate) change_secs: f64,
    /// Opening index and reader.
    pub(crate) open_secs: f64,
    pub(crate) disk: u64,
}

#[derive(Clone, Copy)]
struct Fields {
    no: Field,
    /// Kind, namespace, owner, tag, lifecycle, type, label.
    values: Field,
    columns: [Field; 6],
    name: Field,
    edges: Field,
    title: Field,
    text: Field,
    words: Field,
    rest: Field,
    path: Field,
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let indexed = |tokenizer: &str, record: IndexRecordOption| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(tokenizer)
            .set_index_option(record)
            .set_fieldnorms(false);
        TextOptions::default().set_indexing_options(indexing)
    };
    let (basic, positions) = (IndexRecordOption::Basic, IndexRecordOption::WithFreqsAndPositions);
    let column = || indexed("raw", basic).set_fast("raw");
    let fields = Fields {
        no: schema.add_u64_field("no", NumericOptions::from(INDEXED | FAST)),
        values: schema.add_text_field("label", column()),
        columns: ["kind", "namespace", "owner", "tag", "lifecycle", "type"]
            .map(|name| schema.add_text_field(name, column())),
        name: schema.add_text_field("name", indexed("default", positions)),
        edges: schema.add_text_field("edges", indexed("edges", basic)),
        title: schema.add_text_field("title", indexed("english", positions)),
        text: schema.add_text_field("text", indexed("english", positions)),
        words: schema.add_text_field("words", indexed("default", basic)),
        rest: schema.add_text_field("rest", indexed("default", basic)),
        path: schema.add_text_field("path", indexed("raw", basic)),
    };
    (schema.build(), fields)
}

fn register(index: &Index) -> Outcome<()> {
    let english = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(LowerCaser)
        .filter(Stemmer::new(Language::English));
    index.tokenizers().register("english", english.build());
    let edges = NgramTokenizer::prefix_only(1, 12).while_doing("setting up the index")?;
    let edges = TextAnalyzer::builder(edges).filter(LowerCaser);
    index.tokenizers().register("edges", edges.build());
    Ok(())
}

pub(super) fn measure(args: &IndexArgs) -> Outcome<IndexLimit> {
    let one = build(&args.input, &args.target.join("one"), 1)?;
    let two = build(&args.input, &args.target.join("two"), 2)?;
    let change_secs = change(&args.input, &one)?;
    let folder = args.target.join("one");
    drop(one.index);
    let began = Instant::now();
    let index = Index::open_in_dir(&folder).while_doing("opening the index")?;
    reader(&index)?.searcher();
    Ok(IndexLimit {
        documents: one.documents,
        one_thread_secs: one.secs,
        two_threads_secs: two.secs,
        change_secs,
        open_secs: began.elapsed().as_secs_f64(),
        disk: disk_bytes(&folder),
    })
}

struct Built {
    index: Index,
    fields: Fields,
    documents: usize,
    secs: f64,
}

fn reader(index: &Index) -> Outcome<IndexReader> {
    index
        .reader_builder()
        .reload_policy(ReloadPolicy::Manual)
        .try_into()
        .while_doing("opening the index")
}

fn build(input: &Path, folder: &Path, threads: usize) -> Outcome<Built> {
    std::fs::create_dir_all(folder).while_doing("making a folder")?;
    let (schema, fields) = schema();
    let index = Index::create_in_dir(folder, schema).while_doing("making the index")?;
    register(&index)?;
    let mut writer: IndexWriter = index
        .writer_with_num_threads(threads, HEAP_BYTES * threads)
        .while_doing("opening the writer")?;
    let mut took = Duration::ZERO;
    let mut documents = 0;
    each_part(input, &fields, &mut |part| {
        documents += part.len();
        let began = Instant::now();
        for document in part.drain(..) {
            writer.add_document(document).while_doing("indexing")?;
        }
        took += began.elapsed();
        Ok(())
    })?;
    let began = Instant::now();
    writer.commit().while_doing("indexing")?;
    took += began.elapsed();
    writer.wait_merging_threads().while_doing("indexing")?;
    Ok(Built {
        index,
        fields,
        documents,
        secs: took.as_secs_f64(),
    })
}

fn change(input: &Path, built: &Built) -> Outcome<f64> {
    let mut writer: IndexWriter = built
        .index
        .writer_with_num_threads(1, HEAP_BYTES)
        .while_doing("opening the writer")?;
    let reader = reader(&built.index)?;
    let every = 100;
    let mut replaced = Vec::new();
    let mut at = 0_u64;
    each_part(input, &built.fields, &mut |part| {
        for document in part.drain(..) {
            if at.is_multiple_of(every) {
                replaced.push((at, document));
            }
            at += 1;
        }
        Ok(())
    })?;
    let began = Instant::now();
    for (no, document) in replaced {
        writer.delete_term(Term::from_field_u64(built.fields.no, no));
        writer.add_document(document).while_doing("indexing")?;
    }
    writer.commit().while_doing("indexing")?;
    reader.reload().while_doing("indexing")?;
    let took = began.elapsed().as_secs_f64();
    writer.wait_merging_threads().while_doing("indexing")?;
    Ok(took)
}

/// Gives the documents of a file in parts.
fn each_part(
    input: &Path,
    fields: &Fields,
    each: &mut dyn FnMut(&mut Vec<TantivyDocument>) -> Outcome<()>,
) -> Outcome<()> {
    let what = || format!("reading {}", input.display());
    let mut reader = BufReader::with_capacity(1 << 18, File::open(input).while_doing(what())?);
    let mut line = String::new();
    let mut part = Vec::with_capacity(PART);
    let mut no = 0;
    loop {
        line.clear();
        let read = reader.read_line(&mut line).while_doing(what())?;
        if part.len() == PART || (read == 0 && !part.is_empty()) {
            each(&mut part)?;
        }
        if read == 0 {
            return Ok(());
        }
        let entity: Value = serde_json::from_str(&line).while_doing(what())?;
        part.push(document(fields, no, &entity));
        no += 1;
    }
}

fn document(fields: &Fields, no: u64, entity: &Value) -> TantivyDocument {
    let text = |path: &str| entity.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let mut document = TantivyDocument::default();
    document.add_u64(fields.no, no);
    let columns = [
        "/kind",
        "/metadata/namespace",
        "/spec/owner",
        "",
        "/spec/lifecycle",
        "/spec/type",
    ];
    for (field, path) in fields.columns.into_iter().zip(columns) {
        if !text(path).is_empty() {
            document.add_text(field, text(path).to_lowercase());
        }
    }
    for tag in entity["metadata"]["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        document.add_text(fields.columns[3], tag);
        document.add_text(fields.words, tag);
    }
    for (key, value) in entity["metadata"]["labels"].as_object().into_iter().flatten() {
        document.add_text(fields.values, format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    for field in [fields.name, fields.edges, fields.words] {
        document.add_text(field, text("/metadata/name"));
    }
    for field in [fields.title, fields.edges, fields.words] {
        document.add_text(field, text("/metadata/title"));
    }
    for field in [fields.text, fields.words] {
        document.add_text(field, text("/metadata/description"));
    }
    leaves(entity, &mut String::new(), &mut |path, value| {
        document.add_text(fields.path, format!("{path}\0{value}").to_lowercase());
        if !path.starts_with(".metadata.name") && path != ".metadata.title" && path != ".metadata.description" {
            document.add_text(fields.rest, value);
        }
    });
    document
}

/// Calls back with every text of an entity and its path.
fn leaves(value: &Value, path: &mut String, each: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => each(path, text),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, path, each)),
        Value::Object(members) => {
            for (name, member) in members {
                let length = path.len();
                path.push('.');
                path.push_str(name);
                leaves(member, path, each);
                path.truncate(length);
            }
        }
        _ => {}
    }
}
