//! The segments of a JPEG file (ITU-T T.81, annex B).

/// True when a JPEG has its end marker (EOI), which a file that was cut off lacks. It is searched for only after the
/// start of the first scan (SOS), because a segment before it may hold a thumbnail with an end marker of its own.
pub(crate) fn is_whole(file: &[u8]) -> bool {
    const SCAN: u8 = 0xda;
    const END: [u8; 2] = [0xff, 0xd9];
    let mut rest = file.get(2..).unwrap_or_default();
    loop {
        match rest {
            // Any number of fill bytes may stand before a marker.
            [0xff, 0xff, ..] => rest = rest.get(1..).unwrap_or_default(),
            [0xff, SCAN, scan @ ..] => return scan.windows(2).any(|bytes| bytes == END),
            // TEM and the restart markers stand alone, without a length.
            [0xff, 0x01 | 0xd0..=0xd7, after @ ..] => rest = after,
            // Any other marker is followed by the length of its segment, which includes the length's own two bytes.
            [0xff, _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(2 + length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn a_file_is_whole_when_its_end_follows_its_pixels() {
        // A segment that holds a whole thumbnail, and fill bytes before the scan.
        let head = b"\xff\xd8\xff\xe1\x00\x08\xff\xda\xff\xd9\x00\x00\xff\xff\xff\xda\x00\x02pixels".to_vec();
        assert!(!is_whole(&head));
        assert!(is_whole(&[head.as_slice(), b"\xff\xd9"].concat()));
        assert!(is_whole(&[head.as_slice(), b"\xff\xd9 and more"].concat()));
        for broken in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xe1\xff\xff\xff\xd9", b"\xff\xd8nonsense"] {
            assert!(!is_whole(broken), "{broken:?}");
        }
    }
}
