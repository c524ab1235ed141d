//! The texts of all mails. They contain nothing that a person typed, because anybody can register with an address that
//! belongs to somebody else, and Chatty must not deliver a stranger's words to the owner of the address.

use shared::clock::Timestamp;

/// A mail that is ready to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The occasion. A newer mail of the same kind to the same person replaces one that is still queued.
    pub(crate) kind: &'static str,
    pub(crate) to: String,
    pub(crate) subject: &'static str,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The address at which a single POST ends mails of this kind; `None` for mails that people need.
    pub(crate) unsubscribe_url: Option<String>,
}

/// Builds the mail with verification links, one for each account that waits for the address. The links do not show the
/// usernames, because a stranger may have chosen them; the pages behind them do.
pub(crate) fn verification(to: &str, links: &[String], until: Timestamp) -> Mail {
    let (greeting, request) = match links {
        [_] => ("Welcome to Chatty!", "Please confirm your e-mail address by opening this link:"),
        _ => (
            "Several people have registered at Chatty with this e-mail address.",
            "Each link shows the username of one registration. Please confirm the one that is yours:",
        ),
    };
    let until = until.in_words();
    let end = format!(
        "Valid until {until}. If you did not register at Chatty, open the link and say so, or ignore this mail."
    );
    let anchors = links.iter().map(|link| escape(link)).map(|link| format!("<p><a href=\"{link}\">{link}</a></p>"));
    let html = format!("<p>{greeting}</p><p>{request}</p>{}<p>{end}</p>", anchors.collect::<String>());
    let text = format!("{greeting}\n\n{request}\n\n{}\n\n{end}\n", links.join("\n"));
    Mail {
        kind: "verification",
        to: to.to_owned(),
        subject: "Confirm your e-mail address",
        text,
        html,
        unsubscribe_url: None,
    }
}

/// Builds the mail with the link and the code that reset a password.
pub(crate) fn password_reset(to: &str, link: &str, code: &str, until: Timestamp) -> Mail {
    let request = "Somebody has asked for a new password for your account at Chatty. Choose one by opening this link:";
    let end = "If you did not ask, ignore this mail: your password has not changed.";
    reset(to, [request, end], link, code, until)
}

/// Builds the mail that resets a password which an admin has made invalid.
pub(crate) fn forced_reset(to: &str, link: &str, code: &str, until: Timestamp) -> Mail {
    let request = "An administrator of Chatty has ended all your sessions and made your password invalid, because somebody \
                   else may know it. Choose a new one by opening this link:";
    let end = "After that time, ask for a new mail with \"forgot password\".";
    reset(to, [request, end], link, code, until)
}

fn reset(to: &str, [request, end]: [&str; 2], link: &str, code: &str, until: Timestamp) -> Mail {
    let until = until.in_words();
    let advice = format!(
        "Or enter this code where you have asked: {code}\n\nBoth are valid until {until} and for one use. {end}"
    );
    let escaped = escape(link);
    let html = format!(
        "<p>{request}</p><p><a href=\"{escaped}\">{escaped}</a></p><p>{}</p>",
        advice.replace("\n\n", "</p><p>")
    );
    let text = format!("{request}\n\n{link}\n\n{advice}\n");
    Mail {
        kind: "password_reset",
        to: to.to_owned(),
        subject: "Choose a new password",
        text,
        html,
        unsubscribe_url: None,
    }
}

/// Builds the mail to a new address of an account, with the link that confirms it.
pub(crate) fn email_change(to: &str, link: &str, until: Timestamp) -> Mail {
    let request = "Somebody wants to use this address for an account at Chatty. If it is you, open this link:";
    let end = format!("Valid until {}. If it is not you, ignore this mail.", until.in_words());
    with_link("email_change", to, "Confirm your new e-mail address", [request, &end], link)
}

/// Builds the notice to the previous address of an account, with the link that undoes the change.
pub(crate) fn email_changed(to: &str, link: &str, until: Timestamp) -> Mail {
    let request = "Your account at Chatty has another e-mail address now. If it was not you who changed it, open this \
                   link to undo the change and to end all sessions:";
    let end = format!("Valid until {}. If it was you, ignore this mail.", until.in_words());
    with_link("email_changed", to, "Your e-mail address was changed", [request, &end], link)
}

