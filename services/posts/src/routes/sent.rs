//! The body of a request that creates a post: JSON, or a form with a picture.
//!
//! A form is up to a hundred times as large as JSON. So room for it is reserved before its body is read, and the body
//! is bounded in size and in time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use shared::error::{ApiError, FieldErrors};
use shared::http::{Validate, is_json, read_json, within_body_timeout};
use shared::ids::UserId;
use tokio::time::Instant;

use super::post_in::PostIn;
use crate::error::Error;
use crate::media::Upload;
use crate::state::AppState;

/// The largest form, in bytes: a picture of 5 MiB and the text around it.
pub(crate) const MAX_FORM_BYTES: usize = 6 * 1024 * 1024;
/// The longest time for reading a body that is refused.
const DISCARD_WITHIN: Duration = Duration::from_secs(5);

/// A post as it was sent.
pub(super) struct SentPost {
    pub(super) post: PostIn,
    pub(super) image: Option<Upload>,
}

impl SentPost {
    /// Reads and validates the body.
    ///
    /// # Errors
    /// [`Error::TooManyUploads`] when there is no room for another form; an [`Error::Request`] with a 4xx when the body
    /// is not a valid post, or does not arrive in time.
    pub(super) async fn read(s: &AppState, user: UserId, request: Request) -> Result<Self, Error> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
            let (parts, body) = request.into_parts();
            if !is_json(&parts.headers) {
                let (text, taken) = ("The body must be JSON or a form", "application/json, multipart/form-data");
                return Err(ApiError::unsupported(text, header::ACCEPT, taken).into());
            }
            return Ok(Self { post: read_json(&parts.headers, body).await?, image: None });
        }
        let begun = Instant::now();
        let length = request.body().size_hint().upper().and_then(|length| usize::try_from(length).ok());
        // A body without a Content-Length may become as large as is allowed.
        let reservation = match s.uploads.reserve(user, length.unwrap_or(MAX_FORM_BYTES).min(MAX_FORM_BYTES)) {
            Ok(reservation) => Arc::new(reservation),
            Err(refused) => {
                discard_body(request).await;
                return Err(refused);
            }
        };
        let form = Multipart::from_request(request, s).await;
        let form = form.map_err(|error| {
            ApiError::bad_request("bad_multipart", "The Content-Type names no boundary").caused_by(error.body_text())
        })?;
        let (post, image) = within_body_timeout(read_form(form)).await??;
        Ok(Self { post, image: image.map(|file| Upload { file, begun, _reservation: reservation }) })
    }
}

/// Reads and discards the body of a request that is refused. Without this the connection would close while the client
/// still sends, and many clients would never see the answer.
async fn discard_body(request: Request) {
    // A client that sent `Expect` waits for 100 before it sends its body, and so needs none of this.
    if !request.headers().contains_key(header::EXPECT) {
        let mut pieces = request.into_body().into_data_stream();
        let read = async { while let Some(Ok(_)) = pieces.next().await {} };
        // A client that takes longer gets the answer although it still sends.
        let _ended = tokio::time::timeout(DISCARD_WITHIN, read).await;
    }
}

/// Reads the fields of a form, each at most once, and validates them. Returns the post and, if one was sent, the file
/// of its picture.
async fn read_form(mut form: Multipart) -> Result<(PostIn, Option<Bytes>), ApiError> {
    let bad = |error: MultipartError| {
        let (code, text) = if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ("body_too_large", "A form may have at most 6 MiB")
        } else {
            ("bad_multipart", "The form is not complete, or not as multipart/form-data is written")
        };
        ApiError::new(error.status(), code, text).caused_by(error.body_text())
    };
    let (mut title, mut content, mut image) = (None, None, None);
    while let Some(field) = form.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_owned();
        let given = match name.as_str() {
            "image" => image.is_some(),
            "title" => title.is_some(),
            "content" => content.is_some(),
            _ => false,
        };
        if given {
            return Err(ApiError::invalid_field(&name, "is given twice"));
        }
        match name.as_str() {
            "image" => {
                // A browser sends a file without name and content when the person has chosen none.
                let named = field.file_name().is_some_and(|name| !name.is_empty());
                let file = field.bytes().await.map_err(bad)?;
                if file.is_empty() && named {
                    return Err(ApiError::invalid_field("image", "is an empty file"));
                }
                image = Some(file);
            }
            "title" => title = Some(field_text(&field.bytes().await.map_err(bad)?)?),
            "content" => content = Some(field_text(&field.bytes().await.map_err(bad)?)?),
            other => return Err(ApiError::invalid_field(other, "is not a field of a post")),
        }
    }
    let mut errors = FieldErrors::default();
    if title.is_none() {
        errors.add("title", "is missing");
    }
    if content.is_none() {
        errors.add("content", "is missing");
    }
    let (Some(title), Some(content)) = (title, content) else {
        errors.into_result()?;
        return Err(ApiError::bad_request("bad_multipart", "The form is not complete"));
    };
    let post = PostIn { title, content: content.into() };
    post.validate(&mut errors);
    errors.into_result()?;
    Ok((post, image.filter(|image| !image.is_empty())))
}

/// The text of a field, which must be UTF-8.
fn field_text(bytes: &[u8]) -> Result<String, ApiError> {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_error| ApiError::bad_request("bad_multipart", "A text field is not valid UTF-8"))
}
