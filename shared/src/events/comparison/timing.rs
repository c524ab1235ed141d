//! The timing of the comparison: the time between rounds, and the time that a copy may lag.

use std::time::Duration;

use crate::config::Settings;
use crate::events::reconcile::GRACE;

/// The timing of the comparison in one service. Tests set shorter times than the settings allow.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The time between two rounds (`COMPARE_SECONDS`).
    pub interval: Duration,
    /// The time that a copy may lag before a missing state counts as drift.
    pub grace: Duration,
}

impl Timing {
    /// Reads the timing from the settings, with the usual grace time of 30 s.
    pub fn of(settings: &Settings) -> Self {
        Self { interval: settings.compare_every, grace: GRACE }
    }

    /// Returns the pause between two checks for due work within a round.
    pub(super) fn check_interval(self) -> Duration {
        Duration::from_secs(1).min(self.grace / 4)
    }
}
