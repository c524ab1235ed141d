//! Sets of numbers as bits, and how many of several sets each number is in.
//!
//! The sets are summed bit-sliced: a bit of a wide register stands for a number, and seven full adders add eight sets to the
//! binary digits of all counters at once (carry-save adders, after Harley and Seal). So a sum costs the same however many
//! numbers are in the sets.

use pulp::{Arch, Simd, WithSimd};

use super::numbered::At;

/// Bits of a word.
pub(super) const WORD: usize = u64::BITS as usize;
/// Words of a block, which is what the widest registers hold.
pub(super) const BLOCK: usize = 8;
/// Numbers of a block.
pub(super) const NUMBERS: usize = BLOCK * WORD;
/// Words that are summed at once: what lies side by side in memory is read together.
pub(super) const TILE: usize = 8 * BLOCK;
/// Binary digits of a sum: more than enough for all posts of one person, and for the weights of all neighbours.
const PLANES: usize = 31;
/// What stands for a set that is not there.
const EMPTY: [u64; TILE] = [0; TILE];

/// A set of numbers. All sets of people have as many words, see [`Bits::grow`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Makes room for whole blocks of numbers below `len`.
    pub(super) fn grow(&mut self, len: usize) {
        let words = len.div_ceil(NUMBERS) * BLOCK;
        if words > self.0.len() {
            self.0.reserve_exact(words - self.0.len());
            self.0.resize(words, 0);
        }
    }

    /// Adds or removes a number that there is room for.
    pub(super) fn set(&mut self, at: At, present: bool) {
        if let Some(word) = self.0.get_mut(at as usize / WORD) {
            let bit = 1 << (at as usize % WORD);
            *word = if present { *word | bit } else { *word & !bit };
        }
    }

    pub(super) fn contains(&self, at: At) -> bool {
        self.0.get(at as usize / WORD).is_some_and(|word| word >> (at as usize % WORD) & 1 == 1)
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    /// The numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = At> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| ones(word, *bits))
    }
}

/// The numbers that are set in one word.
pub(super) fn ones(word: usize, mut bits: u64) -> impl Iterator<Item = At> {
    std::iter::from_fn(move || {
        let bit = (bits != 0).then(|| bits.trailing_zeros())?;
        bits &= bits - 1;
        Some((word * WORD) as At + bit)
    })
}

/// The sums of a tile.
#[derive(Debug)]
pub(super) struct Sums {
    /// The binary digits of each number's sum, the lowest first.
    planes: Box<[[u64; TILE]; PLANES]>,
    used: usize,
}

impl Default for Sums {
    fn default() -> Self {
        Self { planes: Box::new([EMPTY; PLANES]), used: 0 }
    }
}

impl Sums {
    /// Adds up, for a tile that begins with the word `first`, the weights of the sets that each number is in. A set is
    /// listed once for each binary digit of its weight, the lowest digit first: `[sets]` counts the sets.
    pub(super) fn add_up(&mut self, arch: Arch, sets_by_digit: &[Vec<&[u64]>], first: usize) {
        let highest: usize = (0..).zip(sets_by_digit).map(|(digit, sets)| sets.len() << digit).sum();
        // Seven sets of the highest digit fill three more.
        let digits = ((usize::BITS - highest.leading_zeros()) as usize).max(sets_by_digit.len() + 2);
        self.used = digits.min(PLANES);
        arch.dispatch(AddUp { sums: self, sets_by_digit, first });
    }

    /// The highest sum that all digits together can hold.
    pub(super) fn highest(&self) -> u32 {
        (1 << self.used) - 1
    }

    /// Which numbers of a word of the tile have at least this sum: from the highest digit on, greater or still equal.
    #[inline]
    pub(super) fn at_least(&self, word: usize, least: u32) -> u64 {
        let (mut greater, mut equal) = (0, if least > self.highest() { 0 } else { u64::MAX });
        for (place, plane) in self.planes.iter().enumerate().take(self.used).rev() {
            let digit = plane.get(word).copied().unwrap_or_default();
            // All ones where the digit asked for is 1, so that nothing has to be foreseen by the processor.
            let asked = u64::from(least >> place & 1).wrapping_neg();
            greater |= equal & digit & !asked;
            equal &= !(digit ^ asked);
        }
        greater | equal
    }

    /// Which of these in a word have the highest sums: more than `limit` of them, or all that are in any set.
    pub(super) fn most(&self, word: usize, among: u64, limit: usize) -> u64 {
        let (mut least, mut found) = (0, self.at_least(word, 1) & among);
        for digit in (0..self.used).rev() {
            let fewer = self.at_least(word, least | 1 << digit) & among;
            if fewer.count_ones() as usize > limit {
                (least, found) = (least | 1 << digit, fewer);
            }
        }
        found
    }

    /// The sum of a number of the tile.
    pub(super) fn of(&self, word: usize, bit: u32) -> u32 {
        let planes = self.planes.iter().take(self.used);
        let digit = |plane: &[u64; TILE]| plane.get(word).map_or(0, |word| (word >> bit & 1) as u32);
        planes.enumerate().map(|(place, plane)| digit(plane) << place).sum()
    }
}

