//! `Range` (RFC 9110, section 14): the part of a file that a client asks for.

use std::ops::Range;

/// What of a file is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: nothing else was asked for, or in a way that a server may ignore.
    Whole,
    /// These bytes.
    Bytes(Range<u64>),
    /// The file ends before.
    OutOfReach,
}

/// Reads the field for a file of this size. Several ranges at once are ignored, as are other units than bytes.
pub(crate) fn read(field: &str, size: u64) -> Part {
    let Some((unit, range)) = field.split_once('=') else { return Part::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Part::Whole };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than fit are beyond the end of every file.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() => part(first, size, size),
        (Some(first), Some(last)) if first <= last => part(first, last.saturating_add(1), size),
        (None, Some(0)) if first.is_empty() => Part::OutOfReach,
        (None, Some(suffix)) if first.is_empty() => part(size.saturating_sub(suffix), size, size),
        _ => Part::Whole,
    }
}

fn part(first: u64, end: u64, size: u64) -> Part {
    if first < size { Part::Bytes(first..end.min(size)) } else { Part::OutOfReach }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        for (field, part) in [
            ("bytes=0-0", Part::Bytes(0..1)),
            ("bytes=0-", Part::Bytes(0..100)),
            ("Bytes=90-1000", Part::Bytes(90..100)),
            ("bytes=-10", Part::Bytes(90..100)),
            ("bytes=-1000", Part::Bytes(0..100)),
            ("bytes=5-99999999999999999999999", Part::Bytes(5..100)),
            ("bytes=100-", Part::OutOfReach),
            ("bytes=99999999999999999999999-", Part::OutOfReach),
            ("bytes=-0", Part::OutOfReach),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-0,5-6", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("pages=1-2", Part::Whole),
            ("nonsense", Part::Whole),
        ] {
            assert_eq!(read(field, 100), part, "{field}");
        }
        assert_eq!(read("bytes=0-", 0), Part::OutOfReach);
        assert_eq!(read("bytes=-5", 0), Part::OutOfReach);
    }
}
