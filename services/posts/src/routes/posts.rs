//! Posts and their views.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shared::auth::CurrentUser;
use shared::clock::Timestamp;
use shared::db::{CommitError, Tx};
use shared::error::FieldErrors;
use shared::events;
use shared::http::conditional::{self, Verdict};
use shared::http::idempotency::{self, Answer, KeyedRequest};
use shared::http::{IdempotencyKey, Listed, Page, Path, Query, ValidJson, Validate};
use shared::ids::UserId;
use shared::text::{self, Lines};
use utoipa::ToSchema;

use super::sent::Sent;
use super::{Author, Message};
use crate::db::queries::posts::{self, CountsState, NewPost, PostState, Shown};
use crate::db::queries::users;
use crate::domain::etag;
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::state::AppState;
use crate::uploads::Upload;
use crate::writes::{Deed, Write};

/// A post.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostOut {
    id: PostId,
    title: String,
    content: String,
    /// Path of the picture on this host, if there is one.
    image_url: Option<String>,
    author: Author,
    like_count: i64,
    comment_count: i64,
    view_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl PostOut {
    /// A post that is shown; tombstones have no fields.
    pub(crate) fn of(post: &PostState, counts: &CountsState, author: &str) -> Option<Self> {
        Some(Self {
            id: post.id,
            title: post.title.clone()?,
            content: post.content.clone()?,
            image_url: post.image_url.clone(),
            author: Author { id: post.author_id?, username: author.to_owned() },
            like_count: counts.like_count,
            comment_count: counts.comment_count,
            view_count: counts.view_count,
            created_at: post.created_at?,
            updated_at: post.updated_at?,
        })
    }

    fn shown(shown: Shown) -> Option<Self> {
        Self::of(&shown.post.into(), &shown.counts.into(), &shown.author)
    }
}

/// A post that was written or changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostSaved {
    message: &'static str,
    post: PostOut,
}

/// A page of posts.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostList {
    posts: Vec<PostOut>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// A new post.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostIn {
    #[schema(min_length = 1, max_length = 200)]
    pub(super) title: String,
    #[schema(value_type = String, min_length = 1, max_length = 10000)]
    pub(super) content: Lines,
}

/// A new post with a picture, as a form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the form")]
pub(crate) struct PostForm {
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    #[schema(min_length = 1, max_length = 10000)]
    content: String,
    #[schema(value_type = Option<String>, format = Binary)]
    image: Option<Vec<u8>>,
}

/// Changes to a post; at least one field.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostPatch {
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 10000)]
    content: Option<Lines>,
}

fn check_title(errors: &mut FieldErrors, title: &str) {
    text::check_line(errors, "title", title, 1, 200);
}

fn check_content(errors: &mut FieldErrors, content: &Lines) {
    text::check_lines(errors, "content", content, 1, 10_000);
}

impl Validate for PostIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_title(errors, &self.title);
        check_content(errors, &self.content);
    }
}

impl Validate for PostPatch {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Some(title) = &self.title {
            check_title(errors, title);
        }
        if let Some(content) = &self.content {
            check_content(errors, content);
        }
        if self.title.is_none() && self.content.is_none() {
            errors.add_whole("must have at least one of `title` and `content`");
        }
    }
}

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
    let Sent { post: PostIn { title, content }, image } = Sent::read(&s, user.id, request).await?;
    let content = String::from(content);
    let picture = image.as_ref().map(|image| image.file.clone()).unwrap_or_default();
    let request = key.request(Some(user.id), &[title.as_bytes(), content.as_bytes(), &picture]);
    drop(picture);
    let new = NewPost { title, content, image_name: None };
    let stored = match image {
        None => store_post(&s, user, request, new).await,
        Some(image) => store_picture_post(&s, user, request, new, image).await,
    };
    Ok(stored?.located("/posts", "/post/id"))
}

async fn store_picture_post(
    s: &AppState,
    user: CurrentUser,
    request: Option<KeyedRequest>,
    mut new: NewPost,
    image: Upload,
) -> Result<Answer, Error> {
    // Storing a picture takes its time; who repeats a request needs no room for another one.
    if let Some(known) = find_answer(s, request.as_ref()).await? {
        return Ok(known);
    }
    posts::require_room_for_picture(s.db.read(), s.db.clock().now(), user.id).await?;
    let name = s.media.add(image).await?;
    new.image_name = Some(name.clone());
    let stored = store_post(s, user, request, new).await;
    let shown = match &stored {
        Ok(answer) => !answer.is_again(),
        Err(error) => matches!(error, Error::Commit(CommitError::Unknown(_))),
    };
    if !shown {
        s.media.remove(&name).await;
    }
    stored
}

