//! Messages to Sentry about admins: their decisions, their attempts on targets that do not exist, and their requests
//! for statistics.
//!
//! Call the functions after the commit, so that nothing is reported that was rolled back. Without `SENTRY_DSN` they do
//! nothing.

use sentry::Level;
use shared::auth::AdminUser;

/// Reports that an admin did `what`.
pub(crate) fn report_success(admin: &AdminUser, what: &str) {
    capture(admin, what, Level::Info);
}

/// Reports that an admin tried `what`, on a target that does not exist.
pub(crate) fn report_missing_target(admin: &AdminUser, what: &str) {
    capture(admin, what, Level::Warning);
}

fn capture(admin: &AdminUser, what: &str, level: Level) {
    sentry::capture_message(&format!("Admin {}: {what}", admin.0.username), level);
}
