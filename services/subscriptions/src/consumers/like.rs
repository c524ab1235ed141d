//! The stream `like`: likes, of which the authors of posts are told.

use shared::events::{Key, ProjectionRow, State};

use crate::db::entities::likes::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "like";

    fn key(&self) -> Key {
        Key(vec![self.user_id.0, self.post_id.0])
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
        Self { post_author_id: None, created_at: None, ..self }
    }
}
