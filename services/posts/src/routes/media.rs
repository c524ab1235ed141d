//! Pictures.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use shared::http::Path;

use crate::error::Error;
use crate::state::AppState;

/// Serves a picture. Its name never stands for another one, so it may be cached for good.
#[utoipa::path(
    get, path = "/media/{name}", tag = "posts", params(("name" = String, Path)),
    responses(
        (status = 200, description = "The picture", content((String = "image/png"), (String = "image/jpeg"), (String = "image/webp"))),
    )
)]
#[tracing::instrument(skip_all)]
pub(crate) async fn get_image(State(s): State<AppState>, Path(name): Path<String>) -> Result<impl IntoResponse, Error> {
    let (bytes, kind) = s.media.get(&name).await?;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    Ok((headers, bytes))
}
