//! The routes of pictures. A picture is served as long as a visible post has it, or it waits for its post.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use object_store::GetResult;
use shared::auth::CurrentUser;
use shared::error::ApiError;
use shared::http::conditional::{self, Verdict};
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Path};
use shared::pictures::Picture;

use super::post_in::PictureForm;
use super::sent::SentPicture;
use crate::actions;
use crate::db::queries::{pictures, posts};
use crate::domain::image::FileName;
use crate::domain::range::{self, Part};
use crate::error::Error;
use crate::state::AppState;

/// The field by which a gateway says that it can send a file itself. It is a convention of Rack and others.
const SENDFILE_TYPE: &str = "x-sendfile-type";

/// Sends a picture that a post can have.
///
/// It is removed when no post of its owner has it within a day. Files with fewer pixels (`sizes`) are made soon after the
/// answer; until then their paths serve the picture itself.
#[utoipa::path(
    post, path = "/media", tag = "posts", security(("bearer" = [])), params(IdempotencyKey),
    request_body(content = PictureForm, content_type = "multipart/form-data"),
    responses((status = 201, body = Picture, headers(("Location" = String, description = "Its path"))))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn upload_picture(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    request: Request,
) -> Result<Answer, Error> {
    let SentPicture { alt, image } = SentPicture::read(&s, user.id, request).await?;
    let parts = [&image.file[..], alt.as_deref().unwrap_or_default().as_bytes()];
    let request = key.request(Some(user.id), &parts);
    let answer = actions::upload_picture(&s.db, &s.media, user, request, alt, image).await?;
    Ok(answer.with_location_in("/url"))
}

/// Serves a picture of a post that is shown, or a part of it.
///
/// Its name never stands for another picture, so the name is its ETag; caches ask again after an hour whether it is still shown.
/// A gateway that sees the folder, and is the only way in, says so with `X-Sendfile-Type: X-Accel-Redirect` and sends the file
/// itself; posts only decides whether anybody may see it.
#[utoipa::path(
    get, path = "/media/{name}", tag = "posts",
    params(
        ("name" = String, Path), ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=0-999`"),
        ("If-Range" = Option<String>, Header, description = "Only if the ETag is still this one, else the whole"),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the client has the body of"),
        ("If-Match" = Option<String>, Header, description = "ETags of which one must be the current one")
    ),
    responses(
        (status = 200, description = "The picture", content((String = "image/png"), (String = "image/jpeg"), (String = "image/webp"))),
        (status = 206, description = "The part of it that was asked for", content((String = "image/png"), (String = "image/jpeg"), (String = "image/webp"))),
        (status = 304, description = "Unchanged"),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_image(
    State(s): State<AppState>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let asked = FileName::parse(&name).ok_or(Error::ImageNotFound)?;
    let ShownFile { file, name, is_final } = open_shown(&s, asked).await?;
    let caching = if is_final { "public, max-age=3600" } else { "public, no-cache" };
    send_file(&s, &method, &headers, (file, name), caching).await
}

/// Answers with a file, or the part of it that the request asks for.
pub(super) async fn send_file(
    s: &AppState,
    method: &Method,
    headers: &HeaderMap,
    (picture, name): (GetResult, FileName),
    caching: &'static str,
) -> Result<Response, Error> {
    let (media_type, file_name) = (name.media_type(), name.to_string());
    let tag = format!("\"{file_name}\"");
    let mut response = Response::default();
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if s.behind_gateway && headers.get(SENDFILE_TYPE).is_some_and(|kind| kind == "X-Accel-Redirect") {
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        return Ok(([("x-accel-redirect", format!("/stored-media/{file_name}"))], response).into_response());
    }
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    match conditional::evaluate(method, headers, |opaque| opaque == file_name) {
        Verdict::Failed => {
            let text = "The picture is another one";
            return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", text).into());
        }
        Verdict::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(([(header::ETAG, tag)], response).into_response());
        }
        Verdict::Go => {}
    }
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let size = picture.meta.size;
    let (picture, length) = match requested_part(method, headers, &tag, size) {
        Part::Whole => (picture, size),
        Part::RangeNotSatisfiable => return Err(Error::RangeNotSatisfiable(size)),
        Part::Bytes(range) => {
            let content = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let length = range.end - range.start;
            response = ([(header::CONTENT_RANGE, content)], response).into_response();
            (s.media.open_picture(&name, Some(range)).await?, length)
        }
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    // The file is read while it is sent, so that slow clients do not keep whole pictures in memory.
    *response.body_mut() = Body::from_stream(picture.into_stream());
    Ok(([(header::ETAG, tag)], response).into_response())
}

/// A file that anybody may see.
struct ShownFile {
    file: GetResult,
    /// The name of the file, which may be another one than was asked for.
    name: FileName,
    /// False while the picture itself stands in for a size that is not made yet.
    is_final: bool,
}

/// Opens a file of a picture that is shown. While a size is not made yet, it is the picture itself.
async fn open_shown(s: &AppState, asked: FileName) -> Result<ShownFile, Error> {
    let Some(picture) = pictures::find_shown(s.db.read(), &asked.stem).await? else {
        // The picture of a post from before there were several has no row until it is measured.
        if asked.width.is_some() || !posts::is_image_shown(s.db.read(), &asked.to_string()).await? {
            return Err(Error::ImageNotFound);
        }
        return Ok(ShownFile { file: s.media.open_picture(&asked, None).await?, name: asked, is_final: true });
    };
    if !pictures::file_names(&picture).contains(&asked) {
        return Err(Error::ImageNotFound);
    }
    match s.media.open_picture(&asked, None).await {
        Err(Error::ImageNotFound) if asked.width.is_some() => {
            let name = pictures::file_name(&picture);
            Ok(ShownFile { file: s.media.open_picture(&name, None).await?, name, is_final: false })
        }
        found => Ok(ShownFile { file: found?, name: asked, is_final: true }),
    }
}

/// Determines the part of a picture that the request asks for. A range has a meaning for GET only. It is ignored when
/// `If-Range` names another tag than `tag`, because the client could not join the part with what it has.
fn requested_part(method: &Method, headers: &HeaderMap, tag: &str, size: u64) -> Part {
    let text = |field| headers.get(field).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_same_version = text(header::IF_RANGE).is_none_or(|known| known.trim() == tag);
    match text(header::RANGE) {
        Some(field) if method == Method::GET && is_same_version => range::read(field, size),
        _ => Part::Whole,
    }
}
