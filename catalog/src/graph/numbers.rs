//! Sets of entity numbers: compact, quick to intersect and to count, cheap to copy.
//!
//! Numbers with the same upper half lie in one chunk, a list while they are few and a bitmap once they are many (after
//! "Better bitmap performance with Roaring bitmaps", Chambi, Lemire, Kaser, Godin, 2016). Chunks are shared between
//! copies until one of them changes, so a snapshot costs what changed: at most one chunk, 8 KiB, for each value.

use std::sync::Arc;

/// From this many numbers on a bitmap is smaller than a list.
const LIST_MAX: usize = 4_096;
/// Below this many a bitmap becomes a list again; the gap keeps a set at the border from going back and forth.
const BITMAP_MIN: usize = 2_048;
/// Words of a bitmap.
const WORDS: usize = 1_024;

#[derive(Debug, Clone)]
enum Chunk {
    /// In ascending order.
    List(Vec<u16>),
    Bitmap {
        words: Box<[u64; WORDS]>,
        len: usize,
    },
}

/// A set of entity numbers.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    /// By upper half, ascending; none is empty.
    chunks: Vec<(u16, Arc<Chunk>)>,
    len: usize,
}

const fn parts(number: u32) -> (u16, u16) {
    ((number >> 16) as u16, (number & 0xFFFF) as u16)
}

const fn bit(low: u16) -> (usize, u64) {
    (low as usize / 64, 1 << (low % 64))
}

impl Chunk {
    fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Bitmap { len, .. } => *len,
        }
    }

    fn contains(&self, low: u16) -> bool {
        match self {
            Self::List(list) => list.binary_search(&low).is_ok(),
            Self::Bitmap { words, .. } => {
                let (word, bit) = bit(low);
                words[word] & bit != 0
            }
        }
    }

    /// Adds a number that is not there.
    fn insert(&mut self, low: u16) {
        match self {
            Self::List(list) => {
                if let Err(at) = list.binary_search(&low) {
                    list.insert(at, low);
                }
                if list.len() > LIST_MAX {
                    *self = bitmap(list.iter().copied());
                }
            }
            Self::Bitmap { words, len } => {
                let (word, bit) = bit(low);
                words[word] |= bit;
                *len += 1;
            }
        }
    }

    /// Takes out a number that is there.
    fn remove(&mut self, low: u16) {
        match self {
            Self::List(list) => {
                if let Ok(at) = list.binary_search(&low) {
                    list.remove(at);
                }
            }
            Self::Bitmap { words, len } => {
                let (word, bit) = bit(low);
                words[word] &= !bit;
                *len -= 1;
                if *len < BITMAP_MIN {
                    *self = Self::List(self.iter().collect());
                }
            }
        }
    }

    fn iter(&self) -> ChunkIter<'_> {
        match self {
            Self::List(list) => ChunkIter::List(list.iter()),
            Self::Bitmap { words, .. } => ChunkIter::Bitmap {
                words,
                at: 0,
                left: words[0],
            },
        }
    }

    fn common_len(&self, other: &Self) -> usize {
        match (self, other) {
            (Self::Bitmap { words: one, .. }, Self::Bitmap { words: two, .. }) => one
                .iter()
                .zip(two.iter())
                .map(|(one, two)| (one & two).count_ones() as usize)
                .sum(),
            (Self::List(one), Self::List(two)) if one.len() > two.len() => other.common_len(self),
            (Self::List(list), other) | (other, Self::List(list)) => {
                list.iter().filter(|low| other.contains(**low)).count()
            }
        }
    }

    fn with_words(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        let (one, two) = (self.words(), other.words());
        let mut words = Box::new([0; WORDS]);
        let mut len = 0;
        for (at, word) in words.iter_mut().enumerate() {
            *word = combine(one[at], two[at]);
            len += word.count_ones() as usize;
        }
        let whole = Self::Bitmap { words, len };
        if len <= LIST_MAX {
            Self::List(whole.iter().collect())
        } else {
            whole
        }
    }

    fn words(&self) -> std::borrow::Cow<'_, Box<[u64; WORDS]>> {
        match self {
            Self::Bitmap { words, .. } => std::borrow::Cow::Borrowed(words),
            Self::List(list) => {
                let mut words = Box::new([0; WORDS]);
                for low in list {
                    let (word, bit) = bit(*low);
                    words[word] |= bit;
                }
                std::borrow::Cow::Owned(words)
            }
        }
    }

    fn common(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Bitmap { .. }, Self::Bitmap { .. }) => self.with_words(other, |one, two| one & two),
            (Self::List(one), Self::List(two)) if one.len() > two.len() => other.common(self),
            (Self::List(list), other) | (other, Self::List(list)) => {
                Self::List(list.iter().copied().filter(|low| other.contains(*low)).collect())
            }
        }
    }

    fn without(&self, other: &Self) -> Self {
        match self {
            Self::List(list) => Self::List(list.iter().copied().filter(|low| !other.contains(*low)).collect()),
            Self::Bitmap { .. } => self.with_words(other, |one, two| one & !two),
        }
    }
}