/// Builds a mail that consists of a request, a link and a closing paragraph.
fn with_link(kind: &'static str, to: &str, subject: &'static str, [request, end]: [&str; 2], link: &str) -> Mail {
    let escaped = escape(link);
    let html = format!("<p>{request}</p><p><a href=\"{escaped}\">{escaped}</a></p><p>{end}</p>");
    Mail {
        kind,
        to: to.to_owned(),
        subject,
        text: format!("{request}\n\n{link}\n\n{end}\n"),
        html,
        unsubscribe_url: None,
    }
}

/// The kind of the mail with the receipt of an erasure.
const RECEIPT: &str = "receipt";
/// The kind of the mail to an applicant whom an admin has refused.
const REFUSED: &str = "application_refused";
/// The kinds of mails to people whose accounts are erased. The address in the mail is the last trace of the person, so
/// the mail is deleted when it is sent.
pub(crate) const LAST_MAILS: [&str; 2] = [RECEIPT, REFUSED];

/// Builds the mail to an applicant about whom an admin has decided.
pub(crate) fn application_decided(to: &str, is_member: bool) -> Mail {
    if is_member {
        let said = "An administrator has accepted your application at Chatty. You can log in now.";
        return notice("application_accepted", to, "Welcome to Chatty", said);
    }
    let said = "An administrator has not accepted your application at Chatty. Your account is erased, and so is your \
                address after this mail.";
    notice(REFUSED, to, "Your application was not accepted", said)
}

/// Builds the mail with the receipt of an erasure. `link` leads to the receipt.
pub(crate) fn receipt(to: &str, link: &str) -> Mail {
    let request = "Your account at Chatty was deleted, as you asked, and everything that you wrote is being erased. This \
                   link shows how far that is:";
    let end = "The link is valid for ever and shows numbers only. This is the last mail to you: your address is erased \
               too.";
    with_link(RECEIPT, to, "Your account was deleted", [request, end], link)
}

/// Builds the notice that a password was changed.
pub(crate) fn password_changed(to: &str) -> Mail {
    let said = "The password of your account at Chatty was changed, and your other sessions have ended. If it was not \
                you, ask for a new password at once: your mailbox proves that the account is yours.";
    notice("password_changed", to, "Your password was changed", said)
}

/// Builds the notice that an authenticator app was added (`is_on`), or that it was removed, alone or with all other
/// factors.
pub(crate) fn two_factor_changed(to: &str, is_on: bool) -> Mail {
    let said = if is_on {
        "An authenticator app was added to your account at Chatty: a login with the password asks for a code of it too. \
         Keep the recovery codes in a safe place. If it was not you, ask for a new password at once."
    } else {
        "The authenticator app of your account at Chatty was removed, or two-factor sign-in was turned off. Without \
         another factor the password alone opens the account. If it was not you, change the password at once."
    };
    notice("two_factor_changed", to, "Two-factor sign-in was changed", said)
}

/// Builds the notice that a passkey was added (`is_new`) or deleted. It does not show the name of the passkey, which
/// may be a thief's words.
pub(crate) fn passkey_changed(to: &str, is_new: bool) -> Mail {
    let said = if is_new {
        "A passkey was added to your account at Chatty. It opens the account without a password. If it was not you, \
         change your password and delete the passkey at once."
    } else {
        "A passkey of your account at Chatty was deleted. If it was not you, change your password at once."
    };
    notice("passkey_changed", to, "Your passkeys were changed", said)
}

/// Builds the notice that an archive of the person's data was asked for.
pub(crate) fn export_requested(to: &str) -> Mail {
    let said = "Somebody who is logged in to your account at Chatty has asked for an archive of everything that Chatty \
                holds about you. If it was not you, change your password at once and delete the archive.";
    notice("export_requested", to, "An archive of your data", said)
}

/// Builds the notice that a recovery code was used. `left` is the number of codes that remain.
pub(crate) fn recovery_code_used(to: &str, left: u64) -> Mail {
    let said = format!(
        "Somebody has logged in to your account at Chatty with one of your recovery codes. You have {left} left. If it was \
         not you, change your password at once and make new codes."
    );
    notice("recovery_code_used", to, "A recovery code was used", &said)
}

