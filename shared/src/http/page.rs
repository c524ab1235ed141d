//! Pages of lists: reads `?limit=` and `?cursor=`, and answers with `next` in the body and a `Link` header (RFC 8288).
//!
//! A cursor is the key of the last item of the page before, in an opaque form. So a page costs the same wherever it is
//! in the list, and items that are added meanwhile do not shift it. A checksum of the list's path and filters is a part of
//! it, because the key of one list means nothing in another.

use axum::body::Body;
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::{HeaderValue, Uri, header, request::Parts};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::error::ApiError;

/// The first capacity of the buffer for a page, in bytes. Most pages fit, so the buffer rarely grows.
const USUAL_BYTES: usize = 16 * 1024;

/// The key of an item, by which a list is ordered.
pub trait CursorKey: Sized {
    /// The pattern of the cursors (ECMA-262), for the API's description.
    const PATTERN: &'static str;

    /// Returns the key as bytes.
    fn to_bytes(&self) -> Vec<u8>;

    /// Reads the key from its bytes; `None` if they are not those of a key.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl CursorKey for i64 {
    /// Eight bytes, of which the first is below 128, and four of the checksum, in base64.
    const PATTERN: &'static str = "^[A-Za-f][A-Za-z0-9_-]{15}$";

    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes).filter(|key| *key >= 0)
    }
}

/// Two keys: of items with the same first key, the second one decides.
impl CursorKey for (i64, i64) {
    /// Sixteen bytes, of which the first is below 128, and four of the checksum, in base64.
    const PATTERN: &'static str = "^[A-Za-f][A-Za-z0-9_-]{25}[AEIMQUYcgkosw048]$";

    fn to_bytes(&self) -> Vec<u8> {
        [self.0.to_be_bytes(), self.1.to_be_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_first_chunk()?;
        let second = second.try_into().ok().map(i64::from_be_bytes)?;
        Some((i64::from_be_bytes(*first), second)).filter(|(first, _)| *first >= 0)
    }
}

/// The page of a list that a client asks for. `K` is the key by which the list is ordered.
#[derive(Clone, Debug)]
pub struct Page<K = i64> {
    /// The most items of the page: 1..=100, by default 20.
    pub limit: u64,
    /// The key of the last item of the page before; `None` for the first page.
    pub after: Option<K>,
    uri: Uri,
}

#[derive(serde::Deserialize)]
struct Raw {
    limit: Option<String>,
    cursor: Option<String>,
}

impl<S: Send + Sync, K: CursorKey> FromRequestParts<S> for Page<K> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let OriginalUri(uri) =
            OriginalUri::from_request_parts(parts, state).await.unwrap_or_else(|never| match never {});
        let super::Query(raw) = super::Query::<Raw>::from_request_parts(parts, state).await?;
        let limit = match raw.limit.as_deref() {
            None => 20,
            Some(text) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(ApiError::bad_request("bad_query", "limit must be an integer"));
                }
                match text.parse() {
                    Ok(limit @ 1..=100) => limit,
                    _ => return Err(ApiError::invalid_field("limit", "must be between 1 and 100")),
                }
            }
        };
        let after = raw.cursor.as_deref().map(|cursor| decode(cursor, &uri)).transpose()?;
        Ok(Self { limit, after, uri })
    }
}

impl<K: CursorKey> IntoParams for Page<K> {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |name: &str, description: &str, schema: ObjectBuilder| {
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
            parameter.description(Some(description)).schema(Some(schema.build())).build()
        };
        let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(100));
        let limit = limit.default(Some(20.into()));
        let cursor = ObjectBuilder::new().schema_type(Type::String).pattern(Some(K::PATTERN));
        vec![
            parameter("limit", "How many items at most", limit),
            parameter("cursor", "`next` of the page before; absent: the first page", cursor),
        ]
    }
}

/// Reads the key from a cursor of the list at `uri`.
fn decode<K: CursorKey>(cursor: &str, uri: &Uri) -> Result<K, ApiError> {
    let key = || {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (key, checksum) = bytes.split_last_chunk()?;
        K::from_bytes(key).filter(|_| *checksum == checksum_of(uri))
    };
    let text = "cursor must be one that an earlier page of this list answered as next";
    key().ok_or_else(|| ApiError::bad_request("bad_cursor", text))
}