struct AddUp<'a> {
    sums: &'a mut Sums,
    sets_by_digit: &'a [Vec<&'a [u64]>],
    first: usize,
}

impl WithSimd for AddUp<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "places in a tile, below the length of what is added up")]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums: Sums { planes, used }, sets_by_digit, first } = self;
        let set = sets_by_digit.iter().flatten().next();
        let words = set.map_or(0, |set| set.len().saturating_sub(first).min(TILE));
        let planes = &mut planes[..*used];
        for plane in planes.iter_mut() {
            plane[..words].fill(0);
        }
        let empty = S::as_simd_u64s(&EMPTY).0;
        for (digit, sets) in sets_by_digit.iter().enumerate() {
            let [ones, twos, fours, higher @ ..] = &mut planes[digit..] else { return };
            let [ones, twos, fours] = [ones, twos, fours].map(|plane| S::as_mut_simd_u64s(plane).0);
            for sets in sets.chunks(8) {
                let mut eight = [empty; 8];
                for (place, set) in eight.iter_mut().zip(sets) {
                    *place = S::as_simd_u64s(&set[first..first + words]).0;
                }
                let [a, b, c, d, e, f, g, h] = eight;
                let lanes = words / (TILE / empty.len());
                for at in 0..lanes {
                    let (one, t0) = add(simd, ones[at], a[at], b[at]);
                    let (one, t1) = add(simd, one, c[at], d[at]);
                    let (two, f0) = add(simd, twos[at], t0, t1);
                    let (one, t0) = add(simd, one, e[at], f[at]);
                    let (one, t1) = add(simd, one, g[at], h[at]);
                    let (two, f1) = add(simd, two, t0, t1);
                    let (four, mut carry) = add(simd, fours[at], f0, f1);
                    (ones[at], twos[at], fours[at]) = (one, two, four);
                    for plane in higher.iter_mut() {
                        let plane = &mut S::as_mut_simd_u64s(plane).0[at];
                        (*plane, carry) = (simd.xor_u64s(*plane, carry), simd.and_u64s(*plane, carry));
                    }
                }
            }
        }
    }
}

/// The sum of three bits, and what is carried.
#[inline(always)]
fn add<S: Simd>(simd: S, a: S::u64s, b: S::u64s, c: S::u64s) -> (S::u64s, S::u64s) {
    let half = simd.xor_u64s(a, b);
    (simd.xor_u64s(half, c), simd.or_u64s(simd.and_u64s(a, b), simd.and_u64s(half, c)))
}

#[cfg(test)]
pub(super) mod testing {
    use pulp::Arch;

    /// The instructions that this processor has, down to none.
    pub(in super::super) fn architectures() -> Vec<Arch> {
        let mut all = vec![Arch::Scalar];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            all.extend(pulp::x86::V3::try_new().map(Arch::V3));
            all.extend(pulp::x86::V4::try_new().map(Arch::V4));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::architectures;
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut set = Bits::default();
        set.grow(513);
        assert_eq!(set.words().len(), 16);
        for at in [0, 63, 64, 512, 1023] {
            set.set(at, true);
        }
        set.set(64, false);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 512, 1023]);
        assert!(set.contains(512) && !set.contains(64) && !set.contains(5_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sums_are_what_counting_one_by_one_gives_on_every_processor(
            sets in prop::collection::vec(prop::collection::vec(any::<u64>(), 2 * TILE - BLOCK), 1..40),
            weights in prop_oneof![Just(vec![1_u32; 40]), prop::collection::vec(1..16_u32, 40)],
            least in prop::array::uniform8(1..200_u32),
            first in prop::sample::select(vec![0, TILE]),
        ) {
            let sets: Vec<&[u64]> = sets.iter().map(Vec::as_slice).collect();
            let by_digit = [0, 1, 2, 3].map(|digit| {
                sets.iter().zip(&weights).filter(|(_, weight)| *weight >> digit & 1 == 1).map(|(set, _)| *set).collect()
            });
            let words = sets[0].len().saturating_sub(first).min(TILE);
            for arch in architectures() {
                let mut sums = Sums::default();
                // What was counted before does not matter.
                let full = [u64::MAX; TILE];
                sums.add_up(arch, &[vec![full.as_slice(); 5]], 0);
                sums.add_up(arch, &by_digit, first);
                for word in 0..words {
                    let enough = sums.at_least(word, least[word / BLOCK]);
                    for bit in 0..64 {
                        let weights = sets.iter().zip(&weights).map(|(set, weight)| (set[first + word] >> bit & 1) as u32 * weight);
                        let sum = weights.sum::<u32>();
                        prop_assert_eq!(sums.of(word, bit), sum);
                        prop_assert_eq!(enough >> bit & 1 == 1, sum >= least[word / BLOCK]);
                    }
                }
            }
        }
    }
}