/// Builds a mail that consists of one paragraph.
fn notice(kind: &'static str, to: &str, subject: &'static str, said: &str) -> Mail {
    let (text, html) = (format!("{said}\n"), format!("<p>{said}</p>"));
    Mail { kind, to: to.to_owned(), subject, text, html, unsubscribe_url: None }
}

/// Builds the mail to the owner of an address that was used for a second registration.
pub(crate) fn already_registered(to: &str) -> Mail {
    let said = "Somebody tried to register at Chatty with this e-mail address, but you already have an account. \
                Nothing has changed. If it was you, log in with the username that you chose before; \
                if it was not, ignore this mail.";
    notice("already_registered", to, "You already have an account", said)
}

/// Builds the digest of notifications: a line with each kind and the number of notifications. `more` tells that there are
/// more than were counted. `home` is the address of the site.
pub(crate) fn digest(to: &str, counts: &[(&'static str, usize)], more: bool, home: &str, unsubscribe: &str) -> Mail {
    let said = "This has happened at Chatty, and you have not seen it yet:";
    let lines: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
    let rest = if more { "There is more than that. " } else { "" };
    let read = format!("{rest}Read it here:");
    let end = "You get this mail once a day at most, because you have asked for it. This link ends it:";
    let text = format!("{said}\n\n{}\n\n{read}\n\n{home}\n\n{end}\n\n{unsubscribe}\n", lines.join("\n"));
    let items: String = lines.iter().map(|line| format!("<li>{line}</li>")).collect();
    let anchor = |url: &str| format!("<p><a href=\"{0}\">{0}</a></p>", escape(url));
    let html = format!("<p>{said}</p><ul>{items}</ul><p>{read}</p>{}<p>{end}</p>{}", anchor(home), anchor(unsubscribe));
    Mail {
        kind: "digest",
        to: to.to_owned(),
        subject: "What has happened at Chatty",
        text,
        html,
        unsubscribe_url: Some(unsubscribe.to_owned()),
    }
}

/// Replaces every word with an `@`, which may be an address: mail servers repeat addresses in their answers.
pub(crate) fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains('@') { "<address>" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Escapes a text for HTML, including the values of attributes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;

    use super::*;
    use crate::domain::link::{Purpose, links_in};

    #[test]
    fn each_link_stands_alone_on_its_line() {
        let until = Clock::system().now();
        let links = ["https://chatty.example/auth/verify/t0ken", "https://chatty.example/auth/verify/0ther"];
        for count in 1..=2 {
            let links: Vec<String> = links.iter().take(count).map(|link| (*link).to_owned()).collect();
            let mail = verification("ann@example.org", &links, until);
            for link in &links {
                assert!(mail.text.lines().any(|line| line == link));
                assert!(mail.html.contains(&format!("href=\"{link}\"")));
            }
            let tokens: Vec<_> = links_in(&mail.text).collect();
            let expected = [(Purpose::Verification, "t0ken"), (Purpose::Verification, "0ther")];
            assert_eq!(tokens, expected.into_iter().take(count).collect::<Vec<_>>());
        }
        assert_eq!(links_in(&already_registered("ann@example.org").text).count(), 0);
    }

    #[test]
    fn a_digest_counts_and_can_be_ended() {
        let (home, end) = ("https://chatty.example/", "https://chatty.example/auth/digest/7-x");
        let mail = digest("ann@example.org", &[("Likes", 2), ("New followers", 1)], true, home, end);
        for line in ["Likes: 2", "New followers: 1", "There is more than that. Read it here:", home, end] {
            assert!(mail.text.lines().any(|found| found == line), "{line}");
        }
        assert!(mail.html.contains("<li>Likes: 2</li>") && mail.html.contains(&format!("href=\"{end}\"")));
        assert_eq!(mail.unsubscribe_url.as_deref(), Some(end));
        assert_eq!(links_in(&mail.text).count(), 0);
    }

    #[test]
    fn no_address_is_shown() {
        let said = "permanent error (550): 5.1.1 <ann@example.org>: user unknown; see mailto:help@b.example";
        let shown = "permanent error (550): 5.1.1 <address> user unknown; see <address>";
        assert_eq!(without_addresses(said), shown);
    }
}
