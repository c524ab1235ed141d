//! The search keys of first and last names, and the masks that people search them with.

use std::collections::BTreeSet;

use shared::text::words::token;
use shared::text::{is_blank, search_key};

/// The longest mask, in characters: two names of 64 and the space between them.
const MAX_MASK: usize = 129;
/// The number of characters in a part of a name.
const PART: usize = 3;
/// The number of ids in a block, as a power of two.
const BLOCK_BITS: u32 = 12;
/// The characters that stand before and after a name in its parts, so that a mask without a `*` at one of its ends asks
/// for the end of a name, too. No mask can have them, because they are control characters.
const START: char = '\u{2}';
/// See [`START`].
const END: char = '\u{3}';

/// Returns the search keys of the first name, the last name, and both together. The key of an absent name is empty.
pub(crate) fn keys(first: Option<&str>, last: Option<&str>) -> [String; 3] {
    let (first, last) = (search_key(first.unwrap_or_default()), search_key(last.unwrap_or_default()));
    // A name alone gets no space, because a mask without wildcards would not match it then.
    let full = format!("{first} {last}").trim().to_owned();
    [first, last, full]
}

/// Returns the tokens of all parts of these keys, and of the block to which the person's id belongs, joined by spaces.
pub(crate) fn stored_parts(id: i64, keys: [&str; 3]) -> String {
    let mut tokens = parts(keys);
    tokens.insert(block_token(block(id)));
    tokens.into_iter().collect::<Vec<_>>().join(" ")
}

/// Returns the number of the block to which an id belongs. A block is 4 096 neighbouring ids.
pub(crate) fn block(id: i64) -> i64 {
    id >> BLOCK_BITS
}

/// Returns the lowest id of a block.
pub(crate) fn first_of_block(block: i64) -> i64 {
    block << BLOCK_BITS
}

/// Returns the token of a block. No part has the same, because a token of three characters that is longer than three
/// has a `z`.
pub(crate) fn block_token(block: i64) -> String {
    format!("block{block}")
}

/// Returns the tokens of all parts of these keys: of each three neighbouring characters, where the start and the end of a
/// name count as characters. Every name that a mask matches has all parts of the mask.
fn parts(keys: [&str; 3]) -> BTreeSet<String> {
    keys.into_iter().flat_map(|key| cut(&format!("{START}{key}{END}"))).collect()
}

/// Cuts a text into the tokens of its parts.
fn cut(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.windows(PART).map(|part| token(&part.iter().collect::<String>())).collect()
}

/// A search for people by their first, last or full name. Only a `*` that was typed is a wildcard; one that
/// normalisation produces from a full-width `＊` is a letter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mask {
    /// The LIKE pattern that the key of a name must match, with `\` as its escape character.
    pub(crate) pattern: String,
    /// The tokens of parts that a name must have, all of them. It is empty if the mask is too short to have any.
    pub(crate) parts: BTreeSet<String>,
}

impl Mask {
    /// Reads a mask as it was typed.
    ///
    /// # Errors
    /// The rule that the mask breaks, as a sentence.
    pub(crate) fn parse(mask: &str) -> Result<Self, &'static str> {
        if is_blank(mask) || mask.chars().count() > MAX_MASK {
            return Err("name must have 1 to 129 characters, and something in it that can be seen");
        }
        if mask.chars().any(char::is_control) {
            return Err("name must not contain control characters");
        }
        let runs: Vec<String> = mask.split('*').map(search_key).collect();
        let mut marked = runs.clone();
        // The text before the first wildcard is the start of a name, and the text after the last one is the end.
        if let Some(first) = marked.first_mut() {
            first.insert(0, START);
        }
        if let Some(last) = marked.last_mut() {
            last.push(END);
        }
        Ok(Self { pattern: like_pattern(&runs), parts: marked.iter().flat_map(|run| cut(run)).collect() })
    }
}

