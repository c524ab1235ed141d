//! The task that deletes rows which nobody needs any more, and erases accounts whose owners have not become members in
//! time.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::sleep;

use super::erase_newcomer::{Reason, erase_newcomer};
use crate::db::queries::{
    account_log, clients, erased_users, erasure, factors, invitations, limits, links, mail_jobs, name_parts, passkeys,
    reservations, sessions, users,
};
use crate::domain::mails::LAST_MAILS;
use crate::domain::session;
use crate::error::Error;

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_secs(3_600);
/// The time for which sent mails, expired links and expired invitations are kept, so that questions about them can be
/// answered.
const RETENTION: Duration = Duration::from_secs(30 * 86_400);
/// The time for which one of the [`LAST_MAILS`] is kept that could not be sent. It is short, because the mail holds the
/// address of an erased person.
const LAST_MAIL_RETENTION: Duration = Duration::from_secs(7 * 86_400);
/// The time for which the log of accounts is kept.
const LOG_RETENTION: Duration = Duration::from_secs(365 * 86_400);
/// The number of accounts that are erased in one transaction.
const BATCH: u64 = 100;

/// Erases expired accounts and deletes old rows, once an hour until it is cancelled.
pub(crate) async fn tidy(db: Db, cancel: Cancel) {
    // The index of names is purged at the start, too: the process may have stopped after an erasure.
    let mut purged_at = Timestamp::default();
    while !cancel.is_cancelled() {
        if let Err(error) = tidy_once(&db, &mut purged_at).await {
            tracing::warn!(%error, "Old rows could not be deleted; trying again later.");
        }
        tokio::select! { () = sleep(PAUSE) => {}, () = cancel.cancelled() => {} }
    }
}

async fn tidy_once(db: &Db, purged_at: &mut Timestamp) -> Result<(), Error> {
    erase_expired(db).await?;
    delete_old_rows(db).await?;
    let now = db.clock().now();
    if erased_users::has_any_since(db.read(), *purged_at).await? {
        let tx = db.begin().await?;
        name_parts::purge(&*tx).await?;
        tx.commit().await?;
        // With room for erasures that were under way.
        *purged_at = now - PAUSE;
    }
    Ok(())
}

async fn delete_old_rows(db: &Db) -> Result<(), Error> {
    let now = db.clock().now();
    let tx = db.begin().await?;
    // A session of this age has expired, so the reuse of its tokens need not be recognised any more.
    sessions::delete_older_than(&*tx, now - session::MAX_AGE).await?;
    mail_jobs::delete_sent_before(&*tx, now - RETENTION).await?;
    erasure::delete_leftovers(&tx).await?;
    mail_jobs::delete_kinds_before(&*tx, LAST_MAILS, now - LAST_MAIL_RETENTION).await?;
    invitations::delete_expired_before(&*tx, now - RETENTION).await?;
    links::delete_expired_before(&*tx, now - RETENTION).await?;
    reservations::delete_expired(&*tx, now).await?;
    clients::delete_codes_before(&*tx, now - session::MAX_AGE).await?;
    factors::delete_expired_challenges(&*tx, now).await?;
    passkeys::delete_expired_ceremonies(&*tx, now).await?;
    account_log::delete_before(&*tx, now - LOG_RETENTION).await?;
    limits::delete_full(&*tx, now).await?;
    Ok(tx.commit().await?)
}

