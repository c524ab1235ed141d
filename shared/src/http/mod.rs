//! HTTP: the server, the layers around every router, extractors, pages, health and the API reference.

mod app;
mod compressed;
pub mod conditional;
mod connections;
mod docs;
mod extract;
mod guarded;
pub mod idempotency;
mod page;
pub mod request_id;
mod rules;
mod server;
mod unread;
mod words;

pub use app::{App, Health, Inside};
pub use extract::{OptionalJson, Path, Query, ValidJson, Validate, arrive, is_json, read_ids, read_json};
pub use idempotency::IdempotencyKey;
pub use page::{Listed, Page};
pub use server::{Listeners, serve};

/// A client for the suite's own services: what the environment says of proxies is about the world outside.
///
/// # Errors
/// When none can be made.
pub fn own_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(5)).build()
}
