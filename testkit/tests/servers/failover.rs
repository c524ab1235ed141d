//! Failover of a database on two hosts: a `Db` that knows both follows the primary, and no acknowledged write is
//! missing there. `docs/reliability.md` ("The database's failover") says in which ways the primary is lost.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sea_orm::{ConnectionTrait, DbErr};
use shared::clock::Clock;
use shared::config::{Env, Settings};
use shared::db::{self, CommitError};
use shared::work::Db;
use testkit::servers::postgres::{Postgres, promote};
use testkit::servers::process::Process;

use super::postgres::answer;

const PATIENCE: Duration = Duration::from_secs(20);

/// A primary and its synchronous standby.
struct Pair {
    primary: Postgres,
    standby: Postgres,
    /// The role's URL at the primary alone.
    one: String,
    /// The role's URL with both hosts.
    both: String,
}

impl Pair {
    /// Starts both servers, with an empty table `t`.
    async fn start() -> Self {
        let primary = Postgres::start(true).await.unwrap();
        let one = primary.address().create_database("posts", 20, None).await.unwrap();
        answer(&one, "CREATE TABLE t (id bigint PRIMARY KEY)").await;
        let standby = primary.start_standby().await.unwrap();
        let both = primary.address().with_standby(&one, standby.address().port);
        Self { primary, standby, one, both }
    }

    /// Opens the database as a service that knows both hosts does.
    async fn open(&self) -> Db {
        let settings = Settings::from_env(&Env::of([("DATABASE_URL", &self.both)]), 8000).unwrap();
        Db::open(&settings, "posts", Clock::system()).await.unwrap()
    }

    async fn promote(&self) {
        promote(self.standby.process().spec()).await.unwrap();
    }
}

/// Inserts a row in a transaction.
///
/// # Panics
/// If there is no result after 20 s. A primary that has lost its standby, for example, never acknowledges a commit.
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

/// Repeats an insert until it succeeds. Every error until then has to be one that a service may retry.
pub(super) async fn insert_when_possible(db: &Db, id: i64) {
    let started = Instant::now();
    while let Err(error) = insert(db, id).await {
        assert!(db::is_transient(&error), "{error}");
        assert!(started.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Inserts rows with negative ids until one is refused, with an error that a service may retry. It is not known how
/// many of them were stored, so `rows` leaves them out.
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

/// Returns the positive ids, in order.
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
    insert_when_possible(&db, 2).await;

    pair.primary.process().stop();
    // The old primary comes back and would take writes, but it has the older timeline.
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

    // The primary is fenced: it still runs and answers, but refuses writes.
    let superuser = pair.primary.address().url();
    answer(&superuser, "ALTER SYSTEM SET default_transaction_read_only = on").await;
    answer(&superuser, "SELECT pg_reload_conf()").await;
    insert_until_refused(&db).await;
    pair.promote().await;
    insert_when_possible(&db, 2).await;
    let here = format!("{}posts", superuser.strip_suffix("postgres").unwrap());
    assert_eq!(rows(&here).await, "1");
    pair.primary.process().stop();
    assert_eq!(rows(&pair.both).await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_host_that_fell_silent_block_nobody() {
    let pair = Pair::start().await;
    let db = pair.open().await;
    insert(&db, 1).await.unwrap();

    let postmaster = pair.primary.process().identity().pid;
    let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
    let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
    let machine: Vec<i32> = [postmaster].into_iter().chain(children).collect();
    let signal = |signal| machine.iter().for_each(|&pid| kill(Pid::from_raw(pid), signal).unwrap());
    // Stopped processes keep their connections open and answer nothing, as a machine that was cut off does.
    signal(Signal::SIGSTOP);
    // Both connections of the pool for writes hang, so a write that follows needs a new one.
    let hang = async |id| tokio::time::timeout(Duration::from_secs(1), insert(&db, id)).await.is_err();
    assert_eq!(tokio::join!(hang(2), hang(3)), (true, true));
    pair.promote().await;
    insert_when_possible(&db, 4).await;
    signal(Signal::SIGKILL);
    // As long as the old primary exists its port accepts connections, and psql then does not try the other host.
    pair.primary.process().stop();
    assert_eq!(rows(&pair.both).await, "1 4");
}
