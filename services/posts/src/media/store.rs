//! The media store: the files of pictures under random names, in a folder that all replicas share.
//!
//! A picture is stored before its post, because a transaction must not wait for a file. So a picture can be left over:
//! when its transaction fails, or when the process dies in between. Such pictures are found and removed later.

use std::future::ready;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, PutPayload};
use shared::clock::Timestamp;
use shared::config::{ConfigError, require_writable};
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout_at};
use uuid::Uuid;

use super::uploads::Upload;
use crate::db::queries::posts;
use crate::domain::image::{self, ImageError, Picture};
use crate::error::Error;

/// The pause between two searches for left-over pictures, and the age from which a picture without a post counts as
/// left over. This age is far longer than a request takes, so that no picture of a request under way is removed.
const ORPHAN_AGE: Duration = Duration::from_secs(60 * 60);
/// The number of names that one query looks up.
const PAGE: usize = 500;
/// The longest time from the beginning of a request until the decoding of its picture begins.
const DECODE_BEGINS_WITHIN: Duration = Duration::from_secs(9);
/// The longest time from the beginning of a request until the decoding of its picture ends. A request has 15 seconds in
/// all, so the last two are left for storing the file and for the transaction.
const DECODE_ENDS_WITHIN: Duration = Duration::from_secs(13);
/// The number of permits for decoding. One permit stands for a million pixels, which take at most 12 MB while they are
/// decoded and encoded.
const PERMITS: u32 = 16;

/// The number of permits that a picture of `pixels` pixels needs. The permits for pixels bound the memory of all
/// pictures that are decoded at a time. The number of cores sets a minimum, so that no more small pictures are decoded
/// at a time than there are cores, of which sixteen count.
fn permits(pixels: u32) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(PERMITS));
    pixels.div_ceil(image::MAX_PIXELS / PERMITS).max(PERMITS.div_ceil(cores)).clamp(1, PERMITS)
}

/// Stores, serves and removes pictures. Clones share the store.
#[derive(Clone)]
pub(crate) struct MediaStore {
    store: Arc<dyn ObjectStore>,
    /// The permits for decoding, see [`permits`].
    decoding: Arc<Semaphore>,
}

