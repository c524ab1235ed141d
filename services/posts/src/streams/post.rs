//! The stream `post`: the content of posts.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::db::Reads;
use shared::events::{Key, Source, State};
use shared::ids::UserId;
use shared::pictures::Pictures;

use crate::db::entities::posts::{Column, Entity, Model};
use crate::domain::ids::PostId;

/// The public state of a post. The tombstone of a post that its author deleted has its key, its version and `removed`, and
/// no content. That of a post that an admin removed keeps the content for admins, who judge it; other services drop it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PostState {
    pub(crate) id: PostId,
    pub(crate) version: i64,
    pub(crate) deleted: bool,
    /// Present in a tombstone only: true when an admin removed the post and may restore it, false when its author
    /// deleted it for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) removed: Option<bool>,
    pub(crate) author_id: Option<UserId>,
    pub(crate) title: Option<String>,
    pub(crate) content: Option<String>,
    /// The path of the first picture on the host of this service.
    pub(crate) image_url: Option<String>,
    /// The pictures in their order; absent when there are none.
    #[serde(default)]
    pub(crate) images: Option<Pictures>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
}

impl State for PostState {
    const STREAM: &'static str = "post";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for PostState {
    fn from(row: Model) -> Self {
        let is_gone = row.deleted_at.is_some();
        let deleted = is_gone || row.removed_at.is_some();
        let tombstone = Self {
            id: row.id,
            version: row.version,
            deleted,
            removed: deleted.then_some(!is_gone),
            author_id: None,
            title: None,
            content: None,
            image_url: None,
            images: None,
            created_at: None,
            updated_at: None,
        };
        if is_gone {
            return tombstone;
        }
        Self {
            author_id: Some(row.author_id),
            title: row.title,
            content: row.content,
            image_url: row.image_name.as_deref().map(image_url),
            images: row.images.filter(|images| !images.0.is_empty()),
            created_at: Some(row.created_at),
            updated_at: Some(row.updated_at),
            ..tombstone
        }
    }
}

/// The path under which a picture is served.
fn image_url(name: &str) -> String {
    format!("/media/{name}")
}

/// Reads the states of posts for the services that keep copies.
pub(crate) struct PostSource;

#[async_trait]
impl Source for PostSource {
    type State = PostState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<PostState>, DbErr> {
        let rows =
            Entity::find().filter(Column::Id.gt(after.map_or(0, Key::first))).order_by_asc(Column::Id).limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<PostState>, DbErr> {
        let rows = Entity::find().filter(Column::Id.is_in(keys.iter().map(Key::first)));
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }
}
