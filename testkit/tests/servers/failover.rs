//! A database on two hosts: who uses it follows the primary, and nothing that was acknowledged is missing there.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sea_orm::{ConnectionTrait, DbErr};
use shared::clock::Clock;
use shared::config::{Env, Settings};
use shared::db::{self, CommitError, Db};
use testkit::servers::postgres::{Postgres, promote};
use testkit::servers::process::Process;

use super::postgres::answer;

const PATIENCE: Duration = Duration::from_secs(20);

struct Pair {
    primary: Postgres,
    standby: Postgres,
    /// The role's URL at the primary alone, and at both.
    one: String,
    both: String,
}

impl Pair {
    async fn start() -> Self {
        let primary = Postgres::start(true).await.unwrap();
        let one = primary.address().create_database("posts", 20, None).await.unwrap();
        answer(&one, "CREATE TABLE t (id bigint PRIMARY KEY)").await;
        let standby = primary.start_standby().await.unwrap();
        let both = primary.address().with_standby(&one, standby.address().port);
        Self { primary, standby, one, both }
    }

    async fn open(&self) -> Db {
        let settings = Settings::from_env(&Env::of([("DATABASE_URL", &self.both)]), 8000).unwrap();
        Db::open(&settings, "posts", Clock::system()).await.unwrap()
    }

    async fn promote(&self) {
        promote(self.standby.process().spec()).await.unwrap();
    }
}

/// Inserts a row. A primary without its standby never acknowledges it.
pub(super) async fn insert(db: &Db, id: i64) -> Result<(), DbErr> {
    let inserted = tokio::time::timeout(PATIENCE, async {
        let tx = db.begin().await?;
        tx.execute_unprepared(&format!("INSERT INTO t VALUES ({id})")).await?;
        tx.commit().await.map_err(|error| match error {
            CommitError::Refused(error) | CommitError::Unknown(error) => error,
        })
    });
    inserted.await.unwrap()
}

/// Inserts until it succeeds; meanwhile the database may only be said to be away.
pub(super) async fn insert_at_last(db: &Db, id: i64) {
    let started = Instant::now();
    while let Err(error) = insert(db, id).await {
        assert!(db::is_transient(&error), "{error}");
        assert!(started.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Inserts rows below zero until one is refused, and that only because the database is away.
async fn insert_until_refused(db: &Db) {
    let started = Instant::now();
    let mut id = -1;
    while started.elapsed() < PATIENCE {
        if let Err(error) = insert(db, id).await {
            return assert!(db::is_transient(&error), "{error}");
        }
        id -= 1;
    }
    panic!("writes go on");
}

/// The rows above zero.
async fn rows(url: &str) -> String {
    answer(url, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM t WHERE id > 0").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_promoted_standby_is_used_and_the_old_primary_is_not_when_it_comes_back() {
    let pair = Pair::start().await;
    let db = pair.open().await;
    insert(&db, 1).await.unwrap();

    pair.primary.process().signal(Signal::SIGKILL).unwrap();
    insert_until_refused(&db).await;
    pair.promote().await;
    insert_at_last(&db, 2).await;

    pair.primary.process().stop();
    let old = Process::start(pair.primary.process().spec().clone(), None).await.unwrap();
    insert(&pair.open().await, 3).await.unwrap();
    insert(&db, 4).await.unwrap();
    assert_eq!(rows(&pair.one).await, "1");
    old.stop();
    assert_eq!(rows(&pair.both).await, "1 2 3 4");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_takes_no_writes_any_more_is_left() {
    let pair = Pair::start().await;
    let db = pair.open().await;
    insert(&db, 1).await.unwrap();

    let superuser = pair.primary.address().url();
    answer(&superuser, "ALTER SYSTEM SET default_transaction_read_only = on").await;
    answer(&superuser, "SELECT pg_reload_conf()").await;
    insert_until_refused(&db).await;
    pair.promote().await;
    insert_at_last(&db, 2).await;
    let here = format!("{}posts", superuser.strip_suffix("postgres").unwrap());
    assert_eq!(rows(&here).await, "1");
    pair.primary.process().stop();
    assert_eq!(rows(&pair.both).await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_host_that_fell_silent_are_in_nobodys_way() {
    let pair = Pair::start().await;
    let db = pair.open().await;
    insert(&db, 1).await.unwrap();

    let postmaster = pair.primary.process().identity().pid;
    let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
    let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
    let machine: Vec<i32> = [postmaster].into_iter().chain(children).collect();
    let signal = |signal| machine.iter().for_each(|&pid| kill(Pid::from_raw(pid), signal).unwrap());
    signal(Signal::SIGSTOP);
    // As many as the pool has connections.
    let hang = async |id| tokio::time::timeout(Duration::from_secs(1), insert(&db, id)).await.is_err();
    assert_eq!(tokio::join!(hang(2), hang(3)), (true, true));
    pair.promote().await;
    insert_at_last(&db, 4).await;
    signal(Signal::SIGKILL);
    // Until it has ended its port takes connections, and psql looks for no other host once one was taken.
    pair.primary.process().stop();
    assert_eq!(rows(&pair.both).await, "1 4");
}
