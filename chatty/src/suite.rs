//! All five services: built for one process, or seen by the operator's commands.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::join_all;
use shared::auth::Keys;
use shared::clock::Clock;
use shared::config::{ConfigError, Env, Settings};
use shared::db::{Db, Schema, check_url, refused_for_good};
use shared::events::Streams;
use shared::events::broker::{Broker, LocalBroker, RabbitBroker};
use shared::events::topology::SERVICES;
use shared::lifecycle::{Deps, Service};
use tokio::time::timeout;
use utoipa::openapi::OpenApi;

/// The port of the one-process suite.
pub(crate) const PORT: u16 = 8080;
/// How long a command looks whether a database lets it in.
const LOOK: Duration = Duration::from_secs(2);

/// Builds all five services on SQLite files and the in-process broker. Auth comes first: its keys serve the others.
pub(crate) async fn build(env: &Env) -> anyhow::Result<Vec<Service>> {
    let settings = Settings::from_env(env, PORT)?;
    let broker: Arc<dyn Broker> = Arc::new(LocalBroker::new(&SERVICES));
    let clock = Clock::system();
    let deps = async |name: &'static str, keys: Keys| -> anyhow::Result<Deps> {
        let mut settings = settings.clone();
        settings.database_url = None;
        let db = Db::open(&settings, name, clock.clone())
            .await
            .with_context(|| format!("CHATTY_DATA_DIR: the database of {name}"))?;
        Ok(Deps { settings, db, broker: Arc::clone(&broker), keys, clock: clock.clone() })
    };
    let nobody = Keys::fixed(&shared::auth::no_keys());
    let first = deps(auth::NAME, nobody).await?;
    let (auth, keys) = auth::build(auth::Config::from_env(env, &first.settings)?, first)?;
    let of_posts = posts::Config::from_env(env, &settings)?;
    let of_subscriptions = subscriptions::Config::from_env(env)?;
    Ok(vec![
        auth,
        posts::build(&of_posts, deps(posts::NAME, keys.clone()).await?)?,
        subscriptions::build(&of_subscriptions, deps(subscriptions::NAME, keys.clone()).await?),
        admin::build(deps(admin::NAME, keys.clone()).await?),
        recommendations::build(deps(recommendations::NAME, keys).await?),
    ])
}

/// The whole API as JSON.
pub(crate) fn openapi() -> anyhow::Result<String> {
    Ok(shared::openapi::merge(parts()).to_pretty_json()?)
}

fn parts() -> [OpenApi; 5] {
    [auth::openapi(), posts::openapi(), subscriptions::openapi(), admin::openapi(), recommendations::openapi()]
}

/// One service as the operator's commands see it.
pub(crate) struct Seen {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its database.
    pub(crate) db: Db,
    /// Its streams.
    pub(crate) streams: Streams,
    /// Its schema.
    pub(crate) schema: Schema,
}

/// The suite as the operator's commands see it: databases, and the broker if there is one outside of a process.
pub(crate) struct Operator {
    /// The five services.
    pub(crate) services: Vec<Seen>,
    /// RabbitMQ; absent for the one-process suite, whose requests go through the outboxes.
    pub(crate) broker: Option<RabbitBroker>,
}

impl Operator {
    /// Opens the databases that the environment names, else those in the data folder.
    pub(crate) async fn open(env: &Env) -> anyhow::Result<Self> {
        let distributed = is_distributed(env);
        let mut seen = Vec::new();
        for (name, streams, schema) in services() {
            seen.push(Seen { name, db: open(env, name, distributed).await?, streams, schema });
        }
        if distributed {
            let refused = join_all(seen.iter().map(|seen| refused(seen.name, &seen.db))).await;
            refused.into_iter().collect::<Result<(), ConfigError>>()?;
        }
        let broker = if distributed {
            let url = env.secret("AMQP_URL").context("AMQP_URL must be set beside the *_DATABASE_URL variables")?;
            Some(RabbitBroker::new(url))
        } else {
            None
        };
        Ok(Self { services: seen, broker })
    }

    /// A service by its name.
    pub(crate) fn service(&self, name: &str) -> anyhow::Result<&Seen> {
        let found = self.services.iter().find(|service| service.name == name);
        found.with_context(|| format!("`{name}` is not one of {}", SERVICES.join(", ")))
    }

    /// Closes the databases.
    pub(crate) async fn close(&self) {
        for service in &self.services {
            service.db.close().await;
        }
    }
}

/// Where the running suite answers: the gateway of the distributed form, else the process that has these settings.
pub(crate) fn address(env: &Env) -> anyhow::Result<String> {
    let settings = Settings::from_env(env, PORT)?;
    Ok(if is_distributed(env) { settings.public_url } else { settings.local_url() })
}

/// Whether the environment names the databases of the distributed form.
pub(crate) fn is_distributed(env: &Env) -> bool {
    SERVICES.iter().any(|name| env.get(url_variable(name)).is_some())
}

