//! The profile of a person, as everybody gets it.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::people::AvatarUrl;
use utoipa::ToSchema;

use crate::db::entities::users::Model;

/// A person, as everybody may see them.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserOut {
    id: UserId,
    username: String,
    first_name: Option<String>,
    last_name: Option<String>,
    bio: Option<String>,
    /// Path of the person's picture on this host: the one that the person has chosen, or a drawn one.
    avatar_url: AvatarUrl,
    created_at: Timestamp,
}

impl From<Model> for UserOut {
    fn from(user: Model) -> Self {
        Self {
            id: user.user_id(),
            avatar_url: AvatarUrl(user.user_id()),
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            bio: user.bio,
            created_at: user.created_at,
        }
    }
}

/// A page of people.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsersOut {
    pub(crate) users: Vec<UserOut>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}
