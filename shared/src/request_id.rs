//! The request that the current task serves: its id, its client, whether its answer is personal, and what it has written.
//!
//! The id consists of 32 hexadecimal digits, so that it can also be the trace id of the events that the request causes.
//! Code far below the handlers needs it (the outbox, the audit log), so it is a task-local value and not a parameter
//! everywhere.

use std::cell::{Cell, RefCell};
use std::fmt::{Display, Write};
use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};

/// The header that carries the id, in requests from a gateway and in all answers.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The length in bytes from which on no further position is listed: a client sends the list back in a header, and gateways
/// take headers of a few kilobytes.
const MAX_POSITIONS: usize = 1_500;

tokio::task_local! {
    static CURRENT: Current;
}

/// The request that a task serves.
pub(crate) struct Current {
    id: String,
    /// The address of the client, once it was found.
    client: Cell<Option<IpAddr>>,
    /// True if the answer depends on who asks.
    personal: Cell<bool>,
    /// The positions of what the request has written, see [`note_position`].
    positions: RefCell<String>,
}

/// The facts that became known while a request was served.
#[derive(Default)]
pub(crate) struct Noted {
    /// True if the answer depends on who asks.
    pub(crate) is_personal: bool,
    /// The positions of what the request has written, as the header of the answer lists them; empty without any.
    pub(crate) positions: String,
}

impl Current {
    /// Creates the value for a request that begins.
    pub(crate) fn new(id: String) -> Self {
        Self { id, client: Cell::new(None), personal: Cell::new(false), positions: RefCell::default() }
    }

    /// Runs `work`, which serves the request. Returns its output, and the facts that it has noted.
    pub(crate) async fn scope<F: Future>(self, work: F) -> (F::Output, Noted) {
        let work = async {
            let output = work.await;
            let noted = CURRENT
                .with(|current| Noted { is_personal: current.personal.get(), positions: current.positions.take() });
            (output, noted)
        };
        CURRENT.scope(self, work).await
    }
}

/// Chooses the id for a request with these headers: that of the gateway if it has the right form, else a new one.
pub(crate) fn choose(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) => id.to_ascii_lowercase(),
        _ => generate(),
    }
}

/// Generates a new id.
pub(crate) fn generate() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Returns the id of the request that this task serves; `None` outside of requests.
pub fn current() -> Option<String> {
    CURRENT.try_with(|current| current.id.clone()).ok()
}

/// Returns the address of the client whose request this task serves; `None` when it is not known, and outside of
/// requests.
pub fn client_address() -> Option<IpAddr> {
    CURRENT.try_with(|current| current.client.get()).ok().flatten()
}

/// Records the address of the client. Does nothing outside of requests.
pub(crate) fn note_client(address: Option<IpAddr>) {
    let _no_request = CURRENT.try_with(|current| current.client.set(address));
}

/// Records that the answer depends on who asks, so that no cache stores it. Does nothing outside of requests.
pub(crate) fn note_personal() {
    let _no_request = CURRENT.try_with(|current| current.personal.set(true));
}

/// Records the position of a state that the request has written, which the answer tells its client. Does nothing outside
/// of requests, and when the list has reached its bound: then `position` is not called.
pub(crate) fn note_position<P: Display>(position: impl FnOnce() -> P) {
    let _no_request = CURRENT.try_with(|current| {
        let mut positions = current.positions.borrow_mut();
        if positions.len() < MAX_POSITIONS {
            let separator = if positions.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _written = write!(positions, "{separator}{}", position());
        }
    });
}
