//! The words of a text, by which posts, comments and people are found.
//!
//! Text that is stored and text that is asked for are cut in the same way, and each word becomes a token of ASCII
//! letters and digits. So SQLite and Postgres only compare tokens, neither applies rules of its own for a language, and
//! both find the same. Another version of these rules, or of Unicode, takes effect when the index is built anew.
//!
//! - Text is compared in the form NFKC (UAX #15), in lower case, without invisible characters and accents. An accent is
//!   a mark that many writers leave out, such as `¨` or the vowel signs of Arabic and Hebrew. Marks of other scripts
//!   spell vowels and stay.
//! - A word is a run of letters, digits and their marks. UAX #29 calls these the words' own characters; unlike there,
//!   an apostrophe, a full stop or `_` within a word ends it, so that `amour` finds `l'amour`, and `rust` finds
//!   `www.rust-lang.org` and `rust_2024`. A boundary therefore depends on nothing but the characters next to it.
//! - Scripts without spaces (UAX #24: Han, kana; UAX #14, class SA: Thai and others) do not show where a word ends, and
//!   Korean joins particles to it. There, each pair of neighbouring characters is a word; each single one is stored,
//!   too, so that one character can be asked for.
//!
//! The time is linear in the length of the text.

mod fold;
mod runs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

pub use runs::MAX_WORD;
use runs::{Run, runs, shorten};

/// The most distinct words of a query. In a script without spaces, each pair of neighbouring characters is a word.
pub const MAX_WORDS: usize = 32;

/// The most bytes of the tokens that are stored for a text. A `tsvector` holds less than 1 MiB, and Postgres 15 damages
/// a longer one without an error.
const MAX_STORED: usize = 1_000_000;

/// The number of characters at the beginning of a content that count for its rank.
const RANKED_CHARS: usize = 2_000;
/// The most occurrences of one word in a content that count for the rank, so that repeating a word does not pay.
const MAX_OCCURRENCES: u32 = 3;

/// The points of a word that is in the title: as many as the content can give.
const TITLE_POINTS: u32 = 3;

/// Cuts a text into the words by which it is found, in their order and with repeats.
pub fn cut(text: &str) -> Vec<String> {
    runs(text).into_iter().flat_map(Run::into_stored_words).collect()
}

/// Returns the distinct tokens of several texts, such as a title and a content, sorted. They go into the full-text
/// index: joined by spaces in SQLite, as an array in Postgres. The end is left out of a text so long that an index
/// cannot hold it.
pub fn stored_tokens<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut tokens = BTreeSet::new();
    let mut length = 0;
    for token in texts.into_iter().flat_map(cut).map(|word| token(&word)) {
        if tokens.contains(&token) {
            continue;
        }
        length += token.len();
        if length > MAX_STORED {
            break;
        }
        tokens.insert(token);
    }
    tokens.into_iter().collect()
}

/// Encodes a word in the letters `a` to `z` and the digits, so that a database has nothing to interpret.
///
/// Distinct words have distinct tokens, and a token begins with another exactly if its word begins with the other's.
/// `a` to `y` and digits stand for themselves, `zz` is the letter z, and any other character is `z` and its code point
/// as four digits to the base 36, of which the first is never a z.
pub fn token(word: &str) -> String {
    let mut token = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            'a'..='y' | '0'..='9' => token.push(c),
            'z' => token.push_str("zz"),
            _ => {
                let code = u32::from(c);
                token.push('z');
                token.extend([36 * 36 * 36, 36 * 36, 36, 1].map(|unit| digit(code / unit % 36)));
            }
        }
    }
    token
}

/// Returns the digit of a number below 36.
fn digit(number: u32) -> char {
    char::from_digit(number, 36).unwrap_or('0')
}

/// A query has more words than [`MAX_WORDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {MAX_WORDS} different words; without spaces, each pair of characters is one")]
pub struct TooManyWords;

/// The distinct words that a text must have to be found, in the order in which they were asked for.
///
/// A query without words, such as one of quotes, operators or emoji only, finds nothing. It must not reach a database,
/// because FTS5 refuses an empty expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordQuery {
    words: Vec<String>,
    tokens: Vec<String>,
}

