//! The entity tag of a target and of its case: `"v.r"`, what admins have decided and everything else.
//!
//! The first number is the sum of the versions of the decision and of the case. Both only rise, so the sum changes with
//! each decision, resolution and undoing. A write compares the first number only, because a report or a change by the
//! author that arrives in between must not make a decision fail.

/// Formats the entity tag of these two numbers with its quotes, ready for an `ETag` field.
pub(crate) fn write(decided: i64, rest: i64) -> String {
    format!("\"{decided}.{rest}\"")
}

/// True when the opaque part of a tag (the text between its quotes) names this state of the decisions. The rest must be a
/// number, and may be any.
pub(crate) fn has_decided(opaque: &str, version: i64) -> bool {
    // Compared as text, so that spellings which `write` never produces (`07`, `+7`) do not match.
    opaque.split_once('.').is_some_and(|(decided, rest)| {
        decided == version.to_string() && !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_tag_names_its_decisions_and_malformed_tags_do_not() {
        let opaque = |decided, rest| write(decided, rest).trim_matches('"').to_owned();
        assert!(has_decided(&opaque(7, 3), 7));
        assert!(has_decided(&opaque(7, 4), 7));
        for other in ["", "7", "7.", "7.x", ".3", "07.3", "+7.3", "8.3", "7.3.1"] {
            assert!(!has_decided(other, 7), "{other}");
        }
    }
}
