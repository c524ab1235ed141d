//! First and last names as search keys, and masks over them.

use shared::text::{is_blank, is_ignorable};
use unicode_normalization::UnicodeNormalization;

/// Longest mask, in characters: both names at their longest, and a space.
const MAX_MASK: usize = 129;

/// The form that is compared: NFKC without regard to case, and without what is not drawn. Letter by letter, so that a part of
/// a text has the same form as in the whole. By way of upper case, in which the forms of a letter meet: sigma at the end of a
/// word, the German sharp s.
pub(crate) fn key(text: &str) -> String {
    let folded = text.nfkc().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.filter(|c| !is_ignorable(*c)).nfkc().collect()
}

/// The keys of first name, last name, and both together.
pub(crate) fn keys(first: Option<&str>, last: Option<&str>) -> [String; 3] {
    let (first, last) = (key(first.unwrap_or_default()), key(last.unwrap_or_default()));
    let full = format!("{first} {last}").trim().to_owned();
    [first, last, full]
}

/// A mask as a LIKE pattern with `\` as its escape. `*` is a wildcard only as the asker wrote it, before normalisation.
pub(crate) fn pattern(mask: &str) -> Result<String, &'static str> {
    if is_blank(mask) || mask.chars().count() > MAX_MASK {
        return Err("name must have 1 to 129 characters, and something in it that can be seen");
    }
    if mask.chars().any(char::is_control) {
        return Err("name must not contain control characters");
    }
    let mut pattern = String::new();
    // Not read off the pattern's end, where an escaped percent sign looks the same.
    let mut after_wildcard = false;
    for (index, part) in mask.split('*').enumerate() {
        if index > 0 && !after_wildcard {
            pattern.push('%');
            after_wildcard = true;
        }
        for c in key(part).chars() {
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
        assert_eq!(pattern("An*").unwrap(), "an%");
        assert_eq!(pattern("**a**b").unwrap(), "%a%b");
        assert_eq!(pattern("50%_\\").unwrap(), "50\\%\\_\\\\");
        assert_eq!(pattern("\u{ff0a}").unwrap(), "*");
        assert_eq!(pattern("ÉΣς").unwrap(), "éσσ");
        assert_eq!(pattern("An\u{ad}n\u{200d}*").unwrap(), "ann%");
        assert_eq!(pattern("ẞ*ß").unwrap(), "ss%ss");
        for bad in ["", "  ", "a\0", &"x".repeat(130)] {
            assert!(pattern(bad).is_err());
        }
    }

    #[test]
    fn a_percent_sign_before_a_star_stays_a_letter() {
        assert_eq!(pattern("%*").unwrap(), "\\%%");
    }

    #[test]
    fn keys_hold_both_names() {
        assert_eq!(keys(Some("Ann"), Some("Ｂ")), ["ann", "b", "ann b"]);
        assert_eq!(keys(None, Some("B")), ["", "b", "b"]);
    }
}
