//! Where a match shows: pieces of name, title and description with the words that matched.
//!
//! Made from the fields themselves when a page is shown, since the index stores no text. Plain text with ranges: how
//! it is marked up is for whoever shows it.

use serde_json::Value;

use super::Highlight;
use super::analysis::{Stems, fold, for_parts, for_runs};
use super::limits::cut;
use super::query::allowed_changes;
use super::text::Word;
use crate::graph::Node;

/// Length of a fragment, in bytes.
const FRAGMENT_BYTES: usize = 240;
/// What a fragment shows before its first match, in bytes.
const LEAD_BYTES: usize = 60;
/// Part of a field that is looked through for a match, in bytes.
pub(super) const SCANNED_BYTES_MAX: usize = 16 * 1_024;

/// The words of a query, ready for comparing.
pub(crate) struct Highlighter {
    /// (folded word, its stem, whether it is a beginning)
    wanted: Vec<(String, String, bool)>,
    stems: Stems,
    /// Words that are spelled alike count too, as they did for the match.
    fuzzy: bool,
}

impl Highlighter {
    pub(crate) fn new(words: &[Word], fuzzy: bool) -> Self {
        let mut stems = Stems::new();
        let mut wanted: Vec<(String, String, bool)> = Vec::new();
        for word in words {
            for list in [&word.runs, &word.parts] {
                for (at, text) in list.iter().enumerate() {
                    let begun = word.prefix && at + 1 == list.len();
                    if !wanted
                        .iter()
                        .any(|(known, _, prefix)| known == text && *prefix == begun)
                    {
                        wanted.push((text.clone(), stems.stem(text), begun));
                    }
                }
            }
        }
        Self { wanted, stems, fuzzy }
    }

    pub(crate) fn highlights(&mut self, node: &Node, body: Option<&Value>) -> Vec<Highlight> {
        let description = body
            .and_then(|body| body.pointer("/metadata/description"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let fields = [
            ("name", &*node.name),
            ("title", node.title.as_deref().unwrap_or_default()),
            ("description", description),
        ];
        fields
            .into_iter()
            .filter_map(|(field, text)| self.highlight(field, text))
            .collect()
    }

    fn highlight(&mut self, field: &'static str, text: &str) -> Option<Highlight> {
        let text = cut(text, SCANNED_BYTES_MAX);
        let found = self.ranges(text);
        let (first, _) = *found.first()?;
        let start = if text.len() <= FRAGMENT_BYTES {
            0
        } else {
            lead(text, first)
        };
        let fragment = cut(&text[start..], FRAGMENT_BYTES);
        let end = start + fragment.len();
        let ranges = found
            .into_iter()
            .filter(|(from, to)| *from >= start && *to <= end)
            .map(|(from, to)| (from - start, to - start))
            .collect();
        Some(Highlight {
            field,
            fragment: fragment.to_owned(),
            ranges,
        })
    }

    /// Byte ranges that match, in order and without overlap.
    fn ranges(&mut self, text: &str) -> Vec<(usize, usize)> {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for_runs(text, &mut |from, to| {
            if self.matches(&text[from..to]) {
                ranges.push((from, to));
                return;
            }
            for_parts(text, from, to, &mut |from, to| {
                if self.matches(&text[from..to]) {
                    ranges.push((from, to));
                }
            });
        });
        ranges
    }

    fn matches(&mut self, word: &str) -> bool {
        let word = fold(word);
        let stem = self.stems.stem(&word);
        self.wanted.iter().any(|(wanted, wanted_stem, begun)| {
            *wanted == word
                || *wanted_stem == stem
                || (*begun && word.starts_with(wanted.as_str()))
                || (self.fuzzy && alike(wanted, &word))
        })
    }
}

/// Whether two words differ by no more changes than a search allows: letters left out, put in, changed, or two swapped
/// (the distance of optimal string alignment).
fn alike(wanted: &str, word: &str) -> bool {
    let allowed = usize::from(allowed_changes(wanted));
    let (wanted, word): (Vec<char>, Vec<char>) = (wanted.chars().collect(), word.chars().collect());
    if allowed == 0 || wanted.len().abs_diff(word.len()) > allowed {
        return false;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=word.len()).collect();
    for at in 0..wanted.len() {
        let mut row = vec![at + 1];
        for other in 0..word.len() {
            let changed = last[other] + usize::from(wanted[at] != word[other]);
            let mut least = changed.min(last[other + 1] + 1).min(row[other] + 1);
            let swapped = at > 0 && other > 0 && wanted[at] == word[other - 1] && wanted[at - 1] == word[other];
            if swapped {
                least = least.min(before[other - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[word.len()] <= allowed
}

/// Where a fragment begins: a little before the first match, at the start of a word.
fn lead(text: &str, first: usize) -> usize {
    let earliest = text.floor_char_boundary(first.saturating_sub(LEAD_BYTES));
    if earliest == 0 {
        return 0;
    }
    let before = &text[earliest..first];
    before.find(char::is_whitespace).map_or(earliest, |space| {
        let after = &before[space..];
        earliest + space + (after.len() - after.trim_start().len())
    })
}
