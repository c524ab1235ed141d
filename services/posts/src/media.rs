//! The media store: pictures under random names.

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
use shared::db::Db;
use shared::lifecycle::Cancel;
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout_at};
use uuid::Uuid;

use crate::db::queries::posts;
use crate::domain::image::{self, ImageError, Picture};
use crate::error::Error;
use crate::uploads::Upload;

/// How often left-over pictures are looked for, and how old one must be.
const TIDY: Duration = Duration::from_secs(60 * 60);
/// Pictures that are looked up at once.
const PAGE: usize = 500;
/// From the beginning of a request: until when a picture waits for its turn to be read, and until when it must have been read
/// and written anew. A request has 15 s.
const WAIT: Duration = Duration::from_secs(9);
const READ: Duration = Duration::from_secs(13);
/// How many turns there are. One is a million pixels, which take 12 MB at most while they are read and written.
const TURNS: u32 = 16;

/// How many turns a picture of so many pixels takes: of the large ones a few are read at a time, because of the memory, and
/// of the small ones no more than there are cores.
fn turns(pixels: u32) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(TURNS));
    pixels.div_ceil(image::MAX_PIXELS / TURNS).max(TURNS / cores).clamp(1, TURNS)
}

/// Stores and reads pictures. Clones share the store.
#[derive(Clone)]
pub(crate) struct Media {
    store: Arc<dyn ObjectStore>,
    /// Parts of the memory and of the cores that reading pictures may take, see [`turns`].
    turns: Arc<Semaphore>,
}

impl Media {
    /// Opens the folder, and makes it if it is not there.
    pub(crate) fn open(folder: &FilePath) -> Result<Self, ConfigError> {
        let bad = |error: String| ConfigError::new("MEDIA_URL", format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(|error| bad(error.to_string()))?;
        require_writable(folder).map_err(|error| bad(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| bad(error.to_string()))?;
        Ok(Self { store: Arc::new(store.with_fsync(true)), turns: Arc::new(Semaphore::new(TURNS as usize)) })
    }

    /// Checks a picture, writes it anew and stores it. Answers its name. Nothing is stored when that would take too long: the
    /// request would end without an answer that the client can rely on.
    pub(crate) async fn add(&self, upload: Upload) -> Result<String, Error> {
        let (_format, pixels) = image::measure(&upload.file)?;
        let turn = Arc::clone(&self.turns).acquire_many_owned(turns(pixels));
        let turn = timeout_at(upload.begun + WAIT, turn).await;
        let turn = turn.map_err(|_elapsed| Error::TooManyUploads)?.map_err(|_closed| Error::TooManyUploads)?;
        let read_by = upload.begun + READ;
        let decode = move || {
            // Held by the work, which goes on when the client has gone.
            let (_turn, upload) = (turn, upload);
            image::sanitise(&upload.file)
        };
        let picture = timeout_at(read_by, tokio::task::spawn_blocking(decode)).await;
        let picture: Picture = picture.map_err(|_elapsed| Error::TooManyUploads)?.map_err(|panic| {
            tracing::error!(%panic, "Reading a picture failed.");
            ImageError::Broken("the file makes no sense".to_owned())
        })??;
        let name = format!("{}.{}", Uuid::new_v4().simple(), picture.extension);
        self.store.put(&Path::from(name.as_str()), PutPayload::from(picture.bytes)).await?;
        Ok(name)
    }

    /// Opens a picture or a part of it, and tells its type. Only names that this store gave out are looked for.
    pub(crate) async fn get(&self, name: &str, range: Option<Range<u64>>) -> Result<(GetResult, &'static str), Error> {
        let (stem, extension) = name.split_once('.').ok_or(Error::ImageNotFound)?;
        let kind = match extension {
            "png" => "image/png",
            "jpg" => "image/jpeg",
            "webp" => "image/webp",
            _ => return Err(Error::ImageNotFound),
        };
        if stem.len() != 32 || !stem.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::ImageNotFound);
        }
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        match self.store.get_opts(&Path::from(name), options).await {
            Ok(found) => Ok((found, kind)),
            Err(object_store::Error::NotFound { .. }) => Err(Error::ImageNotFound),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a picture that no post shows any more. One that is left over is removed later, see [`Media::tidy`].
    pub(crate) async fn remove(&self, name: &str) {
        if let Err(error) = self.store.delete(&Path::from(name)).await {
            tracing::warn!(%error, "A picture could not be removed.");
        }
    }

    /// Removes left-over pictures now and then.
    pub(crate) async fn tidy(self, db: Db, cancel: Cancel) {
        let mut rounds = interval(TIDY);
        loop {
            tokio::select! { _ = rounds.tick() => {}, () = cancel.cancelled() => return }
            match self.remove_orphans(&db).await {
                Ok(0) => {}
                Ok(pictures) => tracing::info!(pictures, "Pictures that no post shows were removed."),
                Err(error) => tracing::warn!(%error, "Left-over pictures could not be removed; trying again later."),
            }
        }
    }

    /// Removes pictures that no post shows: those of requests that were cut off, and of a process that died. Young ones
    /// may belong to a request that is under way.
    async fn remove_orphans(&self, db: &Db) -> Result<usize, Error> {
        let before = db.clock().now() - TIDY;
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

#[cfg(test)]
mod tests {
    use shared::clock::Clock;
    use shared::config::{Env, Settings};

    use super::*;
    use crate::db::Migrator;

    #[tokio::test]
    async fn only_old_pictures_that_no_post_shows_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            Settings::from_env(&Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]), 8001).unwrap();
        let clock = Clock::fixed(Clock::system().now());
        let db = Db::open(&settings, "posts", clock.clone()).await.unwrap();
        db.migrate::<Migrator>().await.unwrap();
        let media = Media::open(&folder.path().join("media")).unwrap();
        let names = ["0".repeat(32) + ".png", "1".repeat(32) + ".png"];
        for name in &names {
            media.store.put(&Path::from(name.as_str()), PutPayload::from_static(b"x")).await.unwrap();
        }
        let tx = db.begin().await.unwrap();
        let shown = posts::NewPost { title: "x".into(), content: "x".into(), image_name: Some(names[1].clone()) };
        posts::insert(&tx, shared::ids::UserId(1), shown).await.unwrap();
        tx.commit().await.unwrap();

        assert_eq!(media.remove_orphans(&db).await.unwrap(), 0, "both are young");
        clock.advance(TIDY + Duration::from_secs(1));
        assert_eq!(media.remove_orphans(&db).await.unwrap(), 1);
        assert!(matches!(media.get(&names[0], None).await, Err(Error::ImageNotFound)));
        assert_eq!(media.get(&names[1], None).await.unwrap().0.bytes().await.unwrap(), "x");
        db.close().await;
    }
}
