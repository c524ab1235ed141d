//! A person's own profile, as nobody else gets it.

use serde::Serialize;
use shared::auth::{Role, Scopes};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::people::AvatarUrl;
use utoipa::ToSchema;

use crate::db::entities::users::Model;

/// One's own profile: the only answer with the e-mail address.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeOut {
    id: UserId,
    username: String,
    /// Absent for other people's clients, which do not need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    bio: Option<String>,
    /// Path of the person's picture on this host: the one that the person has chosen, or a drawn one.
    avatar_url: AvatarUrl,
    created_at: Timestamp,
    /// Verified and not blocked.
    is_active: bool,
    role: Role,
    /// True while I get mails about what I have not seen.
    mail_digest: bool,
}

impl MeOut {
    /// Builds the answer. `scopes` are the scopes of the other people's client that asks, if one does.
    pub(crate) fn of(user: Model, scopes: Option<Scopes>) -> Self {
        Self {
            id: user.user_id(),
            avatar_url: AvatarUrl(user.user_id()),
            is_active: user.is_active(),
            role: user.role(),
            mail_digest: user.digest_at.is_some(),
            username: user.username,
            email: scopes.is_none().then_some(user.email),
            first_name: user.first_name,
            last_name: user.last_name,
            bio: user.bio,
            created_at: user.created_at,
        }
    }
}
