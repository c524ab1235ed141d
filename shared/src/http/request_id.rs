//! The id of the request under way: 32 hexadecimal digits, so that it can serve as a trace id.

use axum::http::{HeaderMap, HeaderName};
use uuid::Uuid;

/// The header that carries it in and out.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task serves.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Takes over a gateway's id if it has the right form, or makes one.
pub(super) fn of(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) => id.to_ascii_lowercase(),
        _ => Uuid::now_v7().simple().to_string(),
    }
}

/// Runs a request under its id.
pub(super) async fn scope<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}
