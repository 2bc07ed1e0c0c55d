//! Printing: tables for people, JSON and YAML for machines.
//!
//! What is printed for people comes from others: control characters in it are shown, never sent to the terminal.

use std::borrow::Cow;
use std::io::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use crate::args::Format;
use crate::context::Context;
use crate::exit::Failure;
use crate::yaml;

/// Whether a stream gets colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) colors: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colors {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }
}

/// Rows under a header, every cell a text.
#[derive(Debug)]
pub(crate) struct Rows {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows
            .push(row.into_iter().map(|cell| printable(&cell).into_owned()).collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text: as wide as the terminal, or as wide as it needs where there is none.
    pub(crate) fn render(self, style: Style) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(self.header.iter().map(|title| style.bold(title)));
        for row in self.rows {
            table.add_row(row);
        }
        table
            .lines()
            .map(|line| line.trim_end().strip_prefix(' ').unwrap_or(&line).trim_end().to_owned() + "\n")
            .collect()
    }
}

impl Context {
    /// Prints a value: `table` renders it for people, the rest prints it as it is.
    pub(crate) fn print(&self, value: &Value, table: impl FnOnce(Style) -> String) -> Result<(), Failure> {
        match self.format {
            Format::Table => print_text(&table(self.style)),
            Format::Json => print_text(&(serde_json::to_string_pretty(value).unwrap_or_default() + "\n")),
            Format::Yaml => print_text(&yaml::to_text(value)),
        }
    }
}

/// Prints text to standard output.
pub(crate) fn print_text(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// A text without control characters, line breaks and directional overrides, each shown by its code.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let bad = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(bad) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(' '),
            c if bad(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The text of a value in a cell: strings as they are, nothing for null, lists joined by commas.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// The cell of a value at a JSON pointer.
pub(crate) fn cell_at(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map(cell).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}"), "a\\u{1b}[31mb\\u{7}");
        assert_eq!(printable("two\nlines"), "two lines");
        assert_eq!(printable("\u{202e}abc"), "\\u{202e}abc");
        assert!(matches!(printable("grün — ok"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_table_without_colours_is_plain_text() {
        let mut rows = Rows::new(&["REF", "OWNER"]);
        rows.add(["component:default/pay".to_owned(), String::new()]);
        let text = rows.render(Style { colors: false });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text:?}");
        assert!(
            lines[0].starts_with("REF") && lines[1].starts_with("component:default/pay"),
            "{text:?}"
        );
    }
}
