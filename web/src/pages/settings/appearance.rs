//! Language and colours. They are kept in cookies, for visitors who are not signed in too.

use askama::Template;
use axum::http::header;
use axum::response::Response;
use serde::Deserialize;

use crate::error::Error;
use crate::pages::form::Typed;
use crate::pages::{html, lead_to};
use crate::session::{read_plain, write_plain};
use crate::views::Page;
use crate::visit::{LANGUAGE, THEME, Visit};

/// The lifetime of the choice, in seconds: a year.
const YEAR: i64 = 365 * 24 * 60 * 60;

#[derive(Template)]
#[template(path = "pages/settings_appearance.html")]
struct AppearancePage {
    page: Page,
    languages: Vec<(&'static str, &'static str)>,
    chosen: String,
}

/// The choice.
#[derive(Deserialize)]
pub(crate) struct AppearanceForm {
    /// The code of a language; empty for that of the browser.
    #[serde(default)]
    language: String,
    #[serde(default)]
    theme: String,
}

/// Shows the form.
pub(crate) async fn show(visit: Visit, headers: axum::http::HeaderMap) -> Result<Response, Error> {
    let languages = visit.state.languages.list();
    let chosen = read_plain(&headers, LANGUAGE).filter(|code| languages.iter().any(|(known, _)| known == code));
    let page = visit.page(visit.say("settings-appearance-title")).await;
    html(&AppearancePage { page, languages, chosen: chosen.unwrap_or_default() })
}

/// Keeps the choice.
pub(crate) async fn update(visit: Visit, Typed(typed): Typed<AppearanceForm>) -> Result<Response, Error> {
    let mut response = lead_to("/settings/appearance?done=saved");
    let secure = visit.state.secure;
    let known = visit.state.languages.list().into_iter().map(|(code, _)| code);
    let language = known.into_iter().find(|code| *code == typed.language).unwrap_or_default();
    let theme = ["light", "dark"].into_iter().find(|theme| *theme == typed.theme).unwrap_or_default();
    for (name, value) in [(LANGUAGE, language.to_owned()), (THEME, theme.to_owned())] {
        let lifetime = if value.is_empty() { 0 } else { YEAR };
        let cookie = write_plain(name, value, lifetime, secure);
        response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    }
    Ok(response)
}
