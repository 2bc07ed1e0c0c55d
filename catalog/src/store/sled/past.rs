//! What rows were before later batches, for views that stand still.
//!
//! sled has no snapshots. Instead each batch leaves behind what its rows were before it: a layer, which turns the state
//! after the batch into the one before. A view of an older state reads the trees and puts the layers since over them.
//!
//! Invariants: state `n` is the trees with all layers put over them whose number is `n` or more, lowest last; layers
//! that no view asks for are gone; two layers become one when no view stands between them. Knows nothing of sled but
//! its bytes.

use std::collections::BTreeMap;
use std::ops::Bound;

use ::sled::IVec;

use super::super::keyvalue::{KeyBounds, Table};

/// Most memory for what views of older states need, in bytes. Beyond it the oldest views end with an error.
pub const PAST_BYTES_MAX: usize = 256 << 20;

/// What a row costs beside its bytes: two fat pointers and their share of a map's node, in bytes, about.
const ROW_BYTES: usize = 96;

/// What a row was before a batch; nothing if there was none.
pub(super) type Before = (Table, IVec, Option<IVec>);

type Rows = BTreeMap<IVec, Option<IVec>>;

#[derive(Debug)]
struct Layer {
    tables: [Rows; Table::COUNT],
    bytes: usize,
}

/// The layers, by the number of the state that they lead back to.
#[derive(Debug, Default)]
pub(super) struct Past {
    layers: BTreeMap<u64, Layer>,
    /// Views of states before this one have ended.
    kept_from: u64,
}

fn cost(key: &IVec, value: Option<&IVec>) -> usize {
    key.len() + value.map_or(0, |value| value.len()) + ROW_BYTES
}

impl Past {
    /// Takes the layer that leads back to state `number`.
    pub(super) fn push(&mut self, number: u64, before: Vec<Before>) {
        let mut layer = Layer {
            tables: std::array::from_fn(|_| Rows::new()),
            bytes: 0,
        };
        for (table, key, value) in before {
            layer.bytes += cost(&key, value.as_ref());
            layer.tables[table as usize].insert(key, value);
        }
        self.layers.insert(number, layer);
    }

    /// Whether a view of state `number` can still be read.
    pub(super) fn reaches(&self, number: u64) -> bool {
        number >= self.kept_from
    }

    /// What a row was in state `number`, if a batch has touched it since.
    pub(super) fn get(&self, number: u64, table: Table, key: &[u8]) -> Option<Option<IVec>> {
        self.layers
            .range(number..)
            .find_map(|(_, layer)| layer.tables[table as usize].get(key).cloned())
    }

    /// Whether any batch since state `number` has touched a table.
    pub(super) fn touches(&self, number: u64, table: Table) -> bool {
        self.layers
            .range(number..)
            .any(|(_, layer)| !layer.tables[table as usize].is_empty())
    }

    /// Turns rows of a range, as the trees have them, into those of state `number`.
    pub(super) fn put_over(&self, number: u64, table: Table, range: &KeyBounds, rows: &mut BTreeMap<IVec, IVec>) {
        let range: (Bound<&[u8]>, Bound<&[u8]>) =
            (range.0.as_ref().map(Vec::as_slice), range.1.as_ref().map(Vec::as_slice));
        for (_, layer) in self.layers.range(number..).rev() {
            for (key, before) in layer.tables[table as usize].range::<[u8], _>(range) {
                match before {
                    Some(value) => rows.insert(key.clone(), value.clone()),
                    None => rows.remove(key),
                };
            }
        }
    }

    /// Forgets what none of `views` needs, and the oldest ones where they need more than `bytes_max`.
    /// `views` are the states that are looked at, in order; `now` is the newest one.
    pub(super) fn settle(&mut self, views: impl Iterator<Item = u64> + Clone, now: u64, bytes_max: usize) {
        let oldest = views.clone().next().unwrap_or(now);
        self.layers = self.layers.split_off(&oldest);
        self.merge(views);
        while self.layers.values().map(|layer| layer.bytes).sum::<usize>() > bytes_max
            && let Some((number, _)) = self.layers.pop_first()
        {
            self.kept_from = number + 1;
        }
    }

