//! The archive of one's own data, while it is being made.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::services::SERVICE_NAMES;
use utoipa::ToSchema;

use crate::db::entities::exports::Model;

/// The progress of an archive.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportOut {
    requested_at: Timestamp,
    /// The number of services whose data is in it.
    done: usize,
    /// The number of all services.
    of: usize,
}

impl From<Model> for ExportOut {
    fn from(export: Model) -> Self {
        let step = export.step.as_deref();
        let done = SERVICE_NAMES.iter().position(|name| Some(*name) == step).unwrap_or(0);
        Self { requested_at: export.requested_at, done, of: SERVICE_NAMES.len() }
    }
}
