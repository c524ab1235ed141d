//! Pictures.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use shared::http::Path;

use crate::db::queries::posts;
use crate::error::Error;
use crate::state::AppState;

/// How a gateway says that it can send a file itself: the convention of Rack and others.
const SENDFILE_TYPE: &str = "x-sendfile-type";

/// Serves a picture of a post that is shown. Its name never stands for another one, so it may be cached for good.
///
/// A gateway that sees the folder says so with `X-Sendfile-Type: X-Accel-Redirect` and sends the file itself; posts only
/// decides whether anybody may see it.
#[utoipa::path(
    get, path = "/media/{name}", tag = "posts", params(("name" = String, Path)),
    responses(
        (status = 200, description = "The picture", content((String = "image/png"), (String = "image/jpeg"), (String = "image/webp"))),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_image(
    State(s): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if !posts::shows_image(s.db.read(), &name).await? {
        return Err(Error::ImageNotFound);
    }
    let (picture, kind) = s.media.get(&name).await?;
    let common = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ];
    if headers.get(SENDFILE_TYPE).is_some_and(|kind| kind == "X-Accel-Redirect") {
        return Ok((common, [("x-accel-redirect", format!("/stored-media/{name}"))]).into_response());
    }
    let size = (header::CONTENT_LENGTH, HeaderValue::from(picture.meta.size));
    // Read as it is taken, so that slow readers hold no whole pictures.
    Ok((common, [size], Body::from_stream(picture.into_stream())).into_response())
}
