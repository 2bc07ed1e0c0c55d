//! Filters as index queries, as far as the index can decide them exactly.

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, EmptyQuery, Occur, Query, TermQuery, TermSetQuery};
use tantivy::schema::{Field as IndexField, IndexRecordOption};

use super::fields::Fields;
use super::limits::FIELD_VALUE_BYTES_MAX;
use crate::graph::Field;
use crate::graph::filter::{Filter, Matcher};

/// Larger sets are looked up for each match instead.
const SET_TERMS_MAX: usize = 1_024;

/// A filter taken apart: what the index decides, and what is left for the node of each match.
pub(crate) struct Translated {
    pub(crate) queries: Vec<Box<dyn Query>>,
    pub(crate) residual: Option<Filter>,
}

pub(crate) fn translate(fields: &Fields, filter: &Filter) -> Translated {
    let mut translated = Translated {
        queries: Vec::new(),
        residual: None,
    };
    let all = match filter {
        Filter::All(all) => all.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut residual = Vec::new();
    for part in all {
        match exact(fields, part) {
            Some(query) => translated.queries.push(query),
            None => residual.push(part.clone()),
        }
    }
    if !residual.is_empty() {
        translated.residual = Some(Filter::All(residual));
    }
    translated
}

/// The query that matches just what the filter lets pass; nothing where the index cannot tell.
fn exact(fields: &Fields, filter: &Filter) -> Option<Box<dyn Query>> {
    match filter {
        Filter::All(all) if all.is_empty() => Some(Box::new(AllQuery)),
        Filter::All(all) => Some(Box::new(BooleanQuery::intersection(every(fields, all)?))),
        Filter::Any(any) if any.is_empty() => Some(Box::new(EmptyQuery)),
        Filter::Any(any) => Some(Box::new(BooleanQuery::union(every(fields, any)?))),
        Filter::Not(not) => {
            let all: Box<dyn Query> = Box::new(AllQuery);
            Some(Box::new(BooleanQuery::new(vec![
                (Occur::Must, all),
                (Occur::MustNot, exact(fields, not)?),
            ])))
        }
        Filter::Field(field, matcher) => values(fields, *field, matcher),
        Filter::OneOf(set) if set.len() <= SET_TERMS_MAX => {
            let terms = set.iter().map(|no| Term::from_field_u64(fields.no, u64::from(no.0)));
            Some(Box::new(TermSetQuery::new(terms.collect::<Vec<_>>())))
        }
        Filter::OneOf(_) | Filter::Name(_) | Filter::Title(_) | Filter::Related { .. } => None,
    }
}

fn every(fields: &Fields, filters: &[Filter]) -> Option<Vec<Box<dyn Query>>> {
    filters.iter().map(|filter| exact(fields, filter)).collect()
}

fn values(fields: &Fields, field: Field, matcher: &Matcher) -> Option<Box<dyn Query>> {
    let wanted = match matcher {
        Matcher::Eq(value) => std::slice::from_ref(value),
        Matcher::In(values) => values.as_slice(),
        Matcher::Prefix(_) | Matcher::Exists(_) => return None,
    };
    let mut terms = Vec::with_capacity(wanted.len());
    for value in wanted {
        let value = value.to_lowercase();
        if value.len() > FIELD_VALUE_BYTES_MAX {
            return None;
        }
        terms.push(value);
    }
    Some(match terms.as_slice() {
        [] => Box::new(EmptyQuery),
        [value] => exact_term(fields.of(field), value),
        values => Box::new(TermSetQuery::new(
            values
                .iter()
                .map(|value| Term::from_field_text(fields.of(field), value)),
        )),
    })
}

pub(crate) fn exact_term(field: IndexField, text: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(
        Term::from_field_text(field, text),
        IndexRecordOption::Basic,
    ))
}
