//! Rules for text that people send: lengths in characters, no control characters.

use crate::error::FieldErrors;

/// Whether line breaks and tabs may stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// A title or a name: no control character at all.
    One,
    /// A content, comment or biography: newline and tab are text.
    Many,
}

/// Checks a text against its rule and notes what is wrong under `field`.
///
/// A text with a minimum counts as empty when it is blank. Text is stored as sent: nothing is trimmed.
pub fn check(errors: &mut FieldErrors, field: &str, text: &str, min: usize, max: usize, lines: Lines) {
    let length = text.chars().count();
    if length > max {
        errors.add(field, format!("must have at most {max} characters, has {length}"));
    } else if min > 0 && (length < min || text.trim().is_empty()) {
        errors.add(field, format!("must have at least {min} character{}", if min == 1 { "" } else { "s" }));
    }
    if text.chars().any(|c| c.is_control() && !(lines == Lines::Many && matches!(c, '\n' | '\t'))) {
        errors.add(field, "must not contain control characters");
    }
}
