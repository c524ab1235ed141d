//! The search keys of first and last names, and the masks that people search them with.

use shared::text::{is_blank, search_key};

/// The longest mask, in characters: two names of 64 and the space between them.
const MAX_MASK: usize = 129;

/// Returns the search keys of the first name, the last name, and both together. The key of an absent name is empty.
pub(crate) fn keys(first: Option<&str>, last: Option<&str>) -> [String; 3] {
    let (first, last) = (search_key(first.unwrap_or_default()), search_key(last.unwrap_or_default()));
    // A name alone gets no space, because a mask without wildcards would not match it then.
    let full = format!("{first} {last}").trim().to_owned();
    [first, last, full]
}

/// Turns a mask into a LIKE pattern with `\` as its escape character. Only a `*` that was typed is a wildcard; one that
/// normalisation produces from a full-width `＊` is a letter.
///
/// # Errors
/// The rule that the mask breaks, as a sentence.
pub(crate) fn like_pattern(mask: &str) -> Result<String, &'static str> {
    if is_blank(mask) || mask.chars().count() > MAX_MASK {
        return Err("name must have 1 to 129 characters, and something in it that can be seen");
    }
    if mask.chars().any(char::is_control) {
        return Err("name must not contain control characters");
    }
    let mut pattern = String::new();
    // The end of the pattern cannot tell this, because an escaped percent sign looks like a wildcard there.
    let mut after_wildcard = false;
    for (index, part) in mask.split('*').enumerate() {
        if index > 0 && !after_wildcard {
            pattern.push('%');
            after_wildcard = true;
        }
        for c in search_key(part).chars() {
            if matches!(c, '\\' | '%' | '_') {
                pattern.push('\\');
            }
            pattern.push(c);
            after_wildcard = false;
        }
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_becomes_a_pattern() {
        assert_eq!(like_pattern("An*").unwrap(), "an%");
        assert_eq!(like_pattern("**a**b").unwrap(), "%a%b");
        assert_eq!(like_pattern("50%_\\").unwrap(), "50\\%\\_\\\\");
        assert_eq!(like_pattern("\u{ff0a}").unwrap(), "*");
        assert_eq!(like_pattern("ÉΣς").unwrap(), "éσσ");
        assert_eq!(like_pattern("An\u{ad}n\u{200d}*").unwrap(), "ann%");
        assert_eq!(like_pattern("ẞ*ß").unwrap(), "ss%ss");
        for bad in ["", "  ", "a\0", &"x".repeat(130)] {
            assert!(like_pattern(bad).is_err());
        }
    }

    #[test]
    fn a_percent_sign_before_a_star_stays_a_letter() {
        assert_eq!(like_pattern("%*").unwrap(), "\\%%");
    }

    #[test]
    fn keys_hold_both_names() {
        assert_eq!(keys(Some("Ann"), Some("Ｂ")), ["ann", "b", "ann b"]);
        assert_eq!(keys(None, Some("B")), ["", "b", "b"]);
    }
}
