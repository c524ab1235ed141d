//! The erasure of the posts, pictures, comments, likes and bookmarks of a person who has left.
//!
//! The counters of posts are not changed here. The person is hidden, so the recount leaves the likes and comments out
//! whether they are erased yet or not, see `recount.rs`.

use std::collections::HashSet;

use async_trait::async_trait;
use shared::erasure::{PersonalData, Step};
use shared::events::{self, ApplyError};
use shared::http::idempotency;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::queries::{bookmarks, likes, personal, pictures, search};
use crate::domain::ids::PostId;
use crate::domain::image::FileName;
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
        if let Some(pictures) = self.erase_pictures(tx, user).await? {
            return Ok(pictures);
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
        let ids: Vec<PostId> = posts.iter().map(|post| post.id).collect();
        let pictures = pictures::of_posts(tx, &ids).await?;
        // The picture of a post from before there were several may have no row yet.
        let known: HashSet<PostId> = pictures.iter().filter_map(|picture| picture.post_id).collect();
        let unmeasured = posts.iter().filter(|post| !known.contains(&post.id));
        let unmeasured: Vec<FileName> =
            unmeasured.filter_map(|post| FileName::parse(post.image_name.as_deref()?)).collect();
        let number = pictures.len() + unmeasured.len();
        self.erase_files(pictures.iter().flat_map(pictures::file_names).chain(unmeasured)).await?;
        pictures::delete(tx, &pictures).await?;
        let mut erased = vec![("posts", posts.len() as i64)];
        if number > 0 {
            erased.push(("pictures", number as i64));
        }
        let rows = personal::erase_posts(tx, ids.into_iter()).await?;
        search::index(tx, &rows).await?;
        if personal::lock_posts(tx, user).await?.is_empty() {
            search::purge(tx).await?;
        }
        let states: Vec<PostState> = rows.into_iter().map(Into::into).collect();
        events::publish(tx, &states)?;
        Ok(Some(Step::Erased(erased)))
    }

    /// Erases some pictures that no post has: those that wait for one, and the avatar. `None` when the person has none.
    async fn erase_pictures(&self, tx: &Tx, user: UserId) -> Result<Option<Step>, ApplyError> {
        let pictures = pictures::some_of_person(tx, user).await?;
        if pictures.is_empty() {
            return Ok(None);
        }
        self.erase_files(pictures.iter().flat_map(pictures::file_names)).await?;
        pictures::delete(tx, &pictures).await?;
        Ok(Some(Step::Erased(vec![("pictures", pictures.len() as i64)])))
    }

    /// Erases files of pictures, before the transaction that forgets their names. If the transaction fails after that,
    /// the next try finds the names again; the other way round, a process that dies in between would leave pictures that
    /// nothing names. Nobody misses them meanwhile, because the person is hidden.
    async fn erase_files(&self, files: impl Iterator<Item = FileName>) -> Result<(), ApplyError> {
        for file in files {
            self.media.erase(&file).await.map_err(|error| ApplyError::Transient(error.to_string()))?;
        }
        Ok(())
    }
}
