//! The stream `post_counts`: the counters of posts.

use shared::events::{Key, ProjectionRow, Readers, State};

use crate::db::entities::counts::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "post_counts";
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
}
