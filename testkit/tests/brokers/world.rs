//! The small world of these tests: things that one service owns and three services keep copies of.
//!
//! The world borrows names of Chatty, because queues are declared from the real topology: the owner is `auth` and the
//! stream is `user`. The table and the entity are its own.

use async_trait::async_trait;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Index, Table};
use sea_orm::{QueryOrder, QuerySelect};
use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use sea_orm_migration::schema::{big_integer, boolean, text_null};
use serde::{Deserialize, Serialize};
use shared::clock::Clock;
use shared::config::{Env, Settings};
use shared::db::Reads;
use shared::events::{Key, Projection, ProjectionRow, Source, State, Streams};
use shared::work::Db;
use tempfile::TempDir;
#[cfg(feature = "servers")]
use testkit::servers::postgres::PostgresAddress;

/// The service that owns things.
pub(crate) const OWNER: &str = "auth";
/// The services that keep copies of things.
pub(crate) const COPIES: [&str; 3] = ["posts", "subscriptions", "admin"];
/// The owner and the copies. RabbitMQ has a queue for recommendations, too, which nothing consumes here.
pub(crate) const SERVICES: [&str; 4] = ["auth", "posts", "subscriptions", "admin"];

/// A thing: the row at its owner and in the copies, and the state in messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, DeriveEntityModel)]
#[sea_orm(table_name = "things")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) deleted: bool,
    pub(crate) text: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl State for Model {
    const STREAM: &'static str = "user";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl ProjectionRow for Model {
    const VERSION: Column = Column::Version;

    fn without_tombstone_fields(self) -> Self {
        if self.deleted { Self { text: None, ..self } } else { self }
    }
}

/// The owner's source of things.
struct Things;

#[async_trait]
impl Source for Things {
    type State = Model;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Model>, DbErr> {
        let after = after.map_or(0, Key::first);
        Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Model>, DbErr> {
        Entity::find().filter(Column::Id.is_in(keys.iter().map(Key::first))).all(db).await
    }
}

/// Returns the sources and consumers of a service of this world.
pub(crate) fn streams(service: &str) -> Streams {
    if service == OWNER {
        Streams::default().source(Things)
    } else {
        Streams::default().consumer(Projection::<Model>::new())
    }
}

/// The databases of the services, which processes open again after each crash.
pub(crate) struct Databases {
    envs: Vec<(&'static str, Env)>,
    _folder: TempDir,
}

impl Databases {
    /// Chooses SQLite files in a new folder.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
        Self { envs: SERVICES.iter().map(|service| (*service, env.clone())).collect(), _folder: folder }
    }

    /// Creates Postgres databases, one for each service; `name` tells them from those of other tests.
    #[cfg(feature = "servers")]
    pub(crate) async fn postgres(server: &PostgresAddress, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut envs = Vec::new();
        for service in SERVICES {
            let url = server.create_database(&format!("{name}_{service}"), 20, None).await.unwrap();
            envs.push((service, Env::of([("DATABASE_URL", url.as_str())])));
        }
        Self { envs, _folder: folder }
    }

    /// Returns a service's settings.
    pub(crate) fn settings(&self, service: &str) -> Settings {
        let (_, env) = self.envs.iter().find(|(name, _)| *name == service).unwrap();
        Settings::from_env(env, 8080).unwrap()
    }

    /// Opens a service's database with pools of its own, as one process would, and migrates it.
    pub(crate) async fn open(&self, service: &'static str) -> Db {
        let db = Db::open(&self.settings(service), service, Clock::system()).await.unwrap();
        db.migrate(shared::db::Schema::of::<Migrator>()).await.unwrap();
        db
    }
}

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            // The tables of `shared`, as each service has them, and the one of this world.
            Box::new(shared::outbox::Migration),
            Box::new(shared::events::dead_letters::Migration),
            Box::new(CreateThings),
            Box::new(shared::events::fills::Migration),
        ]
    }
}

#[derive(DeriveMigrationName)]
struct CreateThings;

#[async_trait]
impl MigrationTrait for CreateThings {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(big_integer(Column::Id))
            .col(big_integer(Column::Version))
            .col(boolean(Column::Deleted))
            .col(text_null(Column::Text))
            .primary_key(Index::create().col(Column::Id))
            .to_owned();
        manager.create_table(table).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
