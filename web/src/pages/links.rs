//! The pages behind the links in mails: each explains what it does, and does it when its button is pressed, because mail
//! scanners open links.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;

use super::html;
use crate::api::encode;
use crate::error::Error;
use crate::views::Page;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "pages/link.html")]
struct LinkPage {
    page: Page,
    heading: String,
    text: String,
    button: Option<String>,
    action: String,
    other: Option<(String, String)>,
    done: bool,
}

/// A kind of link.
#[derive(Clone, Copy)]
struct Link {
    /// The beginning of the keys of its words.
    words: &'static str,
    /// The path of auth that does it.
    api: &'static str,
    /// The path of the page.
    path: &'static str,
}

const VERIFY: Link = Link { words: "verify", api: "verify/{token}", path: "/verify/" };
const REJECT: Link = Link { words: "reject", api: "verify/{token}/reject", path: "/verify/" };
const CONFIRM_EMAIL: Link = Link { words: "email-confirm", api: "email/confirm/{token}", path: "/email/confirm/" };
const UNDO_EMAIL: Link = Link { words: "email-undo", api: "email/undo/{token}", path: "/email/undo/" };
const END_DIGEST: Link = Link { words: "digest", api: "digest/{token}", path: "/digest/" };

/// Offers to verify an account, or to say that it is not one's own.
pub(crate) async fn show_verify(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    let other = Some((visit.say("link-reject-button"), format!("/verify/{}/reject", encode(&token))));
    offer(&visit, VERIFY, &token, other).await
}

/// Verifies an account.
pub(crate) async fn verify(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    follow(&visit, VERIFY, &token).await
}

/// Takes back a registration that is not one's own.
pub(crate) async fn reject(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    follow(&visit, REJECT, &token).await
}

/// Offers to confirm another e-mail address.
pub(crate) async fn show_email_change(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    offer(&visit, CONFIRM_EMAIL, &token, None).await
}

/// Confirms another e-mail address.
pub(crate) async fn confirm_email_change(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    follow(&visit, CONFIRM_EMAIL, &token).await
}

/// Offers to undo the change of an e-mail address.
pub(crate) async fn show_email_undo(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    offer(&visit, UNDO_EMAIL, &token, None).await
}

/// Undoes the change of an e-mail address.
pub(crate) async fn undo_email_change(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    follow(&visit, UNDO_EMAIL, &token).await
}

/// Offers to end the digest of notifications.
pub(crate) async fn show_end_of_digest(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    offer(&visit, END_DIGEST, &token, None).await
}

/// Ends the digest of notifications.
pub(crate) async fn end_digest(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    follow(&visit, END_DIGEST, &token).await
}

async fn offer(
    visit: &Visit,
    link: Link,
    token: &str,
    other: Option<(String, String)>,
) -> Result<Response, Error> {
    let heading = say(visit, link, "title");
    html(&LinkPage {
        page: visit.page(heading.clone()).await,
        heading,
        text: say(visit, link, "text"),
        button: Some(say(visit, link, "button")),
        action: format!("{}{}", link.path, encode(token)),
        other,
        done: false,
    })
}

async fn follow(visit: &Visit, link: Link, token: &str) -> Result<Response, Error> {
    visit.api.follow_link(link.api, token).await?;
    let heading = say(visit, link, "done");
    html(&LinkPage {
        page: visit.page(heading.clone()).await,
        heading,
        text: say(visit, link, "then"),
        button: None,
        action: String::new(),
        other: None,
        done: true,
    })
}

fn say(visit: &Visit, link: Link, part: &str) -> String {
    visit.say(&format!("link-{}-{part}", link.words))
}
