//! From the words of a user to a query of the index, with what each kind of match is worth.
//!
//! Every word must match somewhere; it is worth its best match. Values are whole eighths and are only added up, so that
//! a score is exact whatever the order of addition, and the same in a followed and in a rebuilt index.

use tantivy::Term;
use tantivy::query::{BooleanQuery, FuzzyTermQuery, PhrasePrefixQuery, PhraseQuery, Query};
use tantivy::schema::Field as IndexField;

use super::analysis::{Stems, fold};
use super::fields::Fields;
use super::filter::exact_term;
use super::limits::{EDGE_CHARS_MAX, TOKEN_BYTES_MAX};
use super::tally::{self, Wanted};
use super::text::{Text, Word};
use crate::graph::Field;

// What a match is worth, in eighths.
const REF: u8 = 96;
const NAME_EXACT: u8 = 80;
const IDENTIFIER: u8 = 72;
const NAME: u8 = 40;
const NAME_PREFIX: u8 = 32;
const TITLE: u8 = 28;
const TITLE_PREFIX: u8 = 22;
const TAG: u8 = 20;
const OWNER: u8 = 16;
const IDENTIFIER_PART: u8 = 12;
const VALUE: u8 = 12;
const TEXT: u8 = 12;
const WORD: u8 = 10;
const WORD_PREFIX: u8 = 8;
const NAME_FUZZY: u8 = 8;
const WORD_FUZZY: u8 = 4;
const REST: u8 = 3;

/// A shorter beginning would match most words of most descriptions.
const WORD_PREFIX_CHARS_MIN: usize = 3;
/// Words from this length on may differ by one change, from the second one on by two.
const FUZZY_CHARS_MIN: usize = 4;
const FUZZY_TWICE_CHARS_MIN: usize = 8;
/// Different ends of a phrase that is being typed.
pub(super) const PHRASE_ENDS_MAX: u32 = 1_000;

/// What words and filters ask for. With `fuzzy`, words that are spelled alike match too, for less.
pub(crate) fn build(fields: &Fields, text: &Text, filters: Vec<Box<dyn Query>>, fuzzy: bool) -> Wanted {
    Wanted {
        words: text
            .words
            .iter()
            .map(|word| word_queries(fields, word, fuzzy))
            .collect(),
        filters: filters
            .into_iter()
            .chain(inline_filters(fields, &text.filters))
            .collect(),
        impossible: text.only_noise,
    }
}

fn word_queries(fields: &Fields, word: &Word, fuzzy: bool) -> tally::Word {
    let mut queries = tally::Word::new();
    let mut add = |query: Option<Box<dyn Query>>, worth: u8| queries.extend(query.map(|query| (query, worth)));
    let (runs, parts) = (&word.runs, &word.parts);
    let mut stemmer = Stems::new();
    let stems = stemmer.all(runs);
    let same_parts = runs == parts;

    let lower = word.text.to_lowercase();
    if lower.len() <= super::limits::FIELD_VALUE_BYTES_MAX {
        add(Some(exact_term(fields.entity, &lower)), REF);
        add(Some(exact_term(fields.name_exact, &fold(&word.text))), NAME_EXACT);
        add(Some(exact_term(fields.identifier, &lower)), IDENTIFIER);
        add(Some(exact_term(fields.of(Field::Tag), &lower)), TAG);
        add(Some(exact_term(fields.owner_name, &lower)), OWNER);
        for field in [Field::Kind, Field::Type, Field::Lifecycle, Field::Namespace] {
            add(Some(exact_term(fields.of(field), &lower)), VALUE);
        }
    }
    add(phrase(fields.name, parts), NAME);
    add(phrase(fields.identifier_parts, parts), IDENTIFIER_PART);
    add(phrase(fields.title, &stems), TITLE);
    add(phrase(fields.text, &stems), TEXT);
    if !same_parts {
        let stems = stemmer.all(parts);
        add(phrase(fields.name, runs), NAME);
        add(phrase(fields.title, &stems), TITLE);
        add(phrase(fields.text, &stems), TEXT);
    }
    if !word.quoted {
        add(Some(all_of(runs.iter().map(|run| exact_term(fields.words, run)))), WORD);
        add(Some(all_of(runs.iter().map(|run| exact_term(fields.rest, run)))), REST);
    }
    if word.prefix {
        let beginning = fold(word.text.trim_start_matches(|c: char| !c.is_alphanumeric()));
        add(edge(fields.name_edges, &beginning), NAME_PREFIX);
        add(edge(fields.title_edges, &beginning), TITLE_PREFIX);
        add(phrase_prefix(fields.name, parts), NAME_PREFIX);
        add(words_prefix(fields, runs), WORD_PREFIX);
    }
    if fuzzy && !word.quoted {
        add(alike(fields.name, parts, word.prefix), NAME_FUZZY);
        add(alike(fields.words, runs, word.prefix), WORD_FUZZY);
        if !same_parts {
            add(alike(fields.name, runs, word.prefix), NAME_FUZZY);
        }
    }
    queries
}

