//! The receipt of an erasure: what each service has erased so far.

use askama::Template;
use axum::response::Response;
use shared::http::Path;

use super::html;
use crate::error::Error;
use crate::views::{Moment, Page};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "pages/receipt.html")]
struct ReceiptPage {
    page: Page,
    erased: Moment,
    complete: bool,
    services: Vec<ServiceView>,
}

/// A service, as the page shows it.
struct ServiceView {
    name: String,
    /// True once it has confirmed.
    erased: bool,
    /// The kinds of erased things with their numbers, such as `posts: 2`.
    counts: Vec<String>,
}

/// Shows the receipt. Whoever has the address may see it: it holds numbers only.
pub(crate) async fn show_receipt(visit: Visit, Path(token): Path<String>) -> Result<Response, Error> {
    let receipt = visit.api.receipt(&token).await?;
    let services = receipt.services.into_iter().map(|service| ServiceView {
        name: service.service,
        erased: service.confirmed_at.is_some(),
        counts: service
            .counts
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(kind, count)| format!("{}: {count}", kind.replace('_', " ")))
            .collect(),
    });
    let services = services.collect();
    let title = if receipt.complete { visit.say("receipt-done-title") } else { visit.say("receipt-title") };
    let erased = visit.viewer().moment(receipt.erased_at);
    html(&ReceiptPage { page: visit.page(title).await, erased, complete: receipt.complete, services })
}
