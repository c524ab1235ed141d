//! Forms: what was typed, and what was refused of it.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderValue, StatusCode};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use shared::error::ApiError;
use shared::http::within_body_timeout;

use crate::api::is_key;
use crate::error::Error;
use crate::text::Language;
use crate::views::{Field, Form};

/// The largest form without a file, in bytes. Browsers write a sign of a long text as up to twelve bytes.
const MAX_FORM: usize = 512 * 1024;

/// The fields of a form, as they were typed.
pub(crate) struct Typed<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Typed<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Error> {
        let body = within_body_timeout(to_bytes(request.into_body(), MAX_FORM)).await?;
        let body = body.map_err(|error| too_large().caused_by(error))?;
        let typed = serde_urlencoded::from_bytes(&body);
        typed
            .map(Self)
            .map_err(|error| ApiError::bad_request("bad_body", "The form is not complete").caused_by(error).into())
    }
}

fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The form is too large")
}

/// The fields of a form with a file, and the file.
#[derive(Default)]
pub(crate) struct Upload {
    /// The fields, by name.
    fields: Vec<(String, String)>,
    /// The file: name, type and content. Absent if none was chosen.
    pub(crate) file: Option<File>,
}

/// A file of a form.
pub(crate) struct File {
    content_type: String,
    content: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let bad = |error: axum::extract::multipart::MultipartError| {
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                return too_large();
            }
            ApiError::bad_request("bad_multipart", "The form cannot be read").caused_by(error)
        };
        let read = async {
            let parts = Multipart::from_request(request, state).await;
            let mut parts = parts
                .map_err(|error| ApiError::bad_request("bad_multipart", "The form cannot be read").caused_by(error))?;
            let mut upload = Self::default();
            while let Some(part) = parts.next_field().await.map_err(bad)? {
                let name = part.name().unwrap_or_default().to_owned();
                let content_type = part.content_type().map(str::to_owned);
                let is_file = part.file_name().is_some();
                let content = part.bytes().await.map_err(bad)?;
                if !is_file {
                    upload.fields.push((name, String::from_utf8_lossy(&content).into_owned()));
                } else if !content.is_empty() {
                    // A browser sends an empty file when none was chosen.
                    upload.file = Some(File { content_type: content_type.unwrap_or_default(), content });
                }
            }
            Ok::<_, ApiError>(upload)
        };
        Ok(within_body_timeout(read).await??)
    }
}

impl Upload {
    /// Returns what was typed into a field; empty if nothing was.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Writes a form for the API with these fields and the file as `image`. `None` without a file.
    pub(crate) fn write(&self, fields: &[&str]) -> Option<(HeaderValue, Bytes)> {
        let file = self.file.as_ref()?;
        let boundary = format!("chatty-{:032x}", rand::random::<u128>());
        let mut body = Vec::with_capacity(file.content.len() + 1_024);
        for name in fields {
            let value = self.value(name);
            body.extend_from_slice(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        }
        // The API looks at the content of the file; its type is what the browser says, without line breaks.
        let kind = HeaderValue::try_from(&*file.content_type).ok();
        let kind = kind.as_ref().and_then(|kind| kind.to_str().ok()).unwrap_or("application/octet-stream");
        let head = "Content-Disposition: form-data; name=\"image\"; filename=\"image\"";
        body.extend_from_slice(format!("--{boundary}\r\n{head}\r\nContent-Type: {kind}\r\n\r\n").as_bytes());
        body.extend_from_slice(&file.content);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}")).ok()?;
        Some((content_type, body.into()))
    }
}

impl Form {
    /// An empty form.
    pub(crate) fn new() -> Self {
        Self { key: format!("{:032x}", rand::random::<u128>()), ..Self::default() }
    }