/// One term, or several in this order.
fn phrase(field: IndexField, words: &[String]) -> Option<Box<dyn Query>> {
    match words {
        [] => None,
        [word] => Some(exact_term(field, word)),
        words => Some(Box::new(PhraseQuery::new(
            words.iter().map(|word| Term::from_field_text(field, word)).collect(),
        ))),
    }
}

fn all_of(queries: impl Iterator<Item = Box<dyn Query>>) -> Box<dyn Query> {
    Box::new(BooleanQuery::intersection(queries.collect()))
}

/// A beginning that is in the index as such.
fn edge(field: IndexField, beginning: &str) -> Option<Box<dyn Query>> {
    let short = beginning.chars().nth(EDGE_CHARS_MAX).is_none() && beginning.len() <= TOKEN_BYTES_MAX;
    short.then(|| exact_term(field, beginning))
}

/// Parts of a name in this order, the last one only begun.
fn phrase_prefix(field: IndexField, parts: &[String]) -> Option<Box<dyn Query>> {
    let chars: usize = parts.iter().map(|part| part.chars().count()).sum();
    if parts.len() < 2 && chars <= EDGE_CHARS_MAX {
        return None;
    }
    let mut query = PhrasePrefixQuery::new(parts.iter().map(|part| Term::from_field_text(field, part)).collect());
    query.set_max_expansions(PHRASE_ENDS_MAX);
    Some(Box::new(query))
}

/// Words anywhere, the last one only begun.
fn words_prefix(fields: &Fields, runs: &[String]) -> Option<Box<dyn Query>> {
    let (last, others) = runs.split_last()?;
    if last.chars().count() < WORD_PREFIX_CHARS_MIN || last.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let begun: Box<dyn Query> = Box::new(FuzzyTermQuery::new_prefix(
        Term::from_field_text(fields.words, last),
        0,
        true,
    ));
    Some(all_of(
        others.iter().map(|run| exact_term(fields.words, run)).chain([begun]),
    ))
}

/// By how many changes a word may differ from one that is looked for.
pub(crate) fn allowed_changes(word: &str) -> u8 {
    match word.chars().count() {
        chars if chars < FUZZY_CHARS_MIN || word.len() > TOKEN_BYTES_MAX => 0,
        chars if chars < FUZZY_TWICE_CHARS_MIN => 1,
        _ => 2,
    }
}

/// Words that differ by few changes; short ones must be equal.
fn alike(field: IndexField, words: &[String], prefix: bool) -> Option<Box<dyn Query>> {
    if words.iter().all(|word| allowed_changes(word) == 0) {
        return None;
    }
    let last = words.len() - 1;
    Some(all_of(words.iter().enumerate().map(|(at, word)| -> Box<dyn Query> {
        let term = Term::from_field_text(field, word);
        match allowed_changes(word) {
            0 => exact_term(field, word),
            distance if prefix && at == last => Box::new(FuzzyTermQuery::new_prefix(term, distance, true)),
            distance => Box::new(FuzzyTermQuery::new(term, distance, true)),
        }
    })))
}

/// One query for each field: any of its values, but all of several tags and labels.
fn inline_filters(fields: &Fields, filters: &[(Field, String)]) -> Vec<Box<dyn Query>> {
    let mut queries: Vec<Box<dyn Query>> = Vec::new();
    for field in Field::ALL {
        let values: Vec<Box<dyn Query>> = filters
            .iter()
            .filter(|(at, _)| *at == field)
            .map(|(_, value)| inline_filter(fields, field, &value.to_lowercase()))
            .collect();
        match field {
            Field::Tag | Field::Label => queries.extend(values),
            _ if values.is_empty() => {}
            _ => queries.push(Box::new(BooleanQuery::union(values))),
        }
    }
    queries
}

fn inline_filter(fields: &Fields, field: Field, value: &str) -> Box<dyn Query> {
    let query = exact_term(fields.of(field), value);
    match field {
        // A full ref, or the name of an owner of any kind.
        Field::Owner => Box::new(BooleanQuery::union(vec![query, exact_term(fields.owner_name, value)])),
        _ => query,
    }
}
