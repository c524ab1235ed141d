//! The routes of feeds for feed readers: Atom and JSON Feed, of all posts, of a person's posts and of a hashtag's.
//!
//! A feed is written from the database each time, so nothing in it can be out of date. Its entity tag is a hash of its
//! bytes, and is weak, so that the answer may be compressed.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use sha2::{Digest, Sha256};
use shared::error::ApiError;
use shared::http::Path;
use shared::ids::UserId;
use shared::people::Author;
use shared::text::mentions::{MAX_TAG, tag_key};

use super::conditions::{ReadConditions, answer_read};
use crate::answers::feeds::json::JsonFeed;
use crate::answers::feeds::{Feed, Subject, atom, json};
use crate::db::queries::{posts, search, users};
use crate::error::Error;
use crate::state::AppState;

/// The number of posts in a feed.
const NEWEST: u64 = 30;
/// Readers and caches may keep a feed for five minutes. So long may a removed post still be seen in one.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// The number of bytes of the hash that the entity tag shows.
const TAG_BYTES: usize = 16;

/// The newest posts of everybody, as Atom.
#[utoipa::path(
    get, path = "/posts.atom", tag = "feeds",
    params(ReadConditions),
    responses(
        (status = 200, content((String = "application/atom+xml")), description = "The newest 30 posts", headers(("ETag" = String, description = "Weak"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_atom_feed(State(s): State<AppState>, headers: HeaderMap) -> Result<Response, Error> {
    answer_atom(&headers, &read_feed(&s, Subject::Everybody).await?)
}

/// The newest posts of everybody, as JSON Feed 1.1.
#[utoipa::path(
    get, path = "/posts.json", tag = "feeds",
    params(ReadConditions),
    responses(
        (status = 200, content((JsonFeed = "application/feed+json")), description = "The newest 30 posts", headers(("ETag" = String, description = "Weak"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_json_feed(State(s): State<AppState>, headers: HeaderMap) -> Result<Response, Error> {
    answer_json(&headers, &read_feed(&s, Subject::Everybody).await?)
}

/// The newest posts of a person, as Atom.
#[utoipa::path(
    get, path = "/users/{id}/feed.atom", tag = "feeds",
    params(("id" = UserId, Path), ReadConditions),
    responses(
        (status = 200, content((String = "application/atom+xml")), description = "The newest 30 posts", headers(("ETag" = String, description = "Weak"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all, fields(author.id = %id))]
pub(crate) async fn get_author_atom_feed(
    State(s): State<AppState>,
    Path(id): Path<UserId>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer_atom(&headers, &read_feed(&s, Subject::Author(id)).await?)
}

/// The newest posts of a person, as JSON Feed 1.1.
#[utoipa::path(
    get, path = "/users/{id}/feed.json", tag = "feeds",
    params(("id" = UserId, Path), ReadConditions),
    responses(
        (status = 200, content((JsonFeed = "application/feed+json")), description = "The newest 30 posts", headers(("ETag" = String, description = "Weak"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all, fields(author.id = %id))]
pub(crate) async fn get_author_json_feed(
    State(s): State<AppState>,
    Path(id): Path<UserId>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer_json(&headers, &read_feed(&s, Subject::Author(id)).await?)
}

/// The newest posts with a hashtag, as Atom. A tag is written with or without its sign.
#[utoipa::path(
    get, path = "/tags/{tag}/feed.atom", tag = "feeds",
    params(("tag" = String, Path), ReadConditions),
    responses(
        (status = 200, content((String = "application/atom+xml")), description = "The newest 30 posts", headers(("ETag" = String, description = "Weak"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_tag_atom_feed(
    State(s): State<AppState>,
    Path(tag): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer_atom(&headers, &read_feed(&s, tagged(&tag)?).await?)
}

/// The newest posts with a hashtag, as JSON Feed 1.1. A tag is written with or without its sign.
#[utoipa::path(
    get, path = "/tags/{tag}/feed.json", tag = "feeds",
    params(("tag" = String, Path), ReadConditions),
    responses(
        (status = 200, content((JsonFeed = "application/feed+json")), description = "The newest 30 posts", headers(("ETag" = String, description = "Weak"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_tag_json_feed(
    State(s): State<AppState>,
    Path(tag): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer_json(&headers, &read_feed(&s, tagged(&tag)?).await?)
}

/// Reads the tag of a path as a list of posts. However a tag is written, its feed is the same one.
///
/// # Errors
/// [`Error::TagNotFound`] for what no text can have as a hashtag.
fn tagged(tag: &str) -> Result<Subject, Error> {
    let tag = tag.strip_prefix(['#', '＃']).unwrap_or(tag);
    let key = if tag.chars().count() > MAX_TAG { None } else { tag_key(tag) };
    key.map(Subject::Tag).ok_or(Error::TagNotFound)
}

/// Reads the newest posts of a list.
///
/// # Errors
/// [`Error::UserNotFound`] when the person is unknown, blocked or erased; [`Error::Db`] when a statement fails.
async fn read_feed(s: &AppState, subject: Subject) -> Result<Feed, Error> {
    let db = s.db.read();
    let (author, posts) = match &subject {
        Subject::Everybody => (None, posts::list(db, None, None, NEWEST).await?),
        Subject::Author(id) => {
            let username = users::visible_usernames(db, [*id]).await?.remove(id).ok_or(Error::UserNotFound)?;
            (Some(Author::new(*id, username)), posts::list(db, Some(*id), None, NEWEST).await?)
        }
        Subject::Tag(tag) => {
            let ids = search::find_tagged(db, tag, None, NEWEST).await?;
            (None, posts::find_in_order(db, ids).await?)
        }
    };
    Ok(Feed::new(&s.public_url, &subject, author, posts))
}

fn answer_atom(headers: &HeaderMap, feed: &Feed) -> Result<Response, Error> {
    answer(headers, atom::MEDIA_TYPE, feed.to_atom())
}

fn answer_json(headers: &HeaderMap, feed: &Feed) -> Result<Response, Error> {
    answer(headers, json::MEDIA_TYPE, serde_json::to_vec(&feed.to_json()).map_err(ApiError::internal)?)
}

/// Builds the answer with a feed, or 304 when the client has this feed already.
fn answer(headers: &HeaderMap, media_type: &'static str, body: Vec<u8>) -> Result<Response, Error> {
    let mut opaque = String::with_capacity(2 * TAG_BYTES);
    for byte in Sha256::digest(&body).iter().take(TAG_BYTES) {
        write!(opaque, "{byte:02x}").map_err(ApiError::internal)?;
    }
    let etag = HeaderValue::try_from(format!("W/\"{opaque}\"")).map_err(ApiError::internal)?;
    let mut response = answer_read(headers, media_type, body, etag).ok_or(Error::FeedChanged)?;
    response.headers_mut().insert(header::CACHE_CONTROL, CACHED);
    Ok(response)
}
