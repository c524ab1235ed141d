//! HTTP, from the socket to the handler: the server, the steps around every request, and the extractors of the
//! handlers.

// The server, and the steps around every request.
mod app;
mod compress;
mod connections;
mod cors;
mod guard;
pub(crate) mod limits;
mod measure;
mod pages;
mod render;
mod rules;
mod server;
mod timed_stream;
mod unread;

// The routes of every port, beside those of the services.
mod docs;
mod probes;
mod problem_pages;

// Extractors and answers, for the handlers of services.
pub mod conditional;
mod extract;
pub mod idempotency;
mod page;
pub(crate) mod positions;
mod remote_client;
mod serde_messages;

// Requests to other services of Chatty.
mod client;
mod peers;

#[cfg(test)]
mod tests;

pub use app::App;
pub use client::own_client;
pub use connections::Unending;
pub use extract::{OptionalJson, Path, Query, ValidJson, Validate, is_json, read_ids, read_json, within_body_timeout};
pub use idempotency::IdempotencyKey;
pub use limits::{Strict, StrictPaths};
pub use page::{CursorKey, Listed, Page};
pub use pages::{ErrorPage, PageError, PageRequest, Pages};
pub use peers::{PeerError, Peers};
pub use positions::Copies;
pub use probes::{CanServe, Disclosure, Probes};
pub use remote_client::RemoteClient;
pub use server::{Listeners, serve};
