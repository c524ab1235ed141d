//! Posts and people as the whole suite answers them.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::queries::posts::PostRow;
use crate::db::queries::users::UserRow;
use crate::domain::PostId;

/// A post.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostOut {
    id: PostId,
    title: String,
    content: String,
    /// Path of the picture on this host, if there is one.
    image_url: Option<String>,
    author: Author,
    like_count: i64,
    comment_count: i64,
    view_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Who wrote something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Author {
    /// The person.
    id: UserId,
    /// The name the person goes by.
    username: String,
}

impl From<PostRow> for PostOut {
    fn from(row: PostRow) -> Self {
        Self {
            id: row.id,
            title: row.title,
            content: row.content,
            image_url: row.image_url,
            author: Author { id: row.author_id, username: row.username },
            like_count: row.like_count.unwrap_or_default(),
            comment_count: row.comment_count.unwrap_or_default(),
            view_count: row.view_count.unwrap_or_default(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A person, as everybody may see them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserOut {
    id: UserId,
    username: String,
    first_name: Option<String>,
    last_name: Option<String>,
    bio: Option<String>,
    created_at: Timestamp,
}

impl UserOut {
    /// The person's id.
    pub(crate) fn id(&self) -> UserId {
        self.id
    }
}

impl From<UserRow> for UserOut {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            username: row.username,
            first_name: row.first_name,
            last_name: row.last_name,
            bio: row.bio,
            created_at: row.created_at,
        }
    }
}
