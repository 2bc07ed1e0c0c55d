//! What the event parser takes and the package `yaml` refuses, and words for the parser's errors.
//!
//! The package counts only spaces as indentation: a tab there is an error before a block collection, and before a value
//! or in a text of several lines when the spaces alone are too few. Each check here is one such error; their source is
//! the behaviour of `yaml` 2.9, compared on mutated documents.

use super::{Position, YamlError};

/// The lines of a document, for checks that look at white space.
#[derive(Debug)]
pub(super) struct Source<'t> {
    lines: Vec<&'t str>,
    /// Whether any line has a tab in front of its content.
    has_tabs: bool,
}

/// The collection that a node stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parent {
    Root,
    /// A block collection, with its column from 0.
    Block(usize),
    Flow,
}

impl Parent {
    /// Spaces that the further lines of a node in it need.
    fn least_indent(self) -> usize {
        match self {
            Self::Block(column) => column + 1,
            Self::Root | Self::Flow => 0,
        }
    }
}

/// Why a place is refused: its line (from 1), its column (from 0) and the message.
pub(super) type Refusal = (usize, usize, &'static str);

const TAB: &str = "a tab cannot indent; use spaces";
const TOO_FEW: &str = "the line continues a value and must be indented more than its key";

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let lines: Vec<&str> = text
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .collect();
        let has_tabs = lines.iter().any(|line| leading(line).contains('\t'));
        Self { lines, has_tabs }
    }

    fn line(&self, line: usize) -> &'t str {
        line.checked_sub(1)
            .and_then(|at| self.lines.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// The character at a line (from 1) and column (from 0).
    pub(super) fn char_at(&self, line: usize, column: usize) -> Option<char> {
        self.line(line).chars().nth(column)
    }

    /// Whether the first thing in a line is the `-` of a sequence, at this column (from 0).
    pub(super) fn begins_item(&self, line: usize, column: usize) -> bool {
        let text = self.line(line);
        spaces(text) == column && matches!(text.as_bytes().get(column..), Some([b'-', b' ' | b'\t', ..] | [b'-']))
    }

    /// A node that is first in its line must not stand behind a tab, unless the spaces before it are enough.
    pub(super) fn check_start(&self, line: usize, column: usize, parent: Parent, node: Shape) -> Result<(), Refusal> {
        if !self.has_tabs || parent == Parent::Flow {
            return Ok(());
        }
        let before = self.line(line).get(..column).unwrap_or_default();
        if leading(before).len() != before.len() || !before.contains('\t') {
            return Ok(());
        }
        let spaces = spaces(before);
        let refused = match (node, parent) {
            (Shape::BlockCollection, _) => true,
            (Shape::FlowCollection, Parent::Root) => false,
            (_, Parent::Block(column)) => spaces <= column,
            (_, _) => spaces == 0,
        };
        if refused { Err((line, spaces, TAB)) } else { Ok(()) }
    }

    /// The further lines of a text, from the first to the last, need their indentation in spaces.
    pub(super) fn check_text_lines(&self, first: usize, last: usize, parent: Parent) -> Result<(), Refusal> {
        let least = parent.least_indent();
        if !self.has_tabs || parent == Parent::Flow {
            return Ok(());
        }
        for line in first + 1..=last {
            let text = self.line(line);
            let spaces = spaces(text);
            if spaces < least && text.len() > spaces && text.as_bytes()[spaces] == b'\t' {
                return Err((line, spaces, TAB));
            }
        }
        Ok(())
    }

    /// The further lines of a flow collection in a block need to be indented, but for the bracket that closes it.
    /// That one stands at `closing`, counted in the text as it was before repairs.
    pub(super) fn check_flow_lines(
        &self,
        first: usize,
        last: usize,
        closing: usize,
        parent: Parent,
    ) -> Result<(), Refusal> {
        let least = parent.least_indent();
        if least == 0 {
            return Ok(());
        }
        for line in first + 1..=last {
            let text = self.line(line);
            let spaces = spaces(text);
            let content = &text.as_bytes()[leading(text).len()..];
            let spaces = if line == last { spaces.min(closing) } else { spaces };
            if spaces >= least || matches!(content, [] | [b'#', ..]) {
                continue;
            }
            let closes = line == last && spaces + 1 == least && matches!(content, [b']' | b'}', ..]);
            if !closes {
                return Err((line, spaces, TOO_FEW));
            }
        }
        Ok(())
    }

    /// The line after a block text must not begin with a tab that is indented less than the text, which begins at
    /// `first` and `column`.
    pub(super) fn check_after_block_text(&self, first: usize, column: usize) -> Result<(), Refusal> {
        if !self.has_tabs {
            return Ok(());
        }
        for line in first..=self.lines.len() {
            let text = self.line(line);
            let spaces = spaces(text);
            if text.len() > spaces && spaces < column {
                return if text.as_bytes()[spaces] == b'\t' {
                    Err((line, spaces, TAB))
                } else {
                    Ok(())
                };
            }
        }
        Ok(())
    }

    /// Whether the header of a block text without content keeps line breaks (`|+`). The parser puts the text at its
    /// header if the document ends there, otherwise into a later line.
    pub(super) fn keeps_breaks(&self, first: usize, column: usize) -> bool {
        let here: String = self.line(first).chars().skip(column).collect();
        if here.starts_with(['|', '>']) {
            return here
                .split([' ', '\t'])
                .next()
                .is_some_and(|header| header.contains('+'));
        }
        let above = (1..first)
            .rev()
            .map(|line| self.line(line))
            .find(|line| !line.trim().is_empty());
        let header = above
            .unwrap_or_default()
            .split(" #")
            .next()
            .unwrap_or_default()
            .trim_end();
        header
            .rsplit([' ', '\t'])
            .next()
            .is_some_and(|token| token.starts_with(['|', '>']) && token.contains('+'))
    }

    /// A document that ends in the middle of a line must not end in a tab that would indent.
    pub(super) fn check_end(&self) -> Result<(), Refusal> {
        let last = self.lines.len();
        let text = self.line(last);
        if last > 1 && text.starts_with('\t') && leading(text).len() == text.len() {
            return Err((last, 0, TAB));
        }
        Ok(())
    }
}

