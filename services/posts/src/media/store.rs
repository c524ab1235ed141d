//! The media store: the files of pictures under random names, in a folder that all replicas share.
//!
//! A picture is stored before its row, because a transaction must not wait for a file. So a file can be left over: when
//! its transaction fails, or when the process dies in between. Such files are found and removed later.

use std::future::ready;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, PutPayload};
use shared::clock::Timestamp;
use shared::config::{ConfigError, require_writable};
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{interval, timeout_at};
use uuid::Uuid;

use super::uploads::Upload;
use crate::db::queries::pictures::{self, StoredPicture};
use crate::db::queries::posts;
use crate::domain::image::{self, FileName, ImageError, SafePicture, Size};
use crate::error::Error;

/// The pause between two searches for what is left over, and the age from which a file without a picture's row counts as
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

/// Turns the file that a person has sent into a safe one. It may take long.
pub(crate) type Encoding = fn(&[u8]) -> Result<SafePicture, ImageError>;

/// Stores, serves and removes pictures. Clones share the store.
#[derive(Clone)]
pub(crate) struct MediaStore {
    store: Arc<dyn ObjectStore>,
    /// The permits for decoding, see [`permits`].
    decoding: Arc<Semaphore>,
    /// Woken when a picture was stored whose sizes are to be made.
    arrived: Arc<Notify>,
}

