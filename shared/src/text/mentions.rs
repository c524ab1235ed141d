//! Mentions (`@name`) and hashtags (`#tag`) in the text of a post or a comment.
//!
//! The rules are those of twitter-text, the library by which Twitter published its own: its regular expressions say
//! which characters a tag has, and what may stand next to a mention or a tag. Chatty differs in these points:
//!
//! - A name follows the rules for Chatty's usernames. There are no lists (`@ann/cats`), and `RT@ann` is no mention.
//! - A mention cannot follow an accented letter or a full-width number sign either.
//! - A tag has a greatest length, and a letter or mark that can be seen.
//! - An address is everything from `http://` or `https://` to the next white space, and nothing in it is found.
//!
//! The time is linear in the length of the text.

use icu_properties::props::{EnumeratedProperty, GeneralCategory, GeneralCategoryGroup};
use serde::Serialize;
use utoipa::ToSchema;

use super::search_key;
use crate::text::is_ignorable;

/// The most entities that a text can have. Further mentions and hashtags are plain text.
pub const MAX_ENTITIES: usize = 100;

/// The most characters that a tag can have without its sign, both as written and as a key.
pub const MAX_TAG: usize = 100;

/// The characters that a tag may have besides letters, marks and decimal digits, as twitter-text lists them. Words are
/// written with them in some language.
const TAG_PUNCTUATION: [char; 16] = [
    '_', '\u{b7}',   // MIDDLE DOT
    '\u{5be}',  // HEBREW PUNCTUATION MAQAF
    '\u{5f3}',  // HEBREW PUNCTUATION GERESH
    '\u{5f4}',  // HEBREW PUNCTUATION GERSHAYIM
    '\u{f0b}',  // TIBETAN MARK INTERSYLLABIC TSHEG
    '\u{f0c}',  // TIBETAN MARK DELIMITER TSHEG BSTAR
    '\u{200c}', // ZERO WIDTH NON-JOINER
    '\u{200d}', // ZERO WIDTH JOINER
    '\u{3003}', // DITTO MARK
    '\u{301c}', // WAVE DASH
    '\u{309b}', // KATAKANA-HIRAGANA VOICED SOUND MARK
    '\u{309c}', // KATAKANA-HIRAGANA SEMI-VOICED SOUND MARK
    '\u{30a0}', // KATAKANA-HIRAGANA DOUBLE HYPHEN
    '\u{30fb}', // KATAKANA MIDDLE DOT
    '\u{ff5e}', // FULLWIDTH TILDE
];

/// A mention or a hashtag in a text.
///
/// Both pairs of offsets count from 0, include the sign, and end before the first character that is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entity {
    /// The kind of the entity.
    #[serde(rename = "type")]
    pub kind: EntityKind,
    /// The username or the tag as written, without its sign.
    pub text: String,
    /// The start in Unicode scalar values.
    pub start: usize,
    /// The end in Unicode scalar values.
    pub end: usize,
    /// The start in bytes of UTF-8.
    pub byte_start: usize,
    /// The end in bytes of UTF-8.
    pub byte_end: usize,
}

/// The kind of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EntityKind {
    /// `@` and a username. An account with this name need not exist.
    Mention,
    /// `#` and a tag.
    Hashtag,
}

/// Estimates the bytes that the entities of a text take in a rendered body, from the number of its signs.
pub fn rendered_bytes(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b'@' | b'#')).count().min(MAX_ENTITIES) * 110
}

/// Returns the first [`MAX_ENTITIES`] mentions and hashtags of a text in their order. They do not overlap.
pub fn find_entities(text: &str) -> Vec<Entity> {
    let mut entities = Vec::new();
    let mut rest = text;
    let mut start = 0;
    let mut previous = None;
    while let Some(first) = rest.chars().next()
        && entities.len() < MAX_ENTITIES
    {
        let (_, after) = rest.split_at(first.len_utf8());
        let found = match first {
            '@' | '＠' => read_name(previous, after).map(|name| (EntityKind::Mention, name)),
            '#' | '＃' => read_tag(previous, after).map(|tag| (EntityKind::Hashtag, tag)),
            _ => None,
        };
        let length = match found {
            Some((_, written)) => first.len_utf8() + written.len(),
            None if starts_address(previous, rest) => rest.find(char::is_whitespace).unwrap_or(rest.len()),
            None => first.len_utf8(),
        };
        let (piece, next) = rest.split_at(length);
        let end = start + piece.chars().count();
        if let Some((kind, written)) = found {
            let byte_start = text.len() - rest.len();
            let byte_end = byte_start + length;
            entities.push(Entity { kind, text: written.to_owned(), start, end, byte_start, byte_end });
        }
        rest = next;
        start = end;
        previous = piece.chars().next_back();
    }
    entities
}

