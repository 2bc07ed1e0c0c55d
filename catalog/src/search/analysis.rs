//! How text becomes words, for documents and queries alike.
//!
//! A *run* is letters and digits without a break. The *parts* of a run are cut at changes of case and between letters
//! and digits: `PaymentAPI2` is `Payment`, `API`, `2`. Chinese, Japanese and Korean characters are words of their own,
//! since nothing separates words there; a query of several is then a phrase.

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RawTokenizer, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer,
    TokenizerManager,
};

use super::limits::{EDGE_CHARS_MAX, TOKEN_BYTES_MAX};

pub(crate) const PLAIN: &str = "bailiwick_plain";
pub(crate) const ENGLISH: &str = "bailiwick_english";
pub(crate) const PARTS: &str = "bailiwick_parts";
pub(crate) const EDGES: &str = "bailiwick_edges";
pub(crate) const RAW: &str = "raw";

pub(crate) fn register(manager: &TokenizerManager) {
    let lowered = |mode| {
        TextAnalyzer::builder(Words::new(mode))
            .filter(LowerCaser)
            .filter(AsciiFoldingFilter)
    };
    manager.register(PLAIN, lowered(Mode::Runs).build());
    manager.register(
        ENGLISH,
        lowered(Mode::Runs).filter(Stemmer::new(Language::English)).build(),
    );
    manager.register(PARTS, lowered(Mode::PartsAndRuns).build());
    manager.register(EDGES, lowered(Mode::Edges).build());
}

/// Lower case without accents, as the index holds words and names.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let analyzer = TextAnalyzer::builder(RawTokenizer::default())
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter);
    one(&mut analyzer.build(), text)
}

/// Makes English stems of folded words.
pub(crate) struct Stems(TextAnalyzer);

impl Stems {
    pub(crate) fn new() -> Self {
        Self(
            TextAnalyzer::builder(RawTokenizer::default())
                .filter(Stemmer::new(Language::English))
                .build(),
        )
    }

    pub(crate) fn stem(&mut self, folded: &str) -> String {
        one(&mut self.0, folded)
    }

    pub(crate) fn all(&mut self, folded: &[String]) -> Vec<String> {
        folded.iter().map(|word| self.stem(word)).collect()
    }
}

fn one(analyzer: &mut TextAnalyzer, text: &str) -> String {
    let mut stream = analyzer.token_stream(text);
    if stream.advance() {
        std::mem::take(&mut stream.token_mut().text)
    } else {
        String::new()
    }
}

/// The runs of a text, folded.
pub(crate) fn runs(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for_runs(text, &mut |from, to| found.push(fold(&text[from..to])));
    found
}

/// The parts of a text, folded.
pub(crate) fn parts(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for_runs(text, &mut |from, to| {
        for_parts(text, from, to, &mut |from, to| found.push(fold(&text[from..to])))
    });
    found
}

/// Calls back with the byte range of each run.
pub(crate) fn for_runs(text: &str, visit: &mut dyn FnMut(usize, usize)) {
    if text.is_ascii() {
        return for_ascii_runs(text.as_bytes(), visit);
    }
    let mut start = None;
    for (at, c) in text.char_indices() {
        let stands_alone = is_ideograph(c);
        if (stands_alone || !c.is_alphanumeric())
            && let Some(from) = start.take()
        {
            visit(from, at);
        }
        if stands_alone {
            visit(at, at + c.len_utf8());
        } else if c.is_alphanumeric() && start.is_none() {
            start = Some(at);
        }
    }
    if let Some(from) = start {
        visit(from, text.len());
    }
}

/// The same where nothing has to be decoded: most text of a catalog.
fn for_ascii_runs(text: &[u8], visit: &mut dyn FnMut(usize, usize)) {
    let mut at = 0;
    while at < text.len() {
        let from = at;
        while at < text.len() && text[at].is_ascii_alphanumeric() {
            at += 1;
        }
        if from < at {
            visit(from, at);
        }
        at += 1;
    }
}

