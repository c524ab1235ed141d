//! The cost model: which instructions to use, when a list becomes a bitset, and which of two algorithms is cheaper.

use pulp::Arch;

/// The parameters that choose between ways of computing the same result. Every plan gives the same results. Costs are
/// in tenths of a nanosecond, measured on two cores of 2.5 GHz.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// The instruction set for bit-sliced sums.
    pub(super) arch: Arch,
    /// A column becomes a bitset when more than one in this many people like its post. From this density on, adding the
    /// bitset's blocks (60 per 512 people) costs less than counting the list's entries (40 per liker).
    pub(super) people_per_liker: usize,
    /// A row gets a bitset beside its list when its person has liked more than one in this many posts. So the bitset
    /// need not be built for each request that sums the rows of neighbours.
    pub(super) posts_per_like: usize,
    /// Lists of up to this many members never become a bitset, however few people and posts there are.
    pub(super) min_list: usize,
    /// The cost of adding an entry of a list, or a member of a bitset, to a counter.
    pub(super) count_entry: usize,
    /// The cost of adding a block of a bitset to the bit-sliced sums.
    pub(super) add_block: usize,
    /// The cost of searching a block of the sums for people who share enough likes.
    pub(super) search_block: usize,
    /// The cost of adding a neighbour's like to the score of its post.
    pub(super) score_like: usize,
    /// The fixed cost of choosing the best posts from bit-sliced sums.
    pub(super) choose_posts: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            arch: Arch::new(),
            people_per_liker: 256,
            posts_per_like: 32,
            min_list: 8,
            count_entry: 40,
            add_block: 60,
            search_block: 600,
            score_like: 10,
            choose_posts: 20_000,
        }
    }
}

impl Plan {
    /// Returns the number of entries up to which a row needs no bitset when there are `posts` posts.
    pub(super) fn max_entries_without_set(&self, posts: usize) -> usize {
        (posts / self.posts_per_like).max(self.min_list)
    }

    /// Returns the number of likers up to which a column is a list when there are `people` people.
    pub(super) fn max_listed_likers(&self, people: usize) -> usize {
        (people / self.people_per_liker).max(self.min_list)
    }

    /// Returns the name of the instruction set for bit-sliced sums.
    pub(super) fn instructions(&self) -> &'static str {
        match format!("{:?}", self.arch).as_str() {
            name if name.starts_with("V4") => "AVX-512",
            name if name.starts_with("V3") => "AVX2",
            _ => "portable code",
        }
    }

    /// Creates a plan for tests that uses these instructions and turns lists of more than `min_list` members into
    /// bitsets. With `use_sums` it always uses bit-sliced sums, without it never.
    #[cfg(test)]
    pub(super) fn forced(arch: Arch, use_sums: bool, min_list: usize) -> Self {
        let plan = Self { arch, min_list, ..Self::default() };
        if use_sums {
            Self { add_block: 0, search_block: 0, choose_posts: 0, ..plan }
        } else {
            Self { count_entry: 0, score_like: 0, ..plan }
        }
    }
}
