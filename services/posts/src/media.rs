//! The media store: pictures under random names.

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use shared::config::ConfigError;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::domain::image::{self, ImageError, Picture};
use crate::error::Error;

/// Stores and reads pictures. Clones share the store.
#[derive(Clone)]
pub(crate) struct Media {
    store: Arc<dyn ObjectStore>,
    /// One picture is decoded per core: each may take 128 MiB.
    decoders: Arc<Semaphore>,
}

impl Media {
    /// Opens the folder, and makes it if it is not there.
    pub(crate) fn open(folder: &FilePath) -> Result<Self, ConfigError> {
        let bad = |error: String| ConfigError::new("MEDIA_URL", format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(|error| bad(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| bad(error.to_string()))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { store: Arc::new(store.with_fsync(true)), decoders: Arc::new(Semaphore::new(cores)) })
    }

    /// Checks a picture, writes it anew and stores it. Answers its name.
    pub(crate) async fn add(&self, file: Bytes) -> Result<String, Error> {
        let permit = self.decoders.acquire().await;
        let picture: Picture = tokio::task::spawn_blocking(move || image::sanitise(&file))
            .await
            .map_err(|error| ImageError::Broken(error.to_string()))??;
        drop(permit);
        let name = format!("{}.{}", Uuid::new_v4().simple(), picture.extension);
        self.store.put(&Path::from(name.as_str()), PutPayload::from(picture.bytes)).await?;
        Ok(name)
    }

    /// Reads a picture and its type. Only names that this store gave out are looked for.
    pub(crate) async fn get(&self, name: &str) -> Result<(Bytes, &'static str), Error> {
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
        match self.store.get(&Path::from(name)).await {
            Ok(found) => Ok((found.bytes().await?, kind)),
            Err(object_store::Error::NotFound { .. }) => Err(Error::ImageNotFound),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a picture that no post shows any more. A leftover file does no harm.
    pub(crate) async fn remove(&self, name: &str) {
        if let Err(error) = self.store.delete(&Path::from(name)).await {
            tracing::warn!(%error, "A picture could not be removed.");
        }
    }
}
