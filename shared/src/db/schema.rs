//! The schema of a service, for whoever does not know its migrations.

use std::pin::Pin;

use sea_orm::DbErr;
use sea_orm_migration::MigratorTrait;

use super::Db;

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, DbErr>> + Send>>;

/// The migrations of one service.
#[derive(Clone, Copy)]
pub struct Schema {
    migrate: fn(Db) -> Answer<()>,
    pending: fn(Db) -> Answer<usize>,
}

impl Schema {
    /// The migrations of this type.
    pub fn of<M: MigratorTrait>() -> Self {
        Self {
            migrate: |db| Box::pin(async move { db.migrate::<M>().await }),
            pending: |db| Box::pin(async move { Ok(M::get_pending_migrations_read_only(db.read()).await?.len()) }),
        }
    }

    /// Brings the schema up to date. Replicas that start together take turns.
    ///
    /// # Errors
    /// When the database is not there, or a migration fails.
    pub async fn migrate(&self, db: &Db) -> Result<(), DbErr> {
        (self.migrate)(db.clone()).await
    }

    /// How many migrations are missing.
    ///
    /// # Errors
    /// When the database is not there, or it knows migrations that this version does not.
    pub async fn pending(&self, db: &Db) -> Result<usize, DbErr> {
        (self.pending)(db.clone()).await
    }
}
