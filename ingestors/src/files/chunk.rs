//! Cutting a file into pieces that are parsed one by one, with bounded memory whatever the file holds.
//!
//! A piece is a run of whole documents; a document that is too long is skipped and named. Line numbers are those of
//! the file.

use std::collections::VecDeque;
use std::io::{BufRead, Read as _};

use super::limits::CHUNK_BYTES;
use super::listing::Format;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Whole documents.
    Text { bytes: Vec<u8>, first_line: u32 },
    /// A document of more than `document_bytes_max` bytes begins at this line and was skipped.
    TooLong { line: u32 },
}

/// Reads pieces off a reader.
pub(super) struct Chunker<R> {
    reader: R,
    format: Format,
    document_bytes_max: usize,
    /// From this size on a piece is handed over, in bytes.
    piece_bytes: usize,
    ready: VecDeque<Piece>,
    /// Number of the line that is read next.
    line: u32,
    ended: bool,
    text: Vec<u8>,
    text_line: u32,
    /// Where the last document of `text` begins.
    document_start: usize,
    document_line: u32,
    /// The last document was too long; its lines are skipped up to the next one.
    skipping: bool,
    /// A directive stands before the next `---`, which then does not begin a document.
    after_directive: bool,
}

enum LineRead {
    End,
    Whole,
    TooLong,
}

impl<R: BufRead> Chunker<R> {
    pub(super) fn new(reader: R, format: Format, document_bytes_max: usize) -> Self {
        Self {
            reader,
            format,
            document_bytes_max,
            piece_bytes: CHUNK_BYTES,
            ready: VecDeque::new(),
            line: 1,
            ended: false,
            text: Vec::new(),
            text_line: 1,
            document_start: 0,
            document_line: 1,
            skipping: false,
            after_directive: false,
        }
    }

    /// Makes pieces of another size, so that a small text has several.
    pub(super) fn with_pieces_of(mut self, bytes: usize) -> Self {
        self.piece_bytes = bytes;
        self
    }

    pub(super) fn into_reader(self) -> R {
        self.reader
    }