/// Joins the runs between the wildcards of a mask to a LIKE pattern.
fn like_pattern(runs: &[String]) -> String {
    let mut pattern = String::new();
    // The end of the pattern cannot tell this, because an escaped percent sign looks like a wildcard there.
    let mut after_wildcard = false;
    for (index, run) in runs.iter().enumerate() {
        if index > 0 && !after_wildcard {
            pattern.push('%');
            after_wildcard = true;
        }
        for c in run.chars() {
            if matches!(c, '\\' | '%' | '_') {
                pattern.push('\\');
            }
            pattern.push(c);
            after_wildcard = false;
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(mask: &str) -> String {
        Mask::parse(mask).unwrap().pattern
    }

    #[test]
    fn a_mask_becomes_a_pattern() {
        assert_eq!(pattern("An*"), "an%");
        assert_eq!(pattern("**a**b"), "%a%b");
        assert_eq!(pattern("50%_\\"), "50\\%\\_\\\\");
        assert_eq!(pattern("\u{ff0a}"), "*");
        assert_eq!(pattern("ÉΣς"), "éσσ");
        assert_eq!(pattern("An\u{ad}n\u{200d}*"), "ann%");
        assert_eq!(pattern("ẞ*ß"), "ss%ss");
        for bad in ["", "  ", "a\0", &"x".repeat(130)] {
            assert!(Mask::parse(bad).is_err());
        }
    }

    #[test]
    fn a_percent_sign_before_a_star_stays_a_letter() {
        assert_eq!(pattern("%*"), "\\%%");
    }

    #[test]
    fn keys_hold_both_names() {
        assert_eq!(keys(Some("Ann"), Some("Ｂ")), ["ann", "b", "ann b"]);
        assert_eq!(keys(None, Some("B")), ["", "b", "b"]);
    }

    #[test]
    fn a_mask_asks_for_parts_that_every_match_has() {
        let parts = |mask| Mask::parse(mask).unwrap().parts;
        let tokens = |parts: &[&str]| parts.iter().map(|part| token(part)).collect::<BTreeSet<_>>();
        assert_eq!(parts("*ann*"), tokens(&["ann"]));
        assert_eq!(parts("an*"), tokens(&["\u{2}an"]));
        assert_eq!(parts("*ÖZ"), tokens(&["öz\u{3}"]));
        assert_eq!(parts("a"), tokens(&["\u{2}a\u{3}"]));
        assert_eq!(parts("a*n"), tokens(&[]));
        assert_eq!(parts("*a＊b*"), tokens(&["a*b"]));
        for mask in ["*", "*an*", "a*", "*\u{ad}*", "a*\u{ad}*n"] {
            assert_eq!(parts(mask), tokens(&[]), "{mask:?}");
        }
        let names = ["Ann", "Öztürk", "ß", "a*b", "\u{ad}Zoë\u{ad} ", "王 美玲"];
        let masks = ["ann", "*NN", "ö*k", "*ü*", "ss", "a＊b", "zo*", "王*", "*美玲", "ann öz*", "*n ö*"];
        for (first, last) in names.into_iter().flat_map(|first| names.map(|last| (first, last))) {
            let keys = keys(Some(first), Some(last));
            let has = super::parts(keys.each_ref().map(String::as_str));
            for mask in masks {
                let mask = Mask::parse(mask).unwrap();
                if keys.iter().any(|key| matches(&mask.pattern, key)) {
                    assert!(mask.parts.is_subset(&has), "{mask:?} {keys:?}");
                }
            }
        }
    }

    /// Matches a key like the database, for patterns that escape nothing.
    fn matches(pattern: &str, key: &str) -> bool {
        match pattern.chars().next() {
            None => key.is_empty(),
            Some('%') => (0..=key.len()).filter_map(|at| key.get(at..)).any(|rest| matches(&pattern[1..], rest)),
            Some(c) => key.strip_prefix(c).is_some_and(|rest| matches(&pattern[c.len_utf8()..], rest)),
        }
    }
}
