//! The export of everything that a person has written here, with the pictures.

use async_trait::async_trait;
use axum::body::Bytes;
use sea_orm::DbErr;
use serde_json::json;
use shared::db::Reads;
use shared::error::ApiError;
use shared::export::{ExportedData, ExportedRow};
use shared::ids::UserId;

use crate::db::queries::pictures::{file_name, is_of_person};
use crate::db::queries::{bookmarks, export};
use crate::domain::image::FileName;
use crate::media::MediaStore;

/// The posts, pictures, comments, likes and bookmarks of people.
pub(crate) struct ExportedPosts {
    pub(crate) media: MediaStore,
}

#[async_trait]
impl ExportedData for ExportedPosts {
    const KINDS: &'static [&'static str] = &["posts", "pictures", "comments", "likes", "bookmarks"];

    async fn page(
        &self,
        db: &Reads,
        kind: &str,
        user: UserId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<ExportedRow>, DbErr> {
        let rows = match kind {
            "posts" => {
                let rows = export::page_posts(db, user, after, limit).await?.into_iter();
                rows.map(|post| {
                    let unmeasured = post.images.is_none();
                    ExportedRow {
                    cursor: post.id.0,
                    row: json!({
                        "id": post.id,
                        "title": post.title,
                        "content": post.content,
                        "picture": post.image_name,
                        "pictures": post.images.unwrap_or_default().0.into_iter().map(|picture| picture.id).collect::<Vec<_>>(),
                        "created_at": post.created_at,
                        "updated_at": post.updated_at,
                        "removed_at": post.removed_at,
                    }),
                    // A picture with a row of its own comes with that row.
                    file: post.image_name.filter(|_| unmeasured),
                }})
                .collect()
            }
            "pictures" => {
                let rows = export::page_pictures(db, user, after, limit).await?.into_iter();
                rows.map(|picture| {
                    let file = file_name(&picture).to_string();
                    ExportedRow {
                        cursor: picture.id.0,
                        row: json!({
                            "id": picture.stem,
                            "file": file,
                            "post_id": picture.post_id,
                            "avatar": picture.is_avatar,
                            "width": picture.width,
                            "height": picture.height,
                            "alt": picture.alt,
                            "created_at": picture.created_at,
                        }),
                        file: Some(file),
                    }
                })
                .collect()
            }
            "comments" => {
                let rows = export::page_comments(db, user, after, limit).await?.into_iter();
                rows.map(|comment| ExportedRow {
                    cursor: comment.id.0,
                    row: json!({
                        "id": comment.id,
                        "post_id": comment.post_id,
                        "reply_to": comment.reply_to,
                        "content": comment.content,
                        "created_at": comment.created_at,
                        "updated_at": comment.updated_at,
                        "removed_at": comment.removed_at,
                    }),
                    file: None,
                })
                .collect()
            }
            "bookmarks" => {
                let rows = bookmarks::page(db, user, after, limit).await?.into_iter();
                rows.map(|bookmark| ExportedRow {
                    cursor: bookmark.post_id.0,
                    row: json!({ "post_id": bookmark.post_id, "created_at": bookmark.created_at }),
                    file: None,
                })
                .collect()
            }
            _ => {
                let rows = export::page_likes(db, user, after, limit).await?.into_iter();
                rows.map(|like| ExportedRow {
                    cursor: like.post_id.0,
                    row: json!({ "post_id": like.post_id, "active": like.active, "created_at": like.created_at }),
                    file: None,
                })
                .collect()
            }
        };
        Ok(rows)
    }

    async fn file(&self, db: &Reads, user: UserId, name: &str) -> Result<Option<Bytes>, ApiError> {
        let Some(file) = FileName::parse(name) else { return Ok(None) };
        if !is_of_person(db, user, &file.stem).await? && !export::has_picture(db, user, name).await? {
            return Ok(None);
        }
        let picture = self.media.open_picture(&file, None).await.map_err(ApiError::from)?;
        Ok(Some(picture.bytes().await.map_err(ApiError::internal)?))
    }
}
