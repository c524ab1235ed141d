//! The receipt of an erasure.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::clock::Timestamp;
use shared::erasure::parse_counts;
use shared::services::SERVICE_NAMES;
use utoipa::ToSchema;

use crate::config::NAME;
use crate::db::entities::confirmations::Model as Confirmation;
use crate::db::entities::receipts::Model as Receipt;

/// The progress of a person's erasure, by service.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptOut {
    pub(crate) erased_at: Timestamp,
    /// True when every service has looked for data of the person twice: at once, and after the last access token had
    /// expired.
    pub(crate) complete: bool,
    pub(crate) services: Vec<ServiceReceipt>,
}

/// The erasure in one service.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceReceipt {
    #[schema(example = "posts")]
    pub(crate) service: String,
    /// The time of the newest confirmation; absent while the service has not confirmed yet.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// True when the service will not look again.
    pub(crate) complete: bool,
    /// The numbers of erased things, by their kind.
    #[schema(example = json!({"posts": 2, "pictures": 1, "comments": 5, "likes": 12}))]
    pub(crate) counts: BTreeMap<String, i64>,
}

impl ReceiptOut {
    /// Builds the receipt. A service that has not confirmed is listed as well.
    pub(crate) fn of(receipt: &Receipt, confirmations: &[Confirmation]) -> Self {
        let services: Vec<ServiceReceipt> = SERVICE_NAMES
            .into_iter()
            .map(|name| match confirmations.iter().find(|confirmed| confirmed.service == name) {
                _ if name == NAME => ServiceReceipt {
                    service: name.to_owned(),
                    confirmed_at: Some(receipt.erased_at),
                    complete: true,
                    counts: parse_counts(&receipt.counts),
                },
                Some(confirmed) => ServiceReceipt {
                    service: name.to_owned(),
                    confirmed_at: Some(confirmed.confirmed_at),
                    complete: confirmed.complete,
                    counts: parse_counts(&confirmed.counts),
                },
                None => ServiceReceipt {
                    service: name.to_owned(),
                    confirmed_at: None,
                    complete: false,
                    counts: BTreeMap::new(),
                },
            })
            .collect();
        Self { erased_at: receipt.erased_at, complete: services.iter().all(|service| service.complete), services }
    }
}

/// The answer to a person who has left.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasedOut {
    #[schema(example = "Account deleted, and everything in it is being erased")]
    pub(crate) message: &'static str,
    /// The address of the receipt, which is secret and needs no login.
    pub(crate) receipt: String,
}
