//! Tests of words, queries and ranks.

use proptest::prelude::*;

use super::fold::fold;
use super::*;

fn finds(asked: &str, text: &str) -> bool {
    let stored = stored_tokens([text]);
    let query = WordQuery::parse(asked).unwrap();
    !query.is_empty() && query.tokens().iter().all(|token| stored.contains(token))
}

/// Decodes a token, which shows that no two words have the same.
fn word_of(token: &str) -> Option<String> {
    let mut word = String::new();
    let mut rest = token;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("zz") {
            word.push('z');
            rest = after;
        } else if c == 'z' {
            word.push(char::from_u32(u32::from_str_radix(rest.get(1..5)?, 36).ok()?)?);
            rest = rest.get(5..)?;
        } else {
            word.push(c);
            rest = rest.get(1..)?;
        }
    }
    Some(word)
}

#[test]
fn words_of_scripts_with_spaces() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("Hello, hello World!", &["hello", "hello", "world"]),
        ("Müller café naïve", &["muller", "cafe", "naive"]),
        ("Mu\u{308}ller", &["muller"]),
        ("Straße STRASSE STRAẞE", &["strasse", "strasse", "strasse"]),
        ("Łódź Ærø Œuvre Đà Nẵng", &["lodz", "aero", "oeuvre", "da", "nang"]),
        ("İstanbul ISTANBUL ıstanbul", &["istanbul", "istanbul", "istanbul"]),
        ("ΣΊΣΥΦΟΣ Σίσυφος τῷ ΐ", &["σισυφοσ", "σισυφοσ", "τω", "ι"]),
        ("Ёлка ёлка мой", &["елка", "елка", "мои"]),
        ("מִשְׁפָּט", &["משפט"]),
        ("كِتَاب كـتاب أحمد", &["كتاب", "كتاب", "احمد"]),
        ("می\u{200c}خواهم", &["میخواهم"]),
        ("हिन्दी में", &["हिन्दी", "में"]),
        ("ｆｕｌｌ ﬁn", &["full", "fin"]),
        ("don't don’t l’amour", &["don", "t", "don", "t", "l", "amour"]),
        ("Hawaiʻi Hawai'i", &["hawai", "i", "hawai", "i"]),
        ("C++ foo_bar 3.14 ½ x² abc123", &["c", "foo", "bar", "3", "14", "1", "2", "x2", "abc123"]),
        ("https://www.rust-lang.org/a?b=1", &["https", "www", "rust", "lang", "org", "a", "b", "1"]),
        ("#tag @ann.lee", &["tag", "ann", "lee"]),
        ("soft\u{ad}hyphen zero\u{200b}width", &["softhyphen", "zerowidth"]),
        ("👩‍👩‍👧 🇩🇪 ❤️ 1️⃣", &["1"]),
        ("a\0b\u{feff}c", &["a", "bc"]),
        ("\"*\" NEAR(a) -b c:d", &["near", "a", "b", "c", "d"]),
        ("\u{301} \u{903} _ … “”", &[]),
    ];
    for (text, words) in cases {
        assert_eq!(cut(text), *words, "{text}");
    }
}

#[test]
fn scripts_without_spaces_become_characters_and_pairs() {
    let cases: &[(&str, &[&str])] = &[
        ("東", &["東"]),
        ("東京都", &["東", "京", "都", "東京", "京都"]),
        ("ラーメン", &["ラ", "ー", "メ", "ン", "ラー", "ーメ", "メン"]),
        ("ｶﾞｽ か\u{3099}", &["ガ", "ス", "ガス", "が"]),
        ("人々", &["人", "々", "人々"]),
        ("iPhone買う5台", &["iphone", "買", "う", "買う", "5", "台"]),
        ("東京、都", &["東", "京", "東京", "都"]),
        ("서울 \u{1112}\u{1161}\u{11ab}", &["서", "울", "서울", "한"]),
        ("ปีนี้", &["ปี", "นี้", "ปีนี้"]),
    ];
    for (text, words) in cases {
        assert_eq!(cut(text), *words, "{text}");
    }
}