    /// A form with these values, and with the key with which it was sent before.
    pub(crate) fn filled(fields: &[(&'static str, &str)], key: &str) -> Self {
        let fields = fields.iter().map(|(name, value)| Field { name, value: (*value).to_owned(), error: None });
        let mut form = Self { fields: fields.collect(), ..Self::new() };
        if is_key(key) {
            key.clone_into(&mut form.key);
        }
        form
    }

    /// Shows the form again with what was refused, and the status for the page. A refusal that no form can mend, such as
    /// an ended session, stays an error.
    ///
    /// # Errors
    /// That error.
    pub(crate) fn refuse(mut self, error: Error, language: &Language) -> Result<(StatusCode, Self), Error> {
        let refusal = match error {
            // The session has ended, which is another matter than a wrong password.
            Error::Refused(refusal) if refusal.code == "unauthorized" => return Err(Error::Refused(refusal)),
            Error::Refused(refusal) => *refusal,
            Error::Away(error) => {
                tracing::warn!(%error, "A form could not be handed on.");
                self.error = Some(language.say("form-away").into_owned());
                return Ok((StatusCode::SERVICE_UNAVAILABLE, self));
            }
            other => return Err(other),
        };
        // A key belongs to one content, and what is sent next is another one. But what may have been stored keeps it.
        if !refusal.status.is_server_error() {
            self.key = Self::new().key;
        }
        let mut is_shown = false;
        for error in refusal.errors {
            let name = error.pointer.trim_start_matches('/');
            if let Some(field) = self.fields.iter_mut().find(|field| field.name == name) {
                field.error = Some(sentence(&error.detail));
                is_shown = true;
            } else {
                self.error = Some(sentence(&format!("{name} {}", error.detail)));
                is_shown = true;
            }
        }
        if !is_shown {
            let known = language.try_say(&format!("problem-{}", refusal.code)).map(std::borrow::Cow::into_owned);
            self.error = Some(known.unwrap_or_else(|| sentence(&refusal.detail)));
        } else if self.error.is_none() {
            self.error = Some(language.say("form-look").into_owned());
        }
        if let Some(seconds) = refusal.retry_after {
            let minutes = i64::try_from(seconds.div_ceil(60)).unwrap_or(i64::MAX);
            self.error = Some(format!("{} {}", self.error.unwrap_or_default(), language.count("form-wait", minutes)));
        }
        Ok((refusal.status, self))
    }

    /// Adds a field without a value, so that what is refused of it is shown beside it. For passwords.
    pub(crate) fn hiding(mut self, name: &'static str) -> Self {
        self.fields.push(Field { name, value: String::new(), error: None });
        self
    }
}

/// Makes a sentence of a rule or a problem of the API.
fn sentence(detail: &str) -> String {
    let mut signs = detail.trim().chars();
    let first: String = signs.next().into_iter().flat_map(char::to_uppercase).collect();
    let rest = signs.as_str();
    let end = if rest.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{rest}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{FieldError, Refusal};
    use crate::text::tests::english;

    fn refusal(errors: &[(&str, &str)], retry_after: Option<u64>) -> Error {
        let errors = errors
            .iter()
            .map(|(pointer, detail)| FieldError { pointer: (*pointer).to_owned(), detail: (*detail).to_owned() });
        Error::Refused(Box::new(Refusal {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: "some_code".to_owned(),
            detail: "the request breaks a rule".to_owned(),
            errors: errors.collect(),
            retry_after,
            challenge: None,
        }))
    }

    #[test]
    fn a_refused_form_keeps_what_was_typed() {
        let key = "0123456789abcdef0123456789abcdef";
        let typed = || Form::filled(&[("username", "ann <b>")], key).hiding("password");
        assert_eq!(typed().key, key);
        let errors = [("/username", "must be shorter"), ("/password", "is too common")];
        let (status, form) = typed().refuse(refusal(&errors, None), &english()).unwrap();
        assert_eq!((status, form.value("username")), (StatusCode::UNPROCESSABLE_ENTITY, "ann <b>"));
        assert_eq!(form.error_of("username"), Some("Must be shorter."));
        assert_eq!(form.error_of("password"), Some("Is too common."));
        assert_ne!(form.key, key);
        let (_, form) = typed().refuse(refusal(&[], Some(61)), &english()).unwrap();
        assert_eq!(form.error.as_deref(), Some("The request breaks a rule. Try again in 2 minutes."));
        assert!(typed().refuse(Error::SignInFirst, &english()).is_err());
        let Error::Refused(mut unknown) = refusal(&[], None) else { unreachable!() };
        unknown.status = StatusCode::GATEWAY_TIMEOUT;
        let (_, form) = typed().refuse(Error::Refused(unknown), &english()).unwrap();
        assert_eq!(form.key, key, "it may have been stored");
    }

    #[test]
    fn a_form_with_a_file_is_written_for_the_api() {
        let fields = vec![("title".to_owned(), "a\r\n--b".to_owned()), ("key".to_owned(), "k".to_owned())];
        let file = Some(File { content_type: "image/png\r\nX: y".to_owned(), content: Bytes::from_static(b"PNG") });
        let upload = Upload { fields, file };
        let (content_type, body) = upload.write(&["title"]).unwrap();
        let boundary = content_type.to_str().unwrap().split_once("boundary=").unwrap().1.to_owned();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(text.matches(&boundary).count(), 3);
        assert!(text.contains("name=\"title\"") && !text.contains("name=\"key\"") && !text.contains("X: y"), "{text}");
        assert!(Upload::default().write(&["title"]).is_none());
    }
}
