//! A person, in the form in which all services send people.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::people::AvatarUrl;
use utoipa::ToSchema;

use crate::db::queries::users::VisibleUser;

/// A person, as everybody may see them.
#[derive(Debug, Serialize, ToSchema)]
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

impl UserOut {
    /// Returns the person's id.
    pub(super) fn id(&self) -> UserId {
        self.id
    }
}

impl From<VisibleUser> for UserOut {
    fn from(row: VisibleUser) -> Self {
        Self {
            id: row.id,
            username: row.username,
            first_name: row.first_name,
            last_name: row.last_name,
            bio: row.bio,
            avatar_url: AvatarUrl(row.id),
            created_at: row.created_at,
        }
    }
}
