//! The way of a file's bytes through this source, without a disk: for fuzz targets and their replay.

use std::path::Path;
use std::sync::Arc;

use bailiwick_schema::kind::KindSet;
use bailiwick_schema::yaml::Limits;
use serde_json::json;

use super::chunk::{Chunker, Piece};
use super::listing::Format;
use super::options::Settings;
use super::parse::Parser;
use super::tree::FsTree;
use crate::descriptors::Item;

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilePiece {
    /// Whole documents, and the line at which they begin.
    Text(Vec<u8>, u32),
    /// A document that begins here is longer than allowed.
    TooLong(u32),
}

/// Cuts a file, whose format its name tells, into pieces of about `piece_bytes`. Nothing for a name of no format.
pub fn pieces(name: &str, text: &[u8], document_bytes_max: usize, piece_bytes: usize) -> Option<Vec<FilePiece>> {
    let format = Format::of(Path::new(name))?;
    let mut chunker = Chunker::new(text, format, document_bytes_max).with_pieces_of(piece_bytes);
    let mut pieces = Vec::new();
    while let Some(piece) = chunker.next().expect("reading from memory does not fail") {
        pieces.push(match piece {
            Piece::Text { bytes, first_line } => FilePiece::Text(bytes, first_line),
            Piece::TooLong { line } => FilePiece::TooLong(line),
        });
    }
    Some(pieces)
}

/// Judges the documents of one piece. No file but this one can be read.
#[derive(Clone)]
pub struct FileJudge(Parser);

impl FileJudge {
    /// With the kinds to judge by; documents may have `document_bytes_max` bytes.
    pub fn new(kinds: Arc<KindSet>, document_bytes_max: usize) -> Self {
        let options = json!({ "paths": ["nowhere-that-exists"] });
        let settings = Settings::read(options, Path::new("/")).expect("the options name one path");
        Self(Parser {
            tree: Arc::new(FsTree::new(&settings)),
            kinds,
            limits: Limits {
                document_bytes_max,
                ..Limits::default()
            },
            kept: Arc::default(),
        })
    }

    /// What the documents of a piece give, in order.
    pub fn judge(&self, name: &str, text: &[u8], first_line: u32) -> Vec<Item> {
        let Some(format) = Format::of(Path::new(name)) else {
            return Vec::new();
        };
        self.0.parse(Path::new(name), format, text, first_line).items
    }
}
