//! The queue of mails, as the actions see it: one method for each kind of mail, and the signal for the worker.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};
use shared::clock::Timestamp;
use tokio::sync::Notify;

use crate::db::entities::links::Model as Link;
use crate::db::entities::users::Model as User;
use crate::db::queries::{limits, links, mail_jobs};
use crate::domain::limit::MAILS;
use crate::domain::link::Purpose;
use crate::domain::{email, mails, secret};

/// The path of a receipt, up to its token.
const RECEIPT_PATH: &str = "/auth/erasures/";
/// The path that ends digests, up to its token.
const DIGEST_PATH: &str = "/auth/digest/";

/// Puts mails into the queue and wakes the worker. Clones share the signal.
#[derive(Clone)]
pub(crate) struct MailQueue {
    /// The public URL, with which all links begin.
    public_url: Arc<str>,
    /// Signals that a mail was committed.
    filled: Arc<Notify>,
}

impl MailQueue {
    /// Creates a queue whose links begin with this URL.
    pub(crate) fn new(public_url: &str) -> Self {
        Self { public_url: public_url.into(), filled: Arc::default() }
    }

    /// Queues a mail with a new verification link for each of these accounts, which wait for the verification of the
    /// same mailbox. Earlier links stay valid. Queues nothing when the mailbox has reached the limit [`MAILS`].
    pub(crate) async fn add_verification(
        &self,
        db: &impl ConnectionTrait,
        users: &[User],
        now: Timestamp,
    ) -> Result<(), DbErr> {
        // A link expires together with the account that it verifies. The mail names the latest of these times.
        let Some((to, until)) = users.first().zip(users.iter().filter_map(|user| user.expires_at).max()) else {
            return Ok(());
        };
        if !limits::take(db, MAILS, &to.email_key, now).await? {
            return Ok(());
        }
        let purpose = Purpose::Verification;
        let mut urls = Vec::with_capacity(users.len());
        for user in users {
            let link = Link { expires_at: user.expires_at.unwrap_or(until), ..new_link(user, purpose, now) };
            urls.push(self.insert_link(db, purpose, link).await?);
        }
        mail_jobs::enqueue(db, to.id, mails::verification(&to.email, &urls, until), now).await
    }

    /// Queues the mail that tells a person that their address was used for a second registration. Queues nothing when
    /// the mailbox has reached the limit [`MAILS`].
    pub(crate) async fn add_already_registered(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        if !limits::take(db, MAILS, &user.email_key, now).await? {
            return Ok(());
        }
        mail_jobs::enqueue(db, user.id, mails::already_registered(&user.email), now).await
    }

    /// Queues a mail with a link and a code that reset the password of an account. Earlier links stay valid, earlier
    /// codes do not. Queues nothing when the mailbox has reached the limit [`MAILS`]. `hash_code` computes the stored
    /// form of a code.
    pub(crate) async fn add_password_reset(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        hash_code: impl Fn(&str) -> String,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        if !limits::take(db, MAILS, &user.email_key, now).await? {
            return Ok(());
        }
        let (url, code, until) = self.insert_reset(db, user, hash_code, now).await?;
        mail_jobs::enqueue(db, user.id, mails::password_reset(&user.email, &url, &code, until), now).await
    }

    /// Queues a mail with a link and a code for a person whose password an admin has made invalid. It is not limited,
    /// because strangers cannot cause it.
    pub(crate) async fn add_forced_reset(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        hash_code: impl Fn(&str) -> String,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let (url, code, until) = self.insert_reset(db, user, hash_code, now).await?;
        mail_jobs::enqueue(db, user.id, mails::forced_reset(&user.email, &url, &code, until), now).await
    }

    /// Stores a link and a code that reset a password. Returns the URL of the link, the code, and the time at which
    /// both expire.
    async fn insert_reset(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        hash_code: impl Fn(&str) -> String,
        now: Timestamp,
    ) -> Result<(String, String, Timestamp), DbErr> {
        // Only one code is valid at a time: with several, somebody who guesses would have several right answers.
        links::forget_codes(db, Purpose::PasswordReset, user.id).await?;
        let code = secret::new_code();
        let link = Link { code_hash: Some(hash_code(&code)), ..new_link(user, Purpose::PasswordReset, now) };
        let (until, url) = (link.expires_at, self.insert_link(db, Purpose::PasswordReset, link).await?);
        Ok((url, code, until))
    }

    /// Queues the notice that a password was changed. It is not limited, because only the owner of the account can
    /// cause it, or an intruder of whom the owner must learn.
    pub(crate) async fn add_password_changed(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        mail_jobs::enqueue(db, user.id, mails::password_changed(&user.email), now).await
    }

