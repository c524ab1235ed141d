//! The development mailbox: the mails that would have been sent. It exists in development without a mail server only.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use shared::http::Path;

use super::html;
use crate::api::Mail;
use crate::error::Error;
use crate::views::{Moment, Page, Piece, pieces};
use crate::visit::Visit;

/// The policy of a mail in its own form: it may look as it wants, and do nothing.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation";

#[derive(Template)]
#[template(path = "pages/mailbox.html")]
struct MailboxPage {
    page: Page,
    mails: Vec<MailView>,
}

/// A mail, as the page shows it.
struct MailView {
    id: u64,
    to: String,
    subject: String,
    text: Vec<Piece>,
    created: Moment,
}

/// Shows the mails, newest first.
pub(crate) async fn show_mailbox(visit: Visit) -> Result<Response, Error> {
    let mails = find_mails(&visit).await?;
    let viewer = visit.viewer();
    let mails = mails.into_iter().map(|mail| MailView {
        id: mail.id,
        to: mail.to,
        subject: mail.subject,
        text: pieces(&mail.text, &[]),
        created: viewer.moment(mail.created_at),
    });
    let mails = mails.collect();
    html(&MailboxPage { page: visit.page(visit.say("mailbox-title")).await, mails })
}

/// Shows a mail in the form in which mail programs show it.
pub(crate) async fn show_mail(visit: Visit, Path(id): Path<u64>) -> Result<Response, Error> {
    let mails = find_mails(&visit).await?;
    let mail = mails.into_iter().find(|mail| mail.id == id).ok_or_else(Error::not_found)?;
    let mut response = Html(mail.html).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(MAIL_POLICY));
    Ok(response)
}

async fn find_mails(visit: &Visit) -> Result<Vec<Mail>, Error> {
    if !visit.state.has_mailbox {
        return Err(Error::not_found());
    }
    visit.api.mails().await
}
