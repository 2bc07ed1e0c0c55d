//! Reading a configuration without a disk, for fuzz targets and for the test that replays what they found. No part of
//! the crate's promises.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::load::{Document, Input};
use crate::{Config, Problems};

/// Where the file lies that is read.
pub const FILE: &str = "/srv/bailiwick.yaml";

/// Reads the text of a configuration file and the variables over it.
pub fn load_text(text: &[u8], env: &BTreeMap<String, String>) -> Result<Config, Problems> {
    let input = Input {
        file: Some(Path::new(FILE)),
        working_dir: Path::new("/srv"),
        env,
        flags: &[],
    };
    Config::of_document(Document::of_text(&input, Ok(text.to_vec())), &input)
}

/// The whole configuration with defaults written out and nothing redacted.
pub fn effective_with_secrets(config: &Config) -> &Value {
    &config.effective
}
