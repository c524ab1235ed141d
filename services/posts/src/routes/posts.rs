//! The routes of posts and of their views.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::response::Response;
use serde::Deserialize;
use shared::auth::CurrentUser;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Path, Query, ValidJson};
use shared::ids::UserId;

use super::conditions::{answer_read, change_condition};
use super::post_in::{PostForm, PostIn, PostPatch};
use super::sent::SentPost;
use crate::actions;
use crate::actions::shared_writes::{Write, WriteKind};
use crate::answers::message::Message;
use crate::answers::post::{PostList, PostOut, PostSaved, Views};
use crate::db::queries::posts::{self, NewPost, PostChanges};
use crate::domain::etag;
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::state::AppState;

/// Writes a post, with a picture if it comes as a form.
#[utoipa::path(
    post, path = "/posts", tag = "posts", security(("bearer" = [])), params(IdempotencyKey),
    request_body(content((PostIn = "application/json"), (PostForm = "multipart/form-data"))),
    responses(
        (status = 201, body = PostSaved, headers(
            ("Location" = String, description = "Its path"),
            ("ETag" = Option<String>, description = "Absent when the answer is given again")
        )),
    )
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn create_post(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    request: Request,
) -> Result<Answer, Error> {
    let SentPost { post, image } = SentPost::read(&s, user.id, request).await?;
    let new = NewPost { title: post.title, content: post.content.into(), image_name: None };
    let file: &[u8] = image.as_ref().map_or(&[], |image| &image.file);
    let request = key.request(Some(user.id), &[new.title.as_bytes(), new.content.as_bytes(), file]);
    let answer = actions::create_post(&s.db, &s.media, user, request, new, image).await?;
    Ok(answer.with_location("/posts", "/post/id"))
}

/// The filter of a list of posts.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PostFilter {
    /// Only posts of this person.
    #[param(inline, required = false, value_type = shared::openapi::IdInQuery)]
    author: Option<UserId>,
}

/// Lists posts, newest first.
#[utoipa::path(
    get, path = "/posts", tag = "posts",
    params(PostFilter, Page),
    responses((status = 200, body = PostList))
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn list_posts(
    State(s): State<AppState>,
    Query(filter): Query<PostFilter>,
    page: Page,
) -> Result<Listed<PostList>, Error> {
    let mut rows = posts::list(s.db.read(), filter.author, &page).await?;
    let next = page.cut(&mut rows, |row| row.post.id.0);
    let posts = rows.into_iter().filter_map(PostOut::from_row).collect();
    Ok(page.answer(PostList { posts, next: next.clone() }, next.as_deref()))
}

/// Reads one post.
#[utoipa::path(
    get, path = "/posts/{id}", tag = "posts",
    params(
        ("id" = PostId, Path),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the client has the body of"),
        ("If-Match" = Option<String>, Header, description = "ETags of which one must be the current one"),
    ),
    responses(
        (status = 200, body = PostOut, headers(("ETag" = String, description = "`\"v.c\"`: versions of content and counters"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all, fields(post.id = %id))]
pub(crate) async fn get_post(
    State(s): State<AppState>,
    Path(id): Path<PostId>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let (body, etag) = s.shown.find(id).await?.body();
    answer_read(&headers, body, etag)
}

/// Changes one's own post.
#[utoipa::path(
    patch, path = "/posts/{id}", tag = "posts", security(("bearer" = [])), request_body = PostPatch,
    params(
        ("id" = PostId, Path),
        ("If-Match" = Option<String>, Header, description = "Only if the content still has the version of one of these ETags"),
        ("If-None-Match" = Option<String>, Header, description = "Only if the content has none of these versions"),
    ),
    responses((status = 200, body = PostSaved, headers(("ETag" = String, description = "The new one"))))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn update_post(
    State(s): State<AppState>,
    user: CurrentUser,
    Path(id): Path<PostId>,
    method: Method,
    headers: HeaderMap,
    ValidJson(patch): ValidJson<PostPatch>,
) -> Result<PostWithEtag, Error> {
    let changes = PostChanges { title: patch.title, content: patch.content.map(String::from) };
    let condition = change_condition(method, headers);
    let shown = actions::update_post(&s.db, id, user.id, condition.as_deref(), changes).await?;
    let etag = etag::write(shown.post.version, shown.counts.version);
    let post = PostOut::from_row(shown).ok_or(Error::PostNotFound)?;
    Ok(([(header::ETAG, etag)], Json(PostSaved { message: "Post updated", post })))
}

/// A saved post with its new entity tag.
type PostWithEtag = ([(HeaderName, String); 1], Json<PostSaved>);

/// Deletes one's own post for good, also while an admin has removed it.
#[utoipa::path(
    delete, path = "/posts/{id}", tag = "posts", security(("bearer" = [])),
    params(
        ("id" = PostId, Path),
        ("If-Match" = Option<String>, Header, description = "Only if the content still has the version of one of these ETags"),
        ("If-None-Match" = Option<String>, Header, description = "Only if the content has none of these versions"),
    ),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn delete_post(
    State(s): State<AppState>,
    user: CurrentUser,
    Path(id): Path<PostId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<Message>, Error> {
    let condition = change_condition(method, headers);
    actions::delete_post(&s.db, &s.media, id, user.id, condition.as_deref()).await?;
    Ok(Json(Message { message: "Post deleted" }))
}

/// Counts a view; no hit is lost.
#[utoipa::path(
    post, path = "/posts/{id}/views", tag = "posts", params(IdempotencyKey, ("id" = PostId, Path)),
    responses((status = 200, body = Views))
)]
#[tracing::instrument(level = "debug", skip_all, fields(post.id = %id))]
pub(crate) async fn count_view(
    State(s): State<AppState>,
    Path(id): Path<PostId>,
    key: IdempotencyKey,
) -> Result<Answer, Error> {
    s.shown.find(id).await?;
    Ok(s.writes.write(Write { post: id, kind: WriteKind::View, request: key.request(None, &[]) }).await?)
}