#[test]
fn a_text_is_found_as_people_type_it() {
    let cases = [
        ("Muller", "Herr MÜLLER"),
        ("müller", "Muller"),
        ("amour", "l’amour"),
        ("o'brien", "O’Brien"),
        ("rust-lang", "https://www.rust-lang.org"),
        ("\"foo\" AND bar*", "foo and BAR"),
        ("京", "東京都"),
        ("東京", "東京都"),
        ("서울", "서울에서"),
        ("ภาษา", "ภาษาไทย"),
        ("ガス", "ｶﾞｽ"),
        ("straße", "Hauptstr. STRASSE"),
    ];
    for (asked, text) in cases {
        assert!(finds(asked, text), "{asked} in {text}");
    }
    let cases =
        [("mull", "Müller"), ("東都", "東京都"), ("か", "が"), ("कुल", "कल"), ("", "a"), ("\"", "\""), ("🦀", "🦀")];
    for (asked, text) in cases {
        assert!(!finds(asked, text), "{asked} in {text}");
    }
}

#[test]
fn a_query_has_distinct_words_up_to_a_limit() {
    let query = WordQuery::parse("Zoo é zoo \"1").unwrap();
    assert_eq!(query.tokens(), ["zzoo", "e", "1"]);
    assert_eq!(query.fts5_match(), "\"zzoo\" AND \"e\" AND \"1\"");
    assert_eq!(query.tsquery(), "zzoo & e & 1");
    assert_eq!(WordQuery::parse("東京都").unwrap().tokens().len(), 2);
    let numbers = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    assert!(WordQuery::parse(&numbers(MAX_WORDS)).is_ok());
    assert_eq!(WordQuery::parse(&numbers(MAX_WORDS + 1)), Err(TooManyWords));
    assert!(WordQuery::parse(&"again ".repeat(1000)).is_ok());
    for nothing in ["", " ", "\0", "\"", "\"\"", "* ( ) : - ^", "\u{301}", "\u{20dd}", "_", "🦀", "\u{200d}"] {
        assert!(WordQuery::parse(nothing).unwrap().is_empty(), "{nothing:?}");
    }
}

#[test]
fn a_token_is_a_known_text() {
    // Tokens are stored, so that another encoding would lose what is in the databases.
    assert_eq!(token("jazz0"), "jazzzz0");
    assert_eq!(token("é"), "z006h");
    assert_eq!(token("\u{10ffff}"), "znvnj");
    assert_eq!(token(""), "");
    assert_eq!(token("A"), "z001t");
}

#[test]
fn a_title_counts_as_much_as_three_occurrences() {
    let query = WordQuery::parse("rust 東京").unwrap();
    assert_eq!(rank(&query, "", "nothing"), 0);
    assert_eq!(rank(&query, "Rust rust", ""), 3);
    assert_eq!(rank(&query, "", "rust RUST"), 2);
    assert_eq!(rank(&query, "", &"rust ".repeat(9)), 3);
    assert_eq!(rank(&query, "rust in 東京", "rust, 東京都"), 8);
    assert_eq!(rank(&WordQuery::default(), "rust", "rust"), 0);
}

#[test]
fn people_are_found_by_beginnings() {
    let tokens = name_tokens("Kit_42", Some("Ann-Márie"), Some("O’Brien"));
    let found = |typed: &str| {
        let key = prefix_key(typed).unwrap();
        tokens.iter().any(|token| token.starts_with(&key))
    };
    let typed = ["k", "kit_", "KIT42", "ann", "annm", "Ann Marie O", "mari", "o'b", "obrien a", "brien", "Ｋｉｔ"];
    for typed in typed {
        assert!(found(typed), "{typed}");
    }
    for typed in ["42", "nn", "ann brien", "x"] {
        assert!(!found(typed), "{typed}");
    }
    assert!(name_tokens("yamada", Some("太郎"), Some("山田")).contains(&prefix_key("山田太郎").unwrap()));
    assert_eq!(name_tokens("a", None, None), ["a"]);
    assert_eq!(name_tokens("", Some("\u{301}"), Some(" ")), Vec::<String>::new());
    for nothing in ["", "_", "\u{301}", "*", "\0"] {
        assert_eq!(prefix_key(nothing), None);
    }
}

#[test]
fn long_texts_are_harmless() {
    for part in ["a", "é", "\u{301}", "a\u{301}", "東", "か\u{309a}", "\"", "a ", "\u{fdfa}", "\u{1f32}\u{345}", "ปี"]
    {
        let text = part.repeat(10_000 / part.len());
        let words = cut(&text);
        assert!(words.iter().all(|word| (1..=MAX_WORD).contains(&word.chars().count())), "{part}");
        let query = WordQuery::parse(&text).unwrap();
        rank(&query, &text, &text);
        name_tokens(&text, Some(&text), None);
        prefix_key(&text);
    }
}