/// Returns the usernames that a text mentions as search keys (lower case), each once and in the order of the text.
pub fn mentioned_usernames(text: &str) -> Vec<String> {
    distinct_keys(text, EntityKind::Mention, str::to_ascii_lowercase)
}

/// Returns the keys of the tags in a text, each once and in the order of the text.
pub fn tags(text: &str) -> Vec<String> {
    distinct_keys(text, EntityKind::Hashtag, search_key)
}

/// Returns the key of a tag that is written without its sign, or nothing if no text can have such a hashtag.
pub fn tag_key(tag: &str) -> Option<String> {
    let entities = find_entities(&format!("#{tag}"));
    entities.first().filter(|entity| entity.text == tag).map(|entity| search_key(&entity.text))
}

fn distinct_keys(text: &str, kind: EntityKind, key: fn(&str) -> String) -> Vec<String> {
    let mut keys = Vec::new();
    for entity in find_entities(text).iter().filter(|entity| entity.kind == kind) {
        let key = key(&entity.text);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// Returns the username at the start of `rest`, which follows an at sign.
fn read_name(previous: Option<char>, rest: &str) -> Option<&str> {
    let follows_word =
        previous.is_some_and(|c| c.is_ascii_alphanumeric() || is_accented(c) || "_!#＃$%&*@＠".contains(c));
    let (run, _) = split_run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    // A name ends with a letter or digit, so the full stop of a sentence is not part of it.
    let name = run.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let after = rest.strip_prefix(name)?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && (3..=32).contains(&name.len());
    // Before another sign it is the start of an address like `@ann@social.test`, and an accented letter shows that it is
    // a part of a longer word.
    let is_cut = after.starts_with(['@', '＠']) || after.starts_with(is_accented) || after.starts_with("://");
    (is_name && !follows_word && !is_cut).then_some(name)
}

/// Returns the tag at the start of `rest`, which follows a number sign.
fn read_tag(previous: Option<char>, rest: &str) -> Option<&str> {
    // Variation selectors are marks, but they belong to the emoji before them. An ampersand and a number sign are the
    // start of a character reference in HTML.
    let follows_word =
        previous.is_some_and(|c| c == '&' || is_tag_character(c) && !matches!(c, '\u{fe0e}' | '\u{fe0f}'));
    // With one of these the sign itself is an emoji: a keycap.
    let is_emoji = rest.starts_with(['\u{fe0f}', '\u{20e3}']);
    let (tag, after) = split_run(rest, is_tag_character);
    let is_cut = after.starts_with(['#', '＃']) || after.starts_with("://");
    // The filler letters of Hangul are letters without a glyph, and a tag of them could not be seen.
    let has_letter = tag.chars().any(|c| is_letter_or_mark(c) && !is_ignorable(c));
    // The key may be longer than the tag: normalisation turns some ligatures into whole phrases.
    let fits = |text: &str| text.chars().nth(MAX_TAG).is_none();
    (!follows_word && !is_emoji && !is_cut && has_letter && fits(tag) && fits(&search_key(tag))).then_some(tag)
}

/// Returns true if a web address starts here. It may follow a letter of a script that has no spaces between words.
fn starts_address(previous: Option<char>, rest: &str) -> bool {
    let has_scheme = |scheme: &str| rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    !previous.is_some_and(|c| c.is_ascii_alphanumeric()) && (has_scheme("https://") || has_scheme("http://"))
}

/// Splits a text after the characters at its start that are allowed.
fn split_run(text: &str, is_allowed: fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is_allowed(c)).unwrap_or(text.len()))
}

fn is_tag_character(c: char) -> bool {
    is_letter_or_mark(c)
        || GeneralCategory::for_char(c) == GeneralCategory::DecimalNumber
        || TAG_PUNCTUATION.contains(&c)
}

fn is_letter_or_mark(c: char) -> bool {
    GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Mark).contains(GeneralCategory::for_char(c))
}

