//! People as they are answered: finished bodies in a bounded cache, which follows what this service commits.

use async_trait::async_trait;
use axum::body::Bytes;
use sea_orm::DbErr;
use shared::cache::{Cache, Load};
use shared::db::Reads;
use shared::events::OwnMemory;

use crate::db::entities::user;
use crate::db::queries::users;
use crate::routes::users::UserOut;
use crate::user_stream::UserState;

/// Reads people for the cache: those who are shown, as JSON.
pub(crate) struct FromDatabase;

#[async_trait]
impl Load for FromDatabase {
    type Value = Bytes;

    async fn load(&self, db: &Reads, ids: &[i64]) -> Result<Vec<(i64, Bytes)>, DbErr> {
        let found = users::find_all(db, ids.iter().copied()).await?;
        let shown = found.into_iter().filter(user::Model::is_active).map(|user| {
            let id = user.id;
            let body = serde_json::to_vec(&UserOut::from(user)).map_err(|error| DbErr::Json(error.to_string()))?;
            Ok((id, body.into()))
        });
        shown.collect()
    }

    fn bytes(body: &Bytes) -> usize {
        body.len()
    }
}

/// The cache.
#[derive(Clone)]
pub(crate) struct ShownUsers(pub(crate) Cache<FromDatabase>);

impl OwnMemory<UserState> for ShownUsers {
    fn remember(&self, states: &[UserState]) {
        states.iter().for_each(|state| self.0.forget(state.id.0));
    }

    fn forget_all(&self) {
        self.0.clear();
    }
}
