//! Inline markup to plain words: links keep their text, images and tags go, emphasis and code lose their marks.

/// Most steps into nested links and images of one line; deeper text stays as it is.
const NESTING_MAX: usize = 8;
/// How far from its beginning the end of a link, an image or a tag is looked for, in bytes; marks without an end would
/// otherwise cost their number squared.
const SPAN_BYTES_MAX: usize = 1024;

/// `text` without `<!-- … -->`; an unclosed comment swallows the rest, as browsers show it.
pub(super) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<!--") {
        out.push_str(&rest[..start]);
        match rest[start + 4..].find("-->") {
            Some(end) => rest = &rest[start + 4 + end + 3..],
            None => return out,
        }
    }
    out.push_str(rest);
    out
}

/// `text` with every `<h1>…</h1>` on one line.
pub(super) fn joined_headings(text: &str) -> String {
    const HEADING_BYTES_MAX: usize = 4096;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<h1") {
        let after = &rest[start..];
        let near = &after[..after.floor_char_boundary(HEADING_BYTES_MAX + "</h1>".len())];
        let Some(end) = near.find("</h1>") else {
            let (head, tail) = rest.split_at(start + 3);
            out.push_str(head);
            rest = tail;
            continue;
        };
        out.push_str(&rest[..start]);
        out.push_str(&after[..end].replace(['\n', '\r'], " "));
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// The title inside `<h1 …>…</h1>` on one line.
pub(super) fn html_heading(line: &str) -> Option<String> {
    let start = line.find("<h1").or_else(|| line.find("<H1"))?;
    let inside = line[start..].split_once('>')?.1;
    let end = inside
        .find("</h1")
        .or_else(|| inside.find("</H1"))
        .unwrap_or(inside.len());
    let title = plain(&inside[..end]);
    title.chars().any(char::is_alphanumeric).then_some(title)
}

/// The words of a line.
pub(super) fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    write_plain(line, &mut out, 0);
    let out = out
        .replace("&nbsp;", " ")
        .replace("&emsp;", " ")
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    crate::content::text::one_line(&out)
}

fn write_plain(text: &str, out: &mut String, depth: usize) {
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let after = &rest[char.len_utf8()..];
        match char {
            '!' if after.starts_with('[') => {
                // An image says nothing in words; its alternative text is for those who cannot see it.
                if let Some((_, left)) = bracketed(after) {
                    rest = left;
                    continue;
                }
            }
            '[' if depth < NESTING_MAX => {
                if let Some((inside, left)) = bracketed(rest) {
                    let is_footnote = inside.starts_with('^');
                    if !is_footnote {
                        write_plain(inside, out, depth + 1);
                    }
                    rest = left;
                    continue;
                }
            }
            '<' => {
                if let Some(end) = after[..after.floor_char_boundary(SPAN_BYTES_MAX)]
                    .find('>')
                    .filter(|_| after.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/'))
                {
                    let tag = &after[..end];
                    if tag.starts_with("http") || (tag.contains('@') && !tag.contains(' ')) {
                        out.push_str(tag);
                    } else {
                        out.push(' ');
                    }
                    rest = &after[end + 1..];
                    continue;
                }
            }
            '\\' if after.starts_with(|next: char| next.is_ascii_punctuation()) => {
                if let Some(next) = after.chars().next() {
                    out.push(next);
                    rest = &after[next.len_utf8()..];
                    continue;
                }
            }
            '`' => {
                let marks = rest.bytes().take_while(|byte| *byte == b'`').count();
                let (mark, body) = rest.split_at(marks);
                match body.find(mark) {
                    Some(end) => {
                        out.push_str(body[..end].trim());
                        rest = &body[end + marks..];
                    }
                    None => rest = body,
                }
                continue;
            }
            '*' => {
                rest = after;
                continue;
            }
            '_' => {
                // An underscore inside a word belongs to a name.
                let inside_word = out.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric);
                if !inside_word {
                    rest = after;
                    continue;
                }
            }
            '~' if after.starts_with('~') => {
                rest = &after[1..];
                continue;
            }
            _ => {}
        }
        out.push(char);
        rest = after;
    }
}

/// `[text](target)`, `[text][reference]` or `[text]` at the front: the text and what follows.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let close = closing(text, '[', ']')?;
    let inside = &text[1..close];
    let rest = &text[close + 1..];
    let left = match rest.chars().next() {
        Some('(') => closing(rest, '(', ')').map_or(rest, |end| &rest[end + 1..]),
        Some('[') => closing(rest, '[', ']').map_or(rest, |end| &rest[end + 1..]),
        _ => rest,
    };
    Some((inside, left))
}

/// Index of the bracket that closes the one at the front; looks no further than the line it got.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0usize;
    let mut escaped = false;
    for (at, char) in text.char_indices().take_while(|(at, _)| *at < SPAN_BYTES_MAX) {
        if escaped {
            escaped = false;
        } else if char == '\\' {
            escaped = true;
        } else if char == open {
            depth += 1;
        } else if char == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}