/// What a node looks like in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    BlockCollection,
    FlowCollection,
    Scalar,
}

/// A plain text does not begin with a sign that means something else.
pub(super) fn check_plain(text: &str, position: Position) -> Result<(), YamlError> {
    match text.chars().next() {
        Some(sign @ ('|' | '>' | '%' | '@' | '`' | ',')) => {
            let message = format!("text cannot begin with `{sign}`; put it in quotes");
            Err(YamlError::new("yaml_syntax", message, position))
        }
        _ => Ok(()),
    }
}

fn leading(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn spaces(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The code of a parser error, and what it means in words of the file.
pub(super) fn explain(info: &str) -> (&'static str, String) {
    let hint = match info {
        "recursion limit exceeded" => return ("too_deep", "brackets nest too deeply (yaml_depth_max)".to_owned()),
        "while parsing node, found unknown anchor" => "the alias names an anchor that is not set before it",
        "mapping values are not allowed in this context" | "illegal placement of ':' indicator" => {
            "a `:` begins a value where none may stand; quote the text if it holds `: `, or check the indentation"
        }
        "simple key expected" | "simple key expect ':'" => {
            "a key without `:`, or text that is indented less than the value that it continues"
        }
        "while parsing a block mapping, did not find expected key" => {
            "no key where one is expected; check the indentation and the quotes"
        }
        "while parsing a block collection, did not find expected '-' indicator" => {
            "no `-` where one is expected; check the indentation"
        }
        other => other,
    };
    ("yaml_syntax", hint.to_owned())
}
