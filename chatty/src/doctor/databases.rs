//! The checks of the five databases: schema, outbox, dead letters, parked mails, clock and connections.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::clock::{Clock, Timestamp};
use shared::config::{Env, Settings};
use shared::db::{self, Server};
use shared::events::broker::{Broker, LocalBroker};
use shared::events::topology;
use shared::outbox;
use tokio::time::timeout;

use super::{CHECK_LIMIT, Finding, Level, within_limit};
use crate::suite::{self, OpenedService};

/// The largest accepted difference between the clocks of two machines. Tokens and links expire by the clock.
const MAX_SKEW: Duration = Duration::from_secs(5);
/// The age from which on an event in an outbox counts as stuck. The relay sends an event at once, the sweep within half
/// a minute.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// The number of connections that commands and the operator need besides those of the replicas.
const COMMAND_CONNECTIONS: i64 = 2;

/// Checks all five databases, and the connections that they need together on each server.
pub(super) async fn check(env: &Env, settings: &Settings, distributed: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    // For each server, since several databases may share one: the limit of its connections, the number of open ones,
    // and the number of those that are wanted.
    let mut servers: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
    let per_replica = i64::from(settings.database_max_connections);
    for (name, streams, schema) in suite::services() {
        let check = format!("database of {name}");
        let db = match suite::open_database(env, name, distributed).await {
            Ok(db) => db,
            Err(error) => {
                let fix = if distributed { "check the URL of the database" } else { "start chatty once" };
                findings.push(Finding::problem(check, format!("{error:#}"), fix));
                // The other databases are checked all the same: the operator wants to know everything that is wrong.
                continue;
            }
        };
        let service = OpenedService { name, db, streams, schema };
        let found = within_limit(&check, async {
            let schema = check_schema(&check, &service).await;
            // The other checks read tables, which may be missing or of another version.
            if schema.level != Level::Ok {
                return vec![schema];
            }
            let mut found = vec![schema, check_outbox(&service).await];
            if !distributed {
                found.push(check_dead_letters(&service).await);
            }
            if name == auth::NAME {
                found.push(check_mails(&service).await);
            }
            match db::read_server(service.db.read()).await {
                Ok(Some(server)) => {
                    found.extend(check_server(name, &server, per_replica));
                    // Limit and open connections are those of the whole server; the wanted ones add up.
                    let all = servers.entry(server.identity.clone()).or_default();
                    *all = (server.max_connections, server.open, all.2 + wanted_connections(&server, per_replica));
                }
                Ok(None) => {}
                Err(error) => found.push(Finding::problem(check.clone(), error, "see the log of the database")),
            }
            found
        });
        findings.extend(found.await);
        if timeout(CHECK_LIMIT, service.db.close()).await.is_err() {
            tracing::debug!(service = name, "The connections to the database did not close in time.");
        }
    }
    findings.extend(servers.into_iter().map(|(server, (max, open, wanted))| check_budget(&server, max, open, wanted)));
    findings
}

async fn check_schema(check: &str, service: &OpenedService) -> Finding {
    match service.db.pending_migrations(service.schema).await {
        Ok(0) => Finding::ok(check, "it answers, and its schema is up to date"),
        Ok(pending) => {
            let found = format!("{pending} migrations are missing");
            Finding::problem(
                check,
                found,
                format!("start {} in this version: it migrates its own database", service.name),
            )
        }
        Err(error) => match db::permanent_refusal(&error) {
            Some(reason) => {
                let variable = suite::url_variable(service.name);
                Finding::problem(check, reason, format!("check user, password, database and parameters in {variable}"))
            }
            None => Finding::problem(
                check,
                error,
                "check that the database runs, and that no newer version of Chatty has migrated it",
            ),
        },
    }
}

async fn check_outbox(service: &OpenedService) -> Finding {
    let check = format!("outbox of {}", service.name);
    match outbox::table::backlog(service.db.read()).await {
        Ok((rows, oldest)) => {
            let age = oldest.map_or(Duration::ZERO, |oldest| service.db.clock().now().since(oldest));
            let found = format!("{rows} events wait, the oldest for {} s", age.as_secs());
            if age > STUCK_AFTER {
                Finding::warning(
                    check,
                    found,
                    "check that the service and the broker run; the log of the service names the error",
                )
            } else {
                Finding::ok(check, found)
            }
        }
        Err(error) => Finding::problem(check, error, "see the log of the database"),
    }
}

