//! The stream `post`: the posts that can be recommended.

use shared::events::{Key, ProjectionRow, Readers, State};

use crate::db::entities::posts::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "post";
    const READERS: Readers = Readers::Members;

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl ProjectionRow for Model {
    const VERSION: Column = Column::Version;

    fn without_tombstone_fields(self) -> Self {
        if !self.deleted {
            return self;
        }
        Self {
            author_id: None,
            title: None,
            content: None,
            image_url: None,
            images: None,
            created_at: None,
            updated_at: None,
            ..self
        }
    }
}
