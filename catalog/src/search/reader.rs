//! Reading the index: pages of matches, sets and facets by any path.
//!
//! What is found is checked against the snapshot that the caller holds: an entity that is gone from it, or that the
//! viewer may not see, is in no hit, no total and no facet. Nothing is cut off before it is counted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bailiwick_schema::{Position, Viewer};
use serde_json::Value;
use tantivy::query::TermQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, Searcher, TERMINATED, Term};
use tokio::sync::watch;

use super::best::{Placed, best};
use super::fields::{NO, column_of};
use super::filter::{Translated, translate};
use super::highlight::Highlighter;
use super::index::{Checksum, Shared, View};
use super::limits::{BUCKETS_MAX, FIELD_VALUE_BYTES_MAX, PAGE_HITS_MAX, PAGE_OFFSET_MAX, PATH_VALUE_BYTES_MAX};
use super::tally::{Tally, Wanted};
use super::text::{self, Text, limit};
use super::{Hit, SearchError, SearchPage, SearchQuery, paths, query};
use crate::graph::filter::Filter;
use crate::graph::select::Bucket;
use crate::graph::{Field, Node, Snapshot};
use crate::store::EntityNo;

/// With fewer matches than this, words that are spelled alike count too: with none. What is found as written should not
/// drown in what only looks like it.
const FUZZY_BELOW: usize = 1;
/// From so many matches on it is quicker to make the set of all live entities than to ask for each.
const DIRECT_MATCHES_MAX: usize = 2_048;

/// Reads the index; a clone reads the same one.
#[derive(Clone)]
pub struct SearchReader {
    shared: Arc<Shared>,
}

/// A document that matches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    segment: u32,
    document: u32,
    pub(super) no: EntityNo,
    /// What the text is worth, without importance.
    pub(super) score: f32,
}

