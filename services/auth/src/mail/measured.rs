//! The numbers of queued and parked mails, for the metrics and for `/readyz?verbose`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::DbErr;
use serde_json::{Value, json};
use shared::work::Db;

use crate::config::NAME;
use crate::db::entities::mail_jobs::{PARKED, QUEUED, SENT};
use crate::db::queries::mail_jobs;

/// The numbers of the worker's last round. Clones share them: the worker writes, the health check reads.
#[derive(Clone, Default)]
pub(crate) struct Measured(Arc<Mutex<Counts>>);

#[derive(Clone, Copy, Default)]
struct Counts {
    queued: u32,
    parked: u32,
    oldest: Duration,
}

impl Measured {
    /// Counts the mails in the database, sets the metrics, and keeps the numbers.
    pub(super) async fn update(&self, db: &Db) -> Result<(), DbErr> {
        let counts = mail_jobs::count_by_state(db.read()).await?;
        let count = |state: &str| {
            let count = counts.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
            // Gauges are floats, which hold every u32 exactly.
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        // A state without mails is set to 0, because its gauge would keep the last number otherwise.
        for state in [QUEUED, SENT, PARKED] {
            metrics::gauge!("mail_queue_jobs", "service" => NAME, "state" => state).set(f64::from(count(state)));
        }
        let oldest = mail_jobs::find_oldest_queued(db.read()).await?;
        let oldest = oldest.map_or(Duration::ZERO, |oldest| db.clock().now().since(oldest));
        metrics::gauge!("mail_queue_oldest_seconds", "service" => NAME).set(oldest.as_secs_f64());
        let counts = Counts { queued: count(QUEUED), parked: count(PARKED), oldest };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        Ok(())
    }

    /// Returns the numbers in the form in which `/readyz?verbose` shows them.
    pub(crate) fn details(&self) -> Value {
        let counts = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        json!({ "queued": counts.queued, "parked": counts.parked, "oldest_seconds": counts.oldest.as_secs_f64() })
    }
}