    /// The next piece, in the order of the file; nothing at its end.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Piece>> {
        while self.ready.is_empty() && !self.ended {
            match self.format {
                Format::Yaml => self.yaml_line()?,
                Format::Json => self.json()?,
                Format::Ndjson => self.ndjson_line()?,
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Appends a line to `text` unless it is longer than `max` bytes; then nothing of it is kept.
    fn read_line(&mut self, max: usize) -> std::io::Result<LineRead> {
        let start = self.text.len();
        // One more than allowed tells a line of exactly that length from a longer one, another is the line's end.
        let limit = (max as u64).saturating_add(2);
        let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.text)?;
        if read == 0 {
            return Ok(LineRead::End);
        }
        self.line = self.line.saturating_add(1);
        let ended = self.text.last() == Some(&b'\n');
        let length = self.text.len() - start - usize::from(ended);
        if length <= max {
            return Ok(LineRead::Whole);
        }
        self.text.truncate(start);
        if !ended {
            self.reader.skip_until(b'\n')?;
        }
        Ok(LineRead::TooLong)
    }

    /// Hands over what was gathered.
    fn flush(&mut self) {
        if !self.text.is_empty() {
            let bytes = std::mem::take(&mut self.text);
            self.ready.push_back(Piece::Text {
                bytes,
                first_line: self.text_line,
            });
        }
        self.text_line = self.line;
    }

    fn ndjson_line(&mut self) -> std::io::Result<()> {
        let line = self.line;
        match self.read_line(self.document_bytes_max)? {
            LineRead::End => {
                self.flush();
                self.ended = true;
            }
            LineRead::Whole if self.text.len() >= self.piece_bytes => self.flush(),
            LineRead::Whole => {}
            LineRead::TooLong => {
                self.flush();
                self.ready.push_back(Piece::TooLong { line });
            }
        }
        Ok(())
    }

    fn json(&mut self) -> std::io::Result<()> {
        let limit = (self.document_bytes_max as u64).saturating_add(1);
        self.reader.by_ref().take(limit).read_to_end(&mut self.text)?;
        if self.text.len() > self.document_bytes_max {
            self.text.clear();
            self.ready.push_back(Piece::TooLong { line: 1 });
            // The rest is read for its hash.
            std::io::copy(&mut self.reader, &mut std::io::sink())?;
        }
        self.flush();
        self.ended = true;
        Ok(())
    }

    fn yaml_line(&mut self) -> std::io::Result<()> {
        let line = self.line;
        let line_start = self.text.len();
        let used = line_start - self.document_start;
        // A marker always fits, so that the document after a full one is not lost with it.
        let room = self.document_bytes_max.saturating_sub(used).max(MARKER_LINE_BYTES);
        match self.read_line(room)? {
            LineRead::End => {
                self.end_document();
                self.flush();
                self.ended = true;
            }
            LineRead::TooLong => self.give_up(),
            LineRead::Whole => self.yaml_text(line, line_start),
        }
        Ok(())
    }

    fn yaml_text(&mut self, line: u32, line_start: usize) {
        let text = &self.text[line_start..];
        if is_marker(text) && !self.after_directive {
            let marker = text.to_vec();
            self.text.truncate(line_start);
            self.end_document();
            if self.text.len() >= self.piece_bytes {
                self.flush();
            }
            if self.text.is_empty() {
                self.text_line = line;
            }
            self.document_start = self.text.len();
            self.document_line = line;
            self.text.extend_from_slice(&marker);
            return;
        }
        if !is_blank_or_comment(text) {
            self.after_directive = text.starts_with(b"%");
        }
        if self.skipping {
            self.text.truncate(line_start);
        } else if self.text.len() - self.document_start > self.document_bytes_max.saturating_add(1) {
            self.give_up();
        }
    }

    /// The current document is too long: drops it and skips to the next.
    fn give_up(&mut self) {
        self.text.truncate(self.document_start);
        self.skipping = true;
        self.after_directive = false;
    }

    fn end_document(&mut self) {
        if self.skipping {
            self.skipping = false;
            let line = self.document_line;
            self.flush();
            self.ready.push_back(Piece::TooLong { line });
        }
    }
}

/// Longest line that is looked at for a marker within a document that is full already.
const MARKER_LINE_BYTES: usize = 4_096;

fn is_marker(line: &[u8]) -> bool {
    line.starts_with(b"---") && matches!(line.get(3), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
}

fn is_blank_or_comment(line: &[u8]) -> bool {
    match line.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => true,
        Some(first) => *first == b'#',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(format: Format, max: usize, text: &[u8]) -> Vec<Piece> {
        let mut chunker = Chunker::new(text, format, max);
        let mut pieces = Vec::new();
        while let Some(piece) = chunker.next().unwrap() {
            pieces.push(piece);
        }
        pieces
    }

    fn text(bytes: &str, first_line: u32) -> Piece {
        Piece::Text {
            bytes: bytes.as_bytes().to_vec(),
            first_line,
        }
    }

    #[test]
    fn small_files_are_one_piece() {
        assert_eq!(
            pieces(Format::Yaml, 100, b"a: 1\n---\nb: 2\n"),
            [text("a: 1\n---\nb: 2\n", 1)]
        );
        assert_eq!(pieces(Format::Ndjson, 100, b"{}\n\n{}"), [text("{}\n\n{}", 1)]);
        assert_eq!(pieces(Format::Json, 100, b"{}"), [text("{}", 1)]);
        for format in [Format::Yaml, Format::Json, Format::Ndjson] {
            assert_eq!(pieces(format, 100, b""), []);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_with_its_number() {
        let long = "x".repeat(50);
        let lines = format!("{{}}\n{long}\n{{}}\n{long}");
        let expected = [
            text("{}\n", 1),
            Piece::TooLong { line: 2 },
            text("{}\n", 3),
            Piece::TooLong { line: 4 },
        ];
        assert_eq!(pieces(Format::Ndjson, 10, lines.as_bytes()), expected);
        assert_eq!(pieces(Format::Ndjson, 50, long.as_bytes()), [text(&long, 1)]);
        assert_eq!(
            pieces(Format::Ndjson, 49, long.as_bytes()),
            [Piece::TooLong { line: 1 }]
        );
    }

    #[test]
    fn a_yaml_document_that_is_too_long_is_skipped_and_the_others_are_kept() {
        let long = "k: vvvvvvvv\n".repeat(10);
        let file = format!("a: 1\n---\n{long}---\nb: 2\n---\n{}\n---\nc: 3\n", "y".repeat(10_000));
        let expected = [
            text("a: 1\n", 1),
            Piece::TooLong { line: 2 },
            text("---\nb: 2\n", 13),
            Piece::TooLong { line: 15 },
            text("---\nc: 3\n", 17),
        ];
        assert_eq!(pieces(Format::Yaml, 40, file.as_bytes()), expected);
        assert_eq!(pieces(Format::Yaml, 40, long.as_bytes()), [Piece::TooLong { line: 1 }]);
        assert_eq!(pieces(Format::Json, 40, long.as_bytes()), [Piece::TooLong { line: 1 }]);
    }

    #[test]
    fn a_marker_after_a_directive_belongs_to_it() {
        let big = format!("# {}\n", "x".repeat(CHUNK_BYTES));
        let file = format!("{big}a: 1\n...\n%YAML 1.2\n# note\n---\nb: 2\n---\nc: 3\n");
        let found = pieces(Format::Yaml, 10 * CHUNK_BYTES, file.as_bytes());
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], text("---\nc: 3\n", 8));
    }

    #[test]
    fn big_files_are_cut_between_documents_only() {
        let document = format!("---\nk: {}\n", "v".repeat(1_000));
        let file = document.repeat(2_000);
        let found = pieces(Format::Yaml, 10_000, file.as_bytes());
        assert!(found.len() > 2);
        let mut line = 1;
        for piece in &found {
            let Piece::Text { bytes, first_line } = piece else {
                panic!("all fit")
            };
            assert_eq!(*first_line, line);
            assert!(bytes.starts_with(b"---\n") && bytes.len() < CHUNK_BYTES + 2_000);
            line += u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap();
        }
        assert_eq!(line, 4_001);
    }
}
