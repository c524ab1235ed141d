//! E-mail address, password, and the digest by mail.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use crate::error::Error;
use crate::pages::form::Typed;
use crate::pages::{html_with, lead_to};
use crate::views::{Form, Page};
use crate::visit::{Member, Visit};

#[derive(Template)]
#[template(path = "pages/settings_account.html")]
struct AccountPage {
    page: Page,
    form: Form,
    email: String,
    digest: bool,
}

/// Another e-mail address.
#[derive(Deserialize)]
pub(crate) struct EmailForm {
    email: String,
    password: String,
}

/// Another password.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    current_password: String,
    password: String,
}

/// The choice about the digest. A checkbox that is off is not sent.
#[derive(Deserialize)]
pub(crate) struct DigestForm {
    mail_digest: Option<String>,
}

/// Shows the forms.
pub(crate) async fn show(Member(visit, _): Member) -> Result<Response, Error> {
    render(&visit, StatusCode::OK, Form::new()).await
}

/// Asks for another e-mail address. A mail goes there first.
pub(crate) async fn change_email(Member(visit, _): Member, Typed(typed): Typed<EmailForm>) -> Result<Response, Error> {
    let email = typed.email.trim();
    let Err(error) = visit.api.change_email(email, &typed.password).await else {
        return Ok(lead_to("/settings/account?done=mail-sent"));
    };
    let form = Form::filled(&[("email", email)], "").hiding("password");
    let (status, form) = form.refuse(error, &visit.language)?;
    render(&visit, status, form).await
}

/// Changes the password. All other sessions end.
pub(crate) async fn change_password(
    Member(visit, _): Member,
    Typed(typed): Typed<PasswordForm>,
) -> Result<Response, Error> {
    let Err(error) = visit.api.change_password(&typed.current_password, &typed.password).await else {
        return Ok(lead_to("/settings/account?done=password-changed"));
    };
    let form = Form::new().hiding("current_password").hiding("password");
    let (status, form) = form.refuse(error, &visit.language)?;
    render(&visit, status, form).await
}

/// Turns the digest on or off.
pub(crate) async fn set_digest(Member(visit, _): Member, Typed(typed): Typed<DigestForm>) -> Result<Response, Error> {
    visit.api.update_me(json!({ "mail_digest": typed.mail_digest.is_some() })).await?;
    Ok(lead_to("/settings/account?done=saved"))
}

async fn render(visit: &Visit, status: StatusCode, form: Form) -> Result<Response, Error> {
    let account = visit.api.me().await?;
    let page = visit.page(visit.say("settings-account-title")).await;
    html_with(status, &AccountPage { page, form, email: account.email, digest: account.mail_digest })
}
