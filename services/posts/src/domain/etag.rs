//! The ETag of a post: `"v.c"`, the versions of its content and of its counters.

/// Writes an ETag.
pub(crate) fn write(content: i64, counts: i64) -> String {
    format!("\"{content}.{counts}\"")
}

/// Whether the opaque part of an ETag stands for this version of the content; the counters do not matter to who changes it.
pub(crate) fn has_content(opaque: &str, version: i64) -> bool {
    opaque.split_once('.').is_some_and(|(content, counts)| {
        content == version.to_string() && !counts.is_empty() && counts.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_names_its_content_and_nonsense_does_not() {
        let opaque = |content, counts| write(content, counts).trim_matches('"').to_owned();
        assert!(has_content(&opaque(7, 3), 7));
        assert!(has_content(&opaque(7, 4), 7));
        for other in ["", "7", "7.", "7.x", ".3", "07.3", "+7.3", "8.3", "7.3.1"] {
            assert!(!has_content(other, 7), "{other}");
        }
    }
}
