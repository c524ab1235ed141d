//! Times, said in words.

use shared::clock::Timestamp;

use crate::text::Language;

/// A time as a page shows it.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// The time in RFC 3339, for the attribute `datetime`.
    pub(crate) iso: String,
    /// The time in words, such as `3 minutes ago`, or the day when it is more than a week ago.
    pub(crate) words: String,
    /// The exact time, such as `28 November 2026, 20:44 UTC`.
    pub(crate) exact: String,
}

impl Moment {
    /// Says the time `at` as it looks at the time `now`.
    pub(crate) fn new(at: Timestamp, now: Timestamp, language: &Language) -> Self {
        let iso = at.to_string();
        let minutes = i64::try_from(now.since(at).as_secs() / 60).unwrap_or(i64::MAX);
        let words = match minutes {
            ..1 => language.say("moment-now").into_owned(),
            1..60 => language.count("moment-minutes", minutes),
            60..1_440 => language.count("moment-hours", minutes / 60),
            1_440..10_080 => language.count("moment-days", minutes / 1_440),
            _ => iso.split('T').next().unwrap_or_default().to_owned(),
        };
        Self { iso, words, exact: at.in_words() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::english;

    #[test]
    fn a_time_is_said_as_coarsely_as_it_is_far() {
        let time = |text: &str| serde_json::from_value(serde_json::json!(text)).unwrap();
        let now: Timestamp = time("2026-11-28T20:44:00Z");
        for (at, words) in [
            ("2026-11-28T20:44:30Z", "just now"),
            ("2026-11-28T20:43:00Z", "1 minute ago"),
            ("2026-11-28T18:44:00Z", "2 hours ago"),
            ("2026-11-25T18:44:00Z", "3 days ago"),
            ("2026-11-01T18:44:00Z", "2026-11-01"),
        ] {
            assert_eq!(Moment::new(time(at), now, &english()).words, words, "{at}");
        }
        assert_eq!(Moment::new(now, now, &english()).exact, "28 November 2026, 20:44 UTC");
    }
}
