//! A new post, and a post that is changed.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::error::ApiError;
use shared::http::Path;

use super::form::{Typed, Upload};
use super::{html, html_with, lead_to};
use crate::error::Error;
use crate::views::{Form, Page};
use crate::visit::{Member, Visit};

#[derive(Template)]
#[template(path = "pages/compose.html")]
struct ComposePage {
    page: Page,
    form: Form,
    editing: Option<u64>,
    rule: String,
}

/// The form that changes a post.
#[derive(Deserialize)]
pub(crate) struct EditForm {
    title: String,
    content: String,
    #[serde(default)]
    key: String,
}

/// Shows the form for a new post.
pub(crate) async fn show_compose(Member(visit, _): Member) -> Result<Response, Error> {
    html(&compose_page(&visit, Form::new(), None).await)
}

/// Creates a post.
pub(crate) async fn create_post(Member(visit, _): Member, typed: Upload) -> Result<Response, Error> {
    let (title, content, key) = (typed.value("title"), typed.value("content"), typed.value("key"));
    let fields: &[&str] =
        if typed.value("alt").is_empty() { &["title", "content"] } else { &["title", "content", "alt"] };
    let created = match typed.write(fields) {
        Some((form, body)) => visit.api.create_post(form, body, key).await,
        None => visit.api.create_text_post(title, content, key).await,
    };
    let error = match created {
        Ok(post) => return Ok(lead_to(&format!("/p/{}", post.id))),
        Err(error) => error,
    };
    let form = Form::filled(&[("title", title), ("content", content), ("alt", typed.value("alt"))], key);
    let (status, form) = form.hiding("image").refuse(error, &visit.language)?;
    html_with(status, &compose_page(&visit, form, None).await)
}

/// Shows the form that changes a post.
pub(crate) async fn show_edit(Member(visit, session): Member, Path(id): Path<u64>) -> Result<Response, Error> {
    let post = visit.api.post(id).await?;
    if post.author.id != session.user_id {
        return Err(ApiError::forbidden("Only the author may change this").into());
    }
    let form = Form::filled(&[("title", &post.title), ("content", &post.content)], "");
    html(&compose_page(&visit, form, Some(id)).await)
}

/// Changes a post.
pub(crate) async fn edit_post(
    Member(visit, _): Member,
    Path(id): Path<u64>,
    Typed(typed): Typed<EditForm>,
) -> Result<Response, Error> {
    let Err(error) = visit.api.update_post(id, &typed.title, &typed.content, &typed.key).await else {
        return Ok(lead_to(&format!("/p/{id}")));
    };
    let form = Form::filled(&[("title", &typed.title), ("content", &typed.content)], &typed.key);
    let (status, form) = form.refuse(error, &visit.language)?;
    html_with(status, &compose_page(&visit, form, Some(id)).await)
}

async fn compose_page(visit: &Visit, form: Form, editing: Option<u64>) -> ComposePage {
    let title = if editing.is_some() { visit.say("compose-edit-title") } else { visit.say("compose-title") };
    let rule = visit.say("picture-rule");
    ComposePage { page: visit.page(title).await, form, editing, rule }
}
