//! The routes of posts and of their views.

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::auth::{CurrentUser, Viewer};
use shared::error::ApiError;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Path, Query, ValidJson};
use shared::ids::UserId;
use shared::text::mentions::{MAX_TAG, tag_key};
use shared::text::words::WordQuery;
use utoipa::ToSchema;

use super::conditions::{ReadConditions, answer_read, change_condition};
use super::post_in::{PostForm, PostIn, PostPatch, wanted};
use super::sent::SentPost;
use crate::actions::shared_writes::{Write, WriteKind};
use crate::actions::{self, PostDraft};
use crate::answers::feeds::{Subject, atom, json};
use crate::answers::message::Message;
use crate::answers::post::{OwnPostOut, PostList, PostOut, PostSaved, Views};
use crate::db::queries::posts::{self, PostChanges};
use crate::db::queries::{own, search};
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::media::Upload;
use crate::state::AppState;

/// The most characters of a search.
const MAX_SEARCH: usize = 1_000;

/// Writes a post, with pictures that were sent to `POST /media`, or with one that comes along in a form.
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
    let SentPost { post, alt, image } = SentPost::read(&s, user.id, request).await?;
    let (images, content) = (wanted(post.images), post.content.into());
    let draft = PostDraft { title: post.title, content, images, alt };
    let request = key.request(Some(user.id), &identity(&draft, image.as_ref()));
    let answer = actions::create_post(&s.db, &s.media, user, request, draft, image).await?;
    Ok(answer.with_location("/posts", "/post/id"))
}

/// Returns the parts by which a repeated request is known to be the same.
fn identity<'a>(draft: &'a PostDraft, image: Option<&'a Upload>) -> Vec<&'a [u8]> {
    let file: &[u8] = image.map_or(&[], |image| &image.file);
    let mut parts = vec![draft.title.as_bytes(), draft.content.as_bytes(), file];
    parts.extend(draft.alt.as_deref().map(str::as_bytes));
    for image in &draft.images {
        parts.extend([image.stem.as_bytes(), image.alt.as_deref().unwrap_or("\0").as_bytes()]);
    }
    parts
}

/// The order of the posts that a search finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SearchOrder {
    /// The newest first.
    #[default]
    New,
    /// Those first that have the words in the title, or more often.
    Best,
}

/// The filter of a list of posts: at most one of author, search and tag.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PostFilter {
    /// Only posts of this person.
    #[param(inline, required = false, value_type = shared::openapi::IdInQuery)]
    author: Option<UserId>,
    /// Only posts that have all these words in title or content, at most 32.
    #[param(required = false, value_type = String, max_length = 1000)]
    search: Option<String>,
    /// Only posts with this hashtag.
    #[param(required = false, value_type = String, max_length = 101)]
    tag: Option<String>,
    /// The order of what a search finds: `new` (the default) or `best`, which ranks the 200 newest matches.
    #[param(inline, required = false, value_type = SearchOrder)]
    order: Option<SearchOrder>,
}

/// Lists posts: all, those of a person, those with words or those with a hashtag. Newest first.
#[utoipa::path(
    get, path = "/posts", tag = "posts",
    params(PostFilter, Page),
    responses((status = 200, body = PostList, headers(
        ("Link" = Option<String>, description = "The next page, with `rel=\"next\"` (RFC 8288), absent on the last one; the feeds of this list, with `rel=\"alternate\"`")
    )))
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn list_posts(
    State(s): State<AppState>,
    viewer: Viewer,
    Query(filter): Query<PostFilter>,
    page: Page,
) -> Result<Listed<PostList>, Error> {
    let db = s.db.read();
    let filter = filter.checked()?;
    let feeds = filter.feeds();
    let (mut rows, next) = match filter {
        CheckedFilter::Author(author) => {
            // Nothing of this person is left below, so the page is empty at once, instead of after many empty ones.
            if let Some(author) = author
                && !viewer.sees(author).await
            {
                return Ok(page.answer(PostList { posts: Vec::new(), next: None }, None));
            }
            let mut rows = posts::list(db, author, page.after, page.fetch()).await?;
            let next = page.cut(&mut rows, |row| row.post.id.0);
            (rows, next)
        }
        CheckedFilter::Tag(tag) => {
            let mut ids = match tag {
                Some(tag) => search::find_tagged(db, &tag, page.after, page.fetch()).await?,
                None => Vec::new(),
            };
            let next = page.cut(&mut ids, |id| id.0);
            (posts::find_in_order(db, ids).await?, next)
        }
        CheckedFilter::Newest(words) => {
            let mut ids = search::find_newest(db, &words, page.after, page.fetch()).await?;
            let next = page.cut(&mut ids, |id| id.0);
            (posts::find_in_order(db, ids).await?, next)
        }
        CheckedFilter::Best(words) => {
            let candidates = search::find_candidates(db, &words).await?;
            let mut found = s.ranking.find_best(words, candidates, page.after).await?;
            let next = page.cut(&mut found, |(key, _)| *key);
            (posts::find_in_order(db, found.into_iter().map(|(_, id)| id).collect()).await?, next)
        }
    };
    viewer.retain_seen(&mut rows, |row| row.post.author_id).await;
    let posts = rows.into_iter().filter_map(PostOut::from_row).collect();
    let list = page.answer(PostList { posts, next: next.clone() }, next.as_deref());
    Ok(match feeds {
        Some(feeds) => list
            .with_alternate(&feeds.feed_path("atom"), atom::MEDIA_TYPE)
            .with_alternate(&feeds.feed_path("json"), json::MEDIA_TYPE),
        None => list,
    })
}

