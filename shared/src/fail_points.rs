//! Points at which a process can be made to die, for the faults that need one exact moment. They exist in builds with the
//! feature `fail-points` only.

/// After a commit, before its events leave for the broker (F2).
pub(crate) const AFTER_COMMIT: &str = "after_commit";
/// After the broker's confirm, before the outbox row is deleted (F3).
pub(crate) const AFTER_CONFIRM: &str = "after_confirm";
/// After a consumer's commit, before the acknowledgement (F4).
pub(crate) const BEFORE_ACK: &str = "before_ack";

/// The points are armed as long as this lives.
#[must_use]
pub struct Armed {
    #[cfg(feature = "fail-points")]
    _scenario: fail::FailScenario<'static>,
}

/// Reads from the variable `FAILPOINTS` what happens where, such as `before_ack=20*off->return`: at the 21st pass the
/// process ends as if it was killed.
pub fn arm() -> Armed {
    Armed {
        #[cfg(feature = "fail-points")]
        _scenario: fail::FailScenario::setup(),
    }
}

/// Passes a point.
#[cfg(feature = "fail-points")]
pub(crate) fn pass(point: &'static str) {
    fail::fail_point!(point, |_| std::process::abort());
}

/// Passes a point, of which this build has none.
#[cfg(not(feature = "fail-points"))]
pub(crate) fn pass(_point: &'static str) {}
