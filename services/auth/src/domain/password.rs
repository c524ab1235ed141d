//! The rules for passwords, and the form in which they are hashed (ADR 18).

use unicode_normalization::UnicodeNormalization;
use zxcvbn::zxcvbn;

use shared::text::search_key;

/// The number of guesses that a new password must withstand, by an attacker who knows words, names, dates, keyboard
/// rows and lists of passwords.
const GUESSES: u64 = 1_000_000;

/// The number of characters that the estimate looks at. Its cost grows steeply with the length: 100 characters take
/// seconds.
const ESTIMATED: usize = 24;

/// Well-known passwords that the estimate does not know, one per line, as [`search_key`] writes them.
const COMMON: &str = include_str!("common_passwords.txt");

/// Returns the form of a password that is hashed and compared: NFKC, so that every keyboard types the same password.
pub(crate) fn normalized(password: &str) -> String {
    password.nfkc().collect()
}

/// True when an account may have a password of this length. A login checks no other rule, because a newer rule must
/// lock nobody out.
pub(crate) fn has_valid_length(password: &str) -> bool {
    (1..=128).contains(&password.nfkc().take(129).count())
}

/// Checks a new password against the rules that cost little. Nothing is trimmed, and every Unicode character is
/// allowed.
///
/// # Errors
/// The rule that the password breaks, as the end of a sentence about it.
pub(crate) fn check(password: &str, username: &str, email: &str) -> Result<(), &'static str> {
    // Counted no further than needed, because the text may still be very long here.
    if !(8..=128).contains(&password.nfkc().take(129).count()) {
        return Err("must have 8 to 128 characters");
    }
    // Passwords are folded like names, so that capitals and full-width letters do not disguise a bad one.
    let lower = search_key(password);
    if lower == search_key(username) || lower == search_key(email) {
        return Err("must not be the username or the e-mail address");
    }
    let mut letters = lower.chars();
    let first = letters.next();
    if letters.all(|c| Some(c) == first) || COMMON.lines().any(|common| common == lower) {
        return Err("is too common");
    }
    Ok(())
}

/// Estimates the number of guesses that a new password withstands. This costs as much as hashing, so it must not run on
/// a thread that serves requests.
///
/// # Errors
/// The advice for a better password, as the end of a sentence about it.
pub(crate) fn check_strength(password: &str, username: &str, email: &str) -> Result<(), &'static str> {
    // A password with a strong beginning is strong as a whole.
    let beginning: String = password.nfkc().take(ESTIMATED).collect();
    let (name, _) = email.split_once('@').unwrap_or((email, ""));
    if zxcvbn(&beginning, &["chatty", username, name, email]).guesses() < GUESSES {
        return Err("is too easy to guess: use several words, or something longer");
    }
    Ok(())
}

/// True when a password contains a word that is used in examples and templates. In production no admin may have such a
/// password.
pub(crate) fn looks_like_example(password: &str) -> bool {
    let lower = password.to_lowercase();
    ["secret", "password", "example", "changeme", "change-me", "change_me", "placeholder"]
        .iter()
        .any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(password: &str, username: &str, email: &str) -> Result<(), &'static str> {
        check(password, username, email).and_then(|()| check_strength(password, username, email))
    }

    #[test]
    fn weak_passwords_are_refused() {
        for bad in
            ["", "1234567", "Password1", "qwertyuiop", "aaaaaaaaaa", "ann.miller", "ANN@example.org", &"ab".repeat(65)]
        {
            assert!(check_all(bad, "Ann.Miller", "ann@example.org").is_err(), "{bad}");
        }
        let long: String =
            "The quick brown fox is in a hurry, and jumps over no dog. ".chars().cycle().take(128).collect();
        for good in ["correct horse 1 battery", "пароль из слов", "  blank  spaces ", &long] {
            assert!(check_all(good, "ann", "ann@example.org").is_ok(), "{good}");
        }
    }

    #[test]
    fn the_list_is_in_the_form_that_is_compared() {
        assert!(COMMON.lines().count() > 300);
        for line in COMMON.lines() {
            assert!(line == search_key(line) && line.chars().count() >= 8, "{line}");
        }
    }

    /// The list is from public reports about the passwords that people choose, with their usual variations.
    #[test]
    fn well_known_passwords_are_refused_however_they_are_dressed_up() {
        let mut accepted = Vec::new();
        for bad in WELL_KNOWN.split_whitespace() {
            if check_all(bad, "bob", "bob@example.org").is_ok() {
                accepted.push(bad);
            }
        }
        assert!(accepted.is_empty(), "{accepted:?}");
        for good in [
            "correct horse battery",
            "correct horse 17 battery",
            "a horse, a boat, a lamp",
            "the demo of ada",
            "Tr4ubador&9x",
        ] {
            assert_eq!(check_all(good, "ann", "ann@example.org"), Ok(()), "{good}");
        }
    }

    /// The time of the estimate is bounded for every input.
    #[test]
    fn no_password_keeps_the_estimate_busy() {
        let alphabet: Vec<char> = "aA4@e3€0oO1l!|5$7+ 2z\u{0}\u{301}\u{200d}ñßﬁ漢👩\u{10ffff}".chars().collect();
        let begun = std::time::Instant::now();
        for seed in 0..60_usize {
            let letters =
                (0..128).map(|at| alphabet[(seed * 31 + at * (seed % 7 + 1) + at * at * seed) % alphabet.len()]);
            let password: String = letters.take(8 + seed % 121).collect();
            let _judged = check_strength(&password, "4nn", "a.nn@example.org");
        }
        for leet in ["4@8({[<369&#!1|0$5+7%2", "p@55w0rd", "1l|!1l|!"] {
            let _judged = check_strength(&leet.repeat(16).chars().take(128).collect::<String>(), leet, leet);
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
    }

    const WELL_KNOWN: &str = "123456789 1234567890 12345678 87654321 11111111 00000000 password password1 Password1 \
        passw0rd P@ssw0rd P@ssword1 p455w0rd Password! password123 Passw0rd123 qwerty123 qwertyuiop qwerty12345 1q2w3e4r \
        1q2w3e4r5t 1qaz2wsx zaq12wsx q1w2e3r4 asdfghjkl zxcvbnm123 qazwsxedc iloveyou iloveyou1 Iloveyou2 sunshine sunshine1 \
        princess princess1 football football1 baseball baseball1 superman superman1 batman123 trustno1 welcome1 \
        Welcome123 letmein1 letmein123 dragon123 monkey123 master123 shadow123 michael1 jennifer jordan23 charlie1 ashley123 \
        jessica1 computer starwars whatever internet corvette mercedes cocacola liverpool chelsea1 arsenal1 barcelona \
        abcd1234 abcdefgh abc12345 a1b2c3d4 aa123456 123qweasd qwe123456 asd123456 zxc123456 admin123 administrator \
        changeme changeme1 default1 secret123 test1234 testtest guest123 login123 hello123 hellohello freedom1 \
        1234qwer qwer1234 asdf1234 zxcv1234 11223344 12341234 12121212 123123123 66666666 88888888 99999999 \
        5201314520 woaini520 drowssap 19871987 01011990 31121999 20012001 summer2024 Summer2024 winter2023 spring2025 \
        January1 december12 monday123 samsung1 android1 facebook google123 linkedin minecraft pokemon1 naruto123 fuckyou1 \
        asshole1 bob12345 chatty123 Chatty2025";
}
