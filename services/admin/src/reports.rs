//! What is reported to Sentry: decisions, attempts on what does not exist, and requests for the statistics.
//!
//! Reports leave after the commit. Without a DSN nothing is sent.

use shared::auth::AdminUser;

/// Reports that an admin did something.
pub(crate) fn done(admin: &AdminUser, what: &str) {
    let text = format!("Admin {}: {what}", admin.0.username);
    sentry::capture_message(&text, sentry::Level::Info);
}

/// Reports that an admin tried something on what does not exist.
pub(crate) fn missed(admin: &AdminUser, what: &str) {
    let text = format!("Admin {}: {what}", admin.0.username);
    sentry::capture_message(&text, sentry::Level::Warning);
}
