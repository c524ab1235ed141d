//! Fail points: marked places at which a test can make the process die.
//!
//! The faults F2, F3 and F4 of docs/reliability.md need a death at one exact instruction, which killing from outside
//! cannot hit. The points exist in builds with the feature `fail-points` only; in any other build `hit` is an empty
//! function.

/// The point after a commit and before its events leave for the broker (fault F2).
pub(crate) const AFTER_COMMIT: &str = "after_commit";
/// The point after the broker's confirm and before the outbox row is deleted (fault F3).
pub(crate) const AFTER_CONFIRM: &str = "after_confirm";
/// The point after a consumer's commit and before the acknowledgement (fault F4).
pub(crate) const BEFORE_ACK: &str = "before_ack";

/// The guard that keeps the fail points armed. Dropping it disarms them.
#[must_use]
pub struct Armed {
    #[cfg(feature = "fail-points")]
    _scenario: fail::FailScenario<'static>,
}

/// Arms the points that the environment variable `FAILPOINTS` names, in the syntax of the crate `fail`.
///
/// For example, `before_ack=20*off->return` ends the process at the 21st hit. The process ends by `abort`, so no
/// destructor runs, as if it had been killed.
pub fn arm() -> Armed {
    Armed {
        #[cfg(feature = "fail-points")]
        _scenario: fail::FailScenario::setup(),
    }
}

/// Aborts the process if the point is armed and its turn has come.
#[cfg(feature = "fail-points")]
pub(crate) fn hit(point: &'static str) {
    fail::fail_point!(point, |_| std::process::abort());
}

/// Does nothing, because this build has no fail points.
#[cfg(not(feature = "fail-points"))]
pub(crate) fn hit(_point: &'static str) {}
