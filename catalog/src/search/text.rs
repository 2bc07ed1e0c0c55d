//! Reading what a user typed. Nothing is a syntax error: what makes no sense as an operator is text.

use super::SearchError;
use super::analysis::{parts, runs};
use super::limits::{QUERY_BYTES_MAX, QUERY_FILTERS_MAX, QUERY_WORDS_MAX};
use crate::graph::Field;

/// A text taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) words: Vec<Word>,
    pub(crate) filters: Vec<(Field, String)>,
    /// There was text, but nothing in it that could be looked for.
    pub(crate) only_noise: bool,
}

/// A word or a quoted phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) quoted: bool,
    /// Counts as the beginning of a word.
    pub(crate) prefix: bool,
    /// Runs of letters and digits, folded; at least one.
    pub(crate) runs: Vec<String>,
    /// The same, cut at changes of case and digits.
    pub(crate) parts: Vec<String>,
}

/// Takes a text apart. Errors: `Limit`.
pub(crate) fn parse(text: &str) -> Result<Text, SearchError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(limit(
            "the text of the query in bytes",
            "search_query_bytes_max",
            QUERY_BYTES_MAX,
            text.len(),
        ));
    }
    let mut parsed = Text::default();
    let mut rest = text;
    let mut dropped = false;
    loop {
        rest = rest.trim_start_matches(is_space);
        if rest.is_empty() {
            break;
        }
        if let Some((field, value, after)) = inline_filter(rest) {
            if !value.is_empty() {
                parsed.filters.push((field, value.to_owned()));
            }
            rest = after;
            continue;
        }
        let quoted = rest.starts_with('"');
        let (word, after) = if quoted {
            quotation(rest)
        } else {
            rest.split_at(rest.find(is_space).unwrap_or(rest.len()))
        };
        rest = after;
        match (runs(word), parts(word)) {
            (runs, _) if runs.is_empty() => dropped = true,
            (runs, parts) => {
                let prefix = !quoted && rest.is_empty();
                parsed.words.push(Word {
                    text: word.to_owned(),
                    quoted,
                    prefix,
                    runs,
                    parts,
                });
            }
        }
    }
    parsed.only_noise = dropped && parsed.words.is_empty() && parsed.filters.is_empty();
    let words: usize = parsed.words.iter().map(|word| word.runs.len()).sum();
    if words > QUERY_WORDS_MAX {
        return Err(limit(
            "the number of words of the query",
            "search_query_words_max",
            QUERY_WORDS_MAX,
            words,
        ));
    }
    if parsed.filters.len() > QUERY_FILTERS_MAX {
        let filters = parsed.filters.len();
        return Err(limit(
            "the number of filters of the query",
            "search_query_filters_max",
            QUERY_FILTERS_MAX,
            filters,
        ));
    }
    Ok(parsed)
}

pub(crate) fn limit(what: &'static str, name: &'static str, limit: usize, actual: usize) -> SearchError {
    SearchError::Limit {
        what,
        name,
        limit,
        actual,
    }
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// What stands between the first quotation mark and the next one, or the end; and what follows.
fn quotation(text: &str) -> (&str, &str) {
    let inner = text.strip_prefix('"').unwrap_or(text);
    inner.split_once('"').unwrap_or((inner, ""))
}

/// `key:value` or `key:"value"` with a known key; anything else with a colon is text, such as a ref.
fn inline_filter(text: &str) -> Option<(Field, &str, &str)> {
    const KEYS: [(&str, Field); 8] = [
        ("kind", Field::Kind),
        ("namespace", Field::Namespace),
        ("owner", Field::Owner),
        ("tag", Field::Tag),
        ("tags", Field::Tag),
        ("lifecycle", Field::Lifecycle),
        ("type", Field::Type),
        ("label", Field::Label),
    ];
    let (key, value) = text.split_once(':')?;
    let (_, field) = KEYS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
    if value.starts_with('"') {
        let (value, after) = quotation(value);
        return Some((field, value, after));
    }
    let end = value.find(is_space).unwrap_or(value.len());
    let (value, after) = value.split_at(end);
    Some((field, value, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<(String, bool, bool)> {
        parse(text)
            .unwrap()
            .words
            .into_iter()
            .map(|word| (word.text, word.quoted, word.prefix))
            .collect()
    }

    fn word(text: &str, quoted: bool, prefix: bool) -> (String, bool, bool) {
        (text.to_owned(), quoted, prefix)
    }

    #[test]
    fn the_last_word_is_a_beginning_unless_a_space_follows() {
        assert_eq!(words("pay led"), [word("pay", false, false), word("led", false, true)]);
        assert_eq!(words("pay "), [word("pay", false, false)]);
    }

    #[test]
    fn quotes_hold_words_together_even_if_left_open() {
        assert_eq!(
            words("\"card payments\" x"),
            [word("card payments", true, false), word("x", false, true)]
        );
        assert_eq!(words("\"card pay"), [word("card pay", true, false)]);
    }

    #[test]
    fn known_keys_filter_and_unknown_ones_are_text() {
        let parsed = parse("kind:Component owner:\"team a\" component:default/x http://y Kind:api tag:").unwrap();
        assert_eq!(
            parsed.filters,
            [
                (Field::Kind, "Component".to_owned()),
                (Field::Owner, "team a".to_owned()),
                (Field::Kind, "api".to_owned())
            ]
        );
        assert_eq!(parsed.words.len(), 2);
    }

    #[test]
    fn text_without_a_word_is_noise_and_no_text_is_not() {
        assert!(parse("🦀 --").unwrap().only_noise);
        assert!(!parse(" ").unwrap().only_noise);
        assert!(!parse("pay -").unwrap().only_noise);
    }

    #[test]
    fn what_is_too_long_says_which_limit_it_hit() {
        let long = parse(&"x".repeat(QUERY_BYTES_MAX + 1)).unwrap_err().to_string();
        assert!(long.contains("search_query_bytes_max"), "{long}");
        let many = parse(&"x ".repeat(QUERY_WORDS_MAX + 1)).unwrap_err().to_string();
        assert!(many.contains("search_query_words_max"), "{many}");
    }

    proptest! {
        #[test]
        fn any_short_text_can_be_read(text in "[\\PC\"\\x00:]{0,60}") {
            if let Err(error) = parse(&text) {
                prop_assert!(matches!(error, SearchError::Limit { .. }), "refused");
            }
        }
    }
}