fn bitmap(lows: impl Iterator<Item = u16>) -> Chunk {
    let mut words = Box::new([0; WORDS]);
    let mut len = 0;
    for low in lows {
        let (word, bit) = bit(low);
        words[word] |= bit;
        len += 1;
    }
    Chunk::Bitmap { words, len }
}

enum ChunkIter<'a> {
    List(std::slice::Iter<'a, u16>),
    Bitmap {
        words: &'a [u64; WORDS],
        at: usize,
        left: u64,
    },
}

impl Iterator for ChunkIter<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        match self {
            Self::List(list) => list.next().copied(),
            Self::Bitmap { words, at, left } => {
                while *left == 0 {
                    *at += 1;
                    *left = *words.get(*at)?;
                }
                let low = *at * 64 + left.trailing_zeros() as usize;
                *left &= *left - 1;
                u16::try_from(low).ok()
            }
        }
    }
}

impl Numbers {
    pub fn unit(number: u32) -> Self {
        let mut numbers = Self::default();
        numbers.insert(number);
        numbers
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn place(&self, high: u16) -> Result<usize, usize> {
        self.chunks.binary_search_by_key(&high, |(high, _)| *high)
    }

    pub fn contains(&self, number: u32) -> bool {
        let (high, low) = parts(number);
        self.place(high).is_ok_and(|at| self.chunks[at].1.contains(low))
    }

    /// Adds a number; says whether it is new.
    pub fn insert(&mut self, number: u32) -> bool {
        let (high, low) = parts(number);
        match self.place(high) {
            Ok(at) => {
                if self.chunks[at].1.contains(low) {
                    return false;
                }
                Arc::make_mut(&mut self.chunks[at].1).insert(low);
            }
            Err(at) => self.chunks.insert(at, (high, Arc::new(Chunk::List(vec![low])))),
        }
        self.len += 1;
        true
    }

    /// Takes out a number; says whether it was there.
    pub fn remove(&mut self, number: u32) -> bool {
        let (high, low) = parts(number);
        let Ok(at) = self.place(high) else {
            return false;
        };
        if !self.chunks[at].1.contains(low) {
            return false;
        }
        if self.chunks[at].1.len() == 1 {
            self.chunks.remove(at);
        } else {
            Arc::make_mut(&mut self.chunks[at].1).remove(low);
        }
        self.len -= 1;
        true
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks
            .iter()
            .flat_map(|(high, chunk)| chunk.iter().map(move |low| u32::from(*high) << 16 | u32::from(low)))
    }

    /// How many numbers are in both.
    pub fn common_len(&self, other: &Self) -> usize {
        self.pairs(other).map(|(_, one, two)| one.common_len(two)).sum()
    }

    /// The numbers in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        Self::of(self.pairs(other).map(|(high, one, two)| (high, one.common(two))))
    }