/// Calls back with the byte range of each part of the run `from..to`.
pub(crate) fn for_parts(text: &str, from: usize, to: usize, visit: &mut dyn FnMut(usize, usize)) {
    let mut start = from;
    let mut previous: Option<char> = None;
    let mut chars = text[from..to].char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        if let Some(previous) = previous {
            let next_is_lower = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
            let camel = c.is_uppercase() && (previous.is_lowercase() || (previous.is_uppercase() && next_is_lower));
            let digits = c.is_numeric() != previous.is_numeric();
            if camel || digits {
                visit(start, from + offset);
                start = from + offset;
            }
        }
        previous = Some(c);
    }
    if start < to {
        visit(start, to);
    }
}

fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff | 0x2_0000..=0x2_fa1f)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Runs,
    /// Parts, and where a run has several, the whole run in the place of the first.
    PartsAndRuns,
    /// The beginnings of parts and of runs. That of a whole text with several is a phrase of which the end is begun.
    Edges,
}

/// Cuts a text into words. Places first, then one token that is filled again and again: indexing spends much of its
/// time here, and a token of its own for each word would double it.
#[derive(Clone)]
struct Words {
    mode: Mode,
    places: Vec<Place>,
    token: Token,
}

/// A word in the text.
#[derive(Debug, Clone, Copy)]
struct Place {
    from: usize,
    to: usize,
    position: usize,
}

impl Words {
    fn new(mode: Mode) -> Self {
        Self {
            mode,
            places: Vec::new(),
            token: Token::default(),
        }
    }

    fn push(&mut self, from: usize, to: usize, position: usize) {
        if to - from <= TOKEN_BYTES_MAX {
            self.places.push(Place { from, to, position });
        }
    }

    fn push_edges(&mut self, text: &str, from: usize, to: usize) {
        for (offset, c) in text[from..to].char_indices().take(EDGE_CHARS_MAX) {
            self.push(from, from + offset + c.len_utf8(), 0);
        }
    }

    fn fill(&mut self, text: &str) {
        self.places.clear();
        let mut position = 0;
        for_runs(text, &mut |from, to| match self.mode {
            Mode::Runs => {
                self.push(from, to, position);
                position += 1;
            }
            Mode::PartsAndRuns => {
                let first = position;
                let at = self.places.len();
                for_parts(text, from, to, &mut |from, to| {
                    self.push(from, to, position);
                    position += 1;
                });
                // Before the other parts, since positions must not go back.
                if position - first > 1 && to - from <= TOKEN_BYTES_MAX {
                    self.places.insert(
                        at,
                        Place {
                            from,
                            to,
                            position: first,
                        },
                    );
                }
            }
            Mode::Edges => {
                let whole = (from, to);
                for_parts(text, from, to, &mut |from, to| {
                    if (from, to) != whole {
                        self.push_edges(text, from, to);
                    }
                });
                self.push_edges(text, from, to);
            }
        });
    }
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.fill(text);
        WordStream {
            text,
            places: self.places.iter(),
            token: &mut self.token,
        }
    }
}

struct WordStream<'a> {
    text: &'a str,
    places: std::slice::Iter<'a, Place>,
    token: &'a mut Token,
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(Place { from, to, position }) = self.places.next().copied() else {
            return false;
        };
        self.token.text.clear();
        self.token.text.push_str(&self.text[from..to]);
        self.token.offset_from = from;
        self.token.offset_to = to;
        self.token.position = position;
        self.token.position_length = 1;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_parts_at_case_digits_and_punctuation() {
        assert_eq!(
            parts("PaymentAPI2-ledger_v2.x/y"),
            ["payment", "api", "2", "ledger", "v", "2", "x", "y"]
        );
        assert_eq!(parts("HTTPServer"), ["http", "server"]);
        assert_eq!(runs("Été-Straße"), ["ete", "strasse"]);
        assert!(parts("--- 🦀 \0").is_empty());
    }

    #[test]
    fn ideographs_are_words_of_their_own() {
        assert_eq!(runs("決済API"), ["決", "済", "api"]);
    }

    #[test]
    fn edges_hold_every_beginning_of_part_and_run() {
        let mut words = Words::new(Mode::Edges);
        let text = "ab-cD";
        words.fill(text);
        let texts: Vec<&str> = words.places.iter().map(|place| &text[place.from..place.to]).collect();
        assert_eq!(texts, ["a", "ab", "c", "D", "c", "cD"]);
    }
}