/// Returns the checksum of the list at `uri`: of its path and its filters, in whatever order they come.
fn checksum_of(uri: &Uri) -> [u8; 4] {
    let mut filters: Vec<&str> = uri.query().unwrap_or_default().split('&').collect();
    filters.retain(|pair| !pair.is_empty() && !["limit=", "cursor="].iter().any(|name| pair.starts_with(name)));
    filters.sort_unstable();
    let mut crc = flate2::Crc::new();
    crc.update(uri.path().as_bytes());
    for filter in filters {
        crc.update(b"&");
        crc.update(filter.as_bytes());
    }
    crc.sum().to_be_bytes()
}

impl<K: CursorKey> Page<K> {
    /// Returns the number of rows to read: one more than the page has, to find out whether there is a next page.
    pub fn fetch(&self) -> u64 {
        self.limit + 1
    }

    /// Removes the extra row that [`Page::fetch`] counts, if it is there, and returns the cursor of the next page;
    /// `None` if there is no next page. `key` reads the key of a row.
    pub fn cut<T>(&self, rows: &mut Vec<T>, key: impl Fn(&T) -> K) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        let cursor = |row| URL_SAFE_NO_PAD.encode([key(row).to_bytes(), checksum_of(&self.uri).to_vec()].concat());
        rows.last().map(cursor)
    }

    /// Builds the answer with this body, and with a link to the next page if there is one. The link keeps the other
    /// parameters.
    pub fn answer<T: Serialize>(&self, body: T, next: Option<&str>) -> Listed<T> {
        let link = next.map(|cursor| {
            let others = self.uri.query().unwrap_or_default().split('&');
            let mut query: Vec<&str> = others.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")).collect();
            let cursor = format!("cursor={cursor}");
            query.push(&cursor);
            format!("<{}?{}>; rel=\"next\"", self.uri.path(), query.join("&"))
        });
        Listed { body, links: link.into_iter().collect() }
    }
}

/// The answer to a request for a list.
#[derive(Debug)]
pub struct Listed<T> {
    body: T,
    links: Vec<String>,
}

impl<T> Listed<T> {
    /// Builds the answer with a whole list, which has no pages.
    pub fn unpaged(body: T) -> Self {
        Self { body, links: Vec::new() }
    }

    /// Adds a link to the same list in another format.
    #[must_use]
    pub fn with_alternate(mut self, path: &str, media_type: &str) -> Self {
        self.links.push(format!("<{path}>; rel=\"alternate\"; type=\"{media_type}\""));
        self
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(USUAL_BYTES);
        if let Err(error) = serde_json::to_writer(&mut body, &self.body) {
            return ApiError::internal(error).into_response();
        }
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A line for each, the next page first: some clients read only the first line.
        for link in self.links.into_iter().filter_map(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().append(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(uri: &str) -> Page {
        Page { limit: 1, after: None, uri: uri.parse().unwrap() }
    }

    #[test]
    fn a_cursor_belongs_to_one_list_with_its_filters() {
        let cursor = page("/posts?author=1&limit=1").cut(&mut vec![7, 6], |id| *id).unwrap();
        let read = |uri: &str, cursor: &str| decode::<i64>(cursor, &uri.parse().unwrap()).ok();
        for same in ["/posts?author=1", "/posts?limit=9&author=1", "/posts?cursor=x&author=1&limit=1"] {
            assert_eq!(read(same, &cursor), Some(7), "{same}");
        }
        for other in ["/posts", "/posts?author=2", "/posts?author=1&tag=x", "/users?author=1", "/post?s&author=1"] {
            assert_eq!(read(other, &cursor), None, "{other}");
        }
        assert_eq!(cursor.len(), 16, "as the pattern says");
        for wrong in
            ["", "x", "AAAAAAAAAAA", &cursor[1..], &format!("{cursor}AAAA"), &cursor.replace(&cursor[..1], "_")]
        {
            assert_eq!(read("/posts?author=1", wrong), None, "{wrong}");
        }
    }
}