/// The place of a file in the store.
fn path(name: &FileName) -> Path {
    Path::from(name.to_string())
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
        let decoding = Arc::new(Semaphore::new(PERMITS as usize));
        Ok(Self { store: Arc::new(store.with_fsync(true)), decoding, arrived: Arc::default() })
    }

    /// Checks a picture, encodes it anew by `encode` and stores it under a new random name.
    ///
    /// # Errors
    /// [`Error::Image`] when the picture is not accepted; [`Error::Media`] when the file cannot be stored;
    /// [`Error::TooManyUploads`] when decoding does not begin or end in time. Nothing is stored in that case, because
    /// the request would run into its time limit, and the client could not know what was stored.
    pub(crate) async fn store(&self, upload: Upload, encode: Encoding) -> Result<StoredPicture, Error> {
        let (_format, pixels) = image::measure_upload(&upload.file)?;
        let permit = Arc::clone(&self.decoding).acquire_many_owned(permits(pixels));
        let permit = timeout_at(upload.begun + DECODE_BEGINS_WITHIN, permit).await;
        let permit = permit.map_err(|_elapsed| Error::TooManyUploads)?.map_err(|_closed| Error::TooManyUploads)?;
        let decoded_by = upload.begun + DECODE_ENDS_WITHIN;
        let decode = move || {
            // A blocking task goes on when its request is dropped. So the task itself holds the permit and the file's
            // reservation until it ends.
            let (_permit, upload) = (permit, upload);
            encode(&upload.file)
        };
        let picture = timeout_at(decoded_by, tokio::task::spawn_blocking(decode)).await;
        let picture: SafePicture = picture.map_err(|_elapsed| Error::TooManyUploads)?.map_err(|panic| {
            tracing::error!(%panic, "Reading a picture failed.");
            ImageError::Broken("the file makes no sense".to_owned())
        })??;
        let name = FileName::of_picture(&Uuid::new_v4().simple().to_string(), picture.extension);
        self.store.put(&path(&name), PutPayload::from(picture.bytes)).await?;
        Ok(StoredPicture { name, width: picture.width, height: picture.height })
    }

    /// Says that a picture was stored whose sizes are to be made.
    pub(crate) fn announce_sizes(&self) {
        self.arrived.notify_one();
    }

    /// Waits until [`MediaStore::announce_sizes`] has been called.
    pub(crate) async fn wait_for_picture(&self) {
        self.arrived.notified().await;
    }

    /// Makes the sizes of a stored picture and stores them beside it.
    ///
    /// # Errors
    /// [`Error::ImageNotFound`] when the picture is not there; [`Error::Image`] when it cannot be read;
    /// [`Error::Media`] when the store fails.
    pub(crate) async fn make_sizes(&self, name: FileName) -> Result<(), Error> {
        let file = self.read(&name).await?;
        let (_format, pixels) = image::measure(&file)?;
        let permit = Arc::clone(&self.decoding).acquire_many_owned(permits(pixels)).await;
        let permit = permit.map_err(|_closed| Error::TooManyUploads)?;
        let make = move || {
            let _permit = permit;
            image::make_sizes(&name, &file)
        };
        let sizes = tokio::task::spawn_blocking(make).await.map_err(|panic| {
            tracing::error!(%panic, "Making the sizes of a picture failed.");
            ImageError::Broken("the file makes no sense".to_owned())
        })??;
        for Size { name, bytes } in sizes {
            self.store.put(&path(&name), PutPayload::from(bytes)).await?;
        }
        Ok(())
    }

    /// Measures a stored picture. `None` when the file is not there, or is no picture.
    ///
    /// # Errors
    /// [`Error::Media`] when the store fails.
    pub(crate) async fn measure(&self, name: FileName) -> Result<Option<StoredPicture>, Error> {
        let file = match self.read(&name).await {
            Ok(file) => file,
            Err(Error::ImageNotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(image::dimensions(&file).ok().map(|(width, height)| StoredPicture { name, width, height }))
    }

    async fn read(&self, name: &FileName) -> Result<Bytes, Error> {
        Ok(self.open_picture(name, None).await?.bytes().await?)
    }

    /// Opens a file, or the `range` of its bytes.
    ///
    /// # Errors
    /// [`Error::ImageNotFound`] when the file is not there; [`Error::Media`] when the store fails.
    pub(crate) async fn open_picture(&self, name: &FileName, range: Option<Range<u64>>) -> Result<GetResult, Error> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        match self.store.get_opts(&path(name), options).await {
            Ok(found) => Ok(found),
            Err(object_store::Error::NotFound { .. }) => Err(Error::ImageNotFound),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes files that nothing refers to any more. A failure is only logged, because the files are then found as
    /// left over, see [`MediaStore::run_cleanup`].
    pub(crate) async fn remove(&self, names: &[FileName]) {
        for name in names {
            if let Err(error) = self.erase(name).await {
                tracing::warn!(%error, "A picture could not be removed.");
            }
        }
    }

    /// Removes a file, and succeeds only when it is gone, whether it was there or not.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn erase(&self, name: &FileName) -> Result<(), object_store::Error> {
        match self.store.delete(&path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes what is left over every [`ORPHAN_AGE`], until cancelled.
    pub(crate) async fn run_cleanup(self, db: Db, cancel: Cancel) {
        let mut rounds = interval(ORPHAN_AGE);
        loop {
            tokio::select! { _ = rounds.tick() => {}, () = cancel.cancelled() => return }
            match self.remove_left_over(&db).await {
                Ok(0) => {}
                Ok(files) => tracing::info!(files, "Files of pictures that no post shows were removed."),
                Err(error) => tracing::warn!(%error, "Left-over pictures could not be removed; trying again later."),
            }
        }
    }

    /// Removes the pictures that no post has got within a day, and the files that belong to no picture. Returns the
    /// number of files.
    async fn remove_left_over(&self, db: &Db) -> Result<usize, Error> {
        let mut removed = 0;
        loop {
            let tx = db.begin().await?;
            let rows = pictures::delete_unused(&tx).await?;
            tx.commit().await?;
            if rows.is_empty() {
                break;
            }
            let files: Vec<FileName> = rows.iter().flat_map(pictures::file_names).collect();
            self.remove(&files).await;
            removed += files.len();
        }
        Ok(removed + self.remove_orphans(db).await?)
    }

    /// Removes the files that belong to no picture and that are older than [`ORPHAN_AGE`]. Returns their number.
    async fn remove_orphans(&self, db: &Db) -> Result<usize, Error> {
        let before = db.clock().now() - ORPHAN_AGE;
        let mut removed = 0;
        let old = self.store.list(None).try_filter(|file| ready(Timestamp::new(file.last_modified) < before));
        let mut pages = old.try_chunks(PAGE);
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| error.1)?;
            let names: Vec<String> = page.iter().map(|file| file.location.to_string()).collect();
            let stems: Vec<String> =
                names.iter().filter_map(|name| FileName::parse(name)).map(|name| name.stem).collect();
            let known = pictures::known_stems(db.read(), &stems).await?;
            let used = posts::images_in_use(db.read(), &names).await?;
            let is_known = |name: &str| FileName::parse(name).is_some_and(|name| known.contains(&name.stem));
            for name in names.iter().filter(|name| !is_known(name) && !used.contains(*name)) {
                self.store.delete(&Path::from(name.as_str())).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;
    use shared::config::{Env, Settings};

    use super::*;
    use crate::db::Migrator;

    #[tokio::test]
    async fn only_what_is_left_over_is_removed() {
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
        let image_name = Some(names[1].clone());
        let shown = posts::NewPost { title: "x".into(), content: "x".into(), images: None, image_name };
        posts::insert(&tx, shared::ids::UserId(1), shown).await.unwrap();
        tx.commit().await.unwrap();

        assert_eq!(media.remove_orphans(&db).await.unwrap(), 0, "both are young");
        // A minute more, because the files are younger than the clock, which stands.
        clock.advance(ORPHAN_AGE + Duration::from_secs(60));
        assert_eq!(media.remove_orphans(&db).await.unwrap(), 1);
        let [gone, kept] = names.map(|name| FileName::parse(&name).unwrap());
        assert!(matches!(media.open_picture(&gone, None).await, Err(Error::ImageNotFound)));
        assert_eq!(media.open_picture(&kept, None).await.unwrap().bytes().await.unwrap(), "x");

        // A picture that waits for its post stays for a day, with its sizes; one that a post has stays.
        let mut rows = Vec::new();
        for (stem, post) in [("2", None), ("3", Some((crate::domain::ids::PostId(1), clock.now())))] {
            let name = FileName::of_picture(&stem.repeat(32), "jpg");
            for file in [&name, &name.with_width(320)] {
                media.store.put(&path(file), PutPayload::from_static(b"x")).await.unwrap();
            }
            let tx = db.begin().await.unwrap();
            let stored = StoredPicture { name: name.clone(), width: 400, height: 1 };
            rows.push(pictures::insert(&tx, shared::ids::UserId(1), &stored, None, post).await.unwrap());
            tx.commit().await.unwrap();
        }
        // An avatar waits for nothing.
        let avatar = FileName::of_picture(&"4".repeat(32), "jpg");
        media.store.put(&path(&avatar), PutPayload::from_static(b"x")).await.unwrap();
        let tx = db.begin().await.unwrap();
        let stored = StoredPicture { name: avatar.clone(), width: 256, height: 256 };
        assert_eq!(pictures::replace_avatar(&tx, shared::ids::UserId(1), &stored).await.unwrap(), None);
        tx.commit().await.unwrap();
        clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
        assert_eq!(media.remove_left_over(&db).await.unwrap(), 0);
        clock.advance(Duration::from_secs(1));
        assert_eq!(media.remove_left_over(&db).await.unwrap(), 2);
        for (row, is_there) in rows.iter().zip([false, true]) {
            for file in pictures::file_names(row) {
                assert_eq!(media.open_picture(&file, None).await.is_ok(), is_there, "{file}");
            }
        }
        assert!(media.open_picture(&avatar, None).await.is_ok());
        db.close().await;
    }
}
