//! The body of a request that creates a post or sends a picture: JSON, or a form with a picture.
//!
//! A form is up to a hundred times as large as JSON. So room for it is reserved before its body is read, and the body
//! is bounded in size and in time.

use std::collections::HashMap;
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

use super::post_in::{PostIn, check_alt};
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
    /// The text of the picture that came along.
    pub(super) alt: Option<String>,
    pub(super) image: Option<Upload>,
}

impl SentPost {
    /// Reads and validates the body.
    ///
    /// # Errors
    /// [`Error::TooManyUploads`] when there is no room for another form; an [`Error::Request`] with a 4xx when the body
    /// is not a valid post, or does not arrive in time.
    pub(super) async fn read(s: &AppState, user: UserId, request: Request) -> Result<Self, Error> {
        if !is_form(&request) {
            let (parts, body) = request.into_parts();
            if !is_json(&parts.headers) {
                let (text, taken) = ("The body must be JSON or a form", "application/json, multipart/form-data");
                return Err(ApiError::unsupported(text, header::ACCEPT, taken).into());
            }
            return Ok(Self { post: read_json(&parts.headers, body).await?, alt: None, image: None });
        }
        let mut form = read_form(s, user, request, &["title", "content", "alt"]).await?;
        let (title, content, alt) = (form.take("title"), form.take("content"), form.take("alt"));
        let mut errors = FieldErrors::default();
        if title.is_none() {
            errors.add("title", "is missing");
        }
        if content.is_none() {
            errors.add("content", "is missing");
        }
        if let Some(alt) = &alt {
            check_alt(&mut errors, "alt", alt);
        }
        if alt.as_ref().is_some_and(|alt| !alt.is_empty()) && form.image.is_none() {
            errors.add("alt", "needs a picture");
        }
        let (Some(title), Some(content)) = (title, content) else {
            errors.into_result()?;
            return Err(ApiError::bad_request("bad_multipart", "The form is not complete").into());
        };
        let post = PostIn { title, content: content.into(), images: Vec::new() };
        post.validate(&mut errors);
        errors.into_result()?;
        Ok(Self { post, alt, image: form.image })
    }
}

/// A picture as it was sent, without a post.
pub(super) struct SentPicture {
    pub(super) alt: Option<String>,
    pub(super) image: Upload,
}

impl SentPicture {
    /// Reads and validates the body.
    ///
    /// # Errors
    /// [`Error::TooManyUploads`] when there is no room for another form; an [`Error::Request`] with a 4xx when the body
    /// is not a form with a picture, or does not arrive in time.
    pub(super) async fn read(s: &AppState, user: UserId, request: Request) -> Result<Self, Error> {
        Self::read_with(s, user, request, &["alt"]).await
    }

    /// Reads a picture that comes without a text.
    ///
    /// # Errors
    /// As in [`SentPicture::read`].
    pub(super) async fn read_alone(s: &AppState, user: UserId, request: Request) -> Result<Upload, Error> {
        Ok(Self::read_with(s, user, request, &[]).await?.image)
    }

    async fn read_with(s: &AppState, user: UserId, request: Request, texts: &[&'static str]) -> Result<Self, Error> {
        if !is_form(&request) {
            let text = "The body must be a form with a picture";
            return Err(ApiError::unsupported(text, header::ACCEPT, "multipart/form-data").into());
        }
        let mut form = read_form(s, user, request, texts).await?;
        let (alt, mut errors) = (form.take("alt"), FieldErrors::default());
        if let Some(alt) = &alt {
            check_alt(&mut errors, "alt", alt);
        }
        let Some(image) = form.image else {
            errors.add("image", "is missing");
            errors.into_result()?;
            return Err(ApiError::bad_request("bad_multipart", "The form is not complete").into());
        };
        errors.into_result()?;
        Ok(Self { alt, image })
    }
}

/// True when the body is a form that can hold a file.
fn is_form(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
}

/// The fields of a form.
struct SentForm {
    texts: HashMap<&'static str, String>,
    image: Option<Upload>,
}

impl SentForm {
    fn take(&mut self, field: &str) -> Option<String> {
        self.texts.remove(field)
    }
}

/// Reads a form with these text fields and a picture, in the room that is reserved for it.
async fn read_form(s: &AppState, user: UserId, request: Request, texts: &[&'static str]) -> Result<SentForm, Error> {
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
    let (texts, image) = within_body_timeout(read_fields(form, texts)).await??;
    // A browser sends an empty field when the person has chosen no file.
    let image = image.filter(|image| !image.is_empty());
    Ok(SentForm { texts, image: image.map(|file| Upload { file, begun, _reservation: reservation }) })
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

/// The texts of a form by the names of their fields, and the file of its picture, if one was sent.
type Fields = (HashMap<&'static str, String>, Option<Bytes>);

/// Reads the fields of a form, each at most once: `image`, and the text fields in `allowed`.
async fn read_fields(mut form: Multipart, allowed: &[&'static str]) -> Result<Fields, ApiError> {
    let bad = |error: MultipartError| {
        let (code, text) = if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ("body_too_large", "A form may have at most 6 MiB")
        } else {
            ("bad_multipart", "The form is not complete, or not as multipart/form-data is written")
        };
        ApiError::new(error.status(), code, text).caused_by(error.body_text())
    };
    let (mut texts, mut image) = (HashMap::new(), None);
    while let Some(field) = form.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_owned();
        if texts.contains_key(name.as_str()) || (name == "image" && image.is_some()) {
            return Err(ApiError::invalid_field(&name, "is given twice"));
        }
        if name == "image" {
            // A browser sends a file without name and content when the person has chosen none.
            let named = field.file_name().is_some_and(|name| !name.is_empty());
            let file = field.bytes().await.map_err(bad)?;
            if file.is_empty() && named {
                return Err(ApiError::invalid_field("image", "is an empty file"));
            }
            image = Some(file);
            continue;
        }
        let Some(known) = allowed.iter().find(|known| **known == name) else {
            return Err(ApiError::invalid_field(&name, "is not a field of this form"));
        };
        texts.insert(*known, field_text(&field.bytes().await.map_err(bad)?)?);
    }
    Ok((texts, image))
}

/// The text of a field, which must be UTF-8.
fn field_text(bytes: &[u8]) -> Result<String, ApiError> {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_error| ApiError::bad_request("bad_multipart", "A text field is not valid UTF-8"))
}
