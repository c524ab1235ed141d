//! Usernames: the characters they may have, the names that nobody may take, and the form in which they are unique.

use std::fmt::Display;

use unicode_normalization::UnicodeNormalization;

/// Names that readers would take for Chatty itself, for its staff, or for no person at all.
const RESERVED: [&str; 47] = [
    "about",
    "abuse",
    "account",
    "admin",
    "administrator",
    "all",
    "anonymous",
    "api",
    "auth",
    "bot",
    "chatty",
    "contact",
    "deleted",
    "everyone",
    "feed",
    "guest",
    "help",
    "hostmaster",
    "info",
    "login",
    "logout",
    "mail",
    "mailer-daemon",
    "me",
    "media",
    "mod",
    "moderator",
    "no-reply",
    "nobody",
    "noreply",
    "null",
    "official",
    "operator",
    "owner",
    "postmaster",
    "register",
    "root",
    "security",
    "settings",
    "staff",
    "support",
    "sysadmin",
    "system",
    "undefined",
    "user",
    "users",
    "webmaster",
];

/// A username that follows the rules, as its owner wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Username(String);

impl Username {
    /// Checks length and characters of a new username. It accepts reserved names, because the first admin may have one.
    ///
    /// # Errors
    /// The rule that the text breaks, as the end of a sentence about the username.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if !(3..=32).contains(&text.chars().count()) {
            return Err("must have 3 to 32 characters");
        }
        if !text.chars().all(allowed) {
            return Err("may only contain letters a-z, digits, `_`, `.` and `-`");
        }
        let framed = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        if framed { Ok(Self(text.to_owned())) } else { Err("must begin and end with a letter or digit") }
    }

    /// Reads the username of a login or a search. Full-width letters, which some keyboards produce, count as plain
    /// ones.
    ///
    /// # Errors
    /// As [`Username::parse`]: no account can have this username.
    pub(crate) fn parse_lookup(text: &str) -> Result<Self, &'static str> {
        Self::parse(&text.nfkc().collect::<String>())
    }

    /// True when nobody may register the name.
    pub(crate) fn is_reserved(&self) -> bool {
        RESERVED.contains(&self.key().as_str())
    }

    /// Returns the username as its owner wrote it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the form in which usernames are unique: lower case.
    pub(crate) fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl Display for Username {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_checked() {
        for good in ["ann", "Ann-Marie", "a.b_c-9", &"x".repeat(32)] {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", &"x".repeat(33), ".ann", "ann-", "an n", "änn", "ann\0", "ann@x"] {
            assert!(Username::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reserved_words_are_reserved_in_any_case() {
        assert!(Username::parse("Admin").unwrap().is_reserved());
        assert!(!Username::parse("ann").unwrap().is_reserved());
        assert!(RESERVED.is_sorted());
    }
}
