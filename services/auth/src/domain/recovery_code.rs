//! Recovery codes: each replaces the second factor once, for a person who has lost it.

/// The number of codes that a person gets at a time.
pub(crate) const COUNT: usize = 10;
/// The letters of codes: those of Base32 (RFC 4648), in lower case.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// The number of letters of a code. They carry 80 random bits, too many to be found by trying them against a stolen
/// hash.
const LENGTH: usize = 16;
/// The number of letters between two hyphens.
const GROUP: usize = 4;

/// Generates a code, such as `k5ht-qz2m-7wca-b4xe`.
pub(crate) fn new_code() -> String {
    let mut bytes = [0_u8; LENGTH];
    rand::fill(&mut bytes);
    let mut code = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % GROUP == 0 {
            code.push('-');
        }
        // 256 is a multiple of 32, so all letters are equally likely.
        code.extend(LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter)));
    }
    code
}

/// Returns the letters of a code as a person may have typed it: in upper case, with spaces or without hyphens. `None`
/// for a text that cannot be a code.
pub(crate) fn normalise(typed: &str) -> Option<String> {
    let letters: String =
        typed.chars().filter(|letter| !matches!(letter, '-' | ' ')).map(|letter| letter.to_ascii_lowercase()).collect();
    (letters.len() == LENGTH && letters.bytes().all(|letter| LETTERS.contains(&letter))).then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_can_be_typed_in_any_form() {
        let code = new_code();
        assert_eq!(code.len(), 19, "{code}");
        assert_ne!(new_code(), code);
        let letters = code.replace('-', "");
        for typed in [code.clone(), letters.clone(), code.to_uppercase(), code.replace('-', " ")] {
            assert_eq!(normalise(&typed).as_ref(), Some(&letters));
        }
        for bad in ["", "123456", "aaaa-bbbb-cccc-ddd1", "aaaa-bbbb-cccc-dddd-e", "ääää-bbbb-cccc-dd"] {
            assert_eq!(normalise(bad), None);
        }
    }
}
