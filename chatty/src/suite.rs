//! The five services together: built for one process, or opened by an operator's command.
//!
//! This file is the only one in this crate that knows how each service is built, and where its database is in both
//! forms of the suite: a SQLite file in the data folder, or a Postgres database that a `*_DATABASE_URL` variable names.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::join_all;
use shared::auth::Keys;
use shared::clock::Clock;
use shared::config::check_database_url;
use shared::config::{ConfigError, Env, Settings};
use shared::db::{Schema, permanent_refusal};
use shared::events::Streams;
use shared::events::broker::{Broker, LocalBroker, RabbitBroker};
use shared::http::Peers;
use shared::lifecycle::Parts;
use shared::service::Deps;
use shared::services::{SERVICE_NAMES, SERVICES};
use shared::work::Db;
use tokio::time::timeout;
use utoipa::openapi::OpenApi;

use crate::parts::PARTS;

/// The port of the one-process suite when `CHATTY_LISTEN` is not set.
pub(crate) const PORT: u16 = 8080;
/// The limit for the first answer of a Postgres database to a command.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// Builds all five services on SQLite files and the in-process broker, and the pages. Auth comes first, because the
/// others verify tokens with its keys.
///
/// # Errors
/// When a setting is not valid, or a file cannot be opened.
pub(crate) async fn build(env: &Env) -> anyhow::Result<Parts> {
    let settings = Settings::from_env(env, PORT)?;
    let broker: Arc<dyn Broker> = Arc::new(LocalBroker::new(&SERVICE_NAMES));
    let clock = Clock::system();
    let peers = Peers::in_process();
    let deps = async |name: &'static str, keys: Keys| -> anyhow::Result<Deps> {
        let mut settings = settings.clone();
        settings.database_url = None;
        let db = Db::open(&settings, name, clock.clone())
            .await
            .with_context(|| format!("CHATTY_DATA_DIR: the database of {name}"))?;
        let (broker, peers, clock) = (Arc::clone(&broker), peers.clone(), clock.clone());
        Ok(Deps { settings, db, broker, keys, peers, clock })
    };
    let mut keys = Keys::fixed(&shared::auth::no_keys());
    let mut services = Vec::new();
    for part in PARTS {
        let (service, own_keys) = (part.build)(env, deps(part.name, keys.clone()).await?)?;
        services.push(service);
        keys = own_keys.unwrap_or(keys);
    }
    let pages = Some(web::build(web::Config::from_env(env, &settings)?, &settings, peers.clone()));
    Ok(Parts { services, pages, peers })
}

/// Returns the OpenAPI description of all five services together, as JSON.
pub(crate) fn openapi() -> anyhow::Result<String> {
    Ok(shared::openapi::merge(descriptions()).to_pretty_json()?)
}

fn descriptions() -> [OpenApi; SERVICES.len()] {
    PARTS.map(|part| (part.openapi)())
}

/// A service whose database a command has opened.
pub(crate) struct OpenedService {
    pub(crate) name: &'static str,
    pub(crate) db: Db,
    /// The streams that the service owns and those that it keeps copies of.
    pub(crate) streams: Streams,
    pub(crate) schema: Schema,
}

/// The databases of all five services, and their broker, opened for a command.
pub(crate) struct Operator {
    /// The five services.
    pub(crate) services: Vec<OpenedService>,
    /// RabbitMQ. It is absent for the one-process suite, where a command sends requests through the outboxes
    /// (docs/adr/0003).
    pub(crate) broker: Option<RabbitBroker>,
}

impl Operator {
    /// Opens the databases that the environment names, or else the files in the data folder.
    ///
    /// # Errors
    /// When a variable is missing or not valid, a file is missing, or a Postgres database refuses this process.
    pub(crate) async fn open(env: &Env) -> anyhow::Result<Self> {
        let distributed = is_distributed(env);
        let mut opened = Vec::new();
        for (name, streams, schema) in services() {
            opened.push(OpenedService { name, db: open_database(env, name, distributed).await?, streams, schema });
        }
        if distributed {
            // Opening a database does not connect to it yet. A wrong password is found here, with the variable's name,
            // before the command does anything.
            let admitted = join_all(opened.iter().map(|service| check_admission(service.name, &service.db))).await;
            admitted.into_iter().collect::<Result<(), ConfigError>>()?;
        }
        let broker = if distributed {
            let url = env.secret("AMQP_URL").context("AMQP_URL must be set beside the *_DATABASE_URL variables")?;
            Some(RabbitBroker::new(url))
        } else {
            None
        };
        Ok(Self { services: opened, broker })
    }

    /// Finds a service by its name.
    ///
    /// # Errors
    /// When `name` is none of the five names.
    pub(crate) fn service(&self, name: &str) -> anyhow::Result<&OpenedService> {
        let found = self.services.iter().find(|service| service.name == name);
        found.with_context(|| format!("`{name}` is not one of {}", SERVICE_NAMES.join(", ")))
    }

