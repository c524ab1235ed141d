//! The stream `comment`: the existing comments, for decisions about them.

use shared::events::{Key, ProjectionRow, State};

use crate::db::entities::comments::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "comment";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl ProjectionRow for Model {
    const VERSION: Column = Column::Version;
}
