//! Sign-up, and the advice to look into the mail.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::http::Query;

use super::form::Typed;
use super::home::known_mode;
use super::{html, html_with, lead_to};
use crate::api::Registration;
use crate::error::Error;
use crate::views::{Form, Page};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "pages/signup.html")]
struct SignUpPage {
    page: Page,
    form: Form,
    registration: &'static str,
}

#[derive(Template)]
#[template(path = "pages/mail.html")]
struct MailPage {
    page: Page,
    form: Form,
    mailbox: bool,
}

/// The form for sign-up.
#[derive(Deserialize)]
pub(crate) struct SignUpForm {
    username: String,
    email: String,
    password: String,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    #[serde(default)]
    invitation: String,
    #[serde(default)]
    application: String,
    #[serde(default)]
    key: String,
}

/// The form that asks for another mail.
#[derive(Deserialize)]
pub(crate) struct ResendForm {
    email: String,
}

/// The query of a link with an invitation.
#[derive(Deserialize)]
pub(crate) struct InvitationQuery {
    invitation: Option<String>,
}

/// Shows the form.
pub(crate) async fn show_sign_up(visit: Visit, Query(asked): Query<InvitationQuery>) -> Result<Response, Error> {
    let invitation = asked.invitation.unwrap_or_default();
    let registration = known_mode(&visit.api.registration_mode().await?);
    let page = visit.page(visit.say("signup-title")).await;
    html(&SignUpPage { page, form: Form::filled(&[("invitation", &invitation)], ""), registration })
}

/// Registers somebody.
pub(crate) async fn sign_up(visit: Visit, Typed(typed): Typed<SignUpForm>) -> Result<Response, Error> {
    let data = Registration {
        username: typed.username.trim(),
        email: typed.email.trim(),
        password: &typed.password,
        first_name: typed.first_name.trim(),
        last_name: typed.last_name.trim(),
        invitation: typed.invitation.trim(),
        application: typed.application.trim(),
    };
    let Err(error) = visit.api.register(&data, &typed.key).await else { return Ok(lead_to("/signup/mail")) };
    let fields = [
        ("username", data.username),
        ("email", data.email),
        ("first_name", data.first_name),
        ("last_name", data.last_name),
        ("invitation", data.invitation),
        ("application", data.application),
    ];
    let form = Form::filled(&fields, &typed.key).hiding("password");
    let (status, form) = form.refuse(error, &visit.language)?;
    let registration = visit.api.registration_mode().await.unwrap_or_default();
    let page = visit.page(visit.say("signup-title")).await;
    html_with(status, &SignUpPage { page, form, registration: known_mode(&registration) })
}

/// Tells a newcomer to look into the mail.
pub(crate) async fn show_mail_advice(visit: Visit) -> Result<Response, Error> {
    let page = visit.page(visit.say("mail-title")).await;
    html(&MailPage { page, form: Form::new(), mailbox: visit.state.has_mailbox })
}

/// Sends the mail again.
pub(crate) async fn resend_mail(visit: Visit, Typed(typed): Typed<ResendForm>) -> Result<Response, Error> {
    let email = typed.email.trim();
    let Err(error) = visit.api.resend_verification(email).await else {
        return Ok(lead_to("/signup/mail?done=mail-sent"));
    };
    let (status, form) = Form::filled(&[("email", email)], "").refuse(error, &visit.language)?;
    let page = visit.page(visit.say("mail-title")).await;
    html_with(status, &MailPage { page, form, mailbox: visit.state.has_mailbox })
}
