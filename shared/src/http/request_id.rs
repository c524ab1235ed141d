//! The request under way: its id, 32 hexadecimal digits, so that it can serve as a trace id, the route that it found, and
//! whether its answer is personal.

use std::cell::{Cell, OnceCell};

use axum::extract::MatchedPath;
use axum::http::{HeaderMap, HeaderName};

/// The header that carries the id in and out.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: Current;
}

/// The request that a task serves.
pub(super) struct Current {
    /// Its id.
    pub(super) id: String,
    route: OnceCell<MatchedPath>,
    personal: Cell<bool>,
}

/// What was noted of a request while it was served.
#[derive(Default)]
pub(super) struct Noted {
    /// The route that it has found.
    pub(super) route: Option<MatchedPath>,
    /// Whether the answer depends on who asked.
    pub(super) personal: bool,
}

impl Current {
    /// Takes over a gateway's id if it has the right form, or makes one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let id = match given {
            Some(id) if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) => id.to_ascii_lowercase(),
            _ => format!("{:032x}", rand::random::<u128>()),
        };
        Self { id, route: OnceCell::new(), personal: Cell::new(false) }
    }

    /// Serves the request, and answers what was noted of it.
    pub(super) async fn scope<F: Future>(self, work: F) -> (F::Output, Noted) {
        let found = async {
            let output = work.await;
            let noted =
                |current: &Self| Noted { route: current.route.get().cloned(), personal: current.personal.get() };
            (output, CURRENT.with(noted))
        };
        CURRENT.scope(self, found).await
    }
}

/// The id of the request that this task serves.
pub fn current() -> Option<String> {
    CURRENT.try_with(|current| current.id.clone()).ok()
}

/// Notes the route that the request has found.
pub(super) fn note_route(route: &MatchedPath) {
    let _no_request = CURRENT.try_with(|current| current.route.set(route.clone()));
}

/// Notes that the answer depends on who asked, so that no cache keeps it.
pub(crate) fn note_personal() {
    let _no_request = CURRENT.try_with(|current| current.personal.set(true));
}
