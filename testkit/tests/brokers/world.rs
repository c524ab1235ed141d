//! A small world of its own: things that one service owns and three keep copies of, over the stream `user`.

use async_trait::async_trait;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Index, Table};
use sea_orm::{QueryOrder, QuerySelect};
use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use sea_orm_migration::schema::{big_integer, boolean, text_null};
use serde::{Deserialize, Serialize};
use shared::clock::Clock;
use shared::config::{Env, Settings};
use shared::db::{Db, Reads};
use shared::events::{Key, Projection, ProjectionRow, Source, State, Streams};
use tempfile::TempDir;
#[cfg(feature = "servers")]
use testkit::servers::postgres::PostgresAddress;

/// The owner.
pub(crate) const OWNER: &str = "auth";
/// Who keeps copies.
pub(crate) const COPIES: [&str; 3] = ["posts", "subscriptions", "admin"];
/// All of them. Nobody listens for recommendations here, but RabbitMQ has a queue for it.
pub(crate) const SERVICES: [&str; 4] = ["auth", "posts", "subscriptions", "admin"];

/// A thing, at its owner and in the copies.
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

    fn kept(self) -> Self {
        if self.deleted { Self { text: None, ..self } } else { self }
    }
}

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

/// The streams of a service of this world.
pub(crate) fn streams(service: &str) -> Streams {
    if service == OWNER {
        Streams::default().source(Things)
    } else {
        Streams::default().consumer(Projection::<Model>::new())
    }
}

/// Where the databases are.
pub(crate) struct Home {
    envs: Vec<(&'static str, Env)>,
    _folder: TempDir,
}

impl Home {
    /// Files in a folder of their own.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
        Self { envs: SERVICES.iter().map(|service| (*service, env.clone())).collect(), _folder: folder }
    }

    /// Databases of this name, one for each service.
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

    /// A service's settings.
    pub(crate) fn settings(&self, service: &str) -> Settings {
        let (_, env) = self.envs.iter().find(|(name, _)| *name == service).unwrap();
        Settings::from_env(env, 8080).unwrap()
    }

    /// Opens a service's database as one process would.
    pub(crate) async fn open(&self, service: &'static str) -> Db {
        let db = Db::open(&self.settings(service), service, Clock::system()).await.unwrap();
        db.migrate::<Migrator>().await.unwrap();
        db
    }
}

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(shared::events::outbox::Migration),
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