#[test]
fn no_more_is_stored_than_an_index_holds() {
    let text: Vec<String> = ('\u{4e00}'..'\u{9f00}').chain('\u{ac00}'..'\u{d700}').map(String::from).collect();
    let tokens = stored_tokens([text.concat().as_str(), text.join("一").as_str()]);
    let length: usize = tokens.iter().map(String::len).sum();
    assert!(length <= MAX_STORED && length > MAX_STORED - 10, "{length}");
    assert!(tokens.contains(&token("一")));
}

#[test]
fn folding_twice_changes_nothing() {
    // The other planes have no letters that change, except for the variants of ideographs.
    for c in ('\0'..'\u{20000}').chain('\u{2f800}'..'\u{2fa20}') {
        let once: String = fold(c.encode_utf8(&mut [0; 4])).collect();
        assert_eq!(fold(&once).collect::<String>(), once, "{c:?} U+{:04X}", u32::from(c));
    }
}

/// Generates texts of the characters that the rules treat differently.
fn texts() -> impl Strategy<Value = String> {
    let odd = concat!(
        "[a-cz0-2éßİıΣςёł½ﬁאبـﷺ東京がカー々한กีक्\\u{1112}\\u{1161}\\u{64b}\\u{5b0}\\u{301}\\u{3099}",
        "\\u{309a}\\u{345}\\u{200d}\\u{ad}\\u{0}🦀'’_.\"* ]{0,24}",
    );
    prop_oneof![any::<String>(), odd]
}

proptest! {
    #[test]
    fn tokens_are_plain_and_decode(word in texts()) {
        let token = token(&word);
        prop_assert!(token.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        prop_assert_eq!(word_of(&token), Some(word));
    }

    #[test]
    fn a_token_begins_with_another_if_its_word_does(a in texts(), b in texts(), end: prop::sample::Index) {
        let prefix: String = a.chars().take(end.index(a.chars().count() + 1)).collect();
        prop_assert!(token(&a).starts_with(&token(&prefix)));
        prop_assert_eq!(token(&a).starts_with(&token(&b)), a.starts_with(&b));
    }

    #[test]
    fn any_part_between_spaces_finds_the_text(
        parts in prop::collection::vec(texts(), 1..5),
        ends in any::<[prop::sample::Index; 2]>(),
    ) {
        let ends = ends.map(|end| end.index(parts.len() + 1));
        let asked = parts[ends[0].min(ends[1])..ends[0].max(ends[1])].join(" ");
        if let Ok(query) = WordQuery::parse(&asked) {
            let text = parts.join(" ");
            let stored = stored_tokens([text.as_str()]);
            prop_assert!(query.tokens().iter().all(|token| stored.contains(token)));
            prop_assert!(rank(&query, "", &text) as usize >= query.tokens().len());
            prop_assert!(rank(&query, &text, &text) as usize <= query.tokens().len() * 6);
        }
    }

    #[test]
    fn any_part_of_a_script_without_spaces_finds_the_text(
        text in "[東京都市かなカナー서울]{2,12}",
        ends in any::<[prop::sample::Index; 2]>(),
    ) {
        let ends = ends.map(|end| end.index(text.chars().count()));
        let length = ends[0].abs_diff(ends[1]) + 1;
        let asked: String = text.chars().skip(ends[0].min(ends[1])).take(length).collect();
        prop_assert!(finds(&asked, &text));
    }

    #[test]
    fn words_are_cut_no_further(text in texts()) {
        for word in cut(&text) {
            prop_assert!((1..=MAX_WORD).contains(&word.chars().count()));
            prop_assert!(cut(&word).contains(&word), "{:?}", word);
        }
    }

    #[test]
    fn a_person_is_found_by_any_beginning(
        [username, first, last] in [(); 3].map(|()| "[A-Zaz0éß東ー서 '._-]{0,40}"),
        length in 0_usize..90,
    ) {
        let tokens = name_tokens(&username, Some(&first), Some(&last));
        for name in [username, format!("{first} {last}"), format!("{last} {first}")] {
            let typed: String = name.chars().take(length).collect();
            if let Some(key) = prefix_key(&typed) {
                prop_assert!(tokens.iter().any(|token| token.starts_with(&key)), "{:?}", typed);
            }
        }
    }

    #[test]
    fn a_person_is_found_by_the_whole_name([username, first, last] in [(); 3].map(|()| texts())) {
        let tokens = name_tokens(&username, Some(&first), Some(&last));
        prop_assert!(tokens.iter().all(|token| (1..=5 * MAX_WORD).contains(&token.len())));
        for key in [prefix_key(&username), prefix_key(&format!("{first} {last}"))].into_iter().flatten() {
            prop_assert!(tokens.iter().any(|token| token.starts_with(&key)));
        }
    }
}
