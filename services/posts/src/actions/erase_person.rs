//! The erasure of the posts, pictures, comments, likes and bookmarks of a person who has left.
//!
//! The counters of posts are not changed here. The person is hidden, so the recount leaves the likes and comments out
//! whether they are erased yet or not, see `recount.rs`.

use async_trait::async_trait;
use shared::erasure::{PersonalData, Step};
use shared::events::{self, ApplyError};
use shared::http::idempotency;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::queries::{bookmarks, likes, personal, search};
use crate::media::MediaStore;
use crate::streams::comment::CommentState;
use crate::streams::erasure_done::ErasureDone;
use crate::streams::like::LikeState;
use crate::streams::post::PostState;

/// The data of people that this service owns.
pub(crate) struct PersonalPosts {
    pub(crate) media: MediaStore,
}

#[async_trait]
impl PersonalData for PersonalPosts {
    type Stream = ErasureDone;

    async fn erase_some(&self, tx: &mut Tx, user: UserId) -> Result<Step, ApplyError> {
        if let Some(posts) = self.erase_posts(tx, user).await? {
            return Ok(posts);
        }
        let comments = personal::erase_comments(tx, user).await?;
        if !comments.is_empty() {
            let erased = vec![("comments", comments.len() as i64)];
            let states: Vec<CommentState> = comments.into_iter().map(Into::into).collect();
            events::publish(tx, &states)?;
            return Ok(Step::Erased(erased));
        }
        let pairs = personal::list_likes(tx, user).await?;
        if !pairs.is_empty() {
            let states: Vec<LikeState> = likes::unlike(tx, pairs).await?.into_iter().map(Into::into).collect();
            events::publish(tx, &states)?;
            return Ok(Step::Erased(vec![("likes", states.len() as i64)]));
        }
        let bookmarks = bookmarks::delete_all(tx, user).await?;
        if bookmarks > 0 {
            return Ok(Step::Erased(vec![("bookmarks", bookmarks.cast_signed())]));
        }
        // The stored answers repeat what the person wrote.
        idempotency::forget_person(tx, user).await?;
        Ok(Step::Done)
    }
}

impl PersonalPosts {
    /// Erases some posts with their pictures. `None` when the person has none.
    async fn erase_posts(&self, tx: &mut Tx, user: UserId) -> Result<Option<Step>, ApplyError> {
        let posts = personal::lock_posts(tx, user).await?;
        if posts.is_empty() {
            return Ok(None);
        }
        let pictures: Vec<&String> = posts.iter().filter_map(|(_, image)| image.as_ref()).collect();
        // The files go first. If the transaction fails after that, the next try finds their names again; the other way
        // round, a process that dies in between would leave pictures that nothing names. Nobody misses them meanwhile,
        // because the posts are hidden.
        for picture in &pictures {
            self.media.erase(picture).await.map_err(|error| ApplyError::Transient(error.to_string()))?;
        }
        let mut erased = vec![("posts", posts.len() as i64)];
        if !pictures.is_empty() {
            erased.push(("pictures", pictures.len() as i64));
        }
        let rows = personal::erase_posts(tx, posts.iter().map(|(id, _)| *id)).await?;
        search::index(tx, &rows).await?;
        if personal::lock_posts(tx, user).await?.is_empty() {
            search::purge(tx).await?;
        }
        let states: Vec<PostState> = rows.into_iter().map(Into::into).collect();
        events::publish(tx, &states)?;
        Ok(Some(Step::Erased(erased)))
    }
}