/// Returns true for a Latin letter outside ASCII, or an accent, as twitter-text lists them.
fn is_accented(c: char) -> bool {
    matches!(c,
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' | '\u{253}' | '\u{254}' | '\u{256}'
        | '\u{257}' | '\u{259}' | '\u{25b}' | '\u{263}' | '\u{268}' | '\u{26f}' | '\u{272}' | '\u{289}' | '\u{28b}'
        | '\u{2bb}' | '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the entities of a text with their signs, as written.
    fn found(text: &str) -> Vec<&str> {
        find_entities(text).iter().map(|entity| &text[entity.byte_start..entity.byte_end]).collect()
    }

    #[test]
    fn mentions_are_found() {
        let cases: [(&str, &[&str]); 16] = [
            ("@ann", &["@ann"]),
            ("hi @ann.", &["@ann"]),
            ("@ann- @bob_! (@eve)", &["@ann", "@bob", "@eve"]),
            ("thanks,@Ann.B_c-9, bye", &["@Ann.B_c-9"]),
            ("@007 has digits only", &["@007"]),
            ("first line\n@ann\n@bob", &["@ann", "@bob"]),
            ("ask ＠ann", &["＠ann"]),
            ("猫が@annと寝る", &["@ann"]),
            ("by:@ann /@bob -@eve .@dan", &["@ann", "@bob", "@eve", "@dan"]),
            ("@ann/@bob", &["@ann", "@bob"]),
            ("@ann...@bob", &["@ann", "@bob"]),
            ("@ann: the plan", &["@ann"]),
            ("@ann's cat", &["@ann"]),
            ("@ann@bob@ then @eve", &["@eve"]),
            ("@ab is short, @abc is not", &["@abc"]),
            ("an address@mail.test, and @eve", &["@eve"]),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text), expected, "{text}");
        }
        for before in "az09_!#＃$%&*@＠é".chars() {
            assert!(mentioned_usernames(&format!("{before}@ann")).is_empty(), "{before}");
        }
        for after in ["@", "＠", "é", "\u{301}", "://x.test"] {
            assert!(mentioned_usernames(&format!("@ann{after}")).is_empty(), "{after}");
        }
        for wrong in ["@", "@ ann", "@.ann", "@-ann", "@_ann", "@änn", "@https://x.test", "@a..", "@я"] {
            assert!(mentioned_usernames(wrong).is_empty(), "{wrong}");
        }
        assert_eq!(mentioned_usernames(&format!("@{}...", "x".repeat(32))), ["x".repeat(32)]);
        assert!(mentioned_usernames(&format!("@{}", "x".repeat(33))).is_empty());
    }

    #[test]
    fn hashtags_are_found() {
        let cases: [(&str, &[&str]); 20] = [
            ("#cats", &["#cats"]),
            ("#cats, (#dogs) #birds!", &["#cats", "#dogs", "#birds"]),
            ("#2fast #fast2 #2 #_ #1_000 #〃 #٣", &["#2fast", "#fast2"]),
            ("#snake_case #kebab-case", &["#snake_case", "#kebab"]),
            ("＃ｃａｔ", &["＃ｃａｔ"]),
            ("#größe #Ελλάδα #сыр #猫と犬 #고양이", &["#größe", "#Ελλάδα", "#сыр", "#猫と犬", "#고양이"]),
            ("#cafe\u{301}", &["#cafe\u{301}"]),
            ("#हिन्दी #ไทย", &["#हिन्दी", "#ไทย"]),
            ("#col·lecció #モノ・クロ #ア～ン", &["#col·lecció", "#モノ・クロ", "#ア～ン"]),
            ("#نمی\u{200c}دانم #ශ්\u{200d}රී", &["#نمی\u{200c}دانم", "#ශ්\u{200d}රී"]),
            ("#𠀡 #a𐒠", &["#𠀡", "#a𐒠"]),
            ("猫#犬 a#b é#b 7#b _#b", &[]),
            ("猫。#犬", &["#犬"]),
            ("&#xe9; &#x;", &[]),
            ("#cats#dogs", &[]),
            ("##cats #＃dogs", &["#cats", "＃dogs"]),
            ("#cats://x", &[]),
            ("\u{2764}\u{fe0f}#love \u{2764}#love", &["#love", "#love"]),
            ("#\u{fe0f}\u{20e3} #\u{20e3} # cats", &[]),
            ("# #\u{3164} #\u{200d} #\u{fe00} #\u{1f600}", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn a_tag_and_its_key_have_a_greatest_length() {
        assert_eq!(tags(&format!("#{}", "ä".repeat(100))).len(), 1);
        assert!(tags(&format!("#{}", "ä".repeat(101))).is_empty());
        // This one letter has a key of 18 characters.
        assert_eq!(tags(&format!("#{}", "\u{fdfa}".repeat(5))).len(), 1);
        assert!(tags(&format!("#{}", "\u{fdfa}".repeat(6))).is_empty());
    }

    #[test]
    fn mentions_and_hashtags_stand_next_to_each_other() {
        assert_eq!(found("@ann #cats @bob"), ["@ann", "#cats", "@bob"]);
        assert_eq!(found("@ann,#cats"), ["@ann", "#cats"]);
        assert_eq!(found("@ann#cats"), ["@ann"]);
        assert_eq!(found("#cats@ann"), ["#cats"]);
        assert_eq!(found("#猫@ann"), ["#猫", "@ann"]);
        assert_eq!(found("@#cats #@ann"), ["#cats"]);
    }

    #[test]
    fn nothing_is_found_in_an_address() {
        for address in [
            "https://x.test/#top",
            "http://x.test/@ann",
            "HTTPS://x.test/?q=/@ann/#top",
            "#https://x.test/#top",
            "@https://x.test/#top",
            "(https://x.test)#top",
            "猫https://x.test/#top",
        ] {
            assert!(found(address).is_empty(), "{address}");
            assert_eq!(found(&format!("#cats {address}\u{3000}@bob")), ["#cats", "@bob"], "{address}");
        }
        assert_eq!(found("xhttp://#cats http:/#dogs"), ["#cats", "#dogs"]);
    }

    #[test]
    fn offsets_count_characters_and_bytes() {
        let text = "😀é ＠ann";
        let entity =
            Entity { kind: EntityKind::Mention, text: "ann".to_owned(), start: 3, end: 7, byte_start: 7, byte_end: 13 };
        assert_eq!(find_entities(text), [entity]);
        let json = serde_json::to_value(find_entities("a #Cat")).unwrap();
        let expected = serde_json::json!([
            { "type": "hashtag", "text": "Cat", "start": 2, "end": 6, "byte_start": 2, "byte_end": 6 }
        ]);
        assert_eq!(json, expected);
    }

    #[test]
    fn keys_are_distinct() {
        assert_eq!(mentioned_usernames("@Bob @ann #ann @bob @ANN"), ["bob", "ann"]);
        assert_eq!(tags("#Cat #dog @cat #CAT #ｃａｔ #ca\u{200d}t"), ["cat", "dog"]);
        for (one, other) in [("STRASSE", "straße"), ("Ὀδός", "ὈΔΌΣ"), ("cafe\u{301}", "CAFÉ"), ("ﾈｺ", "ネコ")]
        {
            assert_eq!(search_key(one), search_key(other), "{one}");
        }
        assert_ne!(search_key("cafe"), search_key("café"));
    }

    #[test]
    fn the_key_of_a_key_is_the_same() {
        for c in ('\0'..=char::MAX).filter(|c| is_tag_character(*c)) {
            let key = search_key(&c.to_string());
            assert_eq!(search_key(&key), key, "U+{:04X}", u32::from(c));
            assert_eq!(key.is_empty(), is_ignorable(c), "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn further_entities_are_plain_text() {
        let text = "@ann #cats ".repeat(80);
        let entities = find_entities(&text);
        assert_eq!(entities.len(), MAX_ENTITIES);
        assert_eq!(entities.last().unwrap().start, 49 * 11 + 5);
    }

    proptest! {
        #[test]
        fn offsets_fit_any_text(text in "([@＠#＃]|[a-cé猫_.0-9-]{0,4}|https?://|\\PC| |\n|\u{200d}|\u{fe0f}){0,60}") {
            let characters: Vec<char> = text.chars().collect();
            let mut last_end = 0;
            for entity in find_entities(&text) {
                prop_assert!(last_end <= entity.start && entity.start < entity.end);
                last_end = entity.end;
                let written = text.get(entity.byte_start..entity.byte_end).unwrap();
                let counted: String = characters[entity.start..entity.end].iter().collect();
                prop_assert_eq!(written, &counted);
                prop_assert_eq!(text[..entity.byte_start].chars().count(), entity.start);
                let signs = if entity.kind == EntityKind::Mention { ['@', '＠'] } else { ['#', '＃'] };
                prop_assert_eq!(written.strip_prefix(signs), Some(entity.text.as_str()));
                prop_assert!(entity.kind == EntityKind::Mention || !search_key(&entity.text).is_empty());
            }
        }

        #[test]
        fn any_text_can_be_read(text in any::<String>()) {
            prop_assert!(find_entities(&text).len() <= MAX_ENTITIES);
            prop_assert_eq!(search_key(&search_key(&text)), search_key(&text));
        }
    }
}
