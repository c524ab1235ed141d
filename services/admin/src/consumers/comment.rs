//! The stream `comment`: comments, for decisions and the desk. Those that admins have removed keep their content here,
//! because admins judge it.

use shared::events::{Key, ProjectionRow, Readers, State};

use crate::db::entities::comments::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "comment";
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
        Self { post_id: None, author_id: None, content: None, created_at: None, ..self }
    }
}