impl SearchReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What the index has seen: every commit up to here. `Position::ZERO` while it is being built.
    pub fn position(&self) -> Position {
        *self.shared.position.borrow()
    }

    /// Follows [`Self::position`].
    pub fn positions(&self) -> watch::Receiver<Position> {
        self.shared.position.subscribe()
    }

    /// Whether there is anything to ask.
    pub fn is_ready(&self) -> bool {
        self.shared.view.load().mark.is_some()
    }

    /// Documents and their hashes, to be compared with [`Checksum::expected`]. Reads one column.
    pub fn checksum(&self) -> Result<Checksum, SearchError> {
        Checksum::of(&self.shared.view.load().searcher)
    }

    /// Visits (entity number, document hash) of every document, in no order; for `verify`.
    pub fn documents(&self, visit: &mut dyn FnMut(u64, u64)) -> Result<(), SearchError> {
        super::index::documents(&self.shared.view.load().searcher, visit)
    }

    /// A page of matches, best first; equals by name, then ref. Takes up to some tens of milliseconds of processor time
    /// where much of a large catalog matches.
    /// Errors: `Limit`, `NotReady`, `Engine`.
    pub fn search(&self, viewer: &Viewer, snapshot: &Snapshot, query: &SearchQuery) -> Result<SearchPage, SearchError> {
        if query.first > PAGE_HITS_MAX {
            return Err(limit(
                "the size of the page",
                "search_page_hits_max",
                PAGE_HITS_MAX,
                query.first,
            ));
        }
        if query.offset > PAGE_OFFSET_MAX {
            return Err(limit(
                "the start of the page",
                "search_page_offset_max",
                PAGE_OFFSET_MAX,
                query.offset,
            ));
        }
        let text = text::parse(&query.text)?;
        let view = self.view()?;
        let index_position = view.mark.map_or(Position::ZERO, |mark| mark.position);
        if !viewer.reads_anything() {
            let facets = query.facets.iter().map(|field| (*field, Vec::new())).collect();
            return Ok(SearchPage {
                total: 0,
                hits: Vec::new(),
                facets,
                index_position,
                fuzzy: false,
            });
        }
        let run = |fuzzy| self.matches(&view.searcher, viewer, snapshot, &text, &query.filter, fuzzy);
        let mut matches = run(false)?;
        let mut fuzzy = false;
        if !text.words.is_empty() && matches.len() < FUZZY_BELOW {
            let more = run(true)?;
            if more.len() > matches.len() {
                (matches, fuzzy) = (more, true);
            }
        }
        let total = matches.len();
        let facets = query
            .facets
            .iter()
            .map(|field| Ok((*field, facet(&view.searcher, snapshot, *field, &matches)?)))
            .collect::<Result<_, SearchError>>()?;
        let hits = self.hits(
            snapshot,
            best(snapshot, &matches, query.offset, query.first),
            query.highlight.then_some(&text),
            fuzzy,
        );
        Ok(SearchPage {
            total,
            hits,
            facets,
            index_position,
            fuzzy,
        })
    }

    /// The entities that have this value under this path, without case: `metadata.annotations.x`, `spec.y.z`.
    /// Whether a viewer may see them is for the caller, who takes them as a filter.
    /// Errors: `Limit` for a value that is too long to be indexed, `NotIndexed`, `NotReady`, `Engine`.
    pub fn entities_with(&self, path: &str, value: &str) -> Result<HashSet<EntityNo>, SearchError> {
        indexed(path)?;
        let Some(term) = paths::term(path, value) else {
            let (name, what) = ("search_path_value_bytes_max", "the value or its path in bytes");
            return Err(limit(what, name, PATH_VALUE_BYTES_MAX, value.len().max(path.len())));
        };
        let view = self.view()?;
        let term = Term::from_field_bytes(self.shared.fields.path, &term);
        let query = TermQuery::new(term, IndexRecordOption::Basic);
        let wanted = Wanted {
            filters: vec![Box::new(query)],
            ..Wanted::default()
        };
        Ok(documents(&view.searcher, &wanted)?
            .into_iter()
            .map(|found| found.no)
            .collect())
    }

    /// The values under any path among the entities that pass, most frequent first, then by value; at most `limit`, and
    /// of values that are equally rare any that fit. A value is spelled as one of the entities spells it.
    /// Errors: `Limit`, `NotIndexed`, `NotReady`, `Engine`.
    pub fn values_of(
        &self,
        path: &str,
        snapshot: &Snapshot,
        viewer: &Viewer,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Bucket>, SearchError> {
        if limit > BUCKETS_MAX {
            return Err(text::limit(
                "the number of buckets",
                "search_buckets_max",
                BUCKETS_MAX,
                limit,
            ));
        }
        indexed(path)?;
        let view = self.view()?;
        let allowed = snapshot.matching(viewer, filter);
        let mut is_allowed = vec![
            false;
            allowed
                .iter()
                .map(|node| node.no.0 as usize + 1)
                .max()
                .unwrap_or_default()
        ];
        allowed.iter().for_each(|node| is_allowed[node.no.0 as usize] = true);
        let prefix = paths::prefix(path);
        let mut counts: HashMap<[u8; paths::VALUE_BYTES], (usize, EntityNo)> = HashMap::new();
        for segment in view.searcher.segment_readers() {
            let numbers = segment.fast_fields().u64(NO)?;
            let inverted = segment.inverted_index(self.shared.fields.path)?;
            let mut terms = inverted.terms().range().ge(prefix).into_stream()?;
            while terms.advance() {
                let Some(value) = terms.key().strip_prefix(&prefix) else {
                    break;
                };
                let Ok(value) = value.try_into() else { continue };
                let mut count = 0;
                let mut example = None;
                let mut postings = inverted.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
                while postings.doc() != TERMINATED {
                    let document = postings.doc();
                    postings.advance();
                    let no = numbers
                        .first(document)
                        .map(number)
                        .filter(|_| !segment.is_deleted(document));
                    if let Some(no) = no.filter(|no| is_allowed.get(no.0 as usize).copied().unwrap_or(false)) {
                        count += 1;
                        example.get_or_insert(no);
                    }
                }
                if let Some(example) = example {
                    let counted = counts.entry(value).or_insert((0, example));
                    counted.0 += count;
                    // The same example whatever the order of segments.
                    counted.1 = counted.1.min(example);
                }
            }
        }
        let mut counted: Vec<_> = counts
            .into_iter()
            .map(|(value, (count, example))| (value, count, example))
            .collect();
        counted.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        counted.truncate(limit);
        let mut buckets: Vec<Bucket> = counted
            .into_iter()
            .filter_map(|(value, count, example)| self.bucket(snapshot, path, value, count, example))
            .collect();
        buckets.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.value.cmp(&other.value)));
        Ok(buckets)
    }

    /// Nothing if the entity no longer says so, or the hash of its path is that of another path.
    fn bucket(
        &self,
        snapshot: &Snapshot,
        path: &str,
        value: [u8; paths::VALUE_BYTES],
        count: usize,
        example: EntityNo,
    ) -> Option<Bucket> {
        let node = snapshot.node_unchecked(example)?;
        let body = (self.shared.bodies)(node.no, node.position)?;
        let value = paths::spelling(&body, path, &value)?;
        Some(Bucket { value, count })
    }

    fn view(&self) -> Result<Arc<View>, SearchError> {
        let view = self.shared.view.load_full();
        if view.mark.is_none() {
            return Err(SearchError::NotReady);
        }
        Ok(view)
    }

    fn body(&self, node: &Node) -> Option<Value> {
        (self.shared.bodies)(node.no, node.position).and_then(|body| serde_json::from_slice(&body).ok())
    }

    /// Everything that matches and that the viewer may see.
    fn matches(
        &self,
        searcher: &Searcher,
        viewer: &Viewer,
        snapshot: &Snapshot,
        text: &Text,
        filter: &Filter,
        fuzzy: bool,
    ) -> Result<Vec<Match>, SearchError> {
        let fields = &self.shared.fields;
        let Translated { queries, residual } = translate(fields, filter);
        let mut matches = documents(searcher, &query::build(fields, text, queries, fuzzy))?;
        let passes = |node: &Node| residual.as_ref().is_none_or(|filter| filter.matches(snapshot, node));
        if viewer.reads_everything() && residual.is_none() && matches.len() > DIRECT_MATCHES_MAX {
            let live = snapshot.live();
            matches.retain(|found| live.contains(found.no.0));
        } else {
            matches.retain(|found| snapshot.node(viewer, found.no).is_some_and(|node| passes(node)));
        }
        Ok(matches)
    }

    fn hits(&self, snapshot: &Snapshot, page: Vec<Placed>, highlight: Option<&Text>, fuzzy: bool) -> Vec<Hit> {
        let mut highlighter = highlight
            .filter(|text| !text.words.is_empty())
            .map(|text| Highlighter::new(&text.words, fuzzy));
        page.into_iter()
            .filter_map(|(score, no)| {
                let node = Arc::clone(snapshot.node_unchecked(no)?);
                let highlights = highlighter
                    .as_mut()
                    .map(|highlighter| highlighter.highlights(&node, self.body(&node).as_ref()))
                    .unwrap_or_default();
                Some(Hit {
                    node,
                    score,
                    highlights,
                })
            })
            .collect()
    }
}

