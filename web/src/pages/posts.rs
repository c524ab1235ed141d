//! A post with its comments, and what one does with it.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::http::{Path, Query};

use super::{html, lead_to, next_path};
use crate::api::{Comment, CommentList, Post};
use crate::error::Error;
use crate::views::{CommentView, Form, Page, PostView};
use crate::visit::{Member, Missing, Visit, ornament};

#[derive(Template)]
#[template(path = "pages/post.html")]
pub(super) struct PostPage {
    page: Page,
    post: PostView,
    comments: Vec<CommentView>,
    next: Option<String>,
    form: Form,
    answering: Option<CommentView>,
}

#[derive(Template)]
#[template(path = "parts/post_actions.html")]
struct ActionsPart {
    page: Page,
    post: PostView,
}

/// The query of a post's page.
#[derive(Default, Deserialize)]
pub(crate) struct PostQuery {
    cursor: Option<String>,
    /// The comment that the visitor answers.
    answer: Option<u64>,
    /// The comment that the visitor wants to see.
    at: Option<u64>,
}

impl PostQuery {
    /// The query for the page on which a comment is answered.
    pub(super) fn answering(answer: Option<u64>) -> Self {
        Self { cursor: None, answer, at: None }
    }
}

/// Shows a post, and counts the view.
pub(crate) async fn show_post(
    visit: Visit,
    Path(id): Path<u64>,
    Query(asked): Query<PostQuery>,
) -> Result<Response, Error> {
    let shown = compose(&visit, id, &asked, Form::new()).await?;
    // Without a token, views would count under the limit on writes of the visitor's address, and lock its forms.
    if visit.api.has_token() {
        let _counted = ornament(async { visit.api.view_post(id).await.map(Some) }).await;
    }
    html(&shown)
}

/// Composes the page of a post around a form for a comment.
pub(super) async fn compose(visit: &Visit, id: u64, asked: &PostQuery, form: Form) -> Result<PostPage, Error> {
    let (post, comments) = tokio::join!(visit.api.post(id), find_comments(visit, id, asked));
    let mut missing = Missing::default();
    let (post, comments) = (post?, missing.take(comments, "missing-comments")?);
    let (shown, saved) = tokio::join!(visit.show_posts(std::slice::from_ref(&post)), is_saved(visit, id));
    let viewer = visit.viewer();
    let views: Vec<CommentView> = comments.comments.iter().map(|one| CommentView::new(one, &viewer)).collect();
    let answering = asked.answer.and_then(|id| views.iter().find(|one| one.id == id && one.can_answer)).cloned();
    let mut view = shown.into_iter().next().ok_or_else(Error::not_found)?;
    view.saved = saved;
    let mut page = visit.page(post.title.clone()).await;
    missing.tell(&mut page);
    describe(visit, &post, &mut page);
    let next = next_path(&view.path(), comments.next);
    Ok(PostPage { page, post: view, comments: views, next, form, answering })
}

/// Finds the comments that the page shows: those after the cursor, or those among which a certain one is.
async fn find_comments(visit: &Visit, id: u64, asked: &PostQuery) -> Result<CommentList, Error> {
    let Some(wanted) = asked.at.or(asked.answer) else {
        return visit.api.comments(id, asked.cursor.as_deref()).await;
    };
    let first = visit.api.comments(id, None).await?;
    let mut list = CommentList { comments: first.comments.clone(), next: first.next.clone() };
    while list.comments.iter().all(|comment| comment.id != wanted) {
        // It is gone: the page begins at the beginning.
        let Some(next) = list.next else { return Ok(first) };
        list = visit.api.comments(id, Some(&next)).await?;
    }
    Ok(list)
}

/// Describes a post to machines that show links.
fn describe(visit: &Visit, post: &Post, page: &mut Page) {
    let words: String = post.content.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    page.description = Some(words);
    page.canonical = Some(visit.address(&format!("/p/{}", post.id)));
    page.image = post.images.first().map(|picture| visit.address(&picture.url));
    page.feed = Some(format!("/users/{}/feed", post.author.id));
}

/// Looks for a post among the newest bookmarks of the visitor. The API has no shorter way yet.
async fn is_saved(visit: &Visit, id: u64) -> bool {
    if !visit.api.has_token() {
        return false;
    }
    let saved = ornament(visit.api.bookmarks(100, None)).await.posts;
    saved.iter().any(|post| post.id == id)
}

/// Likes a post.
pub(crate) async fn like(Member(visit, _): Member, Path(id): Path<u64>) -> Result<Response, Error> {
    visit.api.like_post(id, true).await?;
    answer_action(&visit, id).await
}

/// Takes back the like of a post. One that is not there is no failure: the visitor sees what was wanted.
pub(crate) async fn unlike(Member(visit, _): Member, Path(id): Path<u64>) -> Result<Response, Error> {
    ignore_missing(visit.api.like_post(id, false).await)?;
    answer_action(&visit, id).await
}

/// Saves a post for later.
pub(crate) async fn save(Member(visit, _): Member, Path(id): Path<u64>) -> Result<Response, Error> {
    visit.api.save_post(id, true).await?;
    answer_action(&visit, id).await
}

/// Takes a post out of those that are saved.
pub(crate) async fn unsave(Member(visit, _): Member, Path(id): Path<u64>) -> Result<Response, Error> {
    ignore_missing(visit.api.save_post(id, false).await)?;
    answer_action(&visit, id).await
}

/// Takes the refusal to end what is not there for its success.
pub(super) fn ignore_missing<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is(axum::http::StatusCode::NOT_FOUND) => Ok(()),
        other => other.map(drop),
    }
}

/// Answers what was done with a post: by the row of its actions for a module, or by the page from which it was done.
async fn answer_action(visit: &Visit, id: u64) -> Result<Response, Error> {
    if !visit.wants_part() {
        return Ok(visit.lead_back(&format!("/p/{id}"), &format!("#post-{id}")));
    }
    let post = visit.api.post(id).await?;
    let (shown, saved) = tokio::join!(visit.show_posts(std::slice::from_ref(&post)), is_saved(visit, id));
    let mut post = shown.into_iter().next().ok_or_else(Error::not_found)?;
    post.saved = saved;
    html(&ActionsPart { page: visit.plain_page(""), post })
}

/// Deletes a post.
pub(crate) async fn delete(Member(visit, session): Member, Path(id): Path<u64>) -> Result<Response, Error> {
    visit.api.delete_post(id).await?;
    Ok(lead_to(&format!("/@{}?done=post-deleted", session.username)))
}

/// Finds a comment of a post, wherever it stands in the list.
pub(super) async fn find_comment(visit: &Visit, post: u64, id: u64) -> Result<Comment, Error> {
    let mut cursor = None;
    loop {
        let list = visit.api.comments(post, cursor.as_deref()).await?;
        if let Some(found) = list.comments.into_iter().find(|comment| comment.id == id) {
            return Ok(found);
        }
        cursor = Some(list.next.ok_or_else(Error::not_found)?);
    }
}
