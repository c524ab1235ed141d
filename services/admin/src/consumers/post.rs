//! The stream `post`: the existing posts and the times when they were written, for decisions and statistics.

use shared::events::{Key, ProjectionRow, State};

use crate::db::entities::posts::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "post";

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
        if !self.deleted {
            return self;
        }
        Self { created_at: None, ..self }
    }
}
