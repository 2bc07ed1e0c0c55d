//! Title and first paragraph of a README: Markdown, reStructuredText, AsciiDoc or plain text, without inline markup.
//!
//! Badges, logos, HTML comments, front matter, tables of contents, code and quotes are passed over.

mod inline;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::text;

/// Bytes at the front that are looked at: title and first paragraph stand there, or nowhere.
pub const README_BYTES_READ: usize = 64 * 1024;
/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 120;
/// Longest paragraph, in characters; cut at a word.
pub const PARAGRAPH_CHARS_MAX: usize = 500;

/// What a README says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readme {
    /// Path in the repository.
    pub path: String,
    /// First heading of the highest level met first, as plain text.
    pub title: Option<String>,
    /// First paragraph of prose, as plain text.
    pub paragraph: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Markup {
    Markdown,
    Rst,
    Adoc,
    Plain,
}

/// Is this a README at a place that hosts show: `.github`, the root, `docs`?
pub fn is_readme_path(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    matches!(folder, "" | ".github" | "docs") && markup_of(name).is_some()
}

/// The README that counts among `existing`, as GitHub chooses: `.github`, root, `docs`; Markdown before the others.
pub fn choose<'a>(existing: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    existing
        .into_iter()
        .filter(|path| is_readme_path(path))
        .min_by_key(|path| {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let place = match folder {
                ".github" => 0,
                "" => 1,
                _ => 2,
            };
            (place, markup_of(name).map_or(9, |markup| markup as u8), *path)
        })
}

fn markup_of(name: &str) -> Option<Markup> {
    let name = name.to_ascii_lowercase();
    let rest = name.strip_prefix("readme")?;
    match rest {
        ".md" | ".markdown" | ".mdown" => Some(Markup::Markdown),
        ".rst" => Some(Markup::Rst),
        ".adoc" | ".asciidoc" => Some(Markup::Adoc),
        ".txt" | "" => Some(Markup::Plain),
        _ => None,
    }
}

/// Reads a README. Never fails: what cannot be told is `None`. A file name without known markup reads as Markdown.
pub fn parse(path: &str, bytes: &[u8]) -> Readme {
    let bytes = &bytes[..bytes.len().min(README_BYTES_READ)];
    let content = text::lossy(bytes);
    let name = path.rsplit('/').next().unwrap_or(path);
    let markup = markup_of(name).unwrap_or(Markup::Markdown);
    let mut reader = Reader {
        markup,
        title: None,
        raw: String::new(),
        paragraph: String::new(),
    };
    reader.read(&content);
    Readme {
        path: path.to_owned(),
        title: reader.title.and_then(|title| text::tidy(&title, TITLE_CHARS_MAX)),
        paragraph: text::tidy(&reader.paragraph, PARAGRAPH_CHARS_MAX),
    }
}

struct Reader {
    markup: Markup,
    title: Option<String>,
    /// Lines of the paragraph being read.
    raw: String,
    /// The paragraph that was found, as plain text.
    paragraph: String,
}

impl Reader {
    fn read(&mut self, content: &str) {
        let cleaned;
        let content = if self.markup == Markup::Markdown {
            cleaned = inline::joined_headings(&inline::without_comments(without_front_matter(content)));
            cleaned.as_str()
        } else {
            content
        };
        let lines: Vec<&str> = content.lines().map(str::trim_end).collect();
        let mut fence: Option<&str> = None;
        let mut at = 0;
        while at < lines.len() {
            let line = lines[at];
            let next = lines.get(at + 1).copied().unwrap_or("");
            at += 1;
            if let Some(mark) = fence {
                if line.trim_start().starts_with(mark) {
                    fence = None;
                }
                continue;
            }
            if let Some(mark) = self.opens_fence(line) {
                if self.ends_paragraph() {
                    return;
                }
                fence = Some(mark);
                continue;
            }
            if line.trim().is_empty() {
                if self.ends_paragraph() {
                    return;
                }
                continue;
            }
            if let Some((heading, used)) = self.heading(line, next, lines.get(at + 1).copied().unwrap_or("")) {
                if self.ends_paragraph() {
                    return;
                }
                if self.title.is_none() {
                    self.title = Some(inline::plain(&heading)).filter(|title| has_words(title));
                }
                at += used;
                continue;
            }
            if self.is_passed_over(line) {
                if self.ends_paragraph() {
                    return;
                }
                continue;
            }
            self.raw.push_str(line.trim());
            self.raw.push('\n');
        }
        self.ends_paragraph();
    }

    /// A blank line or another block ends the paragraph once it has words.
    ///
    /// In plain text without a title, a single short first line is the title.
    fn ends_paragraph(&mut self) -> bool {
        if self.raw.is_empty() {
            return false;
        }
        let raw = std::mem::take(&mut self.raw);
        self.paragraph = match self.markup {
            Markup::Plain => text::one_line(&raw),
            // Links and tags may go over line ends, so marks are taken away from the whole paragraph.
            _ => inline::plain(&raw),
        };
        if !has_prose(&self.paragraph) {
            self.paragraph.clear();
            return false;
        }
        let short = self.paragraph.chars().count() <= 60 && !self.paragraph.trim_end().ends_with(['.', ':', '!', '?']);
        if self.markup == Markup::Plain && self.title.is_none() && short {
            self.title = Some(std::mem::take(&mut self.paragraph));
            return false;
        }
        true
    }

