//! The route of pictures. A picture is served as long as a visible post has it.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::error::ApiError;
use shared::http::Path;
use shared::http::conditional::{self, Verdict};

use crate::db::queries::posts;
use crate::domain::range::{self, Part};
use crate::error::Error;
use crate::state::AppState;

/// The field by which a gateway says that it can send a file itself. It is a convention of Rack and others.
const SENDFILE_TYPE: &str = "x-sendfile-type";

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
    if !posts::is_image_shown(s.db.read(), &name).await? {
        return Err(Error::ImageNotFound);
    }
    let (picture, media_type) = s.media.open_picture(&name, None).await?;
    let tag = format!("\"{name}\"");
    let mut response = Response::default();
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if s.behind_gateway && headers.get(SENDFILE_TYPE).is_some_and(|kind| kind == "X-Accel-Redirect") {
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        return Ok(([("x-accel-redirect", format!("/stored-media/{name}"))], response).into_response());
    }
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    match conditional::evaluate(&method, &headers, |opaque| opaque == name) {
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
    let (picture, length) = match requested_part(&method, &headers, &tag, size) {
        Part::Whole => (picture, size),
        Part::RangeNotSatisfiable => return Err(Error::RangeNotSatisfiable(size)),
        Part::Bytes(range) => {
            let content = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let length = range.end - range.start;
            response = ([(header::CONTENT_RANGE, content)], response).into_response();
            (s.media.open_picture(&name, Some(range)).await?.0, length)
        }
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    // The file is read while it is sent, so that slow clients do not keep whole pictures in memory.
    *response.body_mut() = Body::from_stream(picture.into_stream());
    Ok(([(header::ETAG, tag)], response).into_response())
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
