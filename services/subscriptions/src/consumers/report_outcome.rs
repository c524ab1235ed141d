//! The stream `report_outcome`: reports, whose reporters are told how they ended.

use shared::events::{Key, ProjectionRow, State};

use crate::db::entities::report_outcomes::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "report_outcome";

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
