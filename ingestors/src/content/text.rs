//! Small text helpers of the readers: decoding, clipping, joining white space.

use std::borrow::Cow;

use super::Problem;

/// The bytes without a UTF-8 byte order mark.
pub(crate) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The text, broken sequences replaced; for readers that look for patterns only.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(without_bom(bytes))
}

/// The text, or a problem that names the place of the first byte that is no UTF-8.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Problem> {
    let bytes = without_bom(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&valid[start..]).chars().count() + 1;
        Problem::new("not_utf8", "is not UTF-8 text: save it as UTF-8").at(line, column)
    })
}

/// At most `chars_max` characters of `text`; a longer one ends at a word where it can, with an ellipsis.
pub(crate) fn clip(text: &str, chars_max: usize) -> String {
    let Some((cut, _)) = text.char_indices().nth(chars_max) else {
        return text.to_owned();
    };
    let room = text
        .char_indices()
        .nth(chars_max.saturating_sub(1))
        .map_or(cut, |(at, _)| at);
    let head = &text[..room];
    let end = match head.rfind(char::is_whitespace) {
        Some(at) if at >= head.len() / 2 => at,
        _ => head.len(),
    };
    format!("{}…", head[..end].trim_end())
}

/// Runs of white space (line ends too) as one space, trimmed.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4096));
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// One trimmed line of at most `chars_max` characters; `None` when nothing is left.
pub(crate) fn tidy(text: &str, chars_max: usize) -> Option<String> {
    let line = one_line(text);
    (!line.is_empty()).then(|| clip(&line, chars_max))
}