impl MediaStore {
    /// Opens the store in a folder, which is created if it does not exist.
    ///
    /// # Errors
    /// When the folder cannot be created or written to.
    pub(crate) fn open(folder: &FilePath) -> Result<Self, ConfigError> {
        let bad = |error: String| ConfigError::new("MEDIA_URL", format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(|error| bad(error.to_string()))?;
        require_writable(folder).map_err(|error| bad(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| bad(error.to_string()))?;
        Ok(Self { store: Arc::new(store.with_fsync(true)), decoding: Arc::new(Semaphore::new(PERMITS as usize)) })
    }

    /// Checks a picture, encodes it anew and stores it under a new random name, which is returned.
    ///
    /// # Errors
    /// [`Error::Image`] when the picture is not accepted; [`Error::Media`] when the file cannot be stored;
    /// [`Error::TooManyUploads`] when decoding does not begin or end in time. Nothing is stored in that case, because
    /// the request would run into its time limit, and the client could not know what was stored.
    pub(crate) async fn store(&self, upload: Upload) -> Result<String, Error> {
        let (_format, pixels) = image::measure(&upload.file)?;
        let permit = Arc::clone(&self.decoding).acquire_many_owned(permits(pixels));
        let permit = timeout_at(upload.begun + DECODE_BEGINS_WITHIN, permit).await;
        let permit = permit.map_err(|_elapsed| Error::TooManyUploads)?.map_err(|_closed| Error::TooManyUploads)?;
        let decoded_by = upload.begun + DECODE_ENDS_WITHIN;
        let decode = move || {
            // A blocking task goes on when its request is dropped. So the task itself holds the permit and the file's
            // reservation until it ends.
            let (_permit, upload) = (permit, upload);
            image::sanitise(&upload.file)
        };
        let picture = timeout_at(decoded_by, tokio::task::spawn_blocking(decode)).await;
        let picture: Picture = picture.map_err(|_elapsed| Error::TooManyUploads)?.map_err(|panic| {
            tracing::error!(%panic, "Reading a picture failed.");
            ImageError::Broken("the file makes no sense".to_owned())
        })??;
        let name = format!("{}.{}", Uuid::new_v4().simple(), picture.extension);
        self.store.put(&Path::from(name.as_str()), PutPayload::from(picture.bytes)).await?;
        Ok(name)
    }

    /// Opens a picture, or the `range` of its bytes, and returns it with its media type.
    ///
    /// # Errors
    /// [`Error::ImageNotFound`], also for every name that [`MediaStore::store`] cannot have given: a name from a path
    /// must not reach other files. [`Error::Media`] when the store fails.
    pub(crate) async fn open_picture(
        &self,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<(GetResult, &'static str), Error> {
        let (stem, _) = name.split_once('.').ok_or(Error::ImageNotFound)?;
        let media_type = media_type(name).ok_or(Error::ImageNotFound)?;
        if stem.len() != 32 || !stem.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::ImageNotFound);
        }
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        match self.store.get_opts(&Path::from(name), options).await {
            Ok(found) => Ok((found, media_type)),
            Err(object_store::Error::NotFound { .. }) => Err(Error::ImageNotFound),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a picture that no post refers to any more. A failure is only logged, because the picture is then found
    /// as an orphan, see [`MediaStore::run_cleanup`].
    pub(crate) async fn remove(&self, name: &str) {
        if let Err(error) = self.store.delete(&Path::from(name)).await {
            tracing::warn!(%error, "A picture could not be removed.");
        }
    }

    /// Removes a picture, and succeeds only when it is gone, whether it was there or not.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn erase(&self, name: &str) -> Result<(), object_store::Error> {
        match self.store.delete(&Path::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes left-over pictures every [`ORPHAN_AGE`], until cancelled.
    pub(crate) async fn run_cleanup(self, db: Db, cancel: Cancel) {
        let mut rounds = interval(ORPHAN_AGE);
        loop {
            tokio::select! { _ = rounds.tick() => {}, () = cancel.cancelled() => return }
            match self.remove_orphans(&db).await {
                Ok(0) => {}
                Ok(pictures) => tracing::info!(pictures, "Pictures that no post shows were removed."),
                Err(error) => tracing::warn!(%error, "Left-over pictures could not be removed; trying again later."),
            }
        }
    }

    /// Removes the pictures that no post refers to and that are older than [`ORPHAN_AGE`]. Returns their number.
    async fn remove_orphans(&self, db: &Db) -> Result<usize, Error> {
        let before = db.clock().now() - ORPHAN_AGE;
        let mut removed = 0;
        let old = self.store.list(None).try_filter(|file| ready(Timestamp::new(file.last_modified) < before));
        let mut pages = old.try_chunks(PAGE);
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| error.1)?;
            let names: Vec<String> = page.iter().map(|file| file.location.to_string()).collect();
            let used = posts::images_in_use(db.read(), &names).await?;
            for name in names.iter().filter(|name| !used.contains(*name)) {
                self.store.delete(&Path::from(name.as_str())).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Returns the media type of a picture by the ending of its name, which is all that follows the first dot. `None` for an
/// ending that no picture has.
pub(crate) fn media_type(name: &str) -> Option<&'static str> {
    match name.split_once('.')?.1 {
        "png" => Some("image/png"),
        "jpg" => Some("image/jpeg"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;
    use shared::config::{Env, Settings};

    use super::*;
    use crate::db::Migrator;

    #[tokio::test]
    async fn only_old_pictures_that_no_post_refers_to_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            Settings::from_env(&Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]), 8001).unwrap();
        let clock = Clock::fixed(Clock::system().now());
        let db = Db::open(&settings, "posts", clock.clone()).await.unwrap();
        db.migrate(shared::db::Schema::of::<Migrator>()).await.unwrap();
        let media = MediaStore::open(&folder.path().join("media")).unwrap();
        let names = ["0".repeat(32) + ".png", "1".repeat(32) + ".png"];
        for name in &names {
            media.store.put(&Path::from(name.as_str()), PutPayload::from_static(b"x")).await.unwrap();
        }
        let tx = db.begin().await.unwrap();
        let shown = posts::NewPost { title: "x".into(), content: "x".into(), image_name: Some(names[1].clone()) };
        posts::insert(&tx, shared::ids::UserId(1), shown).await.unwrap();
        tx.commit().await.unwrap();

        assert_eq!(media.remove_orphans(&db).await.unwrap(), 0, "both are young");
        clock.advance(ORPHAN_AGE + Duration::from_secs(1));
        assert_eq!(media.remove_orphans(&db).await.unwrap(), 1);
        assert!(matches!(media.open_picture(&names[0], None).await, Err(Error::ImageNotFound)));
        assert_eq!(media.open_picture(&names[1], None).await.unwrap().0.bytes().await.unwrap(), "x");
        db.close().await;
    }
}
