//! Rules for text that people send: length, line ends, control characters, visibility and direction.
//!
//! All services check titles, names, comments and reasons with the same functions, so that the same text is accepted or
//! refused everywhere. ADR 20 says which text counts as blank; the character properties come from Unicode (UAX #44) by
//! way of `icu_properties`. Lengths count Unicode scalar values (`char`), not bytes.

pub mod mentions;
pub mod words;

use icu_properties::CodePointSetData;
use icu_properties::props::{
    DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory, GeneralCategoryGroup, PrependedConcatenationMark,
    WhiteSpace,
};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use crate::error::FieldErrors;

/// Characters that Unicode classifies as symbols or letters although their glyphs are empty. No property distinguishes
/// them from visible characters, so they are listed.
const EMPTY_GLYPHS: [char; 4] = [
    '\u{2800}',  // BRAILLE PATTERN BLANK
    '\u{1d159}', // MUSICAL SYMBOL NULL NOTEHEAD
    '\u{13441}', // EGYPTIAN HIEROGLYPH FULL BLANK
    '\u{13442}', // EGYPTIAN HIEROGLYPH HALF BLANK
];

/// Text of several lines in its stored form: LF is the only line end.
///
/// Reading it replaces CR LF and a lone CR by LF and changes nothing else. Having a type for this form means that no
/// text with a CR can reach a check or a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Lines(String);

impl From<String> for Lines {
    fn from(text: String) -> Self {
        Self(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
    }
}

impl From<Lines> for String {
    fn from(text: Lines) -> Self {
        text.0
    }
}

impl Lines {
    /// Returns the text, with LF as the only line end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks a text of one line, such as a title or a name, and adds each violation to `errors` under the name `field`.
///
/// The text must have `min` to `max` characters and something visible, no control character, no line or paragraph
/// separator, and nothing that changes the direction of the text around it. A text whose minimum is 0 may be empty.
pub fn check_line(errors: &mut FieldErrors, field: &str, text: &str, min: usize, max: usize) {
    check_length(errors, field, text, min, max);
    if text.chars().any(char::is_control) {
        errors.add(field, "must not contain control characters");
    }
    // LINE SEPARATOR and PARAGRAPH SEPARATOR are no control characters by category, so `is_control` lets them pass.
    if text.contains(['\u{2028}', '\u{2029}']) {
        errors.add(field, "must be one line");
    }
    // A title or a name is shown within a line of other text, and an open override would reverse that text, too.
    if changes_direction(text) {
        errors.add(
            field,
            "must not turn the direction of text: no embedding or override, and every isolate must be closed",
        );
    }
}

/// Checks a text of several lines, such as a comment, and adds each violation to `errors` under the name `field`.
///
/// The text must have `min` to `max` characters and something visible, and no control characters except newline and
/// tab. A text whose minimum is 0 may be empty.
pub fn check_lines(errors: &mut FieldErrors, field: &str, text: &Lines, min: usize, max: usize) {
    check_length(errors, field, text.as_str(), min, max);
    if text.as_str().chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        errors.add(field, "must not contain control characters");
    }
}

/// Checks the length in characters, and that a text which is not empty has something visible in it. Nothing is trimmed
/// before counting, because text is stored as it was sent.
fn check_length(errors: &mut FieldErrors, field: &str, text: &str, min: usize, max: usize) {
    let length = text.chars().count();
    if length > max {
        errors.add(field, format!("must have at most {max} characters, has {length}"));
    } else if length < min {
        errors.add(field, format!("must have at least {min} character{}", if min == 1 { "" } else { "s" }));
    } else if length > 0 && is_blank(text) {
        errors.add(field, "must have something in it that can be seen");
    }
}

/// Returns true if a text has nothing visible in it: it consists of white space, characters without a glyph, and marks,
/// which are drawn on another character only (ADR 20). The empty text is blank.
pub fn is_blank(text: &str) -> bool {
    !text.chars().any(is_visible)
}

/// Returns the search key of a text, by which names, tags and masks are equal: NFKC, folded to lower case, without
/// invisible characters.
///
/// Each character is folded alone, so that a part of a name has the same key within the whole name. It is folded to
/// upper case in between, where the variants of a letter become equal: the sigma at the end of a word, and the German
/// sharp s.
pub fn search_key(text: &str) -> String {
    let folded = text.nfkc().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.filter(|c| !is_ignorable(*c)).nfkc().collect()
}

/// Returns true if a character has no glyph and only controls how others are drawn (the Unicode property
/// Default_Ignorable_Code_Point). Names are compared without such characters, because nobody would type one into a
/// search.
pub fn is_ignorable(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn is_visible(c: char) -> bool {
    // ASCII needs no tables. Control characters count as visible here, because another rule refuses them and one
    // violation should lead to one message.
    if c.is_ascii() {
        return !c.is_ascii_whitespace();
    }
    let has_no_glyph = is_ignorable(c) || CodePointSetData::new::<WhiteSpace>().contains(c);
    let category = GeneralCategory::for_char(c);
    let is_mark = GeneralCategoryGroup::Mark.contains(category);
    // Format characters control how others are drawn. The exceptions are prepended concatenation marks, which are drawn
    // around the number that follows, such as U+0600 ARABIC NUMBER SIGN.
    let is_format =
        category == GeneralCategory::Format && !CodePointSetData::new::<PrependedConcatenationMark>().contains(c);
    !has_no_glyph && !is_mark && !is_format && !EMPTY_GLYPHS.contains(&c)
}

/// Returns true if a line can change the direction of the text around it (the Unicode bidirectional algorithm, UAX #9).
///
/// Embeddings and overrides (U+202A to U+202E) are refused even if they are closed: isolates (U+2066 to U+2068) do the
/// same without an effect beyond their end, so a legitimate text does not need the others (ADR 20). Every isolate must
/// be closed by U+2069.
fn changes_direction(line: &str) -> bool {
    let mut open_isolates = 0_usize;
    for c in line.chars() {
        match c {
            '\u{202a}'..='\u{202e}' => return true,
            '\u{2066}'..='\u{2068}' => open_isolates += 1,
            // A close without an isolate of its own would close one that the surrounding page has opened.
            '\u{2069}' if open_isolates == 0 => return true,
            '\u{2069}' => open_isolates -= 1,
            _ => {}
        }
    }
    open_isolates > 0
}