/// Erases the accounts whose owners have not become members in time, a few in each transaction.
async fn erase_expired(db: &Db) -> Result<(), Error> {
    loop {
        let now = db.clock().now();
        let mut tx = db.begin().await?;
        let expired = users::list_expired(&*tx, now, BATCH).await?;
        for user in &expired {
            erase_newcomer(&mut tx, user.user_id(), Reason::Expired, now).await?;
        }
        tx.commit().await?;
        if expired.is_empty() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sea_orm::{ConnectionTrait, DbBackend, Statement};
    use shared::auth::Role;
    use shared::clock::Clock;
    use shared::config::{Env, Settings};

    use super::*;
    use crate::db::Migrator;
    use crate::db::queries::users::NewUser;
    use crate::domain::Username;
    use crate::domain::link::VERIFY_WITHIN;
    use crate::domain::mails;

    async fn open(folder: &Path, clock: &Clock) -> Db {
        let env = Env::of([("CHATTY_DATA_DIR", folder.to_str().unwrap())]);
        let settings = Settings::from_env(&env, 8000).unwrap();
        let db = Db::open(&settings, "auth", clock.clone()).await.unwrap();
        db.migrate(shared::db::Schema::of::<Migrator>()).await.unwrap();
        db
    }

    /// Stores people, of whom only some are verified.
    async fn store(db: &Db, count: u64, is_verified: impl Fn(u64) -> bool) {
        let (tx, now) = (db.begin().await.unwrap(), db.clock().now());
        for number in 0..count {
            let new = NewUser {
                username: Username::parse(&format!("user{number}")).unwrap(),
                email: if is_verified(number) { format!("{number}@example.org") } else { "one@example.org".to_owned() },
                password_hash: "x".into(),
                first_name: (!is_verified(number)).then(|| "Quyn".to_owned()),
                last_name: None,
                role: Role::User,
                verified_at: is_verified(number).then_some(now),
                application: None,
            };
            users::insert(&*tx, new, now).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// A deletion of a few only marks them in the index, which then still holds their tokens.
    #[tokio::test]
    async fn the_index_of_names_keeps_nothing_of_people_who_have_left() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(Clock::system().now());
        let db = open(folder.path(), &clock).await;
        store(&db, 40, |number| number > 0).await;
        // The pages of the index that hold the middle of the name Quyn, which only the first person has.
        let pages = async || {
            let sql = "SELECT count(*) AS held FROM name_parts_data WHERE instr(block, CAST('quy' AS BLOB))";
            let held = db.read().query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap().unwrap();
            held.try_get::<i64>("", "held").unwrap()
        };
        assert_eq!(pages().await, 1);
        clock.advance(VERIFY_WITHIN);
        tidy_once(&db, &mut Timestamp::default()).await.unwrap();
        assert_eq!(pages().await, 0);
        db.close().await;
    }

    #[tokio::test]
    async fn accounts_that_were_not_verified_in_time_are_erased() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(Clock::system().now());
        let db = open(folder.path(), &clock).await;
        let count = BATCH + 1;
        store(&db, count + 1, |number| number == count).await;
        for (advance, erased) in [(VERIFY_WITHIN - Duration::from_secs(1), 0), (Duration::from_secs(1), count)] {
            clock.advance(advance);
            tidy_once(&db, &mut Timestamp::default()).await.unwrap();
            let left = users::page(db.read(), 0, 1_000).await.unwrap();
            assert_eq!(left.len() as u64, count + 1 - erased);
            assert_eq!(erased_users::page(db.read(), 0, 1_000).await.unwrap().len() as u64, erased);
        }
        // A request that was under way has stored mails to somebody who was erased meanwhile, and to somebody else.
        let gone = erased_users::page(db.read(), 0, 1).await.unwrap().remove(0).id;
        let kept = users::page(db.read(), 0, 1).await.unwrap().remove(0).id;
        let tx = db.begin().await.unwrap();
        for (user, mail) in [
            (gone, mails::password_changed("one@example.org")),
            (gone, mails::receipt("one@example.org", "https://chatty.example/")),
            (kept, mails::password_changed("one@example.org")),
        ] {
            mail_jobs::enqueue(&*tx, user, mail, clock.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        tidy_once(&db, &mut Timestamp::default()).await.unwrap();
        assert_eq!(mail_jobs::count_of(db.read(), gone).await.unwrap(), 1, "the receipt");
        assert_eq!(mail_jobs::count_of(db.read(), kept).await.unwrap(), 1);
        db.close().await;
    }
}
