//! The like matrix behind its lock, and the three memories through which the consumers feed it: likes, posts and
//! people.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use sea_orm::sea_query::Order;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::auth::{AccountRow, Accounts};
use shared::cache::Cache;
use shared::clock::Timestamp;
use shared::db::Reads;
use shared::error::ApiError;
use shared::events::{Key, Memory, State, load_pages};
use shared::ids::UserId;

use super::shown::PostLoader;
use crate::db::entities::{counts, likes, posts, users};
use crate::domain::{LikeMatrix, PostId, PostState, Scratch};

/// The number of posts per query while the matrix is filled.
const LOAD_PAGE: u64 = 5_000;

/// The like matrix of this process, and the memory of the stream `like`. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matrix(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    likes: RwLock<LikeMatrix>,
    /// True once all copies have been read.
    filled: AtomicBool,
    /// Working memory that no request uses now.
    scratches: Mutex<Vec<Scratch>>,
}

impl Matrix {
    /// Computes an answer from the matrix under its read lock, with working memory that is lent for the time. The lock
    /// is never held across a database call.
    ///
    /// # Errors
    /// 503 until the matrix is filled: an answer from a part of the likes would be wrong.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&LikeMatrix, &mut Scratch) -> T) -> Result<T, ApiError> {
        if !self.0.filled.load(Ordering::Acquire) {
            return Err(ApiError::unavailable("starting", "The likes are still being read, try again later"));
        }
        let scratches = || self.0.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = scratches().pop().unwrap_or_default();
        let answer = question(&self.0.likes.read().unwrap_or_else(PoisonError::into_inner), &mut scratch);
        scratches().push(scratch);
        Ok(answer)
    }

    /// Locks the matrix for applied states.
    fn write(&self) -> RwLockWriteGuard<'_, LikeMatrix> {
        self.0.likes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of the streams `post` and `post_counts`: the visibility of posts in the matrix, and their rendered
/// bodies.
#[derive(Clone)]
pub(crate) struct Posts {
    pub(crate) matrix: Matrix,
    pub(crate) shown: Cache<PostLoader>,
}

#[async_trait]
impl Memory<posts::Model> for Posts {
    fn remember(&self, rows: &[posts::Model]) {
        let mut matrix = self.matrix.write();
        for row in rows {
            let author_id = row.author_id.filter(|_| !row.deleted);
            let state = PostState { author_id, created_at: row.created_at, deleted: row.deleted, version: row.version };
            matrix.set_post(row.id, state);
            self.shown.forget(row.id.0);
        }
    }

    fn forget(&self, key: &Key) {
        self.matrix.write().forget_post(PostId(key.first()));
        self.shown.forget(key.first());
    }

    /// Fills the matrix without the texts of posts. The texts stay in the database until an answer needs them.
    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        use posts::{Column, Entity};
        self.shown.clear();
        let mut after = PostId(0);
        loop {
            let columns = [Column::Id, Column::AuthorId, Column::CreatedAt, Column::Deleted, Column::Version];
            let page = Entity::find().select_only().columns(columns).filter(Column::Id.gt(after));
            let page = page.order_by_asc(Column::Id).limit(LOAD_PAGE);
            let rows: Vec<(PostId, Option<UserId>, Option<Timestamp>, bool, i64)> = page.into_tuple().all(db).await?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            after = *last;
            let mut matrix = self.matrix.write();
            for (id, author_id, created_at, deleted, version) in rows {
                matrix.set_post(id, PostState { author_id, created_at, deleted, version });
            }
        }
    }
}

#[async_trait]
impl Memory<counts::Model> for Posts {
    fn remember(&self, rows: &[counts::Model]) {
        rows.iter().for_each(|row| self.shown.update(row.id.0, |shown| shown.merge_counts(row)));
    }

    fn forget(&self, key: &Key) {
        self.shown.forget(key.first());
    }

    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        load_pages::<counts::Model>(self, db).await
    }
}

#[async_trait]
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

    /// Streams the rows from the database, because there are far more likes than anything else: reading them in pages
    /// would be slower, and all at once would need too much memory. Likes are loaded last, so the matrix counts as
    /// filled afterwards.
    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        use likes::{Column, Entity};
        let columns = [Column::UserId, Column::PostId, Column::Deleted, Column::Version];
        let likes = Entity::find().select_only().columns(columns).filter(Column::Version.gt(0));
        let likes = likes.order_by_asc(Column::UserId).order_by_asc(Column::PostId);
        let tx = db.begin_unlimited().await?;
        let mut rows = likes.into_tuple::<(UserId, PostId, bool, i64)>().stream(&tx).await?;
        while let Some((user_id, post_id, deleted, version)) = rows.try_next().await? {
            self.write().set_like(user_id, post_id, !deleted, version);
        }
        self.write().tighten_all();
        self.0.filled.store(true, Ordering::Release);
        Ok(())
    }
}

/// The memory of the stream `user`: the people who are active in the matrix, and the accounts whose tokens are refused.
pub(crate) struct People {
    pub(crate) matrix: Matrix,
    pub(crate) accounts: Accounts,
}

#[async_trait]
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

    /// Numbers people by their likes, people with most likes first, before the matrix learns anything else: the order
    /// decides how many people a search can skip. Then loads the states of the people.
    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        use likes::{Column, Entity};
        let likes = Entity::find().select_only().column(Column::UserId).group_by(Column::UserId);
        let likes = likes.order_by(Column::PostId.count(), Order::Desc);
        let most_first: Vec<UserId> = likes.into_tuple().all(&db.begin_unlimited().await?).await?;
        self.matrix.write().number_people(most_first);
        load_pages::<users::Model>(self, db).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_answered_from_a_part_of_the_likes() {
        let matrix = Matrix::default();
        let refused = matrix.ask(|_, _| ()).map_err(|error| error.status().as_u16());
        assert_eq!(refused, Err(503));
        matrix.0.filled.store(true, Ordering::Release);
        assert!(matrix.ask(|_, _| ()).is_ok());
    }
}