    /// Closes the databases. SQLite empties the write-ahead log of a file when its last connection closes.
    pub(crate) async fn close(&self) {
        for service in &self.services {
            service.db.close().await;
        }
    }
}

/// Returns the base URL of the running suite: that of the gateway in the distributed form, or else that of the process
/// with these settings.
pub(crate) fn base_url(env: &Env) -> anyhow::Result<String> {
    let settings = Settings::from_env(env, PORT)?;
    Ok(if is_distributed(env) { settings.public_url } else { settings.local_url() })
}

/// Returns whether the environment means the distributed form: it names the database of at least one service.
pub(crate) fn is_distributed(env: &Env) -> bool {
    SERVICES.iter().any(|service| env.get(service.database_variable).is_some())
}

/// Opens the database of a service: the one that its variable names if `distributed`, or else the file in the data
/// folder.
///
/// # Errors
/// When a variable is missing or not valid, or the file is missing.
pub(crate) async fn open_database(env: &Env, name: &'static str, distributed: bool) -> anyhow::Result<Db> {
    let url = if distributed {
        let variable = url_variable(name);
        let url = env.get(variable).with_context(|| format!("{variable} must be set: all five databases, or none"))?;
        check_database_url(url).map_err(|reason| ConfigError::new(variable, reason))?;
        url.to_owned()
    } else {
        // An empty variable counts as not set, and without `DATABASE_URL` the database is the file in the data folder.
        String::new()
    };
    let settings = Settings::from_env(&env.clone().with("DATABASE_URL", url), PORT)?;
    // SQLite would create an empty database, which a command would then take for a suite without any data.
    if !distributed && !has_database_file(&settings.data_dir, name) {
        bail!("{} holds no database of {name}: start chatty once, or set CHATTY_DATA_DIR", settings.data_dir.display());
    }
    Ok(Db::open_for_operator(&settings, name).await?)
}

/// Returns the name of the variable with the URL of a service's database, or `DATABASE_URL` if there is no such
/// service.
pub(crate) fn url_variable(name: &str) -> &'static str {
    let service = SERVICES.iter().find(|service| service.name == name);
    service.map_or("DATABASE_URL", |service| service.database_variable)
}

/// Checks that a database does not refuse this process for good, for example because of a wrong password. A database
/// that does not answer in time passes, because the command may not need it.
async fn check_admission(name: &str, db: &Db) -> Result<(), ConfigError> {
    let reason = match timeout(FIRST_ANSWER, db.ping()).await {
        Ok(Err(error)) => permanent_refusal(&error),
        _ => None,
    };
    reason.map_or(Ok(()), |reason| Err(ConfigError::new(url_variable(name), reason)))
}

fn has_database_file(folder: &Path, name: &str) -> bool {
    folder.join(format!("{name}.db")).is_file()
}

