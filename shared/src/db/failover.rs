//! Failover: keeps the connection pools on the primary of a database that is replicated over several hosts.
//!
//! The URL lists the hosts in libpq's form: `postgres://user:password@one:5432,two:5433/database`. A task asks the
//! hosts which one takes writes. When another host has been promoted, new pools replace the old ones. The old
//! connections are not waited for, because connections to a machine that lost its power hang until a timeout.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::DbErr;
use sea_orm::sqlx::Connection;
use sea_orm::sqlx::postgres::{PgConnection, PgPool};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::pools::Pools;
use super::timeline::read_timeline;
use super::write_health::WriteHealth;

/// The pause between two checks that the primary in use still takes writes.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The longest time between two surveys of all hosts. The primary in use cannot tell that it was replaced: a former
/// primary that nobody stopped still takes writes.
const SURVEY_INTERVAL: Duration = Duration::from_secs(15);
/// The longest time that a host may take to answer.
const HOST_TIMEOUT: Duration = Duration::from_secs(2);

/// A host that takes writes: its timeline, as [`read_timeline`] returns it, and its URL.
type Primary = (String, String);

/// The follower of the primary of one service's database.
pub(super) struct Follower {
    /// One URL for each host.
    pub(super) urls: Vec<String>,
    pub(super) service: &'static str,
    /// The `application_name` of the connections.
    pub(super) program: String,
    /// The most connections of all pools together.
    pub(super) connections: u32,
    /// The longest time that a request waits for a connection.
    pub(super) acquire_timeout: Duration,
    pub(super) health: WriteHealth,
}

impl Follower {
    /// Opens pools to the primary and starts the task that follows it, which ends when the pools are closed or the task
    /// is dropped.
    ///
    /// If no host takes writes now, the pools are to the first one, so that a service can start while its database is
    /// down.
    ///
    /// # Errors
    /// When a URL cannot be used.
    pub(super) async fn start(self) -> Result<(Arc<Pools>, JoinSet<()>), DbErr> {
        // The empty timeline is lower than any other, so each primary that is found later replaces this host.
        let first_host = || (String::new(), self.urls.first().cloned().unwrap_or_default());
        let primary = choose_primary(self.find_writable_hosts().await, None).unwrap_or_else(first_host);
        let pools = Arc::new(self.open(&primary).await?);
        let mut task = JoinSet::new();
        task.spawn(self.follow(Arc::clone(&pools), primary));
        Ok((pools, task))
    }

    async fn open(&self, (timeline, url): &Primary) -> Result<Pools, DbErr> {
        let timeline = Some(timeline.clone());
        Pools::postgres(url, &self.health, &self.program, self.connections, self.acquire_timeout, timeline).await
    }

    /// Replaces the pools whenever another host has become the primary, until the pools are closed.
    async fn follow(self, first: Arc<Pools>, mut primary: Primary) {
        let mut surveyed = Instant::now();
        loop {
            sleep(CHECK_INTERVAL).await;
            let pools = first.current();
            let pool = pools.read.inner.get_postgres_connection_pool();
            if pool.is_closed() {
                return;
            }
            if surveyed.elapsed() < SURVEY_INTERVAL && is_still_primary(pool, &primary).await {
                continue;
            }
            let found = choose_primary(self.find_writable_hosts().await, Some(&primary));
            surveyed = Instant::now();
            // A lower timeline than the one in use belongs to a former primary: going back would lose what was stored
            // since.
            let Some(found) = found.filter(|found| found.0 >= primary.0 && *found != primary) else { continue };
            match self.open(&found).await {
                Ok(new) => {
                    tracing::info!(service = self.service, timeline = found.0, "The database has another primary.");
                    pools.replace(new).await;
                    primary = found;
                }
                Err(error) => tracing::error!(%error, "The new primary cannot be used."),
            }
        }
    }

    /// Asks all hosts at the same time, and returns those that take writes. A host that does not answer is left out.
    async fn find_writable_hosts(&self) -> Vec<Primary> {
        let queries = self.urls.iter().map(async |url| {
            // A connection of its own, because the pools lead to one host only and may be exhausted.
            let answer = timeout(HOST_TIMEOUT, async {
                let mut connection = PgConnection::connect(url).await?;
                let timeline = read_timeline(&mut connection).await?;
                connection.close().await.map(|()| timeline)
            });
            Some((answer.await.ok()?.ok()??, url.clone()))
        });
        join_all(queries).await.into_iter().flatten().collect()
    }
}

/// Chooses the primary among hosts that take writes: the one with the highest timeline, because it was promoted last.
/// Between equal timelines the host in use stays.
fn choose_primary(writable: Vec<Primary>, used: Option<&Primary>) -> Option<Primary> {
    writable.into_iter().max_by_key(|host| (host.0.clone(), Some(host) == used))
}

/// Returns true if the host behind the pool answers, takes writes, and has not changed its timeline.
async fn is_still_primary(pool: &PgPool, primary: &Primary) -> bool {
    let answer = timeout(HOST_TIMEOUT, async { read_timeline(&mut *pool.acquire().await?).await });
    answer.await.is_ok_and(|answer| answer.is_ok_and(|timeline| timeline.as_ref() == Some(&primary.0)))
}

#[cfg(test)]
mod tests {
    use super::choose_primary;

    #[test]
    fn the_last_promotion_counts_and_then_what_is_in_use() {
        let place = |timeline: &str, url: &str| (timeline.to_owned(), url.to_owned());
        let (one, two, old) = (place("2", "one"), place("2", "two"), place("1", "two"));
        for used in [&one, &two] {
            assert_eq!(choose_primary(vec![one.clone(), two.clone()], Some(used)).as_ref(), Some(used));
        }
        assert_eq!(choose_primary(vec![one.clone(), old.clone()], Some(&old)), Some(one));
        assert_eq!(choose_primary(Vec::new(), Some(&old)), None);
    }
}
