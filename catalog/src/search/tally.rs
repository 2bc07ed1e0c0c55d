//! Adding up what each word of a query is worth in each document.
//!
//! A document must match every word, and a word is worth its best match. Worths are counted in eighths in one byte for
//! each document of a segment: what matches a word is walked in blocks, one kind of match after the other, and that is
//! several times quicker than merging the kinds document by document.

use tantivy::query::{EnableScoring, Query, Weight};
use tantivy::{Searcher, SegmentReader};

use super::SearchError;

/// The ways in which one word can match, each with what it is worth in eighths.
pub(super) type Word = Vec<(Box<dyn Query>, u8)>;

/// What a query asks of a document.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) words: Vec<Word>,
    /// All must match; they are worth nothing.
    pub(super) filters: Vec<Box<dyn Query>>,
    /// Nothing can match.
    pub(super) impossible: bool,
}

/// What a document that matches without any word is worth, in eighths.
const WORDLESS: u16 = 8;

/// A query that is ready to be put to segments.
pub(super) struct Tally {
    words: Vec<Vec<(Box<dyn Weight>, u8)>>,
    filters: Vec<Box<dyn Weight>>,
    impossible: bool,
    /// What the word at hand is worth, by document.
    best: Vec<u8>,
    /// What all words so far are worth, by document; 0 where one did not match.
    total: Vec<u16>,
}

impl Tally {
    pub(super) fn new(searcher: &Searcher, wanted: &Wanted) -> Result<Self, SearchError> {
        let weigh = |query: &dyn Query| query.weight(EnableScoring::disabled_from_searcher(searcher));
        let word = |word: &Word| {
            let weighed = word.iter().map(|(query, worth)| Ok((weigh(&**query)?, *worth)));
            weighed.collect::<Result<Vec<_>, SearchError>>()
        };
        Ok(Self {
            words: wanted.words.iter().map(word).collect::<Result<_, _>>()?,
            filters: wanted
                .filters
                .iter()
                .map(|filter| weigh(&**filter))
                .collect::<Result<_, _>>()?,
            impossible: wanted.impossible,
            best: Vec::new(),
            total: Vec::new(),
        })
    }

    /// Document and worth of everything in a segment that matches, live or not, in the order of documents.
    pub(super) fn matches(
        &mut self,
        segment: &SegmentReader,
    ) -> Result<impl Iterator<Item = (u32, f32)> + '_, SearchError> {
        let Self {
            words,
            filters,
            impossible,
            best,
            total,
        } = self;
        let documents = if *impossible { 0 } else { segment.max_doc() as usize };
        total.clear();
        total.resize(documents, if words.is_empty() { WORDLESS } else { 0 });
        for (at, word) in words.iter().enumerate() {
            best.clear();
            best.resize(documents, 0);
            for (weight, worth) in word {
                mark(&**weight, segment, best, *worth)?;
            }
            for (total, best) in total.iter_mut().zip(&*best) {
                let matches_so_far = at == 0 || *total > 0;
                *total = if *best > 0 && matches_so_far {
                    *total + u16::from(*best)
                } else {
                    0
                };
            }
        }
        for filter in filters {
            best.clear();
            best.resize(documents, 0);
            mark(&**filter, segment, best, 1)?;
            for (total, passes) in total.iter_mut().zip(&*best) {
                *total *= u16::from(*passes);
            }
        }
        let matching = (0..).zip(&*total).filter(|(_, worth)| **worth > 0);
        Ok(matching.map(|(document, worth)| (document, f32::from(*worth) / 8.0)))
    }
}

/// Raises the worth of every document that matches.
fn mark(weight: &dyn Weight, segment: &SegmentReader, best: &mut [u8], worth: u8) -> Result<(), SearchError> {
    weight.for_each_no_score(segment, &mut |documents| {
        for document in documents {
            if let Some(best) = best.get_mut(*document as usize) {
                *best = (*best).max(worth);
            }
        }
    })?;
    Ok(())
}
