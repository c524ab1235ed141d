//! The stream `user`: profiles for answers, the people who count in the like matrix, and the accounts that tokens are
//! checked against.

use shared::auth::{Account, AccountRow};
use shared::events::{Key, ProjectionRow, Readers, State};

use crate::db::entities::users::{Column, Model};

impl State for Model {
    const STREAM: &'static str = "user";
    const READERS: Readers = Readers::Person;

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
        Self { username: None, first_name: None, last_name: None, bio: None, created_at: None, ..self }
    }
}

impl AccountRow for Model {
    fn account(&self) -> Account {
        let active = !self.deleted && !self.blocked;
        Account { version: self.version, active, session_version: self.session_version }
    }
}
