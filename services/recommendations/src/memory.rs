//! What this process remembers of the copies: the like matrix, and who may not log in.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::auth::{AccountRow, Accounts};
use shared::events::{Key, Memory, State};
use shared::ids::UserId;

use crate::db::entities::{likes, posts, users};
use crate::domain::{LikeMatrix, PostId};

/// Posts per query when memory is filled.
const PAGE: u64 = 5_000;

/// The like matrix that all share. A query holds the lock only while it computes, never across a database call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matrix(Arc<RwLock<LikeMatrix>>);

impl Matrix {
    /// For a query.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, LikeMatrix> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For applied states.
    fn write(&self) -> RwLockWriteGuard<'_, LikeMatrix> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Memory<posts::Model> for Matrix {
    fn remember(&self, rows: &[posts::Model]) {
        let mut matrix = self.write();
        for row in rows {
            let author = row.author_id.filter(|_| !row.deleted);
            matrix.set_post(row.id, author, row.deleted, row.version);
        }
    }

    fn forget(&self, key: &Key) {
        self.write().forget_post(PostId(key.first()));
    }

    /// Reads no texts: memory holds none.
    async fn load(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        use posts::{Column, Entity};
        let mut after = PostId(0);
        loop {
            let columns = [Column::Id, Column::AuthorId, Column::Deleted, Column::Version];
            let page = Entity::find().select_only().columns(columns).filter(Column::Id.gt(after));
            let page = page.order_by_asc(Column::Id).limit(PAGE);
            let rows: Vec<(PostId, Option<UserId>, bool, i64)> = page.into_tuple().all(db).await?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            after = *last;
            let mut matrix = self.write();
            for (id, author, deleted, version) in rows {
                matrix.set_post(id, author, deleted, version);
            }
        }
    }
}

impl Memory<likes::Model> for Matrix {
    fn remember(&self, rows: &[likes::Model]) {
        let mut matrix = self.write();
        for row in rows {
            matrix.set_like(row.user_id, row.post_id, !row.deleted, row.version);
        }
    }

    fn forget(&self, key: &Key) {
        self.write().forget_like(UserId(key.first()), PostId(key.second()));
    }
}

/// Who counts in the matrix, and whose tokens are refused.
pub(crate) struct People {
    pub(crate) matrix: Matrix,
    pub(crate) accounts: Accounts,
}

impl Memory<users::Model> for People {
    fn remember(&self, rows: &[users::Model]) {
        self.accounts.remember(rows);
        let mut matrix = self.matrix.write();
        for row in rows {
            matrix.set_user(row.id, row.account().active, row.version());
        }
    }

    fn forget(&self, key: &Key) {
        Memory::<users::Model>::forget(&self.accounts, key);
        self.matrix.write().forget_user(UserId(key.first()));
    }
}
