//! The routes of avatars. The path of a person's avatar stays the same, whatever picture the person chooses.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use object_store::GetResult;
use shared::auth::CurrentUser;
use shared::http::conditional::{self, Verdict};
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Path};
use shared::ids::UserId;

use super::media::send_file;
use super::post_in::AvatarForm;
use super::sent::SentPicture;
use crate::actions;
use crate::answers::drawn_avatar::DrawnAvatar;
use crate::answers::message::Message;
use crate::db::queries::{pictures, users};
use crate::domain::image::FileName;
use crate::error::Error;
use crate::state::AppState;

/// Caches ask again after five minutes whether the avatar is still the same.
const CACHING: &str = "public, max-age=300";

/// Chooses a picture as my avatar, instead of the former one.
///
/// Its middle becomes a square of at most 256 pixels. The limits of a picture of a post hold.
#[utoipa::path(
    put, path = "/users/{id}/avatar", tag = "posts", security(("bearer" = [])), params(IdempotencyKey, ("id" = UserId, Path)),
    request_body(content = AvatarForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn set_avatar(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
    request: Request,
) -> Result<Answer, Error> {
    require_own(&user, id)?;
    let picture = SentPicture::read_alone(&s, user.id, request).await?;
    actions::set_avatar(&s.db, &s.media, key, &user, picture).await
}

/// Removes my avatar, so that a drawn one is shown again.
#[utoipa::path(
    delete, path = "/users/{id}/avatar", tag = "posts", security(("bearer" = [])), params(IdempotencyKey, ("id" = UserId, Path)),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn remove_avatar(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
) -> Result<Answer, Error> {
    require_own(&user, id)?;
    actions::remove_avatar(&s.db, &s.media, key, id).await
}

fn require_own(user: &CurrentUser, id: UserId) -> Result<(), Error> {
    if user.id == id { Ok(()) } else { Err(Error::NotYourAvatar) }
}

/// Serves the avatar of a person: the picture that the person has chosen, or else a drawing of the name's first letter.
#[utoipa::path(
    get, path = "/users/{id}/avatar", tag = "posts",
    params(
        ("id" = UserId, Path),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the client has the body of"),
    ),
    responses(
        (status = 200, description = "The avatar", content((String = "image/svg+xml"), (String = "image/jpeg"), (String = "image/webp"))),
        (status = 206, description = "The part of a chosen avatar that was asked for", content((String = "image/jpeg"), (String = "image/webp"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %id))]
pub(crate) async fn get_avatar(
    State(s): State<AppState>,
    Path(id): Path<UserId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let username = users::visible_usernames(s.db.read(), [id]).await?.remove(&id).ok_or(Error::UserNotFound)?;
    if let Some(found) = open_chosen(&s, id).await? {
        return send_file(&s, &method, &headers, found, CACHING).await;
    }
    let drawn = DrawnAvatar::of(id, &username);
    let tag = drawn.tag();
    let caching = [(header::CACHE_CONTROL, HeaderValue::from_static(CACHING))];
    let fields = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")),
    ];
    let tagged = [(header::ETAG, format!("\"{tag}\""))];
    Ok(match conditional::evaluate(&method, &headers, |opaque| opaque == tag) {
        Verdict::Go => (tagged, caching, fields, drawn.to_string()).into_response(),
        Verdict::NotModified => (StatusCode::NOT_MODIFIED, tagged, caching).into_response(),
        Verdict::Failed => return Err(Error::AvatarChanged),
    })
}

/// Opens the avatar that a person has chosen. `None` when there is none, or its file is lost.
async fn open_chosen(s: &AppState, id: UserId) -> Result<Option<(GetResult, FileName)>, Error> {
    // Twice, because another avatar may take the place of the first one between the two reads, and its file goes.
    for _ in 0..2 {
        let Some(row) = pictures::find_avatar(s.db.read(), id).await? else { return Ok(None) };
        let name = pictures::file_name(&row);
        match s.media.open_picture(&name, None).await {
            Err(Error::ImageNotFound) => {}
            found => return Ok(Some((found?, name))),
        }
    }
    Ok(None)
}
