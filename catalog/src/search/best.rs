//! The best of many matches: by what the text is worth times importance, equals by name, then ref.
//!
//! Importance moves a match by a bounded factor only, so that of most matches need not be known: what could not come
//! onto the page even with the greatest one is passed over. Names are compared among equals only.

use std::cmp::Ordering;

use super::rank::{FACTOR_MAX, Importance};
use super::reader::Match;
use crate::graph::{Numbers, Snapshot};
use crate::store::EntityNo;

/// A match with its score, importance included.
pub(super) type Placed = (f32, EntityNo);

/// How much longer a walk along the names may take than it should, before the matches are compared instead.
const WALK_PATIENCE: usize = 8;

/// The matches from `offset` on, at most `first`, best first.
pub(super) fn best(snapshot: &Snapshot, matches: &[Match], offset: usize, first: usize) -> Vec<Placed> {
    let end = offset.saturating_add(first).min(matches.len());
    if end == 0 {
        return Vec::new();
    }
    let mut placed = contenders(snapshot, matches, end);
    if end < placed.len() {
        let (_, (worst, _), _) = placed.select_nth_unstable_by(end - 1, descending);
        let worst = *worst;
        let equals = placed.iter().filter(|found| found.0 == worst).map(|found| found.1);
        let equals: Vec<EntityNo> = equals.collect();
        placed.truncate(end);
        placed.retain(|found| found.0 > worst);
        let wanted = end - placed.len();
        let equals = first_by_name(snapshot, equals, wanted);
        placed.extend(equals.into_iter().map(|no| (worst, no)));
    }
    placed.sort_unstable_by(|one, other| descending(one, other).then_with(|| compare_names(snapshot, one.1, other.1)));
    placed.split_off(offset.min(end))
}

fn descending(one: &Placed, other: &Placed) -> Ordering {
    other.0.total_cmp(&one.0)
}

/// The matches that can be among the best `end`, with their scores; `end` is at most the number of matches.
fn contenders(snapshot: &Snapshot, matches: &[Match], end: usize) -> Vec<Placed> {
    let mut importance = Importance::of(snapshot);
    let mut place = |found: &Match| (found.score * importance.factor(found.no), found.no);
    if end == matches.len() {
        return matches.iter().map(place).collect();
    }
    let mut worths: Vec<f32> = matches.iter().map(|found| found.score).collect();
    let (_, worth, _) = worths.select_nth_unstable_by(end - 1, |one, other| other.total_cmp(one));
    let worth = *worth;
    // At least `end` of them: the best of these are not all better than what is wanted, so they bound it from below.
    let mut placed: Vec<Placed> = matches
        .iter()
        .filter(|found| found.score >= worth)
        .map(&mut place)
        .collect();
    let (_, (bound, _), _) = placed.select_nth_unstable_by(end - 1, descending);
    let bound = *bound;
    let others = matches
        .iter()
        .filter(|found| found.score < worth && found.score * FACTOR_MAX >= bound);
    placed.extend(others.map(place));
    placed
}

/// The first of them by name, then ref.
fn first_by_name(snapshot: &Snapshot, mut numbers: Vec<EntityNo>, wanted: usize) -> Vec<EntityNo> {
    if numbers.len() <= wanted {
        return numbers;
    }
    let steps = wanted.saturating_mul(snapshot.len().div_ceil(numbers.len()));
    if steps < numbers.len() {
        // Many among all: the order of names meets enough of them soon.
        let set: Numbers = numbers.iter().map(|no| no.0).collect();
        let mut patience = steps.saturating_mul(WALK_PATIENCE).saturating_add(1_024);
        let mut met = Vec::with_capacity(wanted);
        snapshot.orders().by_name.walk(false, None, |no| {
            patience -= 1;
            met.extend(Some(no).filter(|no| set.contains(no.0)));
            met.len() < wanted && patience > 0
        });
        if met.len() == wanted {
            return met;
        }
    }
    numbers.select_nth_unstable_by(wanted - 1, |one, other| compare_names(snapshot, *one, *other));
    numbers.truncate(wanted);
    numbers
}

fn compare_names(snapshot: &Snapshot, one: EntityNo, other: EntityNo) -> Ordering {
    match (snapshot.node_unchecked(one), snapshot.node_unchecked(other)) {
        (Some(one), Some(other)) => Snapshot::compare_names(one, other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}
