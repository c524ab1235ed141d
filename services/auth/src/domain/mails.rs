//! The texts of all mails. They contain nothing that a person typed, because the person who typed an address need not
//! be its owner: otherwise Chatty would deliver a stranger's words.

use std::time::Duration;

/// The validity of a verification link. The texts say it too.
pub(crate) const LINK_VALIDITY: Duration = Duration::from_secs(24 * 3_600);

/// A mail that is ready to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The occasion. A newer mail of the same kind to the same person replaces one that is still queued.
    pub(crate) kind: &'static str,
    pub(crate) to: String,
    pub(crate) subject: &'static str,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// The part of a verification link between the public URL and the token.
const LINK_PATH: &str = "/auth/verify/";

/// The mail with a verification link.
pub(crate) fn verification(to: &str, public_url: &str, token: &str) -> Mail {
    let link = format!("{public_url}{LINK_PATH}{token}");
    let text = format!(
        "Welcome to Chatty!\n\nPlease confirm your e-mail address by opening this link:\n\n{link}\n\n\
         The link is valid for 24 hours. If you did not register at Chatty, ignore this mail.\n"
    );
    let link = escape(&link);
    let html = format!(
        "<p>Welcome to Chatty!</p><p>Please confirm your e-mail address by opening this link:</p>\
         <p><a href=\"{link}\">{link}</a></p>\
         <p>The link is valid for 24 hours. If you did not register at Chatty, ignore this mail.</p>"
    );
    Mail { kind: "verification", to: to.to_owned(), subject: "Confirm your e-mail address", text, html }
}

/// The mail to the owner of an address that was used for a second registration.
pub(crate) fn already_registered(to: &str) -> Mail {
    let said = "Somebody tried to register at Chatty with this e-mail address, but you already have an account. \
                Nothing has changed. If it was you, log in with the username that you chose before; \
                if it was not, ignore this mail.";
    Mail {
        kind: "already_registered",
        to: to.to_owned(),
        subject: "You already have an account",
        text: format!("{said}\n"),
        html: format!("<p>{said}</p>"),
    }
}

/// The token of the verification link in the text of a mail. `None`: the text has no such link.
pub(crate) fn link_token(text: &str) -> Option<&str> {
    // The link stands alone on its line, in all versions of the text.
    let links = text.lines().filter(|line| line.starts_with("http"));
    links.filter_map(|line| line.rsplit_once(LINK_PATH)).map(|(_, token)| token).next()
}

/// Replaces every word that may be an address. Mail servers repeat addresses in their answers.
pub(crate) fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains('@') { "<address>" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Escapes a text for HTML, also inside of attributes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_stands_alone_on_its_line() {
        let mail = verification("ann@example.org", "https://chatty.example", "t0ken");
        assert!(mail.text.lines().any(|line| line == "https://chatty.example/auth/verify/t0ken"));
        assert!(mail.html.contains("href=\"https://chatty.example/auth/verify/t0ken\""));
        assert_eq!(link_token(&mail.text), Some("t0ken"));
        assert_eq!(link_token(&already_registered("ann@example.org").text), None);
    }

    #[test]
    fn no_address_is_shown() {
        let said = "permanent error (550): 5.1.1 <ann@example.org>: user unknown; see mailto:help@b.example";
        let shown = "permanent error (550): 5.1.1 <address> user unknown; see <address>";
        assert_eq!(without_addresses(said), shown);
    }
}
