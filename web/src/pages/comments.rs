//! Comments: written, changed, deleted.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::error::ApiError;
use shared::http::Path;

use super::form::Typed;
use super::posts::{self, PostQuery, find_comment};
use super::{html, html_with, lead_to};
use crate::error::Error;
use crate::views::{Form, Page};
use crate::visit::{Member, Visit};

#[derive(Template)]
#[template(path = "pages/edit_comment.html")]
struct EditPage {
    page: Page,
    form: Form,
    post_id: u64,
    comment_id: u64,
}

/// The form with a comment.
#[derive(Deserialize)]
pub(crate) struct CommentForm {
    content: String,
    /// The comment that it answers; empty for one about the post.
    #[serde(default)]
    reply_to: String,
    #[serde(default)]
    key: String,
}

/// Comments on a post, or answers a comment.
pub(crate) async fn create(
    Member(visit, _): Member,
    Path(post): Path<u64>,
    Typed(typed): Typed<CommentForm>,
) -> Result<Response, Error> {
    let reply_to = typed.reply_to.parse().ok();
    let error = match visit.api.create_comment(post, &typed.content, reply_to, &typed.key).await {
        Ok(comment) => return Ok(lead_to(&place(post, comment.id))),
        Err(error) => error,
    };
    let form = Form::filled(&[("content", &typed.content)], &typed.key);
    let (status, form) = form.refuse(error, &visit.language)?;
    let asked = PostQuery::answering(reply_to);
    html_with(status, &posts::compose(&visit, post, &asked, form).await?)
}

/// Shows the form that changes a comment.
pub(crate) async fn show_edit(
    Member(visit, session): Member,
    Path((post, id)): Path<(u64, u64)>,
) -> Result<Response, Error> {
    let comment = find_comment(&visit, post, id).await?;
    if comment.author.as_ref().is_none_or(|author| author.id != session.user_id) {
        return Err(ApiError::forbidden("Only the author may change this").into());
    }
    let content = comment.content.unwrap_or_default();
    html(&edit_page(&visit, post, id, Form::filled(&[("content", &content)], "")).await)
}

/// Changes a comment.
pub(crate) async fn edit(
    Member(visit, _): Member,
    Path((post, id)): Path<(u64, u64)>,
    Typed(typed): Typed<CommentForm>,
) -> Result<Response, Error> {
    let Err(error) = visit.api.update_comment(post, id, &typed.content, &typed.key).await else {
        return Ok(lead_to(&place(post, id)));
    };
    let form = Form::filled(&[("content", &typed.content)], &typed.key);
    let (status, form) = form.refuse(error, &visit.language)?;
    html_with(status, &edit_page(&visit, post, id, form).await)
}

async fn edit_page(visit: &Visit, post_id: u64, comment_id: u64, form: Form) -> EditPage {
    let page = visit.page(visit.say("edit-comment-title")).await;
    EditPage { page, form, post_id, comment_id }
}

/// Deletes a comment.
pub(crate) async fn delete(Member(visit, _): Member, Path((post, id)): Path<(u64, u64)>) -> Result<Response, Error> {
    visit.api.delete_comment(post, id).await?;
    Ok(lead_to(&format!("/p/{post}?done=comment-deleted")))
}

fn place(post: u64, id: u64) -> String {
    format!("/p/{post}?at={id}#comment-{id}")
}
