//! One database on several hosts, of which one is primary: which one that is, and how the pools follow it.
//!
//! The hosts stand in the URL as libpq has it: `postgres://user:password@one:5432,two:5433/database`. When another host is
//! promoted, new pools take the place of the old ones, whose connections may hang: a machine that lost its power says
//! nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::DbErr;
use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::{PgConnection, PgPool};
use sea_orm::sqlx::{self, Connection, Postgres};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use url::Url;

use super::Pools;
use super::writes::Writes;

/// How often the primary is asked whether it still is one.
const CHECK: Duration = Duration::from_secs(1);
/// How often all hosts are asked: an old primary that nobody stopped goes on believing in itself.
const LOOK: Duration = Duration::from_secs(15);
/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The timeline of a host that takes writes; null on a standby and on a host that is fenced by
/// `default_transaction_read_only`. Every promotion begins a timeline with a higher number.
const TIMELINE: &str = "SELECT CASE current_setting('transaction_read_only') \
                        WHEN 'off' THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END";

/// The URL of each host that a database's URL names. One with a single host stays as it is.
///
/// # Errors
/// What is wrong with it.
pub fn host_urls(url: &str) -> Result<Vec<String>, &'static str> {
    let Some((before, hosts, after)) = split_hosts(url).filter(|(_, hosts, _)| hosts.contains(',')) else {
        Url::parse(url).map_err(|_error| "must be a URL")?;
        return Ok(vec![url.to_owned()]);
    };
    let one = |host: &str| {
        let mut url = Url::parse(&format!("{before}{host}{after}")).map_err(|_error| "a host is not valid")?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err("a host has no name");
        }
        // psql needs it to choose a host; here it goes without saying.
        let kept: Vec<_> = url.query_pairs().filter(|(name, _)| name != "target_session_attrs").collect();
        let kept: Vec<(String, String)> = kept.into_iter().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
        Ok(url.into())
    };
    hosts.split(',').map(one).collect()
}

/// What stands before the hosts, the hosts with their ports, and what stands after them.
fn split_hosts(url: &str) -> Option<(&str, &str, &str)> {
    let authority = url.find("://")? + 3;
    let end = url.get(authority..)?.find(['/', '?', '#']).map_or(url.len(), |length| authority + length);
    let start = url.get(authority..end)?.rfind('@').map_or(authority, |at| authority + at + 1);
    Some((url.get(..start)?, url.get(start..end)?, url.get(end..)?))
}

/// Where the primary is: its timeline and its URL.
type Place = (String, String);

/// Keeps the pools of a service on the primary of its database.
pub(super) struct Follower {
    pub(super) urls: Vec<String>,
    pub(super) service: &'static str,
    /// The name by which Postgres knows this program.
    pub(super) program: String,
    pub(super) connections: u32,
    /// How long a request waits for a connection.
    pub(super) patience: Duration,
    pub(super) writes: Writes,
}

impl Follower {
    /// Opens pools to the primary, or to the first host when there is none now, and follows it from then on: until the
    /// pools are closed or the task is dropped.
    pub(super) async fn start(self) -> Result<(Arc<Pools>, JoinSet<()>), DbErr> {
        let first = || (String::new(), self.urls.first().cloned().unwrap_or_default());
        let place = latest(self.look().await, None).unwrap_or_else(first);
        let pools = Arc::new(self.open(&place).await?);
        let mut task = JoinSet::new();
        task.spawn(self.follow(Arc::clone(&pools), place));
        Ok((pools, task))
    }

    async fn open(&self, (timeline, url): &Place) -> Result<Pools, DbErr> {
        let timeline = Some(timeline.clone());
        Pools::postgres(url, &self.writes, &self.program, self.connections, self.patience, timeline).await
    }

