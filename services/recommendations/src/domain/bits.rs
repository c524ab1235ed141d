//! Bitsets of dense indices, and weighted sums over many bitsets.
//!
//! The sums are bit-sliced: plane k holds the binary digit k of every counter, one bit per index. A carry-save adder
//! tree of seven full adders adds eight bitsets to the planes at once, as in the Harley-Seal population count (Warren,
//! Hacker's Delight, section 5-1). The operation is known as positional population count (Klarqvist, Mula, Lemire
//! 2021). Adding up costs the same however many members the bitsets have. Comparing all counters with a number works
//! digit by digit on the planes, as in bit-sliced indices (O'Neil, Quass 1997).

use pulp::{Arch, Simd, WithSimd};

use super::numbered::Idx;

/// The number of bits in a word.
pub(super) const WORD_BITS: usize = u64::BITS as usize;
/// The number of words in a block: the widest registers (AVX-512) hold eight.
pub(super) const BLOCK_WORDS: usize = 8;
/// The number of bits in a block.
pub(super) const BLOCK_BITS: usize = BLOCK_WORDS * WORD_BITS;
/// The number of words in a tile, the part of all bitsets that is summed at once. The planes of a tile stay in the
/// processor's cache, and each bitset is read in runs of 512 bytes.
pub(super) const TILE_WORDS: usize = 8 * BLOCK_WORDS;
/// The number of binary digits in a sum: enough for 2^31 bitsets, more than one person has posts.
const PLANES: usize = 31;
/// The tile of a bitset without members. Such bitsets fill up the last group of eight.
const EMPTY: [u64; TILE_WORDS] = [0; TILE_WORDS];

/// A set of indices, one bit each. Bitsets over the same kind of index have equally many words, see [`Bits::grow`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Makes room for indices below `len`, in whole blocks.
    pub(super) fn grow(&mut self, len: usize) {
        let words = len.div_ceil(BLOCK_BITS) * BLOCK_WORDS;
        if words > self.0.len() {
            self.0.reserve_exact(words - self.0.len());
            self.0.resize(words, 0);
        }
    }

    /// Adds or removes an index. There must be room for it.
    pub(super) fn set(&mut self, at: Idx, present: bool) {
        if let Some(word) = self.0.get_mut(at as usize / WORD_BITS) {
            let bit = 1 << (at as usize % WORD_BITS);
            *word = if present { *word | bit } else { *word & !bit };
        }
    }

    /// Returns whether an index is in the set.
    pub(super) fn contains(&self, at: Idx) -> bool {
        self.0.get(at as usize / WORD_BITS).is_some_and(|word| word >> (at as usize % WORD_BITS) & 1 == 1)
    }

    /// Returns the words, the lowest indices first.
    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    /// Iterates over the members in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Idx> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| members(word, *bits))
    }
}

/// Iterates over the indices whose bits are set in `bits`, the word at the place `word` of a bitset, in ascending
/// order.
pub(super) fn members(word: usize, mut bits: u64) -> impl Iterator<Item = Idx> {
    std::iter::from_fn(move || {
        let bit = (bits != 0).then(|| bits.trailing_zeros())?;
        bits &= bits - 1;
        Some((word * WORD_BITS) as Idx + bit)
    })
}

/// The bit-sliced sums of one tile. They are cleared before each use, so one value serves all requests of a thread.
#[derive(Debug)]
pub(super) struct Sums {
    /// The binary digits of each index's sum, the lowest first.
    planes: Box<[[u64; TILE_WORDS]; PLANES]>,
    /// The number of planes that the highest possible sum needs.
    used: usize,
}

impl Default for Sums {
    fn default() -> Self {
        Self { planes: Box::new([EMPTY; PLANES]), used: 0 }
    }
}

impl Sums {
    /// Computes, for each index of the tile that begins with the word `first`, the sum of the weights of the bitsets
    /// that it is in. `sets_by_digit` lists a bitset once for each binary digit that is 1 in its weight, the lowest
    /// digit first, so `[sets]` gives every bitset the weight 1.
    pub(super) fn add_up(&mut self, arch: Arch, sets_by_digit: &[Vec<&[u64]>], first: usize) {
        let highest: usize = (0..).zip(sets_by_digit).map(|(digit, sets)| sets.len() << digit).sum();
        // The adder tree writes three planes from the digit of its bitsets on, so there must be two above the highest
        // digit.
        let digits = ((usize::BITS - highest.leading_zeros()) as usize).max(sets_by_digit.len() + 2);
        self.used = digits.min(PLANES);
        arch.dispatch(AddUp { sums: self, sets_by_digit, first });
    }

    /// Returns the highest number that the used planes can hold.
    fn capacity(&self) -> u32 {
        (1 << self.used) - 1
    }

    /// Returns a mask of the indices in a word of the tile whose sum is at least `least`.
    #[inline]
    pub(super) fn at_least(&self, word: usize, least: u32) -> u64 {
        // From the highest digit on, a sum is either greater already or equal so far.
        let (mut greater, mut equal) = (0, if least > self.capacity() { 0 } else { u64::MAX });
        for (place, plane) in self.planes.iter().enumerate().take(self.used).rev() {
            let digit = plane.get(word).copied().unwrap_or_default();
            // All ones where the digit of `least` is 1, so that the loop has no branch that depends on data.
            let wanted = u64::from(least >> place & 1).wrapping_neg();
            greater |= equal & digit & !wanted;
            equal &= !(digit ^ wanted);
        }
        greater | equal
    }

