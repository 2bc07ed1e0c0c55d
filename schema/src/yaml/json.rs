//! The fast way for a text that is one JSON object.
//!
//! JSON is read with the same values and places as YAML gives them. Whatever is not plainly one JSON object within the
//! limits (an error, a comment, equal keys, a second document) is left to the YAML reading, which judges it.

use super::{Document, LineRange};
use super::{Entry, Limits, Node, NodeValue, Position, scalar};

/// Mappings of more keys than this are left to the YAML reading, which finds equal keys by an index.
const KEYS_MAX: usize = 256;

/// The document, or none if the text is no JSON object or anything about it is doubtful.
pub(super) fn parse(text: &[u8], limits: &Limits) -> Option<Document> {
    let first = text.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r'))?;
    if text.get(first) != Some(&b'{') || text.len() > limits.document_bytes_max {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        line: 1,
        line_start: 0,
        counted: 0,
        columns: 0,
        nodes: 0,
        depth: 0,
        limits,
    };
    reader.skip_space();
    let first_line = reader.line;
    let root = reader.value()?;
    let last_line = reader.line;
    reader.skip_space();
    if reader.at != reader.bytes.len() {
        return None;
    }
    Some(Document {
        lines: LineRange {
            first: first_line,
            last: last_line,
        },
        root: Ok(root),
    })
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
    /// Up to here the characters of the line are counted in `columns`: a long line is counted once.
    counted: usize,
    columns: usize,
    nodes: usize,
    depth: usize,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => {
                    self.line = self.line.saturating_add(1);
                    self.line_start = self.at + 1;
                }
                b'\r' if self.bytes.get(self.at + 1) == Some(&b'\n') => {}
                b' ' | b'\t' => {}
                _ => return,
            }
            self.at += 1;
        }
    }

    fn position(&mut self) -> Position {
        if self.counted < self.line_start {
            self.counted = self.line_start;
            self.columns = 0;
        }
        let passed = self.bytes.get(self.counted..self.at).unwrap_or_default();
        // Every byte but the continuation bytes of UTF-8 begins a character.
        self.columns += passed.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        self.counted = self.at;
        Position {
            line: self.line,
            column: u32::try_from(self.columns + 1).unwrap_or(u32::MAX),
        }
    }

    fn value(&mut self) -> Option<Node> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            return None;
        }
        let position = self.position();
        let value = match self.peek()? {
            b'{' => self.object()?,
            b'[' => self.array()?,
            b'"' => NodeValue::String(self.string()?),
            b't' => self.word("true", NodeValue::Bool(true))?,
            b'f' => self.word("false", NodeValue::Bool(false))?,
            b'n' => self.word("null", NodeValue::Null)?,
            _ => self.number()?,
        };
        Some(Node { value, position })
    }

    fn word(&mut self, word: &str, value: NodeValue) -> Option<NodeValue> {
        self.bytes
            .get(self.at..)?
            .starts_with(word.as_bytes())
            .then(|| self.at += word.len())?;
        self.ends_value().then_some(value)
    }

    /// Whether a plain value ends here; `trueish` and `1 2` are not JSON and go the other way.
    fn ends_value(&self) -> bool {
        matches!(self.peek(), Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n'))
    }

    fn number(&mut self) -> Option<NodeValue> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at)?;
        if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) || !self.ends_value() {
            return None;
        }
        Some(scalar::number_value(scalar::number_of(text)?))
    }

    fn open(&mut self) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        (self.depth <= self.limits.depth_max).then(|| self.skip_space())
    }

    fn array(&mut self) -> Option<NodeValue> {
        self.open()?;
        let mut items = Vec::new();
        if self.eat(b']').is_none() {
            loop {
                items.push(self.value()?);
                self.skip_space();
                if self.eat(b']').is_some() {
                    break;
                }
                self.eat(b',')?;
                self.skip_space();
            }
        }
        self.depth -= 1;
        Some(NodeValue::Sequence(items))
    }

    fn object(&mut self) -> Option<NodeValue> {
        self.open()?;
        let mut entries: Vec<Entry> = Vec::new();
        if self.eat(b'}').is_none() {
            loop {
                let key_position = self.position();
                self.nodes += 1;
                let key = self.string()?;
                if entries.len() >= KEYS_MAX || entries.iter().any(|entry| entry.key == key) {
                    return None;
                }
                self.skip_space();
                self.eat(b':')?;
                self.skip_space();
                entries.push(Entry {
                    key,
                    key_position,
                    value: self.value()?,
                });
                self.skip_space();
                if self.eat(b'}').is_some() {
                    break;
                }
                self.eat(b',')?;
                self.skip_space();
            }
        }
        self.depth -= 1;
        Some(NodeValue::Mapping(entries))
    }

    fn string(&mut self) -> Option<String> {
        self.eat(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                byte if byte < 0x20 => return None,
                _ => self.at += 1,
            }
        }
        let raw = self.text.get(start..self.at)?;
        self.at += 1;
        if !escaped {
            return Some(raw.to_owned());
        }
        serde_json::from_str(self.text.get(start - 1..self.at)?).ok()
    }
}
