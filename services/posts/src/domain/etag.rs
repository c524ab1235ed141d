//! The ETag of a post: `"v.c"`, the versions of its content and of its counters.

/// Writes an ETag.
pub(crate) fn write(content: i64, counts: i64) -> String {
    format!("\"{content}.{counts}\"")
}

/// What `If-Match` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// `*`: any existing version.
    Any,
    /// This version of the content; the counters do not matter.
    Version(i64),
}

/// Reads `If-Match`; `None` when it is not one of our ETags.
pub(crate) fn read_if_match(header: &str) -> Option<IfMatch> {
    if header.trim() == "*" {
        return Some(IfMatch::Any);
    }
    let (content, counts) = header.trim().strip_prefix('"')?.strip_suffix('"')?.split_once('.')?;
    counts.parse::<i64>().ok()?;
    content.parse().ok().map(IfMatch::Version)
}

/// Whether `If-None-Match` names this ETag.
pub(crate) fn is_known(header: &str, etag: &str) -> bool {
    header.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == etag || one == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back_and_nonsense_does_not() {
        assert_eq!(read_if_match(&write(7, 3)), Some(IfMatch::Version(7)));
        assert_eq!(read_if_match("*"), Some(IfMatch::Any));
        for bad in ["", "7", "\"7\"", "7.3", "\"a.b\"", "\"7.\""] {
            assert_eq!(read_if_match(bad), None, "{bad}");
        }
        assert!(is_known("\"1.1\", \"7.3\"", "\"7.3\""));
        assert!(!is_known("\"7.4\"", "\"7.3\""));
    }
}
