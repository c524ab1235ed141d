//! E-mail addresses.

use lettre::Address;

/// Checks syntax and length (RFC 5321: 64 before the `@`, 254 in all).
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > 254 || text.find('@').is_some_and(|at| text.get(..at).is_some_and(|local| local.len() > 64)) {
        return Err("is too long: at most 254 bytes, 64 of them before the @");
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    let domain = text.rsplit('@').next().unwrap_or_default();
    if !domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-')) {
        return Err("must have a host name after the @");
    }
    text.parse::<Address>().map(|_| ()).map_err(|_unspecific| "must be an e-mail address")
}

/// The form in which an address is unique.
pub(crate) fn key(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for good in ["ann@example.org", "Ann.B+tag@sub.example.org", "o'neil@example.org"] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(65));
        let longer = format!("x@{}.org", "y.".repeat(130));
        for bad in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "a b@example.org",
            "x@x.org?cc=b",
            "u@[127.0.0.1]",
            "ann@example.org\r\nBcc: x@y.z",
            &long,
            &longer,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