/// The answer to an earlier request with the same key.
async fn find_answer(s: &AppState, request: Option<&KeyedRequest>) -> Result<Option<Answer>, Error> {
    let Some(request) = request else { return Ok(None) };
    let tx = s.db.begin().await?;
    let known = idempotency::find(&tx, std::slice::from_ref(request)).await?.remove(&request.id);
    // Now, not a little later: until then the key is locked for whoever asks again.
    tx.rollback().await?;
    Ok(known.transpose()?)
}

/// One transaction: the post, its counters, the events, and the answer for whoever asks again.
async fn store_post(
    s: &AppState,
    user: CurrentUser,
    request: Option<KeyedRequest>,
    new: NewPost,
) -> Result<Answer, Error> {
    let mut tx = s.db.begin().await?;
    if let Some(request) = &request {
        let known = idempotency::find(&tx, std::slice::from_ref(request)).await?.remove(&request.id);
        if let Some(known) = known {
            tx.rollback().await?;
            return Ok(known?);
        }
    }
    users::note(&tx, [&user]).await?;
    if new.image_name.is_some() {
        users::lock(&tx, user.id).await?;
        posts::require_room_for_picture(&*tx, tx.clock().now(), user.id).await?;
    }
    let (post, counts) = posts::insert(&tx, user.id, new).await?;
    events::publish(&mut tx, &[PostState::from(post.clone())])?;
    events::publish(&mut tx, &[CountsState::from(counts.clone())])?;
    let etag = etag::write(post.version, counts.version);
    let post = PostOut::shown(Shown { post, counts, author: user.username }).ok_or(Error::PostNotFound)?;
    let answer = Answer::new(StatusCode::CREATED, &PostSaved { message: "Post created", post })?.tagged(etag);
    idempotency::keep(&tx, request.map(|request| (request, answer.clone())).into_iter().collect()).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Which posts.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PostFilter {
    /// Only posts of this person.
    #[param(value_type = Option<i64>)]
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
    let posts = rows.into_iter().filter_map(PostOut::shown).collect();
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
    s.shown.find(id).await?.answer(&headers)
}

/// A version that no post has: they begin with 1.
const NO_VERSION: i64 = 0;

/// Evaluates the conditions of a change, for which only the content counts. Answers the version that the content must have when
/// it is changed; `None`: any will do.
async fn wanted_version(
    tx: &Tx,
    id: PostId,
    user: &CurrentUser,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<i64>, Error> {
    if !conditional::has_conditions(headers) {
        return Ok(None);
    }
    // The change itself says what is wrong with a post that is gone or another's, and that goes first.
    let Some(current) = posts::own_version(tx, id, user.id).await? else { return Ok(None) };
    let evaluate = |is_current: &dyn Fn(&str) -> bool| conditional::evaluate(method, headers, is_current);
    Ok(match evaluate(&|opaque| etag::has_content(opaque, current)) {
        // Such as `*`, which does not depend on the version.
        Verdict::Go if evaluate(&|_| false) == Verdict::Go && evaluate(&|_| true) == Verdict::Go => None,
        Verdict::Go => Some(current),
        Verdict::NotModified | Verdict::Failed => Some(NO_VERSION),
    })
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
) -> Result<Saved, Error> {
    let mut tx = s.db.begin().await?;
    let version = wanted_version(&tx, id, &user, &method, &headers).await?;
    let (row, changed) = posts::update(&tx, id, user.id, version, patch.title, patch.content.map(String::from)).await?;
    if changed {
        events::publish(&mut tx, &[PostState::from(row)])?;
    }
    let shown = posts::find(&*tx, id).await?;
    let etag = etag::write(shown.post.version, shown.counts.version);
    let post = PostOut::shown(shown).ok_or(Error::PostNotFound)?;
    tx.commit().await?;
    Ok(([(header::ETAG, etag)], Json(PostSaved { message: "Post updated", post })))
}

/// A saved post with its new ETag.
type Saved = ([(HeaderName, String); 1], Json<PostSaved>);

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
    let mut tx = s.db.begin().await?;
    let version = wanted_version(&tx, id, &user, &method, &headers).await?;
    let image = posts::image_name(&tx, id).await?;
    let row = posts::delete(&tx, id, user.id, version).await?;
    events::publish(&mut tx, &[PostState::from(row)])?;
    tx.commit().await?;
    if let Some(image) = image {
        s.media.remove(&image).await;
    }
    Ok(Json(Message { message: "Post deleted" }))
}

/// How often a post was viewed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Views {
    pub(crate) views: i64,
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
    Ok(s.writes.write(Write { post: id, deed: Deed::View, request: key.request(None, &[]) }).await?)
}
