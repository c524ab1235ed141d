//! The schema of a service as a value.
//!
//! sea-orm identifies migrations by a type. A list of services, such as that of the operator's commands, cannot hold
//! values of different types, so a [`Schema`] hides the type behind two functions.

use std::pin::Pin;
use std::sync::Arc;

use sea_orm::{DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use super::dialect;
use super::pools::Pools;

/// A future of work on the database, whose own type is erased.
type DbFuture<T> = Pin<Box<dyn Future<Output = Result<T, DbErr>> + Send>>;

/// The migrations of one service.
#[derive(Clone, Copy)]
pub struct Schema {
    migrate: fn(Arc<Pools>) -> DbFuture<()>,
    pending: fn(Arc<Pools>) -> DbFuture<usize>,
}

impl Schema {
    /// Wraps the migrations of the type `M`.
    pub fn of<M: MigratorTrait>() -> Self {
        Self {
            migrate: |pools| Box::pin(async move { migrate::<M>(pools.current()).await }),
            // The read-only form, because the usual query creates the table of migrations if it is missing.
            pending: |pools| {
                Box::pin(async move { Ok(M::get_pending_migrations_read_only(&pools.current().read).await?.len()) })
            },
        }
    }

    /// Runs the migrations that are missing.
    ///
    /// # Errors
    /// When the database cannot be reached, or a migration fails.
    pub(crate) async fn migrate(&self, pools: &Arc<Pools>) -> Result<(), DbErr> {
        (self.migrate)(Arc::clone(pools)).await
    }

    /// Counts the migrations that are missing.
    ///
    /// # Errors
    /// When the database cannot be reached, or has migrations that this version does not know.
    pub(crate) async fn pending(&self, pools: &Arc<Pools>) -> Result<usize, DbErr> {
        (self.pending)(Arc::clone(pools)).await
    }
}

/// Runs the migrations that are missing. On Postgres they are one transaction under an advisory lock, so that replicas
/// that start together take turns, and no statement of it has a limit of time: filling a new column of a large table takes
/// longer than any request may.
async fn migrate<M: MigratorTrait>(pools: &Pools) -> Result<(), DbErr> {
    if dialect::is_postgres(&pools.relay) {
        let tx = pools.write.inner.begin().await?;
        dialect::lift_time_limit(&tx).await?;
        dialect::lock_migrations(&tx).await?;
        M::up(&tx, None).await?;
        tx.commit().await
    } else {
        M::up(&pools.write.inner, None).await
    }
}
