//! How to compute: with which instructions, and what is cheaper.

use pulp::Arch;

use super::LikeMatrix;

/// How to compute: every plan gives the same answers. Costs are in tenths of a nanosecond, as measured on two cores of 2.5 GHz.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// The instructions that sums are computed with.
    pub(super) arch: Arch,
    /// A column is a set of bits if more than one in this many people like its post.
    pub(super) many_likers: usize,
    /// A row has a set of bits if it has more than one in this many posts.
    pub(super) many_likes: usize,
    /// No more than so many are never a set.
    pub(super) light: usize,
    /// What it costs to add an entry of a list, or a bit of a set, to a counter,
    pub(super) entry: usize,
    /// to add a block of a set to the bit-sliced sums,
    pub(super) add: usize,
    /// to look through a block of these,
    pub(super) look: usize,
    /// to add a neighbour's like to the score of its post,
    pub(super) score: usize,
    /// and to find the best posts by sums, beside adding them up.
    pub(super) choose: usize,
}

impl Default for Plan {
    fn default() -> Self {
        let (arch, many_likers, many_likes, light) = (Arch::new(), 256, 32, 8);
        Self { arch, many_likers, many_likes, light, entry: 40, add: 60, look: 600, score: 10, choose: 20_000 }
    }
}

impl LikeMatrix {
    /// The instruction set that sums are computed with.
    pub fn instructions(&self) -> &'static str {
        match format!("{:?}", self.plan.arch).as_str() {
            name if name.starts_with("V4") => "AVX-512",
            name if name.starts_with("V3") => "AVX2",
            _ => "portable code",
        }
    }
}

#[cfg(test)]
impl LikeMatrix {
    /// A matrix that computes with these instructions, and where more than `light` are a set; it always computes sums of
    /// these, or never.
    pub(super) fn planned(arch: Arch, use_sums: bool, light: usize) -> Self {
        let plan = Plan { arch, light, ..Plan::default() };
        let plan =
            if use_sums { Plan { add: 0, look: 0, choose: 0, ..plan } } else { Plan { entry: 0, score: 0, ..plan } };
        Self { plan, ..Self::default() }
    }

    /// Whether anything was ever heard of a person.
    pub(super) fn knows(&self, id: shared::ids::UserId) -> bool {
        self.people.find(&id).is_some()
    }
}
