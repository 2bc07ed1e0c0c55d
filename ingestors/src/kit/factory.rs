//! How a source type enters the program: its options are read, checked and become an ingestor.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{ContentHash, SourceId, canonical};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Ingestor;

/// One source type.
pub trait IngestorFactory: Sync {
    /// The `type` of its sources in the configuration.
    fn source_type(&self) -> &'static str;

    /// What it reads, in one sentence.
    fn summary(&self) -> &'static str;

    /// The JSON Schema of its options, without the keys that all sources share.
    fn options_schema(&self) -> Value;

    /// Kinds (in lower case) that its sources may not declare unless the configuration allows them.
    fn denied_kinds(&self) -> &'static [&'static str] {
        &[]
    }

    /// Makes a source of raw options. Does no IO: what is missing on disk or on the net shows when the source runs.
    ///
    /// Errors: every problem of the options at once.
    fn build(&self, raw: Value, cx: &BuildContext) -> Result<BuiltSource, Vec<OptionProblem>>;
}

/// What building a source needs beside its options.
#[derive(Debug, Clone)]
pub struct BuildContext {
    pub source: SourceId,
    /// Where relative paths of the options start.
    pub base_dir: PathBuf,
    pub kinds: Arc<KindSet>,
}

/// A source that can be run.
#[derive(Clone)]
pub struct BuiltSource {
    pub ingestor: Arc<dyn Ingestor>,
    /// Hash of everything that changes what is emitted for unchanged content.
    pub options_hash: ContentHash,
}

/// Something wrong with an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct OptionProblem {
    /// Below the source, its parts separated by dots (`paths.0`); empty for the options as a whole.
    pub path: String,
    pub message: String,
}

impl OptionProblem {
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// The hash of a source's options, of the kinds that its content is judged by, and of the version of its mapping.
pub fn options_hash(source_type: &str, mapping_version: u32, raw: &Value, kinds: &KindSet) -> ContentHash {
    let mut parts: Vec<Vec<u8>> = vec![
        source_type.into(),
        mapping_version.to_le_bytes().to_vec(),
        canonical::to_vec(raw),
    ];
    for kind in kinds.iter() {
        parts.push(kind.kind.clone().into_bytes());
        parts.push(kind.api_versions.join(" ").into_bytes());
        parts.push(canonical::to_vec(&kind.spec_schema));
        parts.push(format!("{:?}", kind.relations).into_bytes());
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    ContentHash::of_parts(&parts)
}

/// Reads raw options into their wire type and collects every problem instead of stopping at the first.
///
/// Each field of `T` needs a default, so that fields can be read one by one; what is required is for the caller to
/// check afterwards.
pub fn read_options<T: DeserializeOwned + JsonSchema>(raw: Value) -> Result<T, Vec<OptionProblem>> {
    let Value::Object(fields) = raw else {
        return Err(vec![OptionProblem::new("", "the options must be an object")]);
    };
    let known = option_names::<T>();
    let mut problems = Vec::new();
    for (name, value) in &fields {
        if !known.contains(name) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let name = name.escape_default().to_string();
            problems.push(OptionProblem::new(
                name,
                format!("is no option; known are: {}", known.join(", ")),
            ));
            continue;
        }
        let alone = Map::from_iter([(name.clone(), value.clone())]);
        if let Err(error) = serde_json::from_value::<T>(Value::Object(alone)) {
            problems.push(OptionProblem::new(name, error.to_string()));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| vec![OptionProblem::new("", error.to_string())])
}

fn option_names<T: JsonSchema>() -> BTreeSet<String> {
    let schema = options_schema::<T>();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// The JSON Schema of a wire type.
pub fn options_schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}
