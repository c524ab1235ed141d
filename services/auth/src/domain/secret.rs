//! Random tokens and codes. The holder gets a token once; the database keeps its hash only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Generates a token: 32 random bytes, as base64url without padding.
pub(crate) fn new_token() -> String {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Generates a code that a person can type: six decimal digits.
pub(crate) fn new_code() -> String {
    format!("{:06}", rand::random_range(0..1_000_000_u32))
}

/// Returns the SHA-256 of a token as base64url, which is stored in place of the token. A fast hash is safe here,
/// because nobody can guess 256 random bits.
pub(crate) fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_differ() {
        assert_eq!(new_token().len(), 43);
        assert_ne!(new_token(), new_token());
        assert_eq!(hash("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }
}
