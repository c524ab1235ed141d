//! JPEG files as rows of segments.

/// Tells whether a JPEG has its end (EOI), because the decoder fills up with gray what is missing. The end is looked for behind
/// the first scan (SOS): the segments before may hold a small picture of their own (ITU-T T.81, annex B).
pub(crate) fn is_whole(file: &[u8]) -> bool {
    const SCAN: u8 = 0xda;
    const END: [u8; 2] = [0xff, 0xd9];
    let mut rest = file.get(2..).unwrap_or_default();
    loop {
        match rest {
            // Any number of these may stand before a marker.
            [0xff, 0xff, ..] => rest = rest.get(1..).unwrap_or_default(),
            [0xff, SCAN, scan @ ..] => return scan.windows(2).any(|bytes| bytes == END),
            [0xff, 0x01 | 0xd0..=0xd7, after @ ..] => rest = after,
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
        // A segment that holds a whole picture of its own, and fill bytes before the scan.
        let head = b"\xff\xd8\xff\xe1\x00\x08\xff\xda\xff\xd9\x00\x00\xff\xff\xff\xda\x00\x02pixels".to_vec();
        assert!(!is_whole(&head));
        assert!(is_whole(&[head.as_slice(), b"\xff\xd9"].concat()));
        assert!(is_whole(&[head.as_slice(), b"\xff\xd9 and more"].concat()));
        for broken in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xe1\xff\xff\xff\xd9", b"\xff\xd8nonsense"] {
            assert!(!is_whole(broken), "{broken:?}");
        }
    }
}
