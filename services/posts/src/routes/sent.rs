//! A new post as it was sent: JSON, or a form with a picture.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use shared::error::{ApiError, FieldErrors};
use shared::http::{Validate, arrive, is_json, read_json};
use shared::ids::UserId;
use tokio::time::Instant;

use super::posts::PostIn;
use crate::error::Error;
use crate::state::AppState;
use crate::uploads::Upload;

/// A multipart body: a picture of 5 MiB and the text around it, in bytes.
pub(crate) const MULTIPART: usize = 6 * 1024 * 1024;
/// The time for reading a body that is refused.
const PATIENCE: Duration = Duration::from_secs(5);

/// A post as it was sent: JSON, or a form with a picture.
pub(super) struct Sent {
    pub(super) post: PostIn,
    pub(super) image: Option<Upload>,
}

impl Sent {
    /// Reads it. Room for a picture is taken before its body is read.
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
        let place = match s.uploads.admit(user, length.unwrap_or(MULTIPART).min(MULTIPART)) {
            Ok(place) => Arc::new(place),
            Err(refused) => {
                read_in_vain(request).await;
                return Err(refused);
            }
        };
        let form = Multipart::from_request(request, s).await;
        let form = form.map_err(|error| {
            ApiError::bad_request("bad_multipart", "The Content-Type names no boundary").caused_by(error.body_text())
        })?;
        let (post, image) = arrive(read_form(form)).await??;
        Ok(Self { post, image: image.map(|file| Upload { file, begun, _place: place }) })
    }
}

/// Reads a body that is refused, piece by piece, unless the client waits for a word first: else the connection would break
/// while the client still sends, and many never see the answer.
async fn read_in_vain(request: Request) {
    if !request.headers().contains_key(header::EXPECT) {
        let mut pieces = request.into_body().into_data_stream();
        let read = async { while let Some(Ok(_)) = pieces.next().await {} };
        // A client that takes longer gets the answer now.
        let _ended = tokio::time::timeout(PATIENCE, read).await;
    }
}

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
                // Browsers send a file without name and content when none was chosen.
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

fn field_text(bytes: &[u8]) -> Result<String, ApiError> {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_error| ApiError::bad_request("bad_multipart", "A text field is not valid UTF-8"))
}
