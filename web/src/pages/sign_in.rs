//! Sign-in, with the code of a second factor where one is asked for, and sign-out.

use askama::Template;
use axum::http::header;
use axum::response::Response;
use serde::Deserialize;
use shared::http::Query;

use super::form::Typed;
use super::{html, html_with, lead_to};
use crate::api::Tokens;
use crate::error::Error;
use crate::session::Session;
use crate::views::{Form, Page};
use crate::visit::{Visit, local_path};

#[derive(Template)]
#[template(path = "pages/signin.html")]
struct SignInPage {
    page: Page,
    form: Form,
    back: String,
}

#[derive(Template)]
#[template(path = "pages/signin_code.html")]
struct CodePage {
    page: Page,
    form: Form,
    challenge: String,
    back: String,
}

/// The page to which a visitor comes back.
#[derive(Deserialize)]
pub(crate) struct BackQuery {
    back: Option<String>,
}

/// The form for sign-in.
#[derive(Deserialize)]
pub(crate) struct SignInForm {
    username: String,
    password: String,
    #[serde(default)]
    back: String,
}

/// The form for the code of a second factor.
#[derive(Deserialize)]
pub(crate) struct CodeForm {
    challenge: String,
    code: String,
    #[serde(default)]
    back: String,
}

/// Shows the form. Somebody who is signed in already is led on.
pub(crate) async fn show_sign_in(visit: Visit, Query(asked): Query<BackQuery>) -> Result<Response, Error> {
    let back = asked.back.unwrap_or_default();
    if visit.session.is_some() {
        return Ok(lead_to(&local_path(&back).unwrap_or_else(|| "/".to_owned())));
    }
    let page = visit.page(visit.say("signin-title")).await;
    html(&SignInPage { page, form: Form::new(), back })
}

/// Signs somebody in.
pub(crate) async fn sign_in(visit: Visit, Typed(typed): Typed<SignInForm>) -> Result<Response, Error> {
    let username = typed.username.trim();
    let error = match visit.api.log_in(username, &typed.password).await {
        Ok(tokens) => return welcome(&visit, tokens, &typed.back),
        Err(error) => error,
    };
    if let Error::Refused(refusal) = &error
        && let Some(challenge) = &refusal.challenge
    {
        let page = visit.page(visit.say("code-title")).await;
        let (challenge, back) = (challenge.clone(), typed.back);
        return html(&CodePage { page, form: Form::new(), challenge, back });
    }
    let (status, form) = Form::filled(&[("username", username)], "").refuse(error, &visit.language)?;
    let page = visit.page(visit.say("signin-title")).await;
    html_with(status, &SignInPage { page, form, back: typed.back })
}

/// Signs somebody in with a second factor.
pub(crate) async fn pass_code(visit: Visit, Typed(typed): Typed<CodeForm>) -> Result<Response, Error> {
    let error = match visit.api.pass_second_factor(&typed.challenge, typed.code.trim()).await {
        Ok(tokens) => return welcome(&visit, tokens, &typed.back),
        Err(error) => error,
    };
    let is_over = error.has_code("invalid_challenge");
    let (status, form) = Form::new().refuse(error, &visit.language)?;
    if is_over {
        let page = visit.page(visit.say("signin-title")).await;
        return html_with(status, &SignInPage { page, form, back: typed.back });
    }
    let page = visit.page(visit.say("code-title")).await;
    html_with(status, &CodePage { page, form, challenge: typed.challenge, back: typed.back })
}

/// Keeps the session in a cookie, and leads on.
fn welcome(visit: &Visit, tokens: Tokens, back: &str) -> Result<Response, Error> {
    let session = Session::new(tokens.token, tokens.refresh_token);
    let session = session.ok_or_else(|| Error::Unreadable("auth answers a token that is none".to_owned()))?;
    let mut response = lead_to(&local_path(back).unwrap_or_else(|| "/".to_owned()));
    response.headers_mut().append(header::SET_COOKIE, visit.keep(&session)?);
    Ok(response)
}

/// Ends the session. The cookie goes even when auth cannot be told.
pub(crate) async fn sign_out(visit: Visit) -> Result<Response, Error> {
    if let Some(session) = &visit.session
        && let Err(error) = visit.api.log_out(&session.refresh_token).await
    {
        tracing::warn!(?error, "A session could not be ended; it ends by itself.");
    }
    let mut response = lead_to("/?done=signed-out");
    response.headers_mut().extend(Session::forget(visit.state.secure).map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}
