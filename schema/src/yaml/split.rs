//! Cuts a text into documents at `---` and `...` lines, before anything inside them is read.
//!
//! A line that begins with `---` or `...`, followed by white space or the end of the line, ends a document wherever
//! it stands, even inside quotes or brackets (which is then the error of the document that it ends). That is YAML's
//! rule, and it is what lets the next document be read after an error.

use super::{Document, Limits, LineRange, Node, NodeValue, Position, YamlError, load};

/// One document as bytes, with where it comes from.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    /// Its directives, if any, its `---` line, its content and its `...` line.
    bytes: &'a [u8],
    /// Line in the text of the first line of `bytes`.
    base_line: u32,
    lines: LineRange,
    /// Set for the first document beyond the limit.
    refused: Option<YamlError>,
}

/// Where the cutting stands between two lines.
enum State {
    /// Before a document: directives, comments and blank lines.
    Stream,
    Document,
}

pub(super) fn split<'a>(text: &'a [u8], limits: &Limits) -> Vec<Segment<'a>> {
    let mut splitter = Splitter {
        text,
        limits,
        segments: Vec::new(),
        start: 0,
        start_line: 1,
        lines: None,
    };
    let mut state = State::Stream;
    let mut directives: Option<(usize, u32)> = None;
    let mut offset = 0;
    let mut line_number = 0u32;
    while offset < text.len() {
        line_number = line_number.saturating_add(1);
        let end = text[offset..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(text.len(), |at| offset + at + 1);
        let mut line_start = offset;
        if matches!(state, State::Stream) && text[offset..end].starts_with(BYTE_ORDER_MARK) {
            line_start += BYTE_ORDER_MARK.len();
        }
        let line = &text[line_start..end];
        match (&state, marker(line)) {
            (State::Stream, Some(Marker::Start)) => {
                let (start, start_line) = directives.take().unwrap_or((line_start, line_number));
                splitter.open(start, start_line, line_number);
                state = State::Document;
            }
            (State::Document, Some(Marker::Start)) => {
                if !splitter.close(offset, line_number - 1) {
                    return splitter.segments;
                }
                splitter.open(line_start, line_number, line_number);
            }
            (State::Stream, Some(Marker::End)) => {
                // A document of nothing but its end.
                let (start, start_line) = directives.take().unwrap_or((line_start, line_number));
                splitter.open(start, start_line, line_number);
                if !splitter.close(end, line_number) {
                    return splitter.segments;
                }
            }
            (State::Document, Some(Marker::End)) => {
                if !splitter.close(end, line_number) {
                    return splitter.segments;
                }
                state = State::Stream;
            }
            (State::Stream, None) if line.first() == Some(&b'%') => {
                directives.get_or_insert((line_start, line_number));
            }
            (State::Stream, None) if is_blank_or_comment(line) => {}
            (State::Stream, None) => {
                let (start, start_line) = directives.take().unwrap_or((line_start, line_number));
                splitter.open(start, start_line, line_number);
                state = State::Document;
            }
            (State::Document, None) => {}
        }
        offset = end;
    }
    if matches!(state, State::Document) {
        splitter.close(text.len(), line_number);
    }
    splitter.segments
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

enum Marker {
    Start,
    End,
}

fn marker(line: &[u8]) -> Option<Marker> {
    if !matches!(line.get(3), None | Some(b' ' | b'\t' | b'\r' | b'\n')) {
        return None;
    }
    match line.get(..3) {
        Some(b"---") => Some(Marker::Start),
        // Text behind `...` is an error, and what follows it is no document of its own.
        Some(b"...") if is_blank_or_comment(&line[3..]) => Some(Marker::End),
        _ => None,
    }
}

fn is_blank_or_comment(line: &[u8]) -> bool {
    let rest = line
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t'))
        .map_or(&[][..], |at| &line[at..]);
    matches!(rest, [] | [b'#', ..] | [b'\n', ..] | [b'\r', b'\n', ..])
}

struct Splitter<'a, 'l> {
    text: &'a [u8],
    limits: &'l Limits,
    segments: Vec<Segment<'a>>,
    start: usize,
    start_line: u32,
    lines: Option<u32>,
}

impl Splitter<'_, '_> {
    fn open(&mut self, start: usize, start_line: u32, first_line: u32) {
        self.start = start;
        self.start_line = start_line;
        self.lines = Some(first_line);
    }

    /// Ends the open document before byte `end`; false once there are too many.
    fn close(&mut self, end: usize, last_line: u32) -> bool {
        let first = self.lines.take().unwrap_or(self.start_line);
        let lines = LineRange {
            first,
            last: last_line.max(first),
        };
        let mut refused = None;
        let full = self.segments.len() >= self.limits.documents_max;
        if full {
            let message = format!(
                "the text holds more than {} documents (yaml_documents_max)",
                self.limits.documents_max
            );
            refused = Some(YamlError::new(
                "too_many_documents",
                message,
                Position { line: first, column: 1 },
            ));
        }
        self.segments.push(Segment {
            bytes: self.text.get(self.start..end).unwrap_or_default(),
            base_line: self.start_line,
            lines,
            refused,
        });
        !full
    }
}

impl Segment<'_> {
    pub(super) fn load(self, limits: &Limits) -> Document {
        let lines = self.lines;
        Document {
            lines,
            root: self.read(limits),
        }
    }

    fn read(self, limits: &Limits) -> Result<Node, YamlError> {
        let start = Position {
            line: self.lines.first,
            column: 1,
        };
        if let Some(error) = self.refused {
            return Err(error);
        }
        if self.bytes.len() > limits.document_bytes_max {
            let message = format!(
                "the document has {} bytes, more than {} (yaml_document_bytes_max)",
                self.bytes.len(),
                limits.document_bytes_max
            );
            return Err(YamlError::new("document_too_large", message, start));
        }
        let text = match std::str::from_utf8(self.bytes) {
            Ok(text) => text,
            Err(error) => {
                let position = position_of(&self.bytes[..error.valid_up_to()], self.base_line);
                return Err(YamlError::new(
                    "invalid_utf8",
                    "the text is no UTF-8 here; save the file as UTF-8",
                    position,
                ));
            }
        };
        if let Some(at) = text.bytes().position(|byte| byte == 0) {
            let position = position_of(&self.bytes[..at], self.base_line);
            return Err(YamlError::new("nul_byte", "the text holds a NUL byte", position));
        }
        let root = load::load(text, self.base_line, limits)?;
        Ok(root.unwrap_or(Node {
            value: NodeValue::Null,
            position: start,
        }))
    }
}

/// Where the byte after `before` stands; `before` ends at a character.
fn position_of(before: &[u8], base_line: u32) -> Position {
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    Position {
        line: base_line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX)),
        column: u32::try_from(column).unwrap_or(u32::MAX),
    }
}
