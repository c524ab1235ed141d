//! The stream `moderation.user`: the decisions of admins about people, who are told of their warnings.

use shared::events::{Key, ProjectionRow, State};

use crate::db::entities::moderated_people::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "moderation.user";

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