    /// Returns a mask of the indices with the highest sums among those of the mask `among` in a word of the tile. It
    /// holds more than `limit` indices, unless at most `limit` have a sum above 0. Every index that is left out has a
    /// lower sum than each index in the mask.
    pub(super) fn highest_among(&self, word: usize, among: u64, limit: usize) -> u64 {
        // A binary search for the highest threshold that more than `limit` indices reach, digit by digit.
        let (mut least, mut found) = (0, self.at_least(word, 1) & among);
        for digit in (0..self.used).rev() {
            let fewer = self.at_least(word, least | 1 << digit) & among;
            if fewer.count_ones() as usize > limit {
                (least, found) = (least | 1 << digit, fewer);
            }
        }
        found
    }

    /// Returns the sum of the index that has this bit in this word of the tile.
    pub(super) fn get(&self, word: usize, bit: u32) -> u32 {
        let planes = self.planes.iter().take(self.used);
        let digit = |plane: &[u64; TILE_WORDS]| plane.get(word).map_or(0, |word| (word >> bit & 1) as u32);
        planes.enumerate().map(|(place, plane)| digit(plane) << place).sum()
    }
}

/// The arguments of [`Sums::add_up`], in the form in which pulp passes them to code for one instruction set.
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
        let words = set.map_or(0, |set| set.len().saturating_sub(first).min(TILE_WORDS));
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
                // `words` is a multiple of a block, and `empty` spans the whole tile: the quotient is words per
                // register.
                let lanes = words / (TILE_WORDS / empty.len());
                for at in 0..lanes {
                    // Eight bitsets of weight 1 become one digit of weight 1, 2 and 4 each, and one carry of weight 8.
                    let (one, t0) = full_add(simd, ones[at], a[at], b[at]);
                    let (one, t1) = full_add(simd, one, c[at], d[at]);
                    let (two, f0) = full_add(simd, twos[at], t0, t1);
                    let (one, t0) = full_add(simd, one, e[at], f[at]);
                    let (one, t1) = full_add(simd, one, g[at], h[at]);
                    let (two, f1) = full_add(simd, two, t0, t1);
                    let (four, mut carry) = full_add(simd, fours[at], f0, f1);
                    (ones[at], twos[at], fours[at]) = (one, two, four);
                    // The carry ripples through the higher digits with half adders.
                    for plane in higher.iter_mut() {
                        let plane = &mut S::as_mut_simd_u64s(plane).0[at];
                        (*plane, carry) = (simd.xor_u64s(*plane, carry), simd.and_u64s(*plane, carry));
                    }
                }
            }
        }
    }
}

/// A full adder on every bit of a register: the sum of three bits, and the carry.
#[inline(always)]
fn full_add<S: Simd>(simd: S, a: S::u64s, b: S::u64s, c: S::u64s) -> (S::u64s, S::u64s) {
    let half = simd.xor_u64s(a, b);
    (simd.xor_u64s(half, c), simd.or_u64s(simd.and_u64s(a, b), simd.and_u64s(half, c)))
}

#[cfg(test)]
pub(super) mod testing {
    use pulp::Arch;

    /// Lists the instruction sets that this processor has, from portable code on.
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
            sets in prop::collection::vec(prop::collection::vec(any::<u64>(), 2 * TILE_WORDS - BLOCK_WORDS), 1..40),
            weights in prop_oneof![Just(vec![1_u32; 40]), prop::collection::vec(1..16_u32, 40)],
            least in prop::array::uniform8(1..200_u32),
            first in prop::sample::select(vec![0, TILE_WORDS]),
        ) {
            let sets: Vec<&[u64]> = sets.iter().map(Vec::as_slice).collect();
            let by_digit = [0, 1, 2, 3].map(|digit| {
                sets.iter().zip(&weights).filter(|(_, weight)| *weight >> digit & 1 == 1).map(|(set, _)| *set).collect()
            });
            let words = sets[0].len().saturating_sub(first).min(TILE_WORDS);
            for arch in architectures() {
                let mut sums = Sums::default();
                // Earlier sums must leave no trace.
                let full = [u64::MAX; TILE_WORDS];
                sums.add_up(arch, &[vec![full.as_slice(); 5]], 0);
                sums.add_up(arch, &by_digit, first);
                for word in 0..words {
                    let enough = sums.at_least(word, least[word / BLOCK_WORDS]);
                    for bit in 0..64 {
                        let weights = sets.iter().zip(&weights).map(|(set, weight)| (set[first + word] >> bit & 1) as u32 * weight);
                        let sum = weights.sum::<u32>();
                        prop_assert_eq!(sums.get(word, bit), sum);
                        prop_assert_eq!(enough >> bit & 1 == 1, sum >= least[word / BLOCK_WORDS]);
                    }
                }
            }
        }
    }
}
