//! The help about the keyboard.

use askama::Template;
use axum::response::Response;

use super::html;
use crate::error::Error;
use crate::views::Page;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "pages/keys.html")]
struct KeysPage {
    page: Page,
}

/// Shows which keys do what.
pub(crate) async fn show_keys(visit: Visit) -> Result<Response, Error> {
    html(&KeysPage { page: visit.page(visit.say("keys-title")).await })
}
