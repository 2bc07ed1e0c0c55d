//! Live entities in the orders that lists are asked for in: by name and by title, without case.
//!
//! Ties go by ref, in both directions; what has no text comes last, in both directions. Entries share their texts with
//! the nodes.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use bailiwick_schema::EntityRef;
use imbl::OrdSet;

use super::filter::Matcher;
use super::{Node, Numbers};
use crate::store::EntityNo;

/// Compares without case, as [`folded`] texts compare.
pub(crate) fn compare_folded(one: &str, two: &str) -> Ordering {
    let (a, b) = (one.as_bytes(), two.as_bytes());
    let mut at = 0;
    while let (Some(a), Some(b)) = (a.get(at..at + 8), b.get(at..at + 8))
        && a == b
    {
        at += 8;
    }
    while !one.is_char_boundary(at) {
        at -= 1;
    }
    let same = a[at..]
        .iter()
        .zip(&b[at..])
        .take_while(|(a, b)| a.is_ascii() && b.is_ascii() && a.eq_ignore_ascii_case(b));
    at += same.count();
    match (a.get(at), b.get(at)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) if a.is_ascii() && b.is_ascii() => a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()),
        // Everything before is ASCII, so this is the start of a character.
        _ => one[at..]
            .chars()
            .flat_map(char::to_lowercase)
            .cmp(two[at..].chars().flat_map(char::to_lowercase)),
    }
}

/// The first bytes of the folded text, as a number that is ordered like them.
fn beginning_of(text: &str) -> u128 {
    let mut bytes = [0; 16];
    let start = &text.as_bytes()[..text.len().min(bytes.len())];
    if start.is_ascii() {
        bytes[..start.len()].copy_from_slice(start);
        bytes.make_ascii_lowercase();
    } else {
        // A folded character may take more bytes or fewer than it did.
        let folded: String = text.chars().take(bytes.len()).flat_map(char::to_lowercase).collect();
        let start = &folded.as_bytes()[..folded.len().min(bytes.len())];
        bytes[..start.len()].copy_from_slice(start);
    }
    u128::from_be_bytes(bytes)
}

/// A text in the form in which texts are compared.
pub(crate) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[derive(Debug, Clone)]
struct Entry {
    /// What the folded text begins with, so that most comparisons end there; all ones where there is no text.
    begins: u128,
    text: Option<Arc<str>>,
    /// Nothing stands before every ref.
    entity: Option<EntityRef>,
    no: u32,
}

impl Entry {
    fn of(node: &Node, text_of: TextOf) -> Self {
        Self::new(text_of(node).cloned(), Some(node.entity.clone()), node.no.0)
    }

    fn new(text: Option<Arc<str>>, entity: Option<EntityRef>, no: u32) -> Self {
        let begins = text.as_deref().map_or(u128::MAX, beginning_of);
        Self {
            begins,
            text,
            entity,
            no,
        }
    }

    fn same_text(&self, other: &Self) -> bool {
        self.compare_text(other).is_eq()
    }

    fn compare_text(&self, other: &Self) -> Ordering {
        let texts = || compare_texts(self.text.as_deref(), other.text.as_deref());
        self.begins.cmp(&other.begins).then_with(texts)
    }
}

