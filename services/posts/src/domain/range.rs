//! The `Range` request field (RFC 9110, section 14): the part of a file that a client asks for.

use std::ops::Range;

/// The part of a file that is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The whole file: the field is malformed, or asks in a way that a server may ignore.
    Whole,
    /// The bytes in this range, whose end is exclusive.
    Bytes(Range<u64>),
    /// No byte at all: the range begins after the end of the file, or asks for its last zero bytes. The answer is 416.
    RangeNotSatisfiable,
}

/// Parses the field's value for a file of `size` bytes.
///
/// Several ranges at once are ignored, because answering them would need a multipart body; so are units other than
/// `bytes`. RFC 9110 allows a server to send the whole file in both cases.
pub(crate) fn read(field: &str, size: u64) -> Part {
    let Some((unit, range)) = field.split_once('=') else { return Part::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Part::Whole };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number that does not fit into 64 bits is beyond the end of every file.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    match (number(first), number(last)) {
        // `10-`: from byte 10 to the end.
        (Some(first), None) if last.is_empty() => clamp(first, size, size),
        // `10-19`: the last byte is included.
        (Some(first), Some(last)) if first <= last => clamp(first, last.saturating_add(1), size),
        // `-0` asks for the last zero bytes, which no answer can carry.
        (None, Some(0)) if first.is_empty() => Part::RangeNotSatisfiable,
        // `-10`: the last ten bytes, or all when the file has fewer.
        (None, Some(suffix)) if first.is_empty() => clamp(size.saturating_sub(suffix), size, size),
        _ => Part::Whole,
    }
}

/// Cuts a range at the end of a file of `size` bytes. `end` is exclusive.
fn clamp(first: u64, end: u64, size: u64) -> Part {
    if first < size { Part::Bytes(first..end.min(size)) } else { Part::RangeNotSatisfiable }
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
            ("bytes=100-", Part::RangeNotSatisfiable),
            ("bytes=99999999999999999999999-", Part::RangeNotSatisfiable),
            ("bytes=-0", Part::RangeNotSatisfiable),
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
        assert_eq!(read("bytes=0-", 0), Part::RangeNotSatisfiable);
        assert_eq!(read("bytes=-5", 0), Part::RangeNotSatisfiable);
    }
}