fn indexed(path: &str) -> Result<(), SearchError> {
    if paths::is_indexed(path) {
        return Ok(());
    }
    Err(SearchError::NotIndexed { path: path.to_owned() })
}

fn number(value: u64) -> EntityNo {
    EntityNo(u32::try_from(value).unwrap_or(u32::MAX))
}

/// Every live document that matches, with its score.
fn documents(searcher: &Searcher, wanted: &Wanted) -> Result<Vec<Match>, SearchError> {
    let mut tally = Tally::new(searcher, wanted)?;
    let mut found = Vec::new();
    for (segment, reader) in (0..).zip(searcher.segment_readers()) {
        let numbers = reader.fast_fields().u64(NO)?;
        let alive = reader.alive_bitset();
        for (document, score) in tally.matches(reader)? {
            if alive.is_none_or(|alive| alive.is_alive(document))
                && let Some(no) = numbers.first(document)
            {
                found.push(Match {
                    segment,
                    document,
                    no: number(no),
                    score,
                });
            }
        }
    }
    Ok(found)
}

/// Values of a field among the matches, most frequent first, then by value; at most [`BUCKETS_MAX`].
fn facet(
    searcher: &Searcher,
    snapshot: &Snapshot,
    field: Field,
    matches: &[Match],
) -> Result<Vec<Bucket>, SearchError> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for group in matches.chunk_by(|one, other| one.segment == other.segment) {
        let reader = searcher.segment_reader(group[0].segment);
        let Some(column) = reader.fast_fields().str(column_of(field))? else {
            continue;
        };
        let mut by_ordinal = vec![0_usize; column.num_terms()];
        for found in group {
            for ordinal in column.term_ords(found.document) {
                if let Some(count) = usize::try_from(ordinal)
                    .ok()
                    .and_then(|ordinal| by_ordinal.get_mut(ordinal))
                {
                    *count += 1;
                }
            }
        }
        let mut value = String::with_capacity(FIELD_VALUE_BYTES_MAX);
        for (ordinal, count) in (0..).zip(by_ordinal).filter(|(_, count)| *count > 0) {
            value.clear();
            if column.ord_to_str(ordinal, &mut value)? {
                *counts.entry(value.clone()).or_default() += count;
            }
        }
    }
    let mut buckets: Vec<Bucket> = counts
        .into_iter()
        .map(|(value, count)| {
            let display = snapshot
                .posting(field, &value)
                .map(|posting| posting.display.to_string());
            Bucket {
                value: display.unwrap_or(value),
                count,
            }
        })
        .collect();
    buckets.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.value.cmp(&other.value)));
    buckets.truncate(BUCKETS_MAX);
    Ok(buckets)
}
