//! How to compute: with which instructions, and what is cheaper.

use pulp::Arch;

use super::LikeMatrix;

/// How to compute: every plan gives the same answers. Costs are in tenths of a nanosecond, as measured on two cores of 2.5 GHz.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// The instructions that sums are computed with.
    pub(super) arch: Arch,
    /// A column is a set of bits if more than one in this many people like its post …
    pub(super) heavy: usize,
    /// … and more than so many.
    pub(super) light: usize,
    /// What it costs to add an entry of a list, or a bit of a set, to a counter,
    pub(super) entry: usize,
    /// to add a block of a set to the bit-sliced sums,
    pub(super) add: usize,
    /// and to look through a block of these.
    pub(super) look: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { arch: Arch::new(), heavy: 256, light: 8, entry: 40, add: 60, look: 600 }
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
    /// A matrix that computes with these instructions, and whose columns are sets once more than `light` people like a post;
    /// it always computes sums of these, or never.
    pub(super) fn planned(arch: Arch, use_sums: bool, light: usize) -> Self {
        let plan = Plan { arch, light, ..Plan::default() };
        let plan = if use_sums { Plan { add: 0, look: 0, ..plan } } else { Plan { entry: 0, ..plan } };
        Self { plan, ..Self::default() }
    }

    /// Whether anything was ever heard of a person.
    pub(super) fn knows(&self, id: shared::ids::UserId) -> bool {
        self.people.find(&id).is_some()
    }
}
