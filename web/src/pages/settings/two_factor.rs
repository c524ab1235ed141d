//! The second factor: an authenticator app, and recovery codes.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use qrcodegen::{QrCode, QrCodeEcc};
use serde::Deserialize;

use crate::api::AppSecret;
use crate::error::Error;
use crate::pages::form::Typed;
use crate::pages::{html_with, lead_to};
use crate::views::{Form, Page};
use crate::visit::{Member, Visit};

#[derive(Template)]
#[template(path = "pages/settings_two_factor.html")]
struct TwoFactorPage {
    page: Page,
    form: Form,
    enabled: bool,
    app: bool,
    codes_left: u64,
    enrolment: Option<Enrolment>,
    codes: Vec<String>,
}

/// An app that is being set up.
struct Enrolment {
    secret: String,
    uri: String,
    /// The path of an SVG that draws the QR code of the URI.
    qr: String,
    /// The width and height of the drawing.
    size: u32,
}

/// A password.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    password: String,
}

/// The first code of an app, with the secret that is shown again when the code is wrong.
#[derive(Deserialize)]
pub(crate) struct CodeForm {
    code: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    uri: String,
}

/// Shows the state of the second factor.
pub(crate) async fn show(Member(visit, _): Member) -> Result<Response, Error> {
    render(&visit, StatusCode::OK, Form::new(), None, Vec::new()).await
}

/// Begins to set up an app.
pub(crate) async fn begin(Member(visit, _): Member, Typed(typed): Typed<PasswordForm>) -> Result<Response, Error> {
    match visit.api.begin_app(&typed.password).await {
        Ok(AppSecret { secret, uri }) => {
            render(&visit, StatusCode::OK, Form::new(), enrolment(secret, uri), Vec::new()).await
        }
        Err(error) => refuse(&visit, error, None).await,
    }
}

/// Finishes to set up an app, and shows recovery codes.
pub(crate) async fn confirm(Member(visit, _): Member, Typed(typed): Typed<CodeForm>) -> Result<Response, Error> {
    match visit.api.confirm_app(typed.code.trim()).await {
        Ok(codes) => render(&visit, StatusCode::OK, Form::new(), None, codes).await,
        Err(error) => refuse(&visit, error, enrolment(typed.secret, typed.uri)).await,
    }
}

/// Makes new recovery codes.
pub(crate) async fn renew_codes(
    Member(visit, _): Member,
    Typed(typed): Typed<PasswordForm>,
) -> Result<Response, Error> {
    match visit.api.renew_recovery_codes(&typed.password).await {
        Ok(codes) => render(&visit, StatusCode::OK, Form::new(), None, codes).await,
        Err(error) => refuse(&visit, error, None).await,
    }
}

/// Switches the second factor off.
pub(crate) async fn remove(Member(visit, _): Member, Typed(typed): Typed<PasswordForm>) -> Result<Response, Error> {
    match visit.api.remove_factors(&typed.password).await {
        Ok(_removed) => Ok(lead_to("/settings/two-factor?done=saved")),
        Err(error) => refuse(&visit, error, None).await,
    }
}

async fn refuse(visit: &Visit, error: Error, enrolment: Option<Enrolment>) -> Result<Response, Error> {
    let (status, form) = Form::new().hiding("password").hiding("code").refuse(error, &visit.language)?;
    render(visit, status, form, enrolment, Vec::new()).await
}

async fn render(
    visit: &Visit,
    status: StatusCode,
    form: Form,
    enrolment: Option<Enrolment>,
    codes: Vec<String>,
) -> Result<Response, Error> {
    let state = visit.api.two_factor().await?;
    let page = visit.page(visit.say("settings-two-factor-title")).await;
    let (enabled, app, codes_left) = (state.enabled, state.app_since.is_some(), state.recovery_codes_left);
    html_with(status, &TwoFactorPage { page, form, enabled, app, codes_left, enrolment, codes })
}

/// Draws the QR code of a URI: each dark square as a part of one path.
fn enrolment(secret: String, uri: String) -> Option<Enrolment> {
    // It comes back from the form, so it may be anything by now.
    if !uri.starts_with("otpauth://") {
        return None;
    }
    let code = QrCode::encode_text(&uri, QrCodeEcc::Medium).ok()?;
    let mut qr = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            // A margin of four squares belongs to the code (ISO/IEC 18004).
            qr.push_str(&format!("M{} {}h1v1h-1z", x + 4, y + 4));
        }
    }
    let size = u32::try_from(code.size() + 8).ok()?;
    Some(Enrolment { secret, uri, qr, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_app_is_drawn() {
        let drawn = enrolment("S".to_owned(), "otpauth://totp/Chatty:ann?secret=ABC&issuer=Chatty".to_owned()).unwrap();
        assert!(drawn.size >= 29 && drawn.qr.starts_with("M4 4h1v1h-1z"), "{}", drawn.qr);
        assert!(enrolment(String::new(), format!("otpauth://{}", "x".repeat(10_000))).is_none());
        assert!(enrolment(String::new(), "javascript:alert(1)".to_owned()).is_none());
    }
}
