//! Pictures, in the form in which all services send and keep them.

use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A picture that belongs to something a person has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Picture {
    /// The id, by which the owner names the picture.
    #[schema(min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    pub id: String,
    /// Path of the picture on this host.
    pub url: String,
    /// The width in pixels.
    #[schema(minimum = 1)]
    pub width: u32,
    /// The height in pixels.
    #[schema(minimum = 1)]
    pub height: u32,
    /// The text for people who do not see the picture, if the owner has written one.
    #[schema(max_length = 1500)]
    pub alt: Option<String>,
    /// The same picture with fewer pixels, from narrow to wide. Until such a file is made, its path serves the picture itself.
    pub sizes: Vec<PictureSize>,
}

/// A picture with fewer pixels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PictureSize {
    /// Path of the file on this host.
    pub url: String,
    /// The width in pixels.
    #[schema(minimum = 1)]
    pub width: u32,
}

/// Several pictures in their order, as an array in JSON and in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Pictures(pub Vec<Picture>);

impl Pictures {
    /// Returns the number of bytes that the texts of these pictures take, for caches that are bounded in bytes.
    pub fn bytes(&self) -> usize {
        let of_one = |picture: &Picture| 400 + picture.alt.as_ref().map_or(0, String::len);
        self.0.iter().map(of_one).sum()
    }
}
