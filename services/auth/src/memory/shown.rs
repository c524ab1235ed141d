//! The profiles that `GET /users/{id}` answers: finished JSON in a bounded cache.
//!
//! Every committed change of a person removes the person's entry before the request is answered, so that nobody gets an
//! older profile from this process after a change. The other replicas remove their entries a moment later.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Bytes;
use sea_orm::DbErr;
use shared::cache::{Cache, Load};
use shared::db::Reads;
use shared::events::OwnMemory;
use shared::ids::UserId;

use crate::answers::UserOut;
use crate::db::entities::users::Model;
use crate::db::queries::users;
use crate::error::Error;
use crate::streams::user::UserState;

/// Reads the profiles that the cache does not have. People who are not active have no profile.
pub(crate) struct UserLoader;

#[async_trait]
impl Load for UserLoader {
    type Value = Bytes;

    async fn load(&self, db: &Reads, ids: &[i64]) -> Result<Vec<(i64, Bytes)>, DbErr> {
        let found = users::find_many(db, ids.iter().copied()).await?;
        let shown = found.into_iter().filter(Model::is_active).map(|user| {
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

/// The cache of profiles. Clones share it.
#[derive(Clone)]
pub(crate) struct ShownUsers {
    pub(crate) cache: Cache<UserLoader>,
}

impl ShownUsers {
    /// Creates an empty cache of at most this many bytes.
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { cache: Cache::new(max_bytes) }
    }

    /// Finds the profile of a person, as JSON, in memory or in the database.
    ///
    /// # Errors
    /// [`Error::UserNotFound`] when there is no active account with this id.
    pub(crate) async fn find(&self, id: UserId) -> Result<Arc<Bytes>, Error> {
        self.cache.find(id.0).await?.ok_or(Error::UserNotFound)
    }
}

impl OwnMemory<UserState> for ShownUsers {
    fn remember(&self, states: &[UserState]) {
        // The new state is not cached, because most changed profiles are not read soon.
        states.iter().for_each(|state| self.cache.forget(state.id.0));
    }

    fn forget_all(&self) {
        self.cache.clear();
    }
}
