//! Rust source as plain code: what is left without comments and without the content of strings.
//!
//! A scanner of a hundred lines instead of a parser: the suites look for words, and must not find them in prose.

/// The code of a source text. Comments become a space; texts become `""`; line breaks stay, so that lines keep their
/// numbers.
pub fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let (length, written) = token(rest);
        match written {
            Token::Code => code.push(next),
            Token::Text => {
                code.push('"');
                keep_lines(&rest[..length], &mut code);
                code.push('"');
            }
            Token::Comment => {
                code.push(' ');
                keep_lines(&rest[..length], &mut code);
            }
        }
        let in_word = next.is_alphanumeric() || next == '_';
        rest = &rest[length..];
        // The rest of a word is no beginning of anything: the `r` of `for"` begins no raw text.
        while in_word
            && let Some(next) = rest
                .chars()
                .next()
                .filter(|next| next.is_alphanumeric() || *next == '_')
        {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    code
}

/// The code of a file without its test module, which by the habit of this project ends the file or stands in a file of
/// its own.
pub fn production_code_of(source: &str) -> String {
    let end = source.find("#[cfg(test)]\nmod tests {").unwrap_or(source.len());
    code_of(&source[..end])
}

enum Token {
    Code,
    Text,
    Comment,
}

fn keep_lines(of: &str, code: &mut String) {
    code.extend(of.chars().filter(|char| *char == '\n'));
}

/// The length in bytes of what `rest` begins with, and what it is.
fn token(rest: &str) -> (usize, Token) {
    let first = rest.chars().next().map_or(0, char::len_utf8);
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Token::Comment);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), Token::Comment);
    }
    for prefix in ["br", "cr", "r"] {
        if let Some(after) = rest.strip_prefix(prefix) {
            let hashes = after.len() - after.trim_start_matches('#').len();
            if after[hashes..].starts_with('"') {
                let end = format!("\"{}", "#".repeat(hashes));
                let start = prefix.len() + hashes + 1;
                let length = rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len());
                return (length, Token::Text);
            }
        }
    }
    if rest.starts_with('"') {
        return (quoted(rest, '"'), Token::Text);
    }
    if rest.starts_with("b\"") || rest.starts_with("c\"") {
        return (1 + quoted(&rest[1..], '"'), Token::Text);
    }
    if let Some(after) = rest.strip_prefix('\'') {
        // A character, not a lifetime: escaped, or closed after one.
        let one = after.chars().next().map_or(0, char::len_utf8);
        if after.starts_with('\\') || after[one..].starts_with('\'') {
            return (quoted(rest, '\''), Token::Text);
        }
    }
    (first, Token::Code)
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let from = &rest[at..];
        if from.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if from.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += from.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}