fn compare_texts(one: Option<&str>, two: Option<&str>) -> Ordering {
    match (one, two) {
        (Some(one), Some(two)) => compare_folded(one, two),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare_text(other).then_with(|| self.entity.cmp(&other.entity))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

/// Entities by one text.
#[derive(Clone, Default)]
pub(crate) struct TextOrder(OrdSet<Entry>);

/// Where to go on: the text and the ref of the last one.
pub(crate) type After<'a> = (Option<&'a str>, &'a EntityRef);

impl TextOrder {
    /// The order of many nodes at once.
    pub(super) fn of(nodes: &[Arc<Node>], text_of: TextOf) -> Self {
        let mut entries: Vec<Entry> = nodes.iter().map(|node| Entry::of(node, text_of)).collect();
        entries.sort_unstable();
        Self(entries.into_iter().collect())
    }

    /// Calls back in order until told to stop.
    pub(crate) fn walk(&self, descending: bool, after: Option<After<'_>>, mut visit: impl FnMut(EntityNo) -> bool) {
        let after = after.map(|(text, entity)| Entry::new(text.map(Into::into), Some(entity.clone()), 0));
        if descending {
            self.walk_back(after.as_ref(), &mut visit);
        } else {
            let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            for entry in self.range(from, Bound::Unbounded) {
                if !visit(EntityNo(entry.no)) {
                    return;
                }
            }
        }
    }

    /// Entities whose text a matcher lets pass; nothing where the order does not help.
    pub(super) fn matching(&self, matcher: &Matcher) -> Option<Numbers> {
        let from = |text: &str| Entry::new(Some(text.into()), None, 0);
        Some(match matcher {
            Matcher::Eq(text) => self.equal(text).collect(),
            Matcher::In(texts) => texts.iter().flat_map(|text| self.equal(text)).collect(),
            Matcher::Prefix(prefix) => {
                let prefix = folded(prefix);
                let begun = |entry: &&Entry| match &entry.text {
                    Some(text) => folded(text).starts_with(&prefix),
                    None => false,
                };
                let entries = self.0.range(from(&prefix)..).take_while(begun);
                entries.map(|entry| entry.no).collect()
            }
            Matcher::Exists(_) => return None,
        })
    }

    fn range<'a>(&'a self, from: Bound<&'a Entry>, to: Bound<&'a Entry>) -> impl DoubleEndedIterator<Item = &'a Entry> {
        self.0.range::<(Bound<&Entry>, Bound<&Entry>), Entry>((from, to))
    }

    fn equal(&self, text: &str) -> impl Iterator<Item = u32> + '_ {
        let first = Entry::new(Some(text.into()), None, 0);
        self.0
            .range(first.clone()..)
            .take_while(move |entry| entry.same_text(&first))
            .map(|entry| entry.no)
    }

    fn walk_back(&self, after: Option<&Entry>, visit: &mut impl FnMut(EntityNo) -> bool) {
        let start_of = |text: Option<&Arc<str>>| Entry::new(text.cloned(), None, 0);
        let none = start_of(None);
        let end = match after {
            Some(Entry { text: None, .. }) => None,
            Some(after) => {
                // The rest of the group in which the page before ended.
                let rest = self.range(Bound::Excluded(after), Bound::Unbounded);
                for entry in rest.take_while(|entry| entry.same_text(after)) {
                    if !visit(EntityNo(entry.no)) {
                        return;
                    }
                }
                Some(start_of(after.text.as_ref()))
            }
            None => Some(none.clone()),
        };
        if let Some(end) = end {
            let mut group: Vec<&Entry> = Vec::new();
            for entry in self.range(Bound::Unbounded, Bound::Excluded(&end)).rev() {
                let ended = group.last().is_some_and(|last| !last.same_text(entry));
                if ended && !group.drain(..).rev().all(|entry| visit(EntityNo(entry.no))) {
                    return;
                }
                group.push(entry);
            }
            if !group.drain(..).rev().all(|entry| visit(EntityNo(entry.no))) {
                return;
            }
        }
        let from = match after {
            Some(after) if after.text.is_none() => Bound::Excluded(after),
            _ => Bound::Included(&none),
        };
        for entry in self.range(from, Bound::Unbounded) {
            if !visit(EntityNo(entry.no)) {
                return;
            }
        }
    }
}

/// All orders of a snapshot.
#[derive(Clone, Default)]
pub(crate) struct Orders {
    pub(crate) by_name: TextOrder,
    pub(crate) by_title: TextOrder,
}

type TextOf = fn(&Node) -> Option<&Arc<str>>;

const NAME: TextOf = |node| Some(&node.name);
const TITLE: TextOf = |node| node.title.as_ref();

