//! What a new password must keep.

use crate::domain::names;

/// Well-known passwords, one per line, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// Checks a new password. Nothing is trimmed; any Unicode is welcome.
pub(crate) fn check(password: &str, username: &str, email: &str) -> Result<(), &'static str> {
    if !(8..=128).contains(&password.chars().count()) {
        return Err("must have 8 to 128 characters");
    }
    let lower = names::key(password);
    if lower == names::key(username) || lower == names::key(email) {
        return Err("must not be the username or the e-mail address");
    }
    let mut letters = lower.chars();
    let first = letters.next();
    if letters.all(|c| Some(c) == first) || COMMON.lines().any(|common| common == lower) {
        return Err("is too common");
    }
    Ok(())
}

/// Whether it stands in examples and templates, which is not good enough for an admin in production.
pub(crate) fn looks_like_example(password: &str) -> bool {
    let lower = password.to_lowercase();
    ["secret", "password", "example", "changeme", "change-me", "change_me", "placeholder"]
        .iter()
        .any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_refused() {
        for bad in
            ["", "1234567", "Password1", "qwertyuiop", "aaaaaaaaaa", "ann.miller", "ANN@example.org", &"ab".repeat(65)]
        {
            assert!(check(bad, "Ann.Miller", "ann@example.org").is_err(), "{bad}");
        }
        for good in ["correct horse 1 battery", "пароль из слов", "  spaces  ", &"ab".repeat(64)] {
            assert!(check(good, "ann", "ann@example.org").is_ok(), "{good}");
        }
    }

    #[test]
    fn the_list_is_in_the_form_that_is_compared() {
        assert!(COMMON.lines().count() > 300);
        for line in COMMON.lines() {
            assert!(line == names::key(line) && line.chars().count() >= 8, "{line}");
        }
    }
}
