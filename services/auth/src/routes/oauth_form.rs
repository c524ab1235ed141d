//! The parameters of OAuth 2.0 requests, in a query or in a form (RFC 6749, section 3). Unknown parameters are ignored,
//! and none may be given twice, because two readers of the request might use different ones.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, header};

use crate::answers::TokenError;

/// The largest form, in bytes.
const MAX_FORM: usize = 64 * 1024;
/// The largest value of a parameter, in bytes. A password has up to 128 characters in NFKC, and some keyboards send
/// nine bytes for one of them.
const MAX_VALUE: usize = 1_536;

/// The parameters of a request, in their order.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request.
    pub(super) async fn of_body(headers: &HeaderMap, body: Body) -> Result<Self, TokenError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(bad("The body must be application/x-www-form-urlencoded"));
        }
        let bytes = to_bytes(body, MAX_FORM).await;
        let bytes = bytes.map_err(|_too_large| bad("The body could not be read, or is too large"))?;
        Ok(Self::of_bytes(&bytes))
    }

    /// Reads the query of a request.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self::of_bytes(query.unwrap_or_default().as_bytes())
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// Returns the value of a required parameter.
    pub(super) fn get(&self, name: &str) -> Result<&str, TokenError> {
        self.find(name)?.ok_or_else(|| bad("A required field is missing"))
    }

    /// Returns the value of an optional parameter. An empty value counts as missing.
    pub(super) fn find(&self, name: &str) -> Result<Option<&str>, TokenError> {
        let mut values =
            self.0.iter().filter(|(field, value)| field == name && !value.is_empty()).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) if value.len() <= MAX_VALUE => Ok(Some(value)),
            (Some(_), None) => Err(bad("A field is too long")),
            (Some(_), Some(_)) => Err(bad("A field is given twice")),
            (None, _) => Ok(None),
        }
    }
}

fn bad(error_description: &'static str) -> TokenError {
    TokenError::new("invalid_request", error_description)
}
