//! The making of the sizes of pictures, in the background.
//!
//! The table `pictures` says which sizes are left to make, so no process that dies loses any of them. Answers and events name
//! the sizes from the beginning; until a file is there, its path serves the picture itself. So making it changes no
//! post.

use std::time::Duration;

use shared::events;
use shared::pictures::Pictures;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::interval;

use crate::db::entities::posts::Model as Post;
use crate::db::queries::pictures;
use crate::db::queries::posts;
use crate::domain::image::FileName;
use crate::error::Error;
use crate::media::MediaStore;
use crate::streams::post::PostState;

/// The pause between two searches for pictures that another process has left, or that failed.
const SEARCH_EVERY: Duration = Duration::from_secs(30);

/// Makes the sizes that are due until cancelled: whenever a picture was sent, and every [`SEARCH_EVERY`].
pub(crate) async fn run_sizes(media: MediaStore, db: Db, cancel: Cancel) {
    let mut searches = interval(SEARCH_EVERY);
    loop {
        tokio::select! {
            _ = searches.tick() => {}
            () = media.wait_for_picture() => {}
            () = cancel.cancelled() => return,
        }
        // Sizes whose making is cut off here are made after the next start.
        tokio::select! {
            done = make_all_due(&media, &db) => if let Err(error) = done {
                tracing::warn!(%error, "The sizes of pictures could not be made yet; trying again.");
            },
            () = cancel.cancelled() => return,
        }
    }
}

async fn make_all_due(media: &MediaStore, db: &Db) -> Result<(), Error> {
    // In turn, so that many posts from before do not keep new pictures waiting.
    loop {
        let (made, measured) = (make_next(media, db).await?, measure_next(media, db).await?);
        if !made && !measured {
            return Ok(());
        }
    }
}

/// Makes the sizes of the next picture. Returns false when none is due.
async fn make_next(media: &MediaStore, db: &Db) -> Result<bool, Error> {
    let tx = db.begin().await?;
    let Some(row) = pictures::take_due(&tx).await? else {
        tx.rollback().await?;
        return Ok(false);
    };
    tx.commit().await?;
    if let Err(error) = media.make_sizes(pictures::file_name(&row)).await {
        tracing::warn!(%error, picture.id = %row.id, "The sizes of a picture could not be made.");
        return Ok(true);
    }
    let tx = db.begin().await?;
    let is_there = pictures::finish_sizes(&tx, row.id).await?;
    tx.commit().await?;
    if !is_there {
        // The picture was removed meanwhile, perhaps before these files were there.
        media.remove(&pictures::file_names(&row)).await;
    }
    Ok(true)
}

/// Measures the picture of the next post from before there were several pictures, and publishes the post with it.
/// Returns false when there is no such post.
async fn measure_next(media: &MediaStore, db: &Db) -> Result<bool, Error> {
    let Some(found) = posts::find_unmeasured(db.read()).await? else { return Ok(false) };
    let name = found.image_name.as_deref().and_then(FileName::parse);
    let measured = match name {
        Some(name) => media.measure(name).await?,
        None => None,
    };
    let mut tx = db.begin().await?;
    // Somebody else may have measured it, or changed the post.
    let is_unmeasured = |post: &Post| post.images.is_none() && post.image_name == found.image_name;
    let Some(post) = posts::lock_any(&tx, found.id).await?.filter(is_unmeasured) else {
        tx.rollback().await?;
        return Ok(true);
    };
    let images = match measured {
        Some(picture) => {
            let place = Some((post.id, post.created_at));
            vec![pictures::to_picture(&pictures::insert(&tx, post.author_id, &picture, None, place).await?)]
        }
        // The file is lost. The empty list says that it was looked for.
        None => Vec::new(),
    };
    let rows = posts::store_measured(&tx, post.id, Pictures(images), post.image_name).await?;
    let states: Vec<PostState> = rows.into_iter().map(Into::into).collect();
    events::publish(&mut tx, &states)?;
    tx.commit().await?;
    Ok(true)
}
