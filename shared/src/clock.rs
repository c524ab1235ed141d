//! Time: one clock, which tests can set, and one timestamp type.
//!
//! All code takes the time from a [`Clock`], so that a test decides what time it is; clippy refuses `Utc::now`
//! elsewhere. All stored and sent times are [`Timestamp`]s, so that both databases and JSON hold a time with the same
//! precision.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, DurationRound, FixedOffset, SecondsFormat, SubsecRound, TimeDelta, Utc};
use sea_orm::DeriveValueType;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: UTC, cut to microseconds, written as RFC 3339 with exactly six fraction digits and `Z`.
///
/// It is always bound as a parameter, never inlined into SQL: SQLite compares times as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, utoipa::ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// Truncates a time to microseconds, the precision of a Postgres `timestamptz`. A value then compares equal to
    /// itself after it has been stored and read back.
    pub fn new(time: DateTime<Utc>) -> Self {
        Self(time.trunc_subsecs(6))
    }

    /// Returns the absolute difference between two times, in whichever order they are given.
    pub fn abs_difference(self, other: Self) -> Duration {
        // `since` is zero in one of the two directions.
        self.since(other).max(other.since(self))
    }

    /// Returns whole seconds since the Unix epoch, as token claims hold them (`NumericDate` of RFC 7519, section 2).
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Returns microseconds since the Unix epoch, for columns that a statement computes with.
    pub fn unix_micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// Returns the time at microseconds since the Unix epoch; the nearest one that has four digits of year.
    pub fn from_unix_micros(micros: i64) -> Self {
        // The last microsecond of the year 9999.
        const LATEST: i64 = 253_402_300_799_999_999;
        Self(DateTime::from_timestamp_micros(micros.clamp(0, LATEST)).unwrap_or_default())
    }

    /// Returns the beginning of the day in UTC that this time is in.
    #[must_use]
    pub fn start_of_day(self) -> Self {
        Self(self.0.duration_trunc(TimeDelta::days(1)).unwrap_or(self.0))
    }

    /// Formats the time to the minute, for a person who reads it in a mail: `31 January 2026, 12:00 UTC`.
    pub fn in_words(self) -> String {
        self.0.format("%-d %B %Y, %H:%M UTC").to_string()
    }

    /// Returns the beginning of the hour that this time is in.
    #[must_use]
    pub fn start_of_hour(self) -> Self {
        Self(self.0.duration_trunc(TimeDelta::hours(1)).unwrap_or(self.0))
    }

    /// Returns the duration from `earlier` to this time; zero if `earlier` is in fact later, which is possible when it
    /// comes from another machine's clock.
    pub fn since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).to_std().unwrap_or_default()
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self::new(self.0 + span)
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self::new(self.0 - span)
    }
}

impl From<Timestamp> for DateTime<FixedOffset> {
    fn from(time: Timestamp) -> Self {
        time.0.fixed_offset()
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DateTime::<Utc>::deserialize(deserializer).map(Self::new)
    }
}

/// The source of the current time: the system's clock, or a fixed time that a test moves. Clones share a fixed time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// The time of a fixed clock; absent for the system's clock.
    fixed: Option<Arc<Mutex<Timestamp>>>,
}

impl Clock {
    /// Creates a clock that reads the system's time.
    pub fn system() -> Self {
        Self::default()
    }

    /// Creates a clock that stands still at `at` until [`Clock::advance`] moves it.
    pub fn fixed(at: Timestamp) -> Self {
        Self { fixed: Some(Arc::new(Mutex::new(at))) }
    }

    /// Returns the current time.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
    pub fn now(&self) -> Timestamp {
        match &self.fixed {
            Some(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
            None => Timestamp::new(Utc::now()),
        }
    }

    /// Moves a fixed clock forward by `span`. Does nothing to the system's clock.
    pub fn advance(&self, span: Duration) {
        if let Some(at) = &self.fixed {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = *at + span;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_with_six_digits() {
        let time: Timestamp = serde_json::from_str("\"2026-01-02T03:04:05Z\"").unwrap();
        assert_eq!(time.to_string(), "2026-01-02T03:04:05.000000Z");
        let time: Timestamp = serde_json::from_str("\"2026-01-02T05:04:05.123456789+02:00\"").unwrap();
        assert_eq!(time.to_string(), "2026-01-02T03:04:05.123456Z");
        assert_eq!(time.in_words(), "2 January 2026, 03:04 UTC");
    }
}
