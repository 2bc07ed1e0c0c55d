//! Rewrites the places that the event parser refuses and the package `yaml` takes, so that they can be read.
//!
//! A repair follows an error of the parser, touches only the place that the error names, and leaves every line where
//! it was; what it shifts within a line is undone in positions.

use std::borrow::Cow;

use saphyr_parser::ScanError;

/// Most repairs of one document; beyond them the parser's error stands.
const REPAIRS_MAX: usize = 1_000;
/// Most bytes that are parsed again after repairs, for one document.
const REPARSED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What was shifted so far.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    shifts: Vec<Shift>,
    count: usize,
    reparsed_bytes: usize,
    has_stand_ins: bool,
}

/// Stands for `---` and `...` inside a text, where the parser takes them for the end of the document; three characters
/// each, so that columns stay.
const STAND_INS: &[(&str, &str)] = &[("---", "\u{f8f0}\u{f8f1}\u{f8f2}"), ("...", "\u{f8f3}\u{f8f4}\u{f8f5}")];

/// From `column` on (from 0, in characters), a line is `by` characters longer than it was.
#[derive(Debug)]
struct Shift {
    line: usize,
    column: usize,
    by: isize,
}

impl Repairs {
    /// The column in the unrepaired text, from 0.
    pub(super) fn original_column(&self, line: usize, column: usize) -> usize {
        let mut column = column;
        for shift in self.shifts.iter().rev() {
            if shift.line == line && column >= shift.column {
                column = column
                    .saturating_add_signed(-shift.by)
                    .max(shift.column.saturating_sub(1));
            }
        }
        column
    }

    /// The text with the error's place rewritten, or none if that error is right.
    pub(super) fn repair(&mut self, text: &str, error: &ScanError) -> Option<String> {
        self.count += 1;
        self.reparsed_bytes = self.reparsed_bytes.saturating_add(text.len());
        if self.count > REPAIRS_MAX || self.reparsed_bytes > REPARSED_BYTES_MAX {
            return None;
        }
        let (line, column) = (error.marker().line(), error.marker().col());
        let at = offset_of(text, line, column)?;
        match error.info() {
            "':' must be followed by a valid YAML whitespace" => tabs_to_spaces(text, at),
            "':' may not precede any of `[{` in flow mapping" => {
                self.shifts.push(Shift {
                    line,
                    column: column + 2,
                    by: 1,
                });
                Some(inserted(text, at + 1))
            }
            "invalid indentation" if matches!(text.as_bytes().get(at), Some(b']' | b'}')) => {
                // One column less than the content is where a closing bracket may stand.
                if self
                    .shifts
                    .iter()
                    .any(|shift| shift.line == line && shift.column == column + 1)
                {
                    return None;
                }
                self.shifts.push(Shift {
                    line,
                    column: column + 1,
                    by: 1,
                });
                Some(inserted(text, at))
            }
            "while parsing a quoted scalar, found invalid Unicode character escape code" => {
                self.join_surrogates(text, at, line, column)
            }
            "unexpected end of plain scalar" => {
                let (marker, stand_in) = STAND_INS.iter().find(|(marker, _)| text[at..].starts_with(marker))?;
                self.has_stand_ins = true;
                Some(format!("{}{stand_in}{}", &text[..at], &text[at + marker.len()..]))
            }
            _ => None,
        }
    }

    /// The text as it was before repairs.
    pub(super) fn original_text<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        if !self.has_stand_ins || !text.contains('\u{f8f0}') && !text.contains('\u{f8f3}') {
            return text;
        }
        let restored = STAND_INS.iter().fold(text.into_owned(), |text, (marker, stand_in)| {
            text.replace(stand_in, marker)
        });
        Cow::Owned(restored)
    }

    /// Writes the first surrogate escapes of the quoted text at `at` as the character that a pair stands for; half a
    /// pair becomes the replacement character.
    fn join_surrogates(&mut self, text: &str, at: usize, line: usize, column: usize) -> Option<String> {
        let bytes = text.as_bytes();
        let (mut line, mut line_start, mut column_base) = (line, at, column);
        let mut next = at + 1;
        while let Some(byte) = bytes.get(next) {
            match byte {
                b'"' => return None,
                b'\n' => {
                    line += 1;
                    line_start = next + 1;
                    column_base = 0;
                    next += 1;
                }
                b'\\' if bytes.get(next + 1) == Some(&b'u') => {
                    if let Some(high @ 0xD800..=0xDFFF) = unit(bytes, next) {
                        let low = unit(bytes, next + 6).filter(|low| high < 0xDC00 && (0xDC00..=0xDFFF).contains(low));
                        let (length, with) = match low
                            .and_then(|low| char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)))
                        {
                            Some(joined) => (12, joined.to_string()),
                            None => (6, "\\ufffd".to_owned()),
                        };
                        let column = column_base + text.get(line_start..next)?.chars().count();
                        let by = isize::try_from(with.chars().count()).ok()? - isize::try_from(length).ok()?;
                        self.shifts.push(Shift {
                            line,
                            column: column + 1,
                            by,
                        });
                        return Some(format!("{}{with}{}", text.get(..next)?, text.get(next + length..)?));
                    }
                    next += 6;
                }
                b'\\' => next += 2,
                _ => next += 1,
            }
        }
        None
    }
}

/// The UTF-16 unit that the escape at `at` names.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let escape = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u32::from_str_radix(std::str::from_utf8(escape).ok()?, 16).ok()
}

fn tabs_to_spaces(text: &str, at: usize) -> Option<String> {
    let before = text.get(..at)?;
    let start = before.trim_end_matches([' ', '\t']).len();
    if !before.get(start..)?.contains('\t') {
        return None;
    }
    Some(format!(
        "{}{}{}",
        text.get(..start)?,
        " ".repeat(at - start),
        text.get(at..)?
    ))
}

fn inserted(text: &str, at: usize) -> String {
    let (before, after) = text.split_at(at);
    format!("{before} {after}")
}

/// The byte at a line (from 1) and column (from 0, in characters).
fn offset_of(text: &str, line: usize, column: usize) -> Option<usize> {
    let mut start = 0;
    for _ in 1..line {
        start += text.get(start..)?.find('\n')? + 1;
    }
    let rest = text.get(start..)?;
    rest.char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .nth(column)
        .map(|at| start + at)
}