/// Returns the name, the streams and the migrations of each service. No database is needed for this.
pub(crate) fn services() -> [(&'static str, Streams, Schema); SERVICES.len()] {
    PARTS.map(|part| (part.name, (part.streams)(), (part.schema)()))
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
    use shared::events::topology;
    use shared::health;
    use shared::http::{App, Disclosure};
    use shared::outbox::envelope;
    use shared::tasks::{Cancel, Tracker};
    use testkit::described::api::Api;
    use testkit::described::events::{Events, Stream};
    use testkit::described::generic;

    use super::*;

    #[test]
    fn the_description_in_the_repository_is_the_one_of_the_code() {
        let written = include_str!("../../openapi.json");
        assert!(written.trim() == openapi().unwrap(), "run `cargo run -- openapi > openapi.json`");
    }

    /// The descriptions of the services are merged into one document, in which a name can have only one schema.
    #[test]
    fn a_name_means_the_same_in_all_services() {
        let mut known: HashMap<String, HashSet<String>> = HashMap::new();
        for part in descriptions() {
            for (name, schema) in part.components.unwrap().schemas {
                known.entry(name).or_default().insert(serde_json::to_string(&schema).unwrap());
            }
        }
        known.retain(|_, meanings| meanings.len() > 1);
        assert!(known.is_empty(), "{known:#?}");
    }

    #[test]
    fn the_events_are_described_as_they_travel() {
        let described = Events::read();
        let mut travel: Vec<Stream> = topology::ROUTES
            .iter()
            .map(|route| Stream {
                name: route.stream.to_owned(),
                owner: route.owner.to_owned(),
                queues: route.consumers.iter().map(|service| topology::queue(service, route.stream)).collect(),
            })
            .collect();
        travel.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(described.streams(), travel);
    }

    /// Each service lists its columns with versions and ids ([`Streams`]), and a restore reads this list. If a column
    /// were missing, a restored owner could assign versions or ids that are in use.
    #[tokio::test]
    async fn every_version_and_every_id_is_known_to_restores() {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
        // Ids that no other database knows: they are used in one table alone, or refer to a row of the same database.
        let inner = [
            "audit_log.id",
            "cases.id",
            "reports.case_id",
            "dead_letters.id",
            "idempotency_keys.id",
            "mail_jobs.id",
            "outbox.id",
            "refresh_tokens.id",
            "audit_log.request_id",
            "outbox.message_id",
            "refresh_tokens.session_id",
            "refresh_tokens.parent_id",
            "mail_jobs.user_id",
            "refresh_tokens.user_id",
            "sessions.user_id",
            "links.user_id",
            "idempotency_keys.user_id",
            "sessions.client_id",
            "clients.id",
            "clients.user_id",
            "authorization_codes.client_id",
            "authorization_codes.user_id",
            "authorization_codes.session_id",
            "authenticator_apps.user_id",
            "recovery_codes.user_id",
            "challenges.user_id",
            "account_log.id",
            "exports.user_id",
            "account_log.user_id",
            "account_log.actor_id",
            "account_log.request_id",
            "invitations.id",
            "invitations.user_id",
            "invitations.guest_id",
            "passkeys.id",
            "passkeys.user_id",
            "passkeys.credential_id",
            "ceremonies.user_id",
            "signing_keys.id",
            "name_tokens.user_id",
            "live_head.id",
            // Tables that SQLite makes for the index of the parts of names.
            "name_parts_data.id",
            "name_parts_docsize.id",
        ];
        // Ids that no other database knows, in the database of posts only.
        let inner_of_posts = [
            "bookmarks.post_id",
            "comments.post_id",
            "likes.post_id",
            "post_counts.post_id",
            "post_tags.post_id",
            "pictures.id",
            "pictures.post_id",
            // Tables that SQLite makes for the index of words.
            "post_words_data.id",
            "post_words_docsize.id",
        ];
        for (name, streams, schema) in services() {
            let settings = Settings::from_env(&env, PORT).unwrap();
            let db = Db::open(&settings, name, Clock::system()).await.unwrap();
            db.migrate(schema).await.unwrap();
            let sql = "SELECT m.name AS t, c.name AS c FROM sqlite_master m, pragma_table_info(m.name) c \
                       WHERE m.type = 'table' AND m.name <> 'seaql_migrations'";
            let rows = db.read().query_all_raw(Statement::from_string(DatabaseBackend::Sqlite, sql)).await.unwrap();
            let named = streams.id_columns.names();
            let is_copy = |table: &str| streams.consumers.iter().any(|copy| copy.table() == Some(table));
            let is_inner =
                |column: &str| inner.contains(&column) || (name == posts::NAME && inner_of_posts.contains(&column));
            for row in rows {
                let (table, column): (String, String) = (row.try_get("", "t").unwrap(), row.try_get("", "c").unwrap());
                let full = format!("{table}.{column}");
                let is_shared_id = (column == "id" || column.ends_with("_id")) && !is_inner(&full);
                // The versions of a copy come from its owner. A restore that raised them too would leave the copy ahead
                // of its owner.
                let is_own_version = column == "version" && !is_copy(&table);
                assert!(column != "version" || is_own_version == named.contains(&full), "{name}: {full}");
                assert!(!is_shared_id || named.contains(&full), "{name} does not name {full} in streams/mod.rs");
            }
            db.close().await;
        }
    }

    #[test]
    fn every_consumer_reads_the_described_examples() {
        let described = Events::read();
        for (service, streams, _) in services() {
            for consumer in streams.consumers {
                let examples = described.examples(consumer.stream());
                assert!(!examples.is_empty(), "{} has no example", consumer.stream());
                for example in examples {
                    described.check(consumer.stream(), example);
                    envelope::decode(example.to_string().as_bytes(), consumer.stream()).unwrap();
                    for state in example["data"].as_array().unwrap() {
                        let row = consumer.as_copied(state);
                        assert!(row.is_ok(), "{service} cannot read {state}: {row:?}");
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn every_route_answers_as_http_wants_it() {
        let folder = tempfile::tempdir().unwrap();
        // In production there is no default admin, whose password would have to be hashed first.
        let env = Env::of([
            ("CHATTY_DATA_DIR", folder.path().to_str().unwrap()),
            ("CHATTY_ENV", "production"),
            ("PUBLIC_URL", "https://chatty.example"),
            ("SMTP_URL", "smtp://127.0.0.1:1"),
            ("MAIL_FROM", "Chatty <no-reply@example.org>"),
        ]);
        let (tracker, failed) = (Tracker::new(), Cancel::new());
        let mut services = Box::pin(build(&env)).await.unwrap().services;
        for service in &mut services {
            service.prepare().await.unwrap();
            service.start(&tracker, &failed);
        }
        let router = services.iter().fold(axum::Router::new(), |router, service| router.merge(service.router.clone()));
        let health = services.iter().map(|service| service.health.clone()).collect();
        let description = shared::openapi::merge(descriptions());
        let app = App::new(router, description.clone(), health::probes(health, Disclosure::Full(None)));
        generic::check_generic(&Api::new(description), &app).await;
        for service in &services {
            service.stop();
        }
        tracker.close();
        tracker.wait().await;
        for service in services {
            service.db.close().await;
        }
    }
}