impl WordQuery {
    /// Reads what somebody has typed. Quotes and operators have no meaning: they only separate words.
    ///
    /// # Errors
    /// [`TooManyWords`], if there are more than [`MAX_WORDS`].
    pub fn parse(text: &str) -> Result<Self, TooManyWords> {
        let mut query = Self::default();
        let mut seen = BTreeSet::new();
        for word in runs(text).into_iter().flat_map(Run::into_asked_words) {
            if !seen.insert(word.clone()) {
                continue;
            }
            if seen.len() > MAX_WORDS {
                return Err(TooManyWords);
            }
            query.tokens.push(token(&word));
            query.words.push(word);
        }
        Ok(query)
    }

    /// Returns true if the query has no word, so that nothing can be found.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Returns the tokens that a text must have, all of them.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Returns the right side of `MATCH` for FTS5 in SQLite. Quotes keep a token apart from keywords and column names.
    pub fn fts5_match(&self) -> String {
        let quoted: Vec<String> = self.tokens.iter().map(|token| format!("\"{token}\"")).collect();
        quoted.join(" AND ")
    }

    /// Returns the text of a `tsquery` for Postgres, to be cast and not parsed by `to_tsquery`.
    pub fn tsquery(&self) -> String {
        self.tokens.join(" & ")
    }
}

/// Returns how well a text fits a query. It is computed here, so that both databases give the same order.
///
/// Each word of the query gives 3 points if the title has it, and 1 for each of its first 3 occurrences in the first 2 000
/// characters of the content: cutting a long text takes a while, and what a text is about stands at its beginning.
/// Texts of equal rank are left to the caller, who puts the newer one first.
pub fn rank(query: &WordQuery, title: &str, content: &str) -> u32 {
    let mut counts: HashMap<&str, (bool, u32)> = query.words.iter().map(|word| (word.as_str(), (false, 0))).collect();
    for word in cut(title) {
        if let Some((in_title, _)) = counts.get_mut(word.as_str()) {
            *in_title = true;
        }
    }
    let end = content.char_indices().nth(RANKED_CHARS).map_or(content.len(), |(end, _)| end);
    for word in cut(content.get(..end).unwrap_or(content)) {
        if let Some((_, occurrences)) = counts.get_mut(word.as_str()) {
            *occurrences = MAX_OCCURRENCES.min(*occurrences + 1);
        }
    }
    counts.into_values().map(|(in_title, occurrences)| u32::from(in_title) * TITLE_POINTS + occurrences).sum()
}

/// Returns the distinct tokens by which a person is found, sorted. A person is found if one of them begins with the
/// [`prefix_key`] of what was typed.
///
/// They are the username, and the first and the last name together in both orders, each from any of its words on. All
/// are without spaces and signs, so that `ann-l`, `ann l` and `annl` find Ann Lee.
pub fn name_tokens(username: &str, first: Option<&str>, last: Option<&str>) -> Vec<String> {
    let first = names(first.unwrap_or_default());
    let last = names(last.unwrap_or_default());
    let mut keys = BTreeSet::from([shorten(names(username).concat())]);
    for order in [[first.as_slice(), last.as_slice()], [last.as_slice(), first.as_slice()]] {
        let words = order.concat();
        keys.extend((0..words.len()).map(|start| {
            let rest = words.iter().skip(start).flat_map(|word| word.chars());
            rest.take(MAX_WORD).collect()
        }));
    }
    keys.iter().filter(|key| !key.is_empty()).map(|key| token(key)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the token of the beginning of a username or name that somebody has typed, or nothing if it has no letter and
/// no digit.
pub fn prefix_key(text: &str) -> Option<String> {
    let key = shorten(names(text).concat());
    if key.is_empty() { None } else { Some(token(&key)) }
}

/// Returns the words of a name. A name without spaces is one word, because its beginning is typed and no part of it.
fn names(text: &str) -> Vec<String> {
    runs(text).into_iter().map(Run::into_whole).collect()
}
