//! The extractor of public reads whose answers leave out people with whom the reader has a block.

use std::collections::HashSet;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::{HeaderValue, Method, header, request::Parts};

use super::extract::{Auth, CurrentUser, verify_user, wait_for_positions};
use crate::error::ApiError;
use crate::http::Copies;
use crate::ids::UserId;
use crate::request_id;

/// The sender of a request that needs no token. The token is looked at only if the answer concerns a person with a
/// block, so all other answers cost a look-up in memory. A token that is not valid counts as none.
#[derive(Clone)]
pub struct Viewer {
    auth: Auth,
    authorization: Option<HeaderValue>,
    method: Method,
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer
where
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let authorization = parts.headers.get(header::AUTHORIZATION).cloned();
        let viewer = Self { auth: Auth::from_ref(state), authorization, method: parts.method.clone() };
        // A sender who names positions is looked at in any case, because only who is known may wait.
        if parts.extensions.get::<Copies>().is_some()
            && let Some(user) = viewer.find_user().await
        {
            wait_for_positions(parts, &user).await?;
        }
        Ok(viewer)
    }
}

impl Viewer {
    /// Returns true unless there is a block between the sender and this person.
    pub async fn sees(&self, person: UserId) -> bool {
        self.find_hidden([person]).await.is_empty()
    }

    /// Removes the things of people whom the sender does not see. `person_of` names the person of a thing.
    pub async fn retain_seen<T>(&self, things: &mut Vec<T>, person_of: impl Fn(&T) -> UserId) {
        let hidden = self.find_hidden(things.iter().map(&person_of)).await;
        if !hidden.is_empty() {
            things.retain(|thing| !hidden.contains(&person_of(thing)));
        }
    }

    /// Finds those of these people whom the sender does not see.
    pub async fn find_hidden(&self, people: impl IntoIterator<Item = UserId>) -> HashSet<UserId> {
        let blocks = &self.auth.personal_blocks;
        let mut people: HashSet<UserId> = people.into_iter().filter(|person| blocks.involve(*person)).collect();
        if people.is_empty() {
            return people;
        }
        match self.find_id().await {
            Some(id) => people.retain(|person| blocks.part(id, *person)),
            None => people.clear(),
        }
        people
    }

    /// Returns the id in a valid token. From then on the answer depends on the token, so that no cache may keep it.
    pub async fn find_id(&self) -> Option<UserId> {
        Some(self.find_user().await?.id)
    }

    async fn find_user(&self) -> Option<CurrentUser> {
        let authorization = self.authorization.as_ref()?;
        request_id::note_personal();
        verify_user(&self.auth, Some(authorization), &self.method).await.ok()
    }
}
