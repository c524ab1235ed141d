//! The stream `like`: the entries of the like matrix.

use shared::events::{Key, ProjectionRow, Readers, State};

use crate::db::entities::likes::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "like";
    const READERS: Readers = Readers::Person;

    fn key(&self) -> Key {
        Key(vec![self.user_id.0, self.post_id.0])
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl ProjectionRow for Model {
    const VERSION: Column = Column::Version;
}
