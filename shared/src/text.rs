//! Rules for text that people send: lengths in characters, line ends, what nobody can see, no control characters.

use icu_properties::CodePointSetData;
use icu_properties::props::{
    DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory, GeneralCategoryGroup, PrependedConcatenationMark,
    WhiteSpace,
};
use serde::Deserialize;

use crate::error::FieldErrors;

/// Signs that Unicode counts as symbols or letters although nothing of them is drawn: no property tells them apart from
/// what can be seen.
const EMPTY_SIGNS: [char; 4] = [
    '\u{2800}',  // A Braille cell without a dot.
    '\u{1d159}', // A musical note without a head.
    '\u{13441}', // The space of a hieroglyph, and half of one.
    '\u{13442}',
];

/// Text of several lines as it is stored: CR LF and a lone CR are line ends and have become LF, everything else is as sent.
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
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks a text of one line, such as a title or a name, and notes what is wrong under `field`: no control character, no
/// separator of lines or paragraphs, and nothing that turns the direction of what stands beside it. With a minimum of 0 a
/// text may be empty.
pub fn check_line(errors: &mut FieldErrors, field: &str, text: &str, min: usize, max: usize) {
    check_length(errors, field, text, min, max);
    if text.chars().any(char::is_control) {
        errors.add(field, "must not contain control characters");
    }
    if text.contains(['\u{2028}', '\u{2029}']) {
        errors.add(field, "must be one line");
    }
    if turns_direction(text) {
        errors.add(
            field,
            "must not turn the direction of text: no embedding or override, and every isolate must be closed",
        );
    }
}

/// Checks a text of several lines, such as a comment, and notes what is wrong under `field`: of the control characters,
/// newline and tab are text. With a minimum of 0 a text may be empty.
pub fn check_lines(errors: &mut FieldErrors, field: &str, text: &Lines, min: usize, max: usize) {
    check_length(errors, field, text.as_str(), min, max);
    if text.as_str().chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        errors.add(field, "must not contain control characters");
    }
}

/// A text that is there has something to see in it. Nothing is trimmed: text is stored as sent.
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

/// Whether nobody can see anything of a text: it has nothing but white space, characters that are not drawn, and marks
/// that are drawn on another character.
pub fn is_blank(text: &str) -> bool {
    !text.chars().any(is_visible)
}

/// Whether a character is not drawn, and only tells how to draw others (Unicode's Default_Ignorable_Code_Point): nobody can
/// type it into a search.
pub fn is_ignorable(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn is_visible(c: char) -> bool {
    // Control characters are no matter of sight: another rule refuses them.
    if c.is_ascii() {
        return !c.is_ascii_whitespace();
    }
    let undrawn = is_ignorable(c) || CodePointSetData::new::<WhiteSpace>().contains(c);
    let category = GeneralCategory::for_char(c);
    let mark = GeneralCategoryGroup::Mark.contains(category);
    // A format character that begins a number, such as U+0600, is drawn; the others only tell how to draw.
    let format =
        category == GeneralCategory::Format && !CodePointSetData::new::<PrependedConcatenationMark>().contains(c);
    !undrawn && !mark && !format && !EMPTY_SIGNS.contains(&c)
}

/// Whether a line has an embedding or an override of the direction, or isolates that are not closed one in the other.
fn turns_direction(line: &str) -> bool {
    let mut open = 0_usize;
    for c in line.chars() {
        match c {
            '\u{202a}'..='\u{202e}' => return true,
            '\u{2066}'..='\u{2068}' => open += 1,
            '\u{2069}' if open == 0 => return true,
            '\u{2069}' => open -= 1,
            _ => {}
        }
    }
    open > 0
}