/// Opens the database that the environment names for a service, else the one in the data folder.
pub(crate) async fn open(env: &Env, name: &'static str, distributed: bool) -> anyhow::Result<Db> {
    let url = if distributed {
        let variable = url_variable(name);
        let url = env.get(variable).with_context(|| format!("{variable} must be set: all five databases, or none"))?;
        check_url(url).map_err(|reason| ConfigError::new(variable, reason))?;
        url.to_owned()
    } else {
        String::new()
    };
    let settings = Settings::from_env(&env.clone().with("DATABASE_URL", url), PORT)?;
    if !distributed && !has_file(&settings.data_dir, name) {
        bail!("{} holds no database of {name}: start chatty once, or set CHATTY_DATA_DIR", settings.data_dir.display());
    }
    Ok(Db::open_for_operator(&settings, name).await?)
}

/// The variable with the URL of a service's database.
pub(crate) fn url_variable(name: &str) -> &'static str {
    match name {
        auth::NAME => "AUTH_DATABASE_URL",
        posts::NAME => "POSTS_DATABASE_URL",
        subscriptions::NAME => "SUBSCRIPTIONS_DATABASE_URL",
        admin::NAME => "ADMIN_DATABASE_URL",
        _ => "RECOMMENDATIONS_DATABASE_URL",
    }
}

/// Fails when a database will never let this process in. One that does not answer may not be needed.
async fn refused(name: &str, db: &Db) -> Result<(), ConfigError> {
    let reason = match timeout(LOOK, db.ping()).await {
        Ok(Err(error)) => refused_for_good(&error),
        _ => None,
    };
    reason.map_or(Ok(()), |reason| Err(ConfigError::new(url_variable(name), reason)))
}

fn has_file(folder: &Path, name: &str) -> bool {
    folder.join(format!("{name}.db")).is_file()
}

/// The five services, as the operator's commands see them without their databases.
pub(crate) fn services() -> [(&'static str, Streams, Schema); 5] {
    [
        (auth::NAME, auth::streams(), auth::schema()),
        (posts::NAME, posts::streams(), posts::schema()),
        (subscriptions::NAME, subscriptions::streams(), subscriptions::schema()),
        (admin::NAME, admin::streams(), admin::schema()),
        (recommendations::NAME, recommendations::streams(), recommendations::schema()),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
    use shared::events::{envelope, topology};
    use shared::http::{App, Inside};
    use shared::lifecycle::{Cancel, Tracker};
    use testkit::described::api::Api;
    use testkit::described::events::{Events, Stream};
    use testkit::described::generic;

    use super::*;

    #[test]
    fn the_description_in_the_repository_is_the_one_of_the_code() {
        let written = include_str!("../../openapi.json");
        assert!(written.trim() == openapi().unwrap(), "run `cargo run -- openapi > openapi.json`");
    }

    /// The parts become one document, in which a name has one meaning.
    #[test]
    fn a_name_means_the_same_in_all_services() {
        let mut known: HashMap<String, HashSet<String>> = HashMap::new();
        for part in parts() {
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

    /// A column that is forgotten here would let a restored owner give out its versions or ids anew.
    #[tokio::test]
    async fn every_version_and_every_id_is_known_to_restores() {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
        // Copies get their versions from their owners.
        let copies = [
            ("user", "users"),
            ("post", "posts"),
            ("comment", "comments"),
            ("post_counts", "post_counts"),
            ("like", "likes"),
        ];
        // Known to one table alone, or the id of a row in the same database.
        let inner = [
            "audit_log.id",
            "dead_letters.id",
            "idempotency_keys.id",
            "mail_jobs.id",
            "outbox.id",
            "refresh_tokens.id",
            "sessions.id",
            "audit_log.request_id",
            "outbox.message_id",
            "refresh_tokens.session_id",
            "refresh_tokens.parent_id",
            "mail_jobs.user_id",
            "refresh_tokens.user_id",
            "sessions.user_id",
            "verifications.user_id",
            "comments.post_id",
            "likes.post_id",
            "post_counts.post_id",
        ];
        for (name, streams, schema) in services() {
            let settings = Settings::from_env(&env, PORT).unwrap();
            let db = Db::open(&settings, name, Clock::system()).await.unwrap();
            schema.migrate(&db).await.unwrap();
            let sql = "SELECT m.name AS t, c.name AS c FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name <> 'seaql_migrations'";
            let rows = db.read().query_all_raw(Statement::from_string(DatabaseBackend::Sqlite, sql)).await.unwrap();
            let named = streams.issued.names();
            let copied = |table: &str| streams.consumers.iter().any(|copy| copies.contains(&(copy.stream(), table)));
            for row in rows {
                let (table, column): (String, String) = (row.try_get("", "t").unwrap(), row.try_get("", "c").unwrap());
                let full = format!("{table}.{column}");
                let id = (column == "id" || column.ends_with("_id")) && !inner.contains(&full.as_str());
                let needed = id || (column == "version" && !copied(&table));
                assert!(!needed || named.contains(&full), "{name} does not name {full}");
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
                        let row = consumer.view(state);
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
        let mut services = Box::pin(build(&env)).await.unwrap();
        for service in &mut services {
            service.prepare().await.unwrap();
            service.start(&tracker, &failed);
        }
        let router = services.iter().fold(axum::Router::new(), |router, service| router.merge(service.router.clone()));
        let health = services.iter().map(|service| service.health.clone()).collect();
        let description = shared::openapi::merge(parts());
        let app = App::new(router, description.clone(), health, Inside::Told(None));
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
