//! Pictures.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use shared::http::Path;

use crate::db::queries::posts;
use crate::error::Error;
use crate::state::AppState;

/// Serves a picture of a post that is shown. Its name never stands for another one, so it may be cached for good.
#[utoipa::path(
    get, path = "/media/{name}", tag = "posts", params(("name" = String, Path)),
    responses(
        (status = 200, description = "The picture", content((String = "image/png"), (String = "image/jpeg"), (String = "image/webp"))),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_image(State(s): State<AppState>, Path(name): Path<String>) -> Result<impl IntoResponse, Error> {
    if !posts::shows_image(s.db.read(), &name).await? {
        return Err(Error::ImageNotFound);
    }
    let (picture, kind) = s.media.get(&name).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_LENGTH, HeaderValue::from(picture.meta.size)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ];
    // Read as it is taken, so that slow readers hold no whole pictures.
    Ok((headers, Body::from_stream(picture.into_stream())))
}
