//! The five databases: schema, outbox, connections, clock.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::clock::{Clock, Timestamp};
use shared::config::{Env, Settings};
use shared::db::{self, Server};
use shared::events::broker::{Broker, LocalBroker};
use shared::events::{outbox, topology};
use tokio::time::timeout;

use super::{Finding, Level, PATIENCE, in_time};
use crate::suite::{self, Seen};

/// How far the clocks may lie apart.
const SKEW: Duration = Duration::from_secs(5);
/// How old an event may get in an outbox.
const OLD: Duration = Duration::from_secs(60);
/// What commands and the operator need beside the replicas.
const COMMANDS: i64 = 2;

/// Looks at all five databases, and at what they need of their server together.
pub(super) async fn check(env: &Env, settings: &Settings, distributed: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut servers: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
    let each = i64::from(settings.database_max_connections);
    for (name, streams, schema) in suite::services() {
        let check = format!("database of {name}");
        let db = match suite::open(env, name, distributed).await {
            Ok(db) => db,
            Err(error) => {
                let fix = if distributed { "see whether the URL is right" } else { "start chatty once" };
                findings.push(Finding::problem(check, format!("{error:#}"), fix));
                continue;
            }
        };
        let seen = Seen { name, db, streams, schema };
        let found = in_time(&check, async {
            let schema = check_schema(&check, &seen).await;
            if schema.level != Level::Ok {
                return vec![schema];
            }
            let mut found = vec![schema, check_outbox(&seen).await];
            if !distributed {
                found.push(check_dead_letters(&seen).await);
            }
            if name == auth::NAME {
                found.push(check_mails(&seen).await);
            }
            match db::server(seen.db.read()).await {
                Ok(Some(server)) => {
                    found.extend(check_server(name, &server, each));
                    let all = servers.entry(server.identity.clone()).or_default();
                    *all = (server.max_connections, server.open, all.2 + wanted(&server, each));
                }
                Ok(None) => {}
                Err(error) => found.push(Finding::problem(check.clone(), error, "see the log of the database")),
            }
            found
        });
        findings.extend(found.await);
        if timeout(PATIENCE, seen.db.close()).await.is_err() {
            tracing::debug!(service = name, "The connections to the database did not close in time.");
        }
    }
    findings.extend(servers.into_iter().map(|(server, (max, open, wanted))| check_budget(&server, max, open, wanted)));
    findings
}

async fn check_schema(check: &str, seen: &Seen) -> Finding {
    match seen.schema.pending(&seen.db).await {
        Ok(0) => Finding::ok(check, "it answers, and its schema is up to date"),
        Ok(pending) => {
            let found = format!("{pending} migrations are missing");
            Finding::problem(check, found, format!("start {} of this version: it migrates its own database", seen.name))
        }
        Err(error) => match db::refused_for_good(&error) {
            Some(reason) => {
                let variable = suite::url_variable(seen.name);
                Finding::problem(check, reason, format!("see {variable}: user, password, database and parameters"))
            }
            None => Finding::problem(check, error, "see whether it runs, and whether it is of a newer version"),
        },
    }
}

async fn check_outbox(seen: &Seen) -> Finding {
    let check = format!("outbox of {}", seen.name);
    match outbox::backlog(seen.db.read()).await {
        Ok((rows, oldest)) => {
            let age = oldest.map_or(Duration::ZERO, |oldest| seen.db.clock().now().since(oldest));
            let found = format!("{rows} events wait, the oldest for {} s", age.as_secs());
            if age > OLD {
                Finding::warning(
                    check,
                    found,
                    "start the service and the broker; the service's log says what is refused",
                )
            } else {
                Finding::ok(check, found)
            }
        }
        Err(error) => Finding::problem(check, error, "see the log of the database"),
    }
}

/// The dead letters of the in-process broker, which are rows.
async fn check_dead_letters(seen: &Seen) -> Finding {
    let check = format!("dead letters of {}", seen.name);
    let broker = LocalBroker::new(&[]);
    let queues = seen.streams.consumers.iter().map(|consumer| topology::queue(seen.name, consumer.stream()));
    let mut all = 0;
    for queue in queues.chain([topology::resync_queue(seen.name)]) {
        match broker.count_dead_letters(&queue, &seen.db).await {
            Ok(count) => all += count,
            Err(error) => return Finding::problem(check, error, "see the log of the database"),
        }
    }
    dead_letters(check, all)
}

/// Dead letters wait for the operator.
pub(super) fn dead_letters(check: String, count: u64) -> Finding {
    if count == 0 {
        return Finding::ok(check, "there are none");
    }
    let found = format!("{count} messages could not be applied");
    Finding::warning(check, found, "`chatty dead-letters list` says why; repair that, then `redrive`")
}

/// Mails that were given up wait for the operator.
async fn check_mails(seen: &Seen) -> Finding {
    let check = "parked mails".to_owned();
    match auth::parked_mails::list(&seen.db).await {
        Ok(mails) if mails.is_empty() => Finding::ok(check, "there are none"),
        Ok(mails) => {
            let found = format!("{} mails were not delivered", mails.len());
            Finding::warning(check, found, "`chatty mail list` says why; repair that, then `chatty mail redrive`")
        }
        Err(error) => Finding::problem(check, error, "see the log of the database"),
    }
}

fn check_server(name: &str, server: &Server, each: i64) -> Vec<Finding> {
    let apart = Clock::system().now().apart(Timestamp::new(server.clock));
    let check = format!("clock of {name}'s database");
    let clock = if apart > SKEW {
        let found = format!("it is {} s away from this machine's", apart.as_secs());
        Finding::problem(check, found, "run NTP on both machines: tokens and links expire by the clock")
    } else {
        Finding::ok(check, format!("it is {} ms away from this machine's", apart.as_millis()))
    };
    let (check, wanted) = (format!("connections to {name}'s database"), wanted(server, each));
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

/// What the replicas that are seen, at least one, and the commands may open.
fn wanted(server: &Server, each: i64) -> i64 {
    server.replicas.max(1) * each + COMMANDS
}

fn check_budget(server: &str, max: i64, open: i64, wanted: i64) -> Finding {
    let check = format!("connections to the server {server}");
    let found = format!("the services may open {wanted} of {max}, {open} are open");
    let fix = "raise max_connections, or lower DATABASE_MAX_CONNECTIONS";
    match (wanted > max, open + COMMANDS > max) {
        (true, _) => Finding::problem(check, found, fix),
        (false, true) => Finding::warning(check, found, "somebody else uses them: see pg_stat_activity"),
        (false, false) => Finding::ok(check, found),
    }
}
