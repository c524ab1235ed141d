//! The end of an account.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use crate::error::Error;
use crate::pages::form::Typed;
use crate::pages::{html_with, lead_to};
use crate::session::Session;
use crate::views::{Form, Page};
use crate::visit::{Member, Visit};

#[derive(Template)]
#[template(path = "pages/settings_leave.html")]
struct LeavePage {
    page: Page,
    form: Form,
}

/// The password that confirms it.
#[derive(Deserialize)]
pub(crate) struct LeaveForm {
    password: String,
}

/// Explains what happens, and asks for the password.
pub(crate) async fn show(Member(visit, _): Member) -> Result<Response, Error> {
    render(&visit, StatusCode::OK, Form::new()).await
}

/// Deletes the account. The receipt shows how all services confirm it.
pub(crate) async fn leave(Member(visit, _): Member, Typed(typed): Typed<LeaveForm>) -> Result<Response, Error> {
    match visit.api.leave(&typed.password).await {
        Ok(receipt) => {
            // The receipt is an address of the API; its secret is the last part.
            let secret = receipt.rsplit('/').next().unwrap_or_default();
            let mut response = lead_to(&format!("/receipt/{}", crate::api::encode(secret)));
            let cookie = Session::forget(visit.state.secure);
            response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
            Ok(response)
        }
        Err(error) => {
            let (status, form) = Form::new().hiding("password").refuse(error, &visit.language)?;
            render(&visit, status, form).await
        }
    }
}

async fn render(visit: &Visit, status: StatusCode, form: Form) -> Result<Response, Error> {
    html_with(status, &LeavePage { page: visit.page(visit.say("settings-leave-title")).await, form })
}
