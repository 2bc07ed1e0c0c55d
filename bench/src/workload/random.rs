//! Python's generator of random numbers, so that the workload has the same bytes as the script that first made it.
//!
//! Source: CPython 3 `Lib/random.py` and `Modules/_randommodule.c`: MT19937 (Matsumoto and Nishimura, 1998), seeded from a
//! text as `random.Random(text)` does (version 2: the text and its SHA-512 as one big number).

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha512};

const N: usize = 624;
const M: usize = 397;

/// The generator, in the state that Python's would have.
#[derive(Clone)]
pub(crate) struct Random {
    state: [u32; N],
    at: usize,
}

impl Random {
    /// As `random.Random(text)`.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut number = text.as_bytes().to_vec();
        number.extend_from_slice(&Sha512::digest(text.as_bytes()));
        // A big number, big end first; the key is its 32-bit digits, small end first.
        number.reverse();
        let mut key: Vec<u32> = number
            .chunks(4)
            .map(|digit| digit.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
            .collect();
        while key.len() > 1 && key.last() == Some(&0) {
            key.pop();
        }
        Self::from_key(&key)
    }

    fn from_key(key: &[u32]) -> Self {
        let mut state = [0_u32; N];
        state[0] = 19_650_218;
        for i in 1..N {
            let previous = state[i - 1];
            state[i] = 1_812_433_253_u32
                .wrapping_mul(previous ^ (previous >> 30))
                .wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let previous = state[i - 1];
            state[i] = (state[i] ^ (previous ^ (previous >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            i += 1;
            j += 1;
            if i >= N {
                state[0] = state[N - 1];
                i = 1;
            }
            if j >= key.len() {
                j = 0;
            }
        }
        for _ in 1..N {
            let previous = state[i - 1];
            state[i] = (state[i] ^ (previous ^ (previous >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i >= N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        Self { state, at: N }
    }

    fn refill(&mut self) {
        for i in 0..N {
            let mixed = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7FFF_FFFF);
            let odd = if mixed & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (mixed >> 1) ^ odd;
        }
        self.at = 0;
    }

    fn word(&mut self) -> u32 {
        if self.at >= N {
            self.refill();
        }
        let mut word = self.state[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        word ^ (word >> 18)
    }

    /// `random()`: from 0 to below 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        let high = f64::from(self.word() >> 5);
        let low = f64::from(self.word() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// `getrandbits(64)`.
    pub(crate) fn bits_64(&mut self) -> u64 {
        let low = u64::from(self.word());
        low | (u64::from(self.word()) << 32)
    }

    /// `randrange(end)`; `end` is from 1 to below 2^32.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let bits = usize::BITS - end.leading_zeros();
        loop {
            let drawn = (self.word() >> (32 - bits)) as usize;
            if drawn < end {
                return drawn;
            }
        }
    }

    /// `randint(first, last)`.
    pub(crate) fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    /// `choice(of)`.
    pub(crate) fn choice<'a, T: ?Sized>(&mut self, of: &'a [&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// Indices of `sample(population, count)`, in the order in which they were drawn.
    pub(crate) fn sample(&mut self, population: usize, count: usize) -> Vec<usize> {
        // Above this size Python keeps a set of what it has drawn, below it a pool of what is left.
        let mut pool_up_to = 21_usize;
        if count > 5 {
            let power = ((count * 3) as f64).log(4.0).ceil() as u32;
            pool_up_to += 4_usize.pow(power);
        }
        let mut drawn = Vec::with_capacity(count);
        if population <= pool_up_to {
            let mut pool: Vec<usize> = (0..population).collect();
            for taken in 0..count {
                let at = self.below(population - taken);
                drawn.push(pool[at]);
                pool[at] = pool[population - taken - 1];
            }
        } else {
            let mut known = BTreeSet::new();
            while drawn.len() < count {
                let at = self.below(population);
                if known.insert(at) {
                    drawn.push(at);
                }
            }
        }
        drawn
    }

    /// An index below `end`, low ones more likely: a few hot targets and a long tail.
    pub(crate) fn skewed(&mut self, end: usize, power: f64) -> usize {
        // The compiler must not turn a known power into products: those may round otherwise than the C library.
        let at = end as f64 * self.fraction().powf(std::hint::black_box(power));
        (at as usize).min(end - 1)
    }
}
