//! The responses about subscriptions: confirmations, pages of followers and followees, and the ids of `GET /following`.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::people::AvatarUrl;
use utoipa::ToSchema;

use crate::db::entities::users::Model;

/// An answer that is a sentence.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionChanged {
    /// What happened.
    #[schema(example = "Subscribed to user 7")]
    message: String,
}

impl SubscriptionChanged {
    /// Confirms that the caller follows this person from now on.
    pub(crate) fn subscribed_to(id: UserId) -> Self {
        Self { message: format!("Subscribed to user {id}") }
    }

    /// Confirms that the caller does not follow this person any more.
    pub(crate) fn unsubscribed_from(id: UserId) -> Self {
        Self { message: format!("Unsubscribed from user {id}") }
    }
}

/// A person.
#[derive(Serialize, ToSchema)]
pub(crate) struct User {
    id: UserId,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    bio: Option<String>,
    /// Path of the person's picture on this host: the one that the person has chosen, or a drawn one.
    avatar_url: AvatarUrl,
    created_at: Option<Timestamp>,
}

impl From<Model> for User {
    fn from(row: Model) -> Self {
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

/// A page of people.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionList {
    users: Vec<User>,
    /// How many there are in all.
    total: u64,
    /// Cursor of the next page.
    next: Option<String>,
}

impl SubscriptionList {
    /// Builds a page from the rows on it, the number of people on all pages, and the cursor of the next page, which is
    /// `None` on the last page.
    pub(crate) fn of(rows: Vec<Model>, total: u64, next: Option<String>) -> Self {
        Self { users: rows.into_iter().map(User::from).collect(), total, next }
    }
}

/// Those of the people whom I follow.
#[derive(Serialize, ToSchema)]
pub(crate) struct Followed {
    pub(crate) user_ids: Vec<UserId>,
}

/// An answer about a mute, in a sentence.
#[derive(Serialize, ToSchema)]
pub(crate) struct MuteChanged {
    /// What happened.
    #[schema(example = "User 7 muted")]
    message: String,
}

impl MuteChanged {
    /// Confirms that the caller hears nothing of this person from now on.
    pub(crate) fn muted(id: UserId) -> Self {
        Self { message: format!("User {id} muted") }
    }

    /// Confirms that the caller hears of this person.
    pub(crate) fn unmuted(id: UserId) -> Self {
        Self { message: format!("User {id} unmuted") }
    }
}

/// A page of muted people.
#[derive(Serialize, ToSchema)]
pub(crate) struct MuteList {
    users: Vec<User>,
    /// Cursor of the next page.
    next: Option<String>,
}

impl MuteList {
    /// Builds a page from the rows on it and the cursor of the next page, which is `None` on the last page.
    pub(crate) fn of(rows: Vec<Model>, next: Option<String>) -> Self {
        Self { users: rows.into_iter().map(User::from).collect(), next }
    }
}

/// An answer about a block, in a sentence.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockChanged {
    /// What happened.
    #[schema(example = "User 7 blocked")]
    message: String,
}

impl BlockChanged {
    /// Confirms that the caller and this person do not see each other from now on.
    pub(crate) fn blocked(id: UserId) -> Self {
        Self { message: format!("User {id} blocked") }
    }

    /// Confirms that the caller does not block this person any more.
    pub(crate) fn unblocked(id: UserId) -> Self {
        Self { message: format!("User {id} unblocked") }
    }
}

/// A page of blocked people.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockList {
    users: Vec<User>,
    /// Cursor of the next page.
    next: Option<String>,
}

impl BlockList {
    /// Builds a page from the rows on it and the cursor of the next page, which is `None` on the last page.
    pub(crate) fn of(rows: Vec<Model>, next: Option<String>) -> Self {
        Self { users: rows.into_iter().map(User::from).collect(), next }
    }
}
