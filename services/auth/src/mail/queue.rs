//! The queue of mails, as the actions see it: what may be queued, and the signal for the worker.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};
use shared::clock::Timestamp;
use tokio::sync::Notify;

use crate::db::entities::users::Model as User;
use crate::db::entities::verifications::Model as Verification;
use crate::db::queries::{mail_jobs, users, verifications};
use crate::domain::mails::{self, LINK_VALIDITY};
use crate::domain::secret;

/// The number of mails that strangers can have sent to one person within [`LINK_VALIDITY`].
const LIMIT: u64 = 10;

/// The way of mails into the queue. Clones share it.
#[derive(Clone)]
pub(crate) struct MailQueue {
    /// The beginning of links.
    public_url: Arc<str>,
    /// Signals that a mail was committed.
    filled: Arc<Notify>,
}

impl MailQueue {
    /// A queue whose links begin with this URL.
    pub(crate) fn new(public_url: &str) -> Self {
        Self { public_url: public_url.into(), filled: Arc::default() }
    }

    /// Gives an account a new verification link and queues the mail that holds it. The link before becomes invalid.
    pub(crate) async fn add_verification(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let token = secret::new_token();
        let link = Verification {
            user_id: user.id,
            email_key: user.email_key.clone(),
            token_hash: secret::hash(&token),
            expires_at: now + LINK_VALIDITY,
            used_at: None,
        };
        verifications::replace(db, link).await?;
        mail_jobs::enqueue(db, user.id, mails::verification(&user.email, &self.public_url, &token), now).await
    }

    /// Queues the mail that tells a person that their address was used for a second registration.
    pub(crate) async fn add_already_registered(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        mail_jobs::enqueue(db, user.id, mails::already_registered(&user.email), now).await
    }

    /// Tells the worker that there are mails. Call it after the commit: before, the worker would not see them.
    pub(crate) fn wake_worker(&self) {
        self.filled.notify_one();
    }

    /// Waits for the next call of [`MailQueue::wake_worker`]. A call that was made meanwhile counts.
    pub(super) async fn woken(&self) {
        self.filled.notified().await;
    }
}

/// Locks the row of a person and returns true when a stranger may have one more mail sent to them. The lock holds the
/// answer true until the transaction ends.
pub(crate) async fn lock_and_check_limit(
    db: &impl ConnectionTrait,
    user: &User,
    now: Timestamp,
) -> Result<bool, DbErr> {
    users::find_locked(db, user.user_id()).await?;
    Ok(mail_jobs::count_since(db, user.id, now - LINK_VALIDITY).await? < LIMIT)
}
