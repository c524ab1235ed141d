//! E-mail addresses: the syntax that is accepted, the key that two spellings of one mailbox share, and the form that
//! mail servers accept (ADR 18).

use std::borrow::Cow;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use lettre::Address;
use unicode_normalization::UnicodeNormalization;

/// Checks the syntax and the length of an address. RFC 5321 allows 64 bytes before the `@` and 254 in all, counted in
/// the form in which mail is sent.
///
/// # Errors
/// The rule that the text breaks, as the end of a sentence about the address.
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    if text.contains(char::is_whitespace) {
        return Err("must not contain spaces");
    }
    // The last `@` counts: a quoted part before it may contain others.
    let Some((local, domain)) = text.rsplit_once('@') else { return Err("must be an e-mail address") };
    if !local.is_ascii() {
        return Err("must have only ASCII characters before the @: many mail servers deliver to no others");
    }
    let domain = ascii_domain(domain).ok_or("must have a host name after the @")?;
    if local.len() > 64 || local.len() + 1 + domain.len() > 254 {
        return Err("is too long: at most 254 bytes, 64 of them before the @");
    }
    Address::new(local, domain).map(|_| ()).map_err(|_unspecific| "must be an e-mail address")
}

/// Returns the key of a mailbox: all spellings that reach the same mailbox have the same key. Quotes that change
/// nothing are removed, the domain is written with A-labels, and case is ignored. A mail server may distinguish case
/// before the `@`, but none that people use does.
pub(crate) fn key(text: &str) -> String {
    let Some((local, domain)) = text.rsplit_once('@') else { return text.to_lowercase() };
    // A row that is older than these rules may hold an invalid domain, of which only the case is ignored.
    let domain = ascii_domain(domain).unwrap_or_else(|| domain.to_lowercase());
    let local: String = unquoted(local).nfc().collect();
    format!("{}@{domain}", local.to_lowercase())
}

/// Returns the form of an address in which mail is sent. A domain that is not ASCII gets A-labels, because few mail
/// servers support SMTPUTF8 (RFC 6531).
pub(crate) fn sendable(text: &str) -> Cow<'_, str> {
    match text.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => {
            ascii_domain(domain).map_or(Cow::Borrowed(text), |domain| Cow::Owned(format!("{local}@{domain}")))
        }
        _ => Cow::Borrowed(text),
    }
}

/// Returns a host name in lower case with A-labels (UTS 46); `None` when the text is not a host name. A text whose last
/// label is a number is an IP address (RFC 1123, section 2.1), which is refused with and without brackets.
pub(super) fn ascii_domain(domain: &str) -> Option<String> {
    let mapped =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    let mapped = mapped.ok()?.into_owned();
    let last = mapped.rsplit('.').next()?;
    (!last.bytes().all(|byte| byte.is_ascii_digit())).then_some(mapped)
}

/// Removes the quotes and escapes that do not change the meaning of the part before the `@` (RFC 5321, section 4.1.2).
fn unquoted(local: &str) -> String {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return local.to_owned() };
    let mut plain = String::new();
    let mut letters = inner.chars();
    while let Some(c) = letters.next() {
        plain.extend(if c == '\\' { letters.next() } else { Some(c) });
    }
    // Without its quotes such a text would be another address, or none.
    let needs_quotes = Address::new(&plain, "example.org").is_err();
    if needs_quotes { format!("\"{}\"", plain.replace('\\', r"\\").replace('"', "\\\"")) } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        let longest = format!("ann@{}.{}.{}.example", "x".repeat(63), "x".repeat(63), "y".repeat(63));
        for good in [
            "ann@example.org",
            "Ann.B+tag@sub.example.org",
            "o'neil@example.org",
            "ann@bücher.example",
            "ann@例え。テスト",
            "\"a b\"@example.org".replace(' ', "_").as_str(),
            &longest,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(65));
        let longer = format!("x@{}org", "y.".repeat(130));
        // The A-labels make it longer than the 253 characters that are written here.
        let grows = format!("{}@{}example", "x".repeat(64), "ü.".repeat(88));
        for bad in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "a b@example.org",
            "x@x.org?cc=b",
            "u@[127.0.0.1]",
            "u@127.1",
            "a..b@example.org",
            "ann@example.org\r\nBcc: x@y.z",
            "jürgen@example.org",
            &long,
            &longer,
            &grows,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mailbox_has_one_key() {
        for same in ["ann@bücher.example", "\"ann\"@BÜCHER.example", "\"a\\nn\"@xn--bcher-kva.example"] {
            assert_eq!(key(same), "ann@xn--bcher-kva.example", "{same}");
        }
        assert_ne!(key("\"a..b\"@example.org"), key("a..b@example.org"));
        for same in [r#""q@1"@example.org"#, r#""q\@1"@example.org"#, r#""\Q\@\1"@example.org"#] {
            assert_eq!(key(same), r#""q@1"@example.org"#, "{same}");
        }
        assert_ne!(key(r#""a\"b"@example.org"#), key(r#""a\\\"b"@example.org"#));
        assert_eq!(key("ju\u{308}rgen@a.example"), key("JÜRGEN@a.example"), "rows of before");
        assert_eq!(key("ann@a_b"), "ann@a_b");
        assert_eq!(key("nonsense"), "nonsense");
    }

    #[test]
    fn mail_is_sent_in_ascii() {
        assert_eq!(sendable("Ann@bücher.example"), "Ann@xn--bcher-kva.example");
        assert_eq!(sendable("Ann@Example.ORG"), "Ann@Example.ORG");
    }
}