/// What a list of posts is filtered by.
enum CheckedFilter {
    /// The posts of a person; `None` for all posts.
    Author(Option<UserId>),
    /// The posts with a hashtag, by its key; `None` if no text can have this hashtag.
    Tag(Option<String>),
    /// The posts that have all words, newest first.
    Newest(WordQuery),
    /// The same, best first.
    Best(WordQuery),
}

impl CheckedFilter {
    /// Returns the list of which there are feeds; `None` if there are none.
    fn feeds(&self) -> Option<Subject> {
        match self {
            Self::Author(author) => Some(author.map_or(Subject::Everybody, Subject::Author)),
            Self::Tag(tag) => tag.clone().map(Subject::Tag),
            Self::Newest(_) | Self::Best(_) => None,
        }
    }
}

impl PostFilter {
    /// Checks that the filters fit together.
    ///
    /// # Errors
    /// A 400 that names the rule.
    fn checked(self) -> Result<CheckedFilter, ApiError> {
        let bad = |detail: &'static str| ApiError::bad_request("bad_query", detail);
        if self.order.is_some() && self.search.is_none() {
            return Err(bad("order needs search"));
        }
        match (self.author, self.search, self.tag) {
            (author, None, None) => Ok(CheckedFilter::Author(author)),
            (None, Some(search), None) if search.chars().count() > MAX_SEARCH => {
                Err(bad("search must have at most 1000 characters"))
            }
            (None, Some(search), None) => {
                let words = WordQuery::parse(&search).map_err(|_too_many| bad("search must have at most 32 words"))?;
                Ok(match self.order.unwrap_or_default() {
                    SearchOrder::New => CheckedFilter::Newest(words),
                    SearchOrder::Best => CheckedFilter::Best(words),
                })
            }
            (None, None, Some(tag)) if tag.chars().count() > MAX_TAG + 1 => {
                Err(bad("tag must have at most 101 characters"))
            }
            (None, None, Some(tag)) => Ok(CheckedFilter::Tag(tag_key(tag.strip_prefix(['#', '＃']).unwrap_or(&tag)))),
            _ => Err(bad("author, search and tag cannot be used together")),
        }
    }
}

/// Reads one post. Its author also reads it while it is removed.
#[utoipa::path(
    get, path = "/posts/{id}", tag = "posts",
    params(("id" = PostId, Path), ReadConditions),
    responses(
        (status = 200, body = PostOut, headers(("ETag" = Option<String>, description = "`\"v.c\"`: versions of content and counters; absent in one's own post that others do not see"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all, fields(post.id = %id))]
pub(crate) async fn get_post(
    State(s): State<AppState>,
    Path(id): Path<PostId>,
    viewer: Viewer,
    request: Request,
) -> Result<Response, Error> {
    match s.find_post_for(&viewer, id).await {
        Ok(shown) => {
            let (body, etag) = shown.body();
            answer_read(request.headers(), "application/json", body, etag).ok_or(Error::VersionMismatch)
        }
        Err(Error::PostNotFound) => get_own_post(&s, id, request).await,
        Err(error) => Err(error),
    }
}

/// Answers with a post that nobody sees, if it is the caller's own.
async fn get_own_post(s: &AppState, id: PostId, request: Request) -> Result<Response, Error> {
    let (mut parts, _) = request.into_parts();
    let Ok(user) = CurrentUser::from_request_parts(&mut parts, s).await else { return Err(Error::PostNotFound) };
    let own = own::find_post(s.db.read(), user.id, id).await?;
    let post = own.and_then(|own| OwnPostOut::of(own, &user.username)).ok_or(Error::PostNotFound)?;
    Ok(Json(post).into_response())
}

/// Changes one's own post.
#[utoipa::path(
    patch, path = "/posts/{id}", tag = "posts", security(("bearer" = [])), request_body = PostPatch,
    params(
        IdempotencyKey,
        ("id" = PostId, Path),
        ("If-Match" = Option<String>, Header, description = "Only if the content still has the version of one of these ETags"),
        ("If-None-Match" = Option<String>, Header, description = "Only if the content has none of these versions"),
    ),
    responses((status = 200, body = PostSaved, headers(
        ("ETag" = Option<String>, description = "The new one; absent when the answer is given again")
    )))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn update_post(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<PostId>,
    method: Method,
    headers: HeaderMap,
    ValidJson(patch): ValidJson<PostPatch>,
) -> Result<Answer, Error> {
    let changes = PostChanges { title: patch.title, content: patch.content.map(String::from), images: None };
    let changes = (changes, patch.images.map(wanted));
    let condition = change_condition(method, headers);
    actions::update_post(&s.db, &s.media, key, id, user.id, condition.as_deref(), changes).await
}

/// Deletes one's own post for good, also while an admin has removed it.
#[utoipa::path(
    delete, path = "/posts/{id}", tag = "posts", security(("bearer" = [])),
    params(
        IdempotencyKey,
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
    key: IdempotencyKey,
    Path(id): Path<PostId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Answer, Error> {
    let condition = change_condition(method, headers);
    actions::delete_post(&s.db, &s.media, key, id, user.id, condition.as_deref()).await
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
