//! HTTP: the server, the layers around every router, extractors, pages, health and the API reference.

mod app;
mod extract;
mod page;
pub mod request_id;
mod server;
mod unread;

pub use app::{Health, app};
pub use extract::{Path, Query, ValidJson, Validate, read_ids, read_json};
pub use page::{Listed, Page};
pub use server::serve;
