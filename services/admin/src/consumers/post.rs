//! The stream `post`: posts, for decisions, the desk and statistics. Those that admins have removed keep their content here,
//! because admins judge it.

use shared::events::{Key, ProjectionRow, Readers, State};

use crate::db::entities::posts::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "post";
    const READERS: Readers = Readers::Members;

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl ProjectionRow for Model {
    const VERSION: Column = Column::Version;

    fn without_tombstone_fields(self) -> Self {
        if !self.deleted || self.removed == Some(true) {
            return self;
        }
        Self { created_at: None, author_id: None, title: None, content: None, images: None, ..self }
    }
}