    /// Queues a mail to a new address of an account, with the link that confirms it. Queues nothing when the new
    /// mailbox has reached the limit [`MAILS`].
    pub(crate) async fn add_email_change(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        address: String,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let email_key = email::key(&address);
        if !limits::take(db, MAILS, &email_key, now).await? {
            return Ok(());
        }
        let link = Link { email_key, address: Some(address.clone()), ..new_link(user, Purpose::EmailChange, now) };
        let (until, url) = (link.expires_at, self.insert_link(db, Purpose::EmailChange, link).await?);
        mail_jobs::enqueue(db, user.id, mails::email_change(&address, &url, until), now).await
    }

    /// Queues the notice to the previous address of an account, with the link that undoes the change. `before` is the
    /// account before the change. The notice is not limited, for the same reason as the notice of a changed password.
    pub(crate) async fn add_email_changed(
        &self,
        db: &impl ConnectionTrait,
        before: &User,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let link = Link { address: Some(before.email.clone()), ..new_link(before, Purpose::EmailUndo, now) };
        let (until, url) = (link.expires_at, self.insert_link(db, Purpose::EmailUndo, link).await?);
        mail_jobs::enqueue(db, before.id, mails::email_changed(&before.email, &url, until), now).await
    }

    /// Queues the notice that an authenticator app was added (`is_on`), or that it was removed, alone or with all other
    /// factors.
    pub(crate) async fn add_two_factor_changed(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        is_on: bool,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        mail_jobs::enqueue(db, user.id, mails::two_factor_changed(&user.email, is_on), now).await
    }

    /// Queues the notice that a passkey was added (`is_new`) or deleted.
    pub(crate) async fn add_passkey_changed(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        is_new: bool,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        mail_jobs::enqueue(db, user.id, mails::passkey_changed(&user.email, is_new), now).await
    }

    /// Queues the notice that a recovery code was used. `left` is the number of codes that are left.
    pub(crate) async fn add_recovery_code_used(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        left: u64,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        mail_jobs::enqueue(db, user.id, mails::recovery_code_used(&user.email, left), now).await
    }

    /// Queues the notice that an archive of the person's data was asked for.
    pub(crate) async fn add_export_requested(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        mail_jobs::enqueue(db, user.id, mails::export_requested(&user.email), now).await
    }

    /// Queues the mail to an applicant about whom an admin has decided.
    pub(crate) async fn add_application_decided(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        is_member: bool,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        mail_jobs::enqueue(db, user.id, mails::application_decided(&user.email, is_member), now).await
    }

    /// Queues the mail with the link to a person's receipt. `token` is the secret part of the link.
    pub(crate) async fn add_receipt(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        token: &str,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        mail_jobs::enqueue(db, user.id, mails::receipt(&user.email, &self.receipt_url(token)), now).await
    }

    /// Queues a digest of notifications. `counts` are the kinds with the numbers of notifications, `more` tells that
    /// there are more than were counted, and `token` is the secret part of the link that ends the digests.
    pub(crate) async fn add_digest(
        &self,
        db: &impl ConnectionTrait,
        user: &User,
        (counts, more): (&[(&'static str, usize)], bool),
        token: &str,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let (home, end) = (format!("{}/", self.public_url), format!("{}{DIGEST_PATH}{token}", self.public_url));
        mail_jobs::enqueue(db, user.id, mails::digest(&user.email, counts, more, &home, &end), now).await
    }

    /// Returns the URL of a receipt.
    pub(crate) fn receipt_url(&self, token: &str) -> String {
        format!("{}{RECEIPT_PATH}{token}", self.public_url)
    }

    /// Gives a link its token, stores it, and returns its URL.
    async fn insert_link(&self, db: &impl ConnectionTrait, purpose: Purpose, link: Link) -> Result<String, DbErr> {
        let token = secret::new_token();
        let (purpose_name, token_hash) = (purpose.as_str().to_owned(), secret::hash(&token));
        links::insert(db, Link { purpose: purpose_name, token_hash, ..link }).await?;
        Ok(format!("{}{}{token}", self.public_url, purpose.path()))
    }

    /// Tells the worker that there are mails. Call it after the commit, because before it the worker would not see
    /// them.
    pub(crate) fn wake_worker(&self) {
        self.filled.notify_one();
    }

    /// Waits for a call of [`MailQueue::wake_worker`]. A call that was made while nobody waited is not missed.
    pub(super) async fn woken(&self) {
        self.filled.notified().await;
    }
}

/// Creates a link to the address of an account. It has no token yet.
fn new_link(user: &User, purpose: Purpose, now: Timestamp) -> Link {
    Link {
        token_hash: String::new(),
        purpose: purpose.as_str().to_owned(),
        user_id: user.id,
        email_key: user.email_key.clone(),
        address: None,
        expires_at: now + purpose.validity(),
        used_at: None,
        code_hash: None,
        guesses: 0,
    }
}
