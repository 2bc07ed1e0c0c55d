//! A small tokenizer shared by the readers of protobuf and GraphQL: names, strings and punctuation, comments dropped.

/// A token and the line it starts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// Letters, digits, `_`, `.` (protobuf's full names) and whatever is not ASCII.
    Name(&'a str),
    /// The inside of a string, escapes left as they are.
    Text(&'a str),
    /// Any other character.
    Mark(char),
}

/// How comments and strings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `//`, `/* */`; strings in `"` or `'`; a dot is part of a name.
    Protobuf,
    /// `#`; strings in `"` and `"""`.
    Graphql,
}

/// The tokens of `text`; broken input ends early, it never fails.
pub(crate) fn tokens(text: &str, style: Style) -> Tokens<'_> {
    Tokens {
        rest: text,
        line: 1,
        style,
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    rest: &'a str,
    line: u32,
    style: Style,
}

impl<'a> Tokens<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (head, tail) = self.rest.split_at(length);
        let lines = head.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = tail;
        head
    }

    /// Skips white space and comments; false at the end.
    fn skip_blank(&mut self) -> bool {
        loop {
            let blank = self
                .rest
                .find(|char: char| !(char.is_whitespace() || char == '\u{feff}'))
                .unwrap_or(self.rest.len());
            self.take(blank);
            let line_comment = match self.style {
                Style::Protobuf => self.rest.starts_with("//"),
                Style::Graphql => self.rest.starts_with('#'),
            };
            if line_comment {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(end);
            } else if self.style == Style::Protobuf && self.rest.starts_with("/*") {
                let end = self.rest[2..].find("*/").map_or(self.rest.len(), |at| at + 4);
                self.take(end);
            } else {
                return !self.rest.is_empty();
            }
        }
    }

    fn text(&mut self, quote: &str) -> &'a str {
        self.take(quote.len());
        let mut escaped = false;
        let end = self.rest.char_indices().find_map(|(at, char)| {
            let ends = !escaped && (self.rest[at..].starts_with(quote) || (quote.len() == 1 && char == '\n'));
            escaped = char == '\\' && !escaped;
            ends.then_some(at)
        });
        let inside = self.take(end.unwrap_or(self.rest.len()));
        if self.rest.starts_with(quote) {
            self.take(quote.len());
        }
        inside
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if !self.skip_blank() {
            return None;
        }
        let line = self.line;
        let first = self.rest.chars().next()?;
        let kind = if self.style == Style::Graphql && self.rest.starts_with("\"\"\"") {
            Kind::Text(self.text("\"\"\""))
        } else if first == '"' {
            Kind::Text(self.text("\""))
        } else if first == '\'' && self.style == Style::Protobuf {
            Kind::Text(self.text("'"))
        } else if self.is_name(first) {
            let end = self
                .rest
                .find(|char: char| !self.is_name(char))
                .unwrap_or(self.rest.len());
            Kind::Name(self.take(end))
        } else {
            self.take(first.len_utf8());
            Kind::Mark(first)
        };
        Some(Token { kind, line })
    }
}

impl Tokens<'_> {
    fn is_name(&self, char: char) -> bool {
        char.is_ascii_alphanumeric()
            || char == '_'
            || (char == '.' && self.style == Style::Protobuf)
            || (!char.is_ascii() && !char.is_whitespace())
    }
}