    /// Makes one of two neighbours between which no view stands: what was before the earlier batch counts.
    fn merge(&mut self, mut views: impl Iterator<Item = u64> + Clone) {
        let numbers: Vec<u64> = self.layers.keys().copied().collect();
        let mut keeper = None;
        let mut view = views.next();
        for number in numbers {
            // Views up to `number` read this layer; one that is beyond the keeper reads this and not the keeper.
            let mut between = false;
            while let Some(at) = view.filter(|at| *at <= number) {
                between |= keeper.is_some_and(|keeper| at > keeper);
                view = views.next();
            }
            match keeper {
                Some(keeper) if !between => {
                    let later = self.layers.remove(&number).expect("the number is one of the layers'");
                    let earlier = self.layers.get_mut(&keeper).expect("the keeper stays");
                    earlier.take(later);
                }
                _ => keeper = Some(number),
            }
        }
    }
}

impl Layer {
    fn take(&mut self, later: Self) {
        for (rows, later) in self.tables.iter_mut().zip(later.tables) {
            for (key, value) in later {
                if let std::collections::btree_map::Entry::Vacant(place) = rows.entry(key) {
                    self.bytes += cost(place.key(), value.as_ref());
                    place.insert(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table::Log;

    fn before(rows: &[(u8, Option<u8>)]) -> Vec<Before> {
        rows.iter()
            .map(|(key, value)| (TABLE, IVec::from(&[*key]), value.map(|value| IVec::from(&[value]))))
            .collect()
    }

    fn state(past: &Past, number: u64, trees: &[(u8, u8)]) -> Vec<(u8, u8)> {
        let mut rows = trees
            .iter()
            .map(|(k, v)| (IVec::from(&[*k]), IVec::from(&[*v])))
            .collect();
        past.put_over(number, TABLE, &(Bound::Unbounded, Bound::Unbounded), &mut rows);
        rows.iter().map(|(k, v)| (k[0], v[0])).collect()
    }

    /// Four batches: 1 puts a; 2 puts a and b; 3 removes a; 4 puts a.
    fn four() -> Past {
        let mut past = Past::default();
        past.push(0, before(&[(b'a', None)]));
        past.push(1, before(&[(b'a', Some(1)), (b'b', None)]));
        past.push(2, before(&[(b'a', Some(2))]));
        past.push(3, before(&[(b'a', None)]));
        past
    }

    const NOW: &[(u8, u8)] = &[(b'a', 4), (b'b', 2)];

    #[test]
    fn each_state_is_what_it_was_whoever_else_looks() {
        let states: [&[(u8, u8)]; 5] = [&[], &[(b'a', 1)], &[(b'a', 2), (b'b', 2)], &[(b'b', 2)], NOW];
        for views in 0_u8..32 {
            let views = (0..5_u64).filter(|at| views & (1 << at) != 0);
            let mut past = four();
            past.settle(views.clone(), 4, PAST_BYTES_MAX);
            let looked_at = views.clone().filter(|at| *at < 4).count();
            assert_eq!(
                past.layers.len(),
                looked_at,
                "one layer for each older state that is looked at"
            );
            for at in views {
                let expected = states[usize::try_from(at).unwrap()];
                assert_eq!(state(&past, at, NOW), expected);
                assert!(past.reaches(at));
                let of_a = past.get(at, TABLE, b"a");
                let expected = expected.iter().find(|(key, _)| *key == b'a').map(|(_, value)| *value);
                if at < 4 {
                    assert_eq!(of_a.unwrap().map(|value| value[0]), expected);
                } else {
                    assert!(of_a.is_none() && !past.touches(at, TABLE));
                }
            }
        }
    }

    #[test]
    fn the_oldest_views_end_first_when_they_need_too_much() {
        let mut past = four();
        past.settle([0, 1, 2].into_iter(), 4, 3 * (ROW_BYTES + 2));
        assert!(!past.reaches(0) && past.reaches(1) && past.reaches(2));
        assert_eq!(state(&past, 1, NOW), [(b'a', 1)]);
    }
}
