//! A new password for somebody who has forgotten the old one.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shared::http::Path;

use super::form::Typed;
use super::links::{RESET, find_offer, show_end};
use super::{html, html_with, lead_to, not_stored};
use crate::api::encode;
use crate::error::Error;
use crate::views::{Form, Page};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "pages/reset.html")]
struct ResetPage {
    page: Page,
    form: Form,
    sent: bool,
}

#[derive(Template)]
#[template(path = "pages/reset_password.html")]
struct PasswordPage {
    page: Page,
    form: Form,
    action: String,
}

/// The form that asks for the mail.
#[derive(Deserialize)]
pub(crate) struct ForgotForm {
    email: String,
}

/// The new password.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    password: String,
    /// Whose it is. The page shows it again to password managers.
    #[serde(default)]
    username: String,
}

/// Shows the form that asks for the mail.
pub(crate) async fn show_reset(visit: Visit) -> Result<Response, Error> {
    let page = visit.page(visit.say("reset-title")).await;
    html(&ResetPage { page, form: Form::new(), sent: false })
}

/// Sends the mail, if somebody has this address.
pub(crate) async fn send_mail(visit: Visit, Typed(typed): Typed<ForgotForm>) -> Result<Response, Error> {
    let email = typed.email.trim();
    match visit.api.forget_password(email).await {
        Ok(_accepted) => {
            let page = visit.page(visit.say("reset-title")).await;
            html(&ResetPage { page, form: Form::new(), sent: true })
        }
        Err(error) => {
            let (status, form) = Form::filled(&[("email", email)], "").refuse(error, &visit.language)?;
            let page = visit.page(visit.say("reset-title")).await;
            html_with(status, &ResetPage { page, form, sent: false })
        }
    }
}

/// Shows the form behind the link of the mail.
pub(crate) async fn show_new_password(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    let Some(found) = find_offer(&visit, RESET, &token).await? else { return show_end(&visit, RESET).await };
    let form = Form::filled(&[("username", &found.username)], "");
    show_form(&visit, StatusCode::OK, form, &token).await
}

/// Sets the new password.
pub(crate) async fn set_password(
    visit: Visit,
    Path(token): Path<String>,
    Typed(typed): Typed<PasswordForm>,
) -> Result<Response, Error> {
    let Err(error) = visit.api.reset_password(&token, &typed.password).await else {
        return Ok(lead_to("/signin?done=password-set"));
    };
    if error.is(StatusCode::NOT_FOUND) {
        return show_end(&visit, RESET).await;
    }
    let form = Form::filled(&[("username", &typed.username)], "").hiding("password");
    let (status, form) = form.refuse(error, &visit.language)?;
    show_form(&visit, status, form, &token).await
}

async fn show_form(visit: &Visit, status: StatusCode, form: Form, token: &str) -> Result<Response, Error> {
    let page = visit.page(visit.say("reset-title")).await;
    let action = format!("/reset/{}", encode(token));
    Ok(not_stored(html_with(status, &PasswordPage { page, form, action })?))
}
