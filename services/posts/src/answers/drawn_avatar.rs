//! The avatar of a person who has chosen none: the first letter of the name, on a colour that follows from the id.

use std::fmt::{Display, Formatter};

use shared::ids::UserId;

/// The steps between the hues of two ids that follow each other, in degrees: the golden angle, by which neighbours differ
/// most.
const GOLDEN_ANGLE: f64 = 137.507_764;

/// The version of the drawing, which rises when it changes.
const VERSION: u32 = 1;

/// A drawn avatar. It is shown as the document of an SVG.
pub(crate) struct DrawnAvatar {
    letter: char,
    /// The angle of the colour in degrees, from 0 to 359.
    hue: u16,
}

impl DrawnAvatar {
    /// Draws the avatar of a person.
    pub(crate) fn of(id: UserId, username: &str) -> Self {
        let letter = username.chars().find(|letter| letter.is_ascii_alphanumeric()).unwrap_or('?');
        // The remainder keeps the product exact also for the largest ids.
        let turns = (id.0 % 1_000_000) as f64 * GOLDEN_ANGLE;
        Self { letter: letter.to_ascii_uppercase(), hue: (turns % 360.0) as u16 }
    }

    /// Returns a text that is equal for equal drawings only.
    pub(crate) fn tag(&self) -> String {
        format!("{VERSION}-{}-{}", self.letter, self.hue)
    }
}

impl Display for DrawnAvatar {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { letter, hue } = self;
        write!(
            f,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="hsl({hue},45%,40%)"/><text x="32" y="32" dy=".35em" text-anchor="middle" font-family="system-ui,sans-serif" font-size="30" font-weight="600" fill="#fff">{letter}</text></svg>"##
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_shows_a_letter_and_no_markup() {
        let of = |id, name: &str| DrawnAvatar::of(UserId(id), name).to_string();
        assert!(of(1, "ann").contains(">A</text>"));
        assert!(of(1, "_9").contains(">9</text>"));
        assert!(of(1, "<&>").contains(">?</text>"));
        assert_ne!(of(1, "ann"), of(2, "ann"));
        assert_eq!(of(i64::MAX, "ann"), of(i64::MAX, "ann"));
    }
}