impl Orders {
    /// The orders of many nodes at once, made on two threads.
    pub(super) fn of(nodes: &[Arc<Node>]) -> Self {
        std::thread::scope(|scope| {
            let by_name = scope.spawn(|| TextOrder::of(nodes, NAME));
            let by_title = TextOrder::of(nodes, TITLE);
            Self {
                by_name: by_name.join().expect("comparing texts does not panic"),
                by_title,
            }
        })
    }

    /// Puts a node in place of what was there before, where they stand differently.
    pub(super) fn replace(&mut self, old: Option<&Node>, new: Option<&Node>) {
        for (order, text_of) in [(&mut self.by_name, NAME), (&mut self.by_title, TITLE)] {
            if let (Some(old), Some(new)) = (old, new)
                && text_of(old) == text_of(new)
                && old.entity == new.entity
            {
                continue;
            }
            if let Some(old) = old {
                order.0.remove(&Entry::of(old, text_of));
            }
            if let Some(new) = new {
                order.0.insert(Entry::of(new, text_of));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(order: &TextOrder, descending: bool, after: Option<After<'_>>) -> Vec<u32> {
        let mut seen = Vec::new();
        order.walk(descending, after, |no| {
            seen.push(no.0);
            true
        });
        seen
    }

    #[test]
    fn texts_compare_as_their_folded_forms() {
        let texts = [
            "",
            "a",
            "A",
            "ab",
            "aB",
            "Ä",
            "ä",
            "äb",
            "z",
            "Z",
            "İ",
            "ß",
            "a ",
            "-",
            "é",
            "e\u{301}",
            "a\0",
            "sixteen bytes 16",
            "sixteen bytes 16b",
            "SIXTEEN bytes 16A",
            "fifteen bytes:Ä",
            "fifteen bytes:äb",
            "fifteen bytes:a",
            "ääääääääää",
            "ÄÄÄÄÄÄÄÄÄÄb",
            "İİİİİİİİİİİ",
            "i\u{307}İİİİİİİİİİz",
            "Kelvin K",
            "kelvin k!",
        ];
        for one in texts {
            for two in texts {
                let right = folded(one).cmp(&folded(two));
                assert_eq!(compare_folded(one, two), right, "{one} {two}");
                let entry = |text: &str| Entry::new(Some(text.into()), None, 0);
                assert_eq!(entry(one).compare_text(&entry(two)), right, "{one} {two}");
            }
        }
    }

    #[test]
    fn ties_go_by_ref_and_nothing_comes_last_in_both_directions() {
        let entity = |name: &str| EntityRef::new("component", "default", name).unwrap();
        let mut order = TextOrder::default();
        for (no, (text, name)) in [
            (Some("Beta"), "x"),
            (Some("alpha"), "y"),
            (None, "b"),
            (Some("beta"), "a"),
            (None, "a"),
            (Some("gamma"), "z"),
        ]
        .into_iter()
        .enumerate()
        {
            let no = u32::try_from(no).unwrap();
            order.0.insert(Entry::new(text.map(Into::into), Some(entity(name)), no));
        }
        for (descending, all) in [(false, [1, 3, 0, 5, 4, 2]), (true, [5, 3, 0, 1, 4, 2])] {
            assert_eq!(walked(&order, descending, None), all);
            let keys = [
                (Some("beta"), "x"),
                (Some("alpha"), "y"),
                (None, "b"),
                (Some("beta"), "a"),
                (None, "a"),
                (Some("gamma"), "z"),
            ];
            for (at, no) in all.iter().enumerate() {
                let (text, name) = keys[*no as usize];
                assert_eq!(
                    walked(&order, descending, Some((text, &entity(name)))),
                    all[at + 1..],
                    "{no}"
                );
            }
        }
        let mut steps = 0;
        order.walk(true, None, |_| {
            steps += 1;
            steps < 2
        });
        assert_eq!(steps, 2, "a walk ends when it is told to");
    }
}
