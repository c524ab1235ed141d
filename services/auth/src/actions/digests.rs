//! The digest of notifications by mail: once a day at most, for people who ask for it, and only when there is something to
//! tell.
//!
//! Subscriptions knows the notifications, so it is asked, as the person would ask. The mail tells kinds and numbers only,
//! because mails hold no words of other people (see `domain::mails`).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use shared::clock::Timestamp;
use shared::http::{PeerError, Peers};
use shared::ids::UserId;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::sleep;

use crate::credentials::Signer;
use crate::db::entities::users::Model as User;
use crate::db::queries::{digests, users};
use crate::error::Error;
use crate::mail::MailQueue;

/// The pause between two looks for digests that are due.
const PAUSE: Duration = Duration::from_secs(2);
/// The time between two digests of a person.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The time for which a replica claims a digest. If making it fails, the next try follows after this time.
const CLAIMED_FOR: Duration = Duration::from_secs(10 * 60);
/// The notifications that are counted, as subscriptions lists them.
const UNREAD: &str = "/notifications?unread=true&limit=100";

/// Turns the digests of a person on or off. Returns the account as it is now.
///
/// # Errors
/// [`Error::SessionEnded`] when the account is gone; [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn set_digest(db: &Db, id: UserId, is_on: bool) -> Result<User, Error> {
    let tx = db.begin().await?;
    let user = users::find_locked(&*tx, id).await?.ok_or(Error::SessionEnded)?;
    if user.digest_at.is_some() == is_on {
        tx.rollback().await?;
        return Ok(user);
    }
    let now = tx.clock().now();
    let (next, since) = (is_on.then(|| now + DAY), is_on.then_some(now));
    digests::set(&*tx, id, next, since).await?;
    tx.commit().await?;
    Ok(User { digest_at: next, digest_since: since, ..user })
}

/// Ends the digests of a person who has followed the link in one. Nothing happens if there are none, so that a link can be
/// followed twice.
///
/// # Errors
/// [`Error::DigestNotFound`] when the token is not valid; [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn end_digest(db: &Db, signer: &Signer, token: &str) -> Result<(), Error> {
    let user = signer.verify_digest_token(token).ok_or(Error::DigestNotFound)?;
    let tx = db.begin().await?;
    digests::set(&*tx, user, None, None).await?;
    Ok(tx.commit().await?)
}

/// The reason why a digest could not be made. Another try follows.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Error(#[from] Error),
    #[error("subscriptions answers what is no list: {0}")]
    NoList(#[from] serde_json::Error),
}

/// The part of a list of notifications that a digest needs.
#[derive(Deserialize)]
struct Page {
    notifications: Vec<Notification>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Notification {
    kind: Kind,
    created_at: Timestamp,
    /// The number of people in it: likes of a post on one day are told together, and so are the followers of one day.
    user_count: usize,
}

/// The kinds of notifications that a digest counts.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Warning,
    Mention,
    Answer,
    Comment,
    Like,
    Follow,
    Report,
    /// One that a newer subscriptions knows.
    #[serde(other)]
    Unknown,
}

impl Kind {
    /// The kinds with the words for them, in the order of the mail.
    const WORDS: [(Self, &'static str); 7] = [
        (Self::Warning, "Warnings by an administrator"),
        (Self::Mention, "Mentions of you"),
        (Self::Answer, "Answers in your threads"),
        (Self::Comment, "Comments on your posts"),
        (Self::Like, "Likes of your posts"),
        (Self::Follow, "New followers"),
        (Self::Report, "Reports of yours that have ended"),
    ];
}

impl Page {
    /// Leaves out what is not newer than the last digest. The list is sorted from the newest on.
    fn since(mut self, last: Option<Timestamp>) -> Self {
        let all = self.notifications.len();
        self.notifications.retain(|one| last.is_none_or(|last| one.created_at > last));
        // An older one on this page means that the next page is older still.
        self.next = self.next.filter(|_| self.notifications.len() == all);
        self
    }

    /// Counts what has happened, by the words for its kinds. Kinds without any are left out.
    fn count(&self) -> Vec<(&'static str, usize)> {
        // A warning and the end of a report have no people in them, and count once.
        let number = |one: &Notification| one.user_count.max(1);
        let of = |kind: Kind| self.notifications.iter().filter(|one| one.kind == kind).map(number).sum();
        Kind::WORDS.into_iter().map(|(kind, words)| (words, of(kind))).filter(|(_, count)| *count > 0).collect()
    }
}

/// The task that makes digests.
pub(crate) struct DigestMaker {
    pub(crate) db: Db,
    pub(crate) signer: Arc<Signer>,
    pub(crate) peers: Peers,
    pub(crate) mails: MailQueue,
}

impl DigestMaker {
    /// Makes the digests that are due, until it is cancelled.
    pub(crate) async fn run(self, cancel: Cancel) {
        while !cancel.is_cancelled() {
            let work = async {
                loop {
                    match self.make_next().await {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => {
                            tracing::warn!(%error, "A digest could not be made; trying again later.");
                            break;
                        }
                    }
                }
                sleep(PAUSE).await;
            };
            tokio::select! { () = work => {}, () = cancel.cancelled() => {} }
        }
    }

    /// Makes the digest that has been due for longest. Returns false when none is due.
    async fn make_next(&self) -> Result<bool, Failure> {
        let now = self.db.clock().now();
        // Nearly always none is due, and then nothing is locked.
        if !digests::is_any_due(self.db.read(), now).await.map_err(Error::from)? {
            return Ok(false);
        }
        let Some(user) = self.claim(now).await? else { return Ok(false) };
        // Nobody who is blocked gets mails, and the token would be refused.
        let page = if user.is_active() { Some(self.read_unread(&user, now).await?) } else { None };
        self.finish(&user, page, now).await?;
        Ok(true)
    }

    async fn claim(&self, now: Timestamp) -> Result<Option<User>, Error> {
        let tx = self.db.begin().await?;
        let user = digests::claim(&*tx, now, now + CLAIMED_FOR).await?;
        tx.commit().await?;
        Ok(user)
    }

    async fn read_unread(&self, user: &User, now: Timestamp) -> Result<Page, Failure> {
        let token = self.signer.sign_digest_access(user, now).map_err(Error::from)?;
        Ok(serde_json::from_slice(&self.peers.get("subscriptions", UNREAD, &token).await?)?)
    }

    /// Stores the time of the next digest together with the mail, so that there is one mail a day at most.
    async fn finish(&self, claimed: &User, page: Option<Page>, now: Timestamp) -> Result<(), Error> {
        let id = claimed.user_id();
        let tx = self.db.begin().await?;
        let user = users::find_locked(&*tx, id).await?;
        // Ended meanwhile, or another replica has taken it because this one was slow.
        let Some(user) = user.filter(|user| user.digest_at == claimed.digest_at) else {
            return Ok(tx.rollback().await?);
        };
        digests::set(&*tx, id, Some(now + DAY), Some(now)).await?;
        let page = page.map(|page| page.since(user.digest_since));
        let counts = page.as_ref().map(Page::count).unwrap_or_default();
        if !counts.is_empty() {
            let more = page.is_some_and(|page| page.next.is_some());
            let token = self.signer.digest_token(id);
            self.mails.add_digest(&*tx, &user, (&counts, more), &token, now).await?;
        }
        tx.commit().await?;
        self.mails.wake_worker();
        Ok(())
    }
}
