//! Codes of authenticator apps: time-based one-time passwords as RFC 6238 defines them, with SHA-1, six digits and
//! steps of 30 seconds, which are the only parameters that all apps know.

use shared::clock::Timestamp;
use totp_rs::{Builder, Totp, TotpError};

/// The length of a secret in bytes, as RFC 4226, section 4 recommends.
const SECRET_LENGTH: usize = 20;
/// The number of digits of a code.
const DIGITS: usize = 6;

/// Generates the secret of an authenticator app.
pub(crate) fn new_secret() -> Vec<u8> {
    let mut secret = vec![0_u8; SECRET_LENGTH];
    rand::fill(secret.as_mut_slice());
    secret
}

/// Returns true for a text with the form of a code.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks a code. A code of the step before or after the current one is accepted too, because clocks differ (RFC 6238,
/// section 5.2). Returns the step of the code, by which the caller makes sure that a code is used only once; `None` for
/// a wrong code.
pub(crate) fn check(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    if !is_code(code) {
        return None;
    }
    let seconds = u64::try_from(now.unix_seconds()).ok()?;
    let step = totp(secret, "", "").ok()?.check(code, seconds)?;
    i64::try_from(step).ok()
}

/// Builds what an authenticator app needs: the secret in Base32, for typing, and the URL of the QR code. `issuer` is
/// the name of this installation.
///
/// # Errors
/// When the username has a colon, or the secret is too short.
pub(crate) fn describe(secret: &[u8], username: &str, issuer: &str) -> Result<(String, String), TotpError> {
    let totp = totp(secret, username, issuer)?;
    Ok((totp.secret().to_base32(), totp.to_url()?))
}

fn totp(secret: &[u8], username: &str, issuer: &str) -> Result<Totp, TotpError> {
    // The issuer may be a host name with a port, whose colon would break the label of the URL.
    let issuer = issuer.replace(':', " ");
    Builder::new().with_secret(secret.to_vec()).with_account_name(username).with_issuer(Some(issuer)).build()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The time that is this number of seconds after the Unix epoch.
    fn at(seconds: u64) -> Timestamp {
        let epoch: Timestamp = serde_json::from_str("\"1970-01-01T00:00:00.000000Z\"").unwrap();
        epoch + Duration::from_secs(seconds)
    }

    /// RFC 6238, appendix B, mode SHA1. The codes there have eight digits. Their last six are the code with six digits,
    /// because a code is a number modulo a power of ten.
    #[test]
    fn the_vectors_of_the_standard_are_accepted() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            let step = i64::try_from(seconds / 30).unwrap();
            assert_eq!(check(secret, &code[2..], at(seconds)), Some(step), "{seconds}");
            assert_eq!(check(secret, &code[2..], at(seconds + 30)), Some(step), "one step late");
            assert_eq!(check(secret, &code[2..], at(seconds + 90)), None, "three steps late");
            assert_eq!(check(secret, code, at(seconds)), None, "eight digits");
        }
    }

    #[test]
    fn an_app_gets_a_url_and_a_text() {
        let (text, url) = describe(b"12345678901234567890", "ann", "localhost:8080").unwrap();
        assert_eq!(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(url.starts_with("otpauth://totp/localhost%208080:ann?secret=GEZDGNBVGY3TQOJQ"), "{url}");
        assert_ne!(new_secret(), new_secret());
    }
}
