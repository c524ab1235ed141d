//! The entity tag of a post: `"v.c"`, the version of its content and the version of its counters.
//!
//! A client that reads a post compares the whole tag. A client that changes a post compares the content only, because a
//! like or a view that arrives in between must not make an edit fail.

/// Formats the entity tag of these two versions with its quotes, ready for an `ETag` field.
pub(crate) fn write(content: i64, counts: i64) -> String {
    format!("\"{content}.{counts}\"")
}

/// True when the opaque part of a tag (the text between its quotes) names this version of the content. The version of
/// the counters must be a number, and may be any.
pub(crate) fn has_content(opaque: &str, version: i64) -> bool {
    // The version of the content is compared as text, so that spellings which `write` never produces (`07`, `+7`) do
    // not match.
    opaque.split_once('.').is_some_and(|(content, counts)| {
        content == version.to_string() && !counts.is_empty() && counts.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_tag_names_its_content_and_malformed_tags_do_not() {
        let opaque = |content, counts| write(content, counts).trim_matches('"').to_owned();
        assert!(has_content(&opaque(7, 3), 7));
        assert!(has_content(&opaque(7, 4), 7));
        for other in ["", "7", "7.", "7.x", ".3", "07.3", "+7.3", "8.3", "7.3.1"] {
            assert!(!has_content(other, 7), "{other}");
        }
    }
}
