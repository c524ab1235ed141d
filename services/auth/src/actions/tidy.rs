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

    #[tokio::test]
    async fn accounts_that_were_not_verified_in_time_are_erased() {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
        let clock = Clock::fixed(Clock::system().now());
        let settings = Settings::from_env(&env, 8000).unwrap();
        let db = Db::open(&settings, "auth", clock.clone()).await.unwrap();
        db.migrate(shared::db::Schema::of::<Migrator>()).await.unwrap();
        let count = BATCH + 1;
        let tx = db.begin().await.unwrap();
        for number in 0..=count {
            let new = NewUser {
                username: Username::parse(&format!("user{number}")).unwrap(),
                email: "one@example.org".into(),
                password_hash: "x".into(),
                first_name: None,
                last_name: None,
                role: Role::User,
                verified_at: (number == count).then(|| clock.now()),
                application: None,
            };
            users::insert(&*tx, new, clock.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
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
        // The index of names holds nothing of those who are gone, not even marked as deleted.
        let vocabulary = "CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, 'name_parts', 'row')";
        db.relay().execute_unprepared(vocabulary).await.unwrap();
        let held = Statement::from_string(DbBackend::Sqlite, "SELECT max(doc) AS held FROM temp.terms");
        let held = db.relay().query_one_raw(held).await.unwrap().unwrap();
        assert_eq!(held.try_get::<i64>("", "held").unwrap(), 1, "one person is left");
        db.close().await;
    }
}