    async fn follow(self, first: Arc<Pools>, mut place: Place) {
        let mut looked = Instant::now();
        loop {
            sleep(CHECK).await;
            let pools = first.current();
            let pool = pools.read.inner.get_postgres_connection_pool();
            if pool.is_closed() {
                return;
            }
            if looked.elapsed() < LOOK && still_serves(pool, &place).await {
                continue;
            }
            let found = latest(self.look().await, Some(&place));
            looked = Instant::now();
            // Nothing leads back to a timeline that was left.
            let Some(found) = found.filter(|found| found.0 >= place.0 && *found != place) else { continue };
            match self.open(&found).await {
                Ok(new) => {
                    tracing::info!(service = self.service, timeline = found.0, "The database has another primary.");
                    pools.replace(new).await;
                    place = found;
                }
                Err(error) => tracing::error!(%error, "The new primary cannot be used."),
            }
        }
    }

    /// Asks all hosts which of them take writes.
    async fn look(&self) -> Vec<Place> {
        let asked = self.urls.iter().map(async |url| {
            let asked = timeout(PATIENCE, async {
                let mut connection = PgConnection::connect(url).await?;
                let timeline = timeline(&mut connection).await?;
                connection.close().await.map(|()| timeline)
            });
            Some((asked.await.ok()?.ok()??, url.clone()))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

/// Of several hosts that take writes, the one that was promoted last is right; of those that were promoted at once, the one
/// that is in use.
fn latest(found: Vec<Place>, used: Option<&Place>) -> Option<Place> {
    found.into_iter().max_by_key(|place| (place.0.clone(), Some(place) == used))
}

async fn still_serves(pool: &PgPool, place: &Place) -> bool {
    let asked = timeout(PATIENCE, async { timeline(&mut *pool.acquire().await?).await });
    asked.await.is_ok_and(|answer| answer.is_ok_and(|timeline| timeline.as_ref() == Some(&place.0)))
}

/// Lets a pool keep no connection to a host that takes no writes, or that was left behind on an older timeline.
pub(super) fn guard(options: PoolOptions<Postgres>, oldest: String) -> PoolOptions<Postgres> {
    options.after_connect(move |connection, _| {
        let oldest = oldest.clone();
        Box::pin(async move {
            if timeline(connection).await?.is_some_and(|timeline| timeline >= oldest) {
                return Ok(());
            }
            Err(sqlx::Error::Io(std::io::Error::other("the host is not primary")))
        })
    })
}

async fn timeline(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(TIMELINE).fetch_one(connection).await
}

#[cfg(test)]
mod tests {
    use super::{host_urls, latest};

    #[test]
    fn a_url_with_one_host_stays_as_it_is() {
        for url in ["postgres://ann:a,b@db/chatty?sslmode=require&target_session_attrs=any", "postgres:///chatty"] {
            assert_eq!(host_urls(url).unwrap(), [url]);
        }
    }

    #[test]
    fn several_hosts_are_several_urls() {
        assert_eq!(
            host_urls("postgres://ann:a%2Cb@one:5432,two,[::1]:5433/chatty?sslmode=require&target_session_attrs=rw")
                .unwrap(),
            [
                "postgres://ann:a%2Cb@one:5432/chatty?sslmode=require",
                "postgres://ann:a%2Cb@two/chatty?sslmode=require",
                "postgres://ann:a%2Cb@[::1]:5433/chatty?sslmode=require",
            ]
        );
        assert_eq!(
            host_urls("postgres://one,two?target_session_attrs=read-write").unwrap(),
            ["postgres://one", "postgres://two"]
        );
    }

    #[test]
    fn the_last_promotion_counts_and_then_what_is_in_use() {
        let place = |timeline: &str, url: &str| (timeline.to_owned(), url.to_owned());
        let (one, two, old) = (place("2", "one"), place("2", "two"), place("1", "two"));
        for used in [&one, &two] {
            assert_eq!(latest(vec![one.clone(), two.clone()], Some(used)).as_ref(), Some(used));
        }
        assert_eq!(latest(vec![one.clone(), old.clone()], Some(&old)), Some(one));
        assert_eq!(latest(Vec::new(), Some(&old)), None);
    }

    #[test]
    fn a_bad_host_is_refused() {
        for url in ["not a url", "postgres://ann@one,,two/chatty", "postgres://ann@one:x,two/chatty", "postgres://,/"] {
            assert!(host_urls(url).is_err(), "{url}");
        }
    }
}