    /// The numbers that are not in the other one.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut out = Self::default();
        for (high, chunk) in &self.chunks {
            match other.place(*high) {
                Ok(at) => out.push(*high, Arc::new(chunk.without(&other.chunks[at].1))),
                Err(_) => out.push(*high, Arc::clone(chunk)),
            }
        }
        out
    }

    /// Adds all numbers of the other one.
    pub fn extend(&mut self, other: &Self) {
        if self.is_empty() {
            *self = other.clone();
            return;
        }
        for (high, chunk) in &other.chunks {
            match self.place(*high) {
                Err(at) => {
                    self.len += chunk.len();
                    self.chunks.insert(at, (*high, Arc::clone(chunk)));
                }
                Ok(at) => {
                    let known = &mut self.chunks[at].1;
                    self.len -= known.len();
                    match &**chunk {
                        Chunk::List(list) if list.len() < LIST_MAX / 16 => {
                            for low in list {
                                if !known.contains(*low) {
                                    Arc::make_mut(known).insert(*low);
                                }
                            }
                        }
                        _ => *known = Arc::new(known.with_words(chunk, |one, two| one | two)),
                    }
                    self.len += known.len();
                }
            }
        }
    }

    fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (u16, &'a Chunk, &'a Chunk)> {
        self.chunks.iter().filter_map(|(high, chunk)| {
            let at = other.place(*high).ok()?;
            Some((*high, &**chunk, &*other.chunks[at].1))
        })
    }

    fn of(chunks: impl Iterator<Item = (u16, Chunk)>) -> Self {
        let mut out = Self::default();
        chunks.for_each(|(high, chunk)| out.push(high, Arc::new(chunk)));
        out
    }

    /// Adds a chunk behind all others.
    fn push(&mut self, high: u16, chunk: Arc<Chunk>) {
        if chunk.len() > 0 {
            self.len += chunk.len();
            self.chunks.push((high, chunk));
        }
    }
}

impl FromIterator<u32> for Numbers {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut sorted: Vec<u32> = numbers.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let chunks = sorted.chunk_by(|one, two| one >> 16 == two >> 16).map(|chunk| {
            let lows = chunk.iter().map(|number| parts(*number).1);
            let (high, _) = parts(chunk[0]);
            if chunk.len() > LIST_MAX {
                (high, bitmap(lows))
            } else {
                (high, Chunk::List(lows.collect()))
            }
        });
        Self::of(chunks)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Few or very many numbers over three chunks, so that every shape meets every other one.
    fn numbers() -> impl Strategy<Value = BTreeSet<u32>> {
        let runs = proptest::collection::vec((0..200_000_u32, 1..9_000_u32, 1..4_u32), 0..4);
        let single = proptest::collection::btree_set(0..200_000_u32, 0..50);
        (runs, single).prop_map(|(runs, single)| {
            let run = |(start, len, step): (u32, u32, u32)| (start..start + len).step_by(step as usize);
            runs.into_iter().flat_map(run).chain(single).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn sets_of_numbers_behave_like_sets(one in numbers(), two in numbers()) {
            let (a, b): (Numbers, Numbers) = (one.iter().copied().collect(), two.iter().copied().collect());
            let all = |numbers: &Numbers| numbers.iter().collect::<Vec<_>>();
            prop_assert_eq!(all(&a), one.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(a.len(), one.len());
            let common: Vec<u32> = one.intersection(&two).copied().collect();
            prop_assert_eq!(a.common_len(&b), common.len());
            prop_assert_eq!(a.common(&b).len(), common.len());
            prop_assert_eq!(all(&a.common(&b)), common);
            let without: Vec<u32> = one.difference(&two).copied().collect();
            prop_assert_eq!(a.without(&b).len(), without.len());
            prop_assert_eq!(all(&a.without(&b)), without);
            let mut union = a.clone();
            union.extend(&b);
            prop_assert_eq!(union.len(), one.union(&two).count());
            prop_assert_eq!(all(&union), one.union(&two).copied().collect::<Vec<_>>());
            // One by one, there and back; the copies do not notice.
            let mut walked = a.clone();
            for number in &two {
                prop_assert_eq!(walked.insert(*number), !one.contains(number));
            }
            prop_assert_eq!(all(&walked), all(&union));
            for number in &one {
                prop_assert!(walked.remove(*number));
                prop_assert!(!walked.remove(*number) && !walked.contains(*number));
            }
            prop_assert_eq!(all(&walked), all(&b.without(&a)));
            prop_assert_eq!(walked.len(), b.without(&a).len());
            prop_assert_eq!(a.len(), one.len());
        }
    }
}
