//! The pages behind the links in mails: each tells what it does and to whose account, and does it when its button is
//! pressed, because mail scanners open links.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use shared::http::Path;

use super::{html_with, not_stored};
use crate::api::{LinkOffer, encode};
use crate::error::Error;
use crate::views::Page;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "pages/link.html")]
struct LinkPage {
    page: Page,
    heading: String,
    text: String,
    /// The button that does it, and one that does something else: label and path.
    button: Option<(String, String)>,
    other: Option<(String, String)>,
    /// The link to the next page: label and path.
    way: Option<(String, String)>,
    done: bool,
}

/// A kind of link.
#[derive(Clone, Copy)]
pub(super) struct Link {
    /// The beginning of the keys of its words.
    words: &'static str,
    /// The path of auth that does it.
    api: &'static str,
    /// The path of the page.
    path: &'static str,
    /// The name that auth has for its purpose; empty for links that auth does not describe.
    purpose: &'static str,
    /// The path of the page that helps when the link is over.
    again: &'static str,
}

const VERIFY: Link =
    Link { words: "verify", api: "verify/{token}", path: "/verify/", purpose: "verification", again: "/signup/mail" };
const REJECT: Link = Link { words: "reject", api: "verify/{token}/reject", ..VERIFY };
pub(super) const RESET: Link =
    Link { words: "reset", api: "", path: "/reset/", purpose: "password_reset", again: "/reset" };
const CONFIRM_EMAIL: Link = Link {
    words: "email-confirm",
    api: "email/confirm/{token}",
    path: "/email/confirm/",
    purpose: "email_change",
    again: "/settings/account",
};
const UNDO_EMAIL: Link = Link {
    words: "email-undo",
    api: "email/undo/{token}",
    path: "/email/undo/",
    purpose: "email_undo",
    again: "/reset",
};
const END_DIGEST: Link =
    Link { words: "digest", api: "digest/{token}", path: "/digest/", purpose: "", again: "/settings/account" };

/// Offers to verify an account, or to say that it is not one's own.
pub(crate) async fn show_verify(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    let Some(found) = find_offer(&visit, VERIFY, &token).await? else { return show_end(&visit, VERIFY).await };
    if found.done {
        let text = visit.language.about("link-verify-known-text", &found.username);
        return show_done(&visit, say(&visit, VERIFY, "known"), text).await;
    }
    let text = visit.language.about("link-verify-text", &found.username);
    let other = Some((visit.say("link-reject-button"), format!("/verify/{}/reject", encode(&token))));
    offer(&visit, VERIFY, &token, text, other).await
}

/// Verifies an account.
pub(crate) async fn verify(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    if !follow(&visit, VERIFY, &token).await? {
        return show_end(&visit, VERIFY).await;
    }
    let waits = visit.api.registration_mode().await.is_ok_and(|mode| mode == "approval");
    let text = say(&visit, VERIFY, if waits { "waits" } else { "then" });
    show_done(&visit, say(&visit, VERIFY, "done"), text).await
}

/// Takes back a registration that is not one's own.
pub(crate) async fn reject(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    press(&visit, REJECT, &token).await
}

/// Offers to confirm another e-mail address.
pub(crate) async fn show_email_change(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    offer_address(&visit, CONFIRM_EMAIL, &token).await
}

/// Confirms another e-mail address.
pub(crate) async fn confirm_email_change(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    press(&visit, CONFIRM_EMAIL, &token).await
}

/// Offers to undo the change of an e-mail address.
pub(crate) async fn show_email_undo(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    offer_address(&visit, UNDO_EMAIL, &token).await
}

/// Undoes the change of an e-mail address.
pub(crate) async fn undo_email_change(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    press(&visit, UNDO_EMAIL, &token).await
}

/// Offers to end the digest of notifications.
pub(crate) async fn show_end_of_digest(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    offer(&visit, END_DIGEST, &token, say(&visit, END_DIGEST, "text"), None).await
}

/// Ends the digest of notifications.
pub(crate) async fn end_digest(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    press(&visit, END_DIGEST, &token).await
}

/// Finds what a link offers. `None` if it is unknown or over, or is of another kind.
pub(super) async fn find_offer(visit: &Visit, link: Link, token: &str) -> Result<Option<LinkOffer>, Error> {
    match visit.api.link(token).await {
        Ok(found) => Ok(Some(found).filter(|found| found.purpose == link.purpose)),
        Err(error) if error.is(StatusCode::NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says that a link is unknown or over, and where one gets on.
pub(super) async fn show_end(visit: &Visit, link: Link) -> Result<Response, Error> {
    let link = if link.words == REJECT.words { VERIFY } else { link };
    let heading = visit.say("link-over");
    let shown = LinkPage {
        page: visit.page(heading.clone()).await,
        heading,
        text: say(visit, link, "over"),
        button: None,
        other: None,
        way: Some((say(visit, link, "again"), link.again.to_owned())),
        done: false,
    };
    Ok(not_stored(html_with(StatusCode::NOT_FOUND, &shown)?))
}

/// Offers a link that gives an account another address.
async fn offer_address(visit: &Visit, link: Link, token: &str) -> Result<Response, Error> {
    let Some(found) = find_offer(visit, link, token).await? else { return show_end(visit, link).await };
    let address = found.email.unwrap_or_default();
    let text = visit.language.about(&format!("link-{}-text", link.words), &address);
    offer(visit, link, token, text, None).await
}

async fn offer(
    visit: &Visit,
    link: Link,
    token: &str,
    text: String,
    other: Option<(String, String)>,
) -> Result<Response, Error> {
    let heading = say(visit, link, "title");
    let shown = LinkPage {
        page: visit.page(heading.clone()).await,
        heading,
        text,
        button: Some((say(visit, link, "button"), format!("{}{}", link.path, encode(token)))),
        other,
        way: None,
        done: false,
    };
    Ok(not_stored(html_with(StatusCode::OK, &shown)?))
}

/// Does what a link offers, and shows how it went.
async fn press(visit: &Visit, link: Link, token: &str) -> Result<Response, Error> {
    if !follow(visit, link, token).await? {
        return show_end(visit, link).await;
    }
    show_done(visit, say(visit, link, "done"), say(visit, link, "then")).await
}

/// Does what a link offers. Returns false if the link is unknown or over.
async fn follow(visit: &Visit, link: Link, token: &str) -> Result<bool, Error> {
    match visit.api.follow_link(link.api, token).await {
        Ok(_done) => Ok(true),
        Err(error) if error.is(StatusCode::NOT_FOUND) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn show_done(visit: &Visit, heading: String, text: String) -> Result<Response, Error> {
    let shown = LinkPage {
        page: visit.page(heading.clone()).await,
        heading,
        text,
        button: None,
        other: None,
        way: Some((visit.say("nav-signin"), "/signin".to_owned())),
        done: true,
    };
    Ok(not_stored(html_with(StatusCode::OK, &shown)?))
}

fn say(visit: &Visit, link: Link, part: &str) -> String {
    visit.say(&format!("link-{}-{part}", link.words))
}