/// Counts the dead letters of a service in the one-process suite, where they are rows of the service's database.
async fn check_dead_letters(service: &OpenedService) -> Finding {
    let check = format!("dead letters of {}", service.name);
    // A broker without services reads and counts rows, and delivers nothing.
    let broker = LocalBroker::new(&[]);
    let queues = service.streams.consumers.iter().map(|consumer| topology::queue(service.name, consumer.stream()));
    let mut all = 0;
    for queue in queues.chain([topology::resync_queue(service.name)]) {
        match broker.count_dead_letters(&queue, &service.db).await {
            Ok(count) => all += count,
            Err(error) => return Finding::problem(check, error, "see the log of the database"),
        }
    }
    dead_letters_finding(check, all)
}

/// Returns the finding for a number of dead letters. Even a single one is a warning, because only the operator can
/// decide what becomes of it.
pub(super) fn dead_letters_finding(check: String, count: u64) -> Finding {
    if count == 0 {
        return Finding::ok(check, "there are none");
    }
    let found = format!("{count} messages could not be applied");
    Finding::warning(
        check,
        found,
        "see the reasons in `chatty dead-letters list`, remove the cause, then run `chatty dead-letters redrive`",
    )
}

/// Counts the parked mails, which wait for the operator.
async fn check_mails(service: &OpenedService) -> Finding {
    let check = "parked mails".to_owned();
    match auth::parked_mails::list(&service.db).await {
        Ok(mails) if mails.is_empty() => Finding::ok(check, "there are none"),
        Ok(mails) => {
            let found = format!("{} mails could not be delivered", mails.len());
            Finding::warning(
                check,
                found,
                "see the reasons in `chatty mail list`, remove the cause, then run `chatty mail redrive`",
            )
        }
        Err(error) => Finding::problem(check, error, "see the log of the database"),
    }
}

/// Checks the clock of a Postgres server, and the connections that the database of one service needs. A replica of the
/// service may open `per_replica` connections.
fn check_server(name: &str, server: &Server, per_replica: i64) -> Vec<Finding> {
    let apart = Clock::system().now().abs_difference(Timestamp::new(server.clock));
    let check = format!("clock of {name}'s database");
    let clock = if apart > MAX_SKEW {
        let found = format!("it differs from this machine's by {} s", apart.as_secs());
        Finding::problem(check, found, "run NTP on both machines, because tokens and links expire by the clock")
    } else {
        Finding::ok(check, format!("it differs from this machine's by {} ms", apart.as_millis()))
    };
    let (check, wanted) = (format!("connections to {name}'s database"), wanted_connections(server, per_replica));
    let limit = server.limit.unwrap_or(server.max_connections);
    let found = format!(
        "{} replicas and commands may open {wanted} of {limit}, {} are open",
        server.replicas.max(1),
        server.open_here
    );
    let connections = if wanted > limit {
        let fix = "raise the CONNECTION LIMIT of the database or its role, or lower DATABASE_MAX_CONNECTIONS";
        Finding::problem(check, found, fix)
    } else {
        Finding::ok(check, found)
    };
    vec![clock, connections]
}

/// Returns the number of connections that the commands and all connected replicas may open. At least one replica is
/// counted.
fn wanted_connections(server: &Server, per_replica: i64) -> i64 {
    server.replicas.max(1) * per_replica + COMMAND_CONNECTIONS
}

/// Checks the connections that all databases of one server need together: `wanted` may be opened, `open` are open, and
/// the server allows `max`.
fn check_budget(server: &str, max: i64, open: i64, wanted: i64) -> Finding {
    let check = format!("connections to the server {server}");
    let found = format!("the services may open {wanted} of {max}, {open} are open");
    let fix = "raise max_connections, or lower DATABASE_MAX_CONNECTIONS";
    match (wanted > max, open + COMMAND_CONNECTIONS > max) {
        (true, _) => Finding::problem(check, found, fix),
        (false, true) => Finding::warning(check, found, "other programs use them: see pg_stat_activity"),
        (false, false) => Finding::ok(check, found),
    }
}