    fn opens_fence(&self, line: &str) -> Option<&'static str> {
        let line = line.trim_start();
        let marks: &[&'static str] = match self.markup {
            Markup::Markdown => &["```", "~~~"],
            Markup::Adoc => &["----", "....", "++++", "====", "****", "////"],
            _ => &[],
        };
        marks.iter().copied().find(|mark| {
            line.starts_with(mark)
                && (self.markup == Markup::Markdown || line.bytes().all(|byte| byte == mark.as_bytes()[0]))
        })
    }

    /// The heading that starts here and how many further lines it takes.
    fn heading(&self, line: &str, next: &str, after: &str) -> Option<(String, usize)> {
        let trimmed = line.trim();
        match self.markup {
            Markup::Markdown => {
                let level = trimmed.bytes().take_while(|byte| *byte == b'#').count();
                if (1..=6).contains(&level)
                    && line.len() - line.trim_start().len() <= 3
                    && (self.raw.is_empty() || trimmed.as_bytes().get(level) == Some(&b' '))
                {
                    return Some((trimmed[level..].trim().trim_end_matches('#').trim().to_owned(), 0));
                }
                if let Some(title) = inline::html_heading(trimmed) {
                    return Some((title, 0));
                }
                (is_underline(next, &['=', '-'], 2)
                    && self.raw.is_empty()
                    && !trimmed.starts_with(['-', '*', '>', '|']))
                .then(|| (trimmed.to_owned(), 1))
            }
            Markup::Adoc => {
                let level = trimmed.bytes().take_while(|byte| *byte == b'=').count();
                let fits = (1..=6).contains(&level) && trimmed.as_bytes().get(level) == Some(&b' ');
                fits.then(|| (trimmed[level..].trim().to_owned(), 0))
            }
            Markup::Rst | Markup::Plain => {
                const RULES: &[char] = &['=', '-', '~', '^', '"', '*', '#', '+', '`', ':', '.', '_'];
                if is_underline(line, RULES, 3) && is_underline(after, RULES, 3) && !next.trim().is_empty() {
                    return Some((next.trim().to_owned(), 2));
                }
                (self.raw.is_empty() && is_underline(next, RULES, 3) && !is_underline(line, RULES, 3))
                    .then(|| (trimmed.to_owned(), 1))
            }
        }
    }

    /// Blocks that are no prose: lists, quotes, tables, rules, directives, indented code.
    fn is_passed_over(&self, line: &str) -> bool {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        match self.markup {
            Markup::Markdown => {
                let list = ["- ", "* ", "+ "].iter().any(|mark| line.starts_with(mark)) && self.raw.is_empty();
                let reference = line.starts_with('[') && line.split_once("]:").is_some();
                list || reference
                    || line.starts_with(['>', '|'])
                    || is_underline(line, &['-', '*', '_', '='], 3)
                    || (indent >= 4 && self.raw.is_empty())
            }
            Markup::Rst => {
                line.starts_with("..")
                    || (line.starts_with('|') && line.ends_with('|'))
                    || (line.starts_with(':') && line[1..].contains(':'))
                    || (indent > 0 && self.raw.is_empty())
                    || is_underline(line, &['=', '-', '*', '_', '~', '+'], 3)
            }
            Markup::Adoc => {
                (line.starts_with(':') && line[1..].contains(':'))
                    || line.starts_with("//")
                    || (line.starts_with('[') && line.ends_with(']'))
                    || line.contains("::") && !line.contains(' ')
                    || line.starts_with("image:") && !line.contains("] ")
                    || line.starts_with("ifdef::")
                    || line.starts_with("toc::")
            }
            Markup::Plain => is_underline(line, &['=', '-', '*', '_', '#'], 3),
        }
    }
}

fn without_front_matter(content: &str) -> &str {
    let Some(rest) = content
        .strip_prefix("---")
        .filter(|rest| rest.starts_with(['\n', '\r']))
    else {
        return content;
    };
    match rest.find("\n---") {
        Some(at) => rest[at + 4..].split_once('\n').map_or("", |(_, body)| body),
        None => content,
    }
}

/// One of `marks`, repeated at least `least` times, and nothing else.
fn is_underline(line: &str, marks: &[char], least: usize) -> bool {
    let line = line.trim();
    let Some(first) = line.chars().next().filter(|first| marks.contains(first)) else {
        return false;
    };
    line.len() >= least && line.chars().all(|char| char == first)
}

/// Words that are more than addresses.
fn has_prose(text: &str) -> bool {
    text.split_whitespace()
        .any(|word| !word.contains("://") && has_words(word))
}

fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}
