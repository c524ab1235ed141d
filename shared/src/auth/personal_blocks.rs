//! People who block each other: the state of the stream `personal_block`, the table of its rows, and the memory that
//! answers whether two people see each other.
//!
//! Subscriptions owns the pairs, and the other services keep copies of the same form. A block is one-sided, but its
//! effect is not: neither person sees the other.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;
use sea_orm::entity::prelude::*;
use sea_orm_migration::prelude::{Index, MigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, boolean};
use serde::{Deserialize, Serialize};

use crate::db::Reads;
use crate::events::{Key, Memory, ProjectionRow, Readers, State, load_pages};
use crate::ids::UserId;

/// A block of one person by another: the state of the stream `personal_block`, and a row of its table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "personal_blocks")]
pub struct Model {
    /// The person who blocks.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The person who is blocked.
    #[sea_orm(primary_key, auto_increment = false)]
    pub blocked_id: UserId,
    /// The version of the pair.
    pub version: i64,
    /// True when the block has ended.
    pub deleted: bool,
}

/// The table has no relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl State for Model {
    const STREAM: &'static str = "personal_block";
    const READERS: Readers = Readers::Person;

    fn key(&self) -> Key {
        Key(vec![self.user_id.0, self.blocked_id.0])
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl ProjectionRow for Model {
    const VERSION: Column = Column::Version;
}

/// The blocks that a process has in memory. Clones share them. States are merged by version (rule R5).
#[derive(Clone, Debug, Default)]
pub struct PersonalBlocks(Arc<RwLock<Blocks>>);

#[derive(Debug, Default)]
struct Blocks {
    /// The version of each pair of blocker and blocked, and whether the block has ended.
    pairs: HashMap<(UserId, UserId), (i64, bool)>,
    /// The people who do not see a person and whom the person does not see. A person without any has no entry.
    apart: HashMap<UserId, HashSet<UserId>>,
}

impl PersonalBlocks {
    /// Returns true if this person blocks somebody or is blocked by somebody.
    pub fn involve(&self, person: UserId) -> bool {
        self.read().apart.contains_key(&person)
    }

    /// Returns true if one of the two people blocks the other one.
    pub fn part(&self, one: UserId, other: UserId) -> bool {
        self.read().apart.get(&one).is_some_and(|apart| apart.contains(&other))
    }

    fn read(&self) -> RwLockReadGuard<'_, Blocks> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blocks {
    fn merge(&mut self, row: &Model) {
        let pair = (row.user_id, row.blocked_id);
        if self.pairs.get(&pair).is_none_or(|(version, _)| *version < row.version) {
            self.pairs.insert(pair, (row.version, row.deleted));
            self.update_sides(pair);
        }
    }

    /// Brings `apart` up to date after a change of a pair.
    fn update_sides(&mut self, (one, other): (UserId, UserId)) {
        let is_active = |pair| self.pairs.get(&pair).is_some_and(|(_, deleted)| !deleted);
        let are_apart = is_active((one, other)) || is_active((other, one));
        for (person, opposite) in [(one, other), (other, one)] {
            if are_apart {
                self.apart.entry(person).or_default().insert(opposite);
            } else if let Some(apart) = self.apart.get_mut(&person) {
                apart.remove(&opposite);
                if apart.is_empty() {
                    self.apart.remove(&person);
                }
            }
        }
    }
}

#[async_trait]
impl Memory<Model> for PersonalBlocks {
    fn remember(&self, rows: &[Model]) {
        let mut blocks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        rows.iter().for_each(|row| blocks.merge(row));
    }

    fn forget(&self, key: &Key) {
        let pair = (UserId(key.first()), UserId(key.second()));
        let mut blocks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        blocks.pairs.remove(&pair);
        blocks.update_sides(pair);
    }

    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        load_pages(self, db).await
    }
}

/// Creates the table `personal_blocks`.
pub struct Migration;

impl MigrationName for Migration {
    /// The name in the table of applied migrations. It is written out, because a derived name would change with the
    /// name of the file.
    fn name(&self) -> &'static str {
        "personal_blocks"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("personal_blocks")
            .col(big_integer("user_id"))
            .col(big_integer("blocked_id"))
            .col(big_integer("version"))
            .col(boolean("deleted"))
            .primary_key(Index::create().col("user_id").col("blocked_id"))
            .to_owned();
        manager.create_table(table).await?;
        // Finds by whom a person is blocked.
        let index =
            Index::create().name("ix_personal_blocks_blocked_id").table("personal_blocks").col("blocked_id").to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(user: i64, blocked: i64, version: i64, deleted: bool) -> Model {
        Model { user_id: UserId(user), blocked_id: UserId(blocked), version, deleted }
    }

    #[test]
    fn a_block_parts_both_people_until_both_have_ended_theirs_in_any_order_of_states() {
        let blocks = PersonalBlocks::default();
        let parted = || (blocks.part(UserId(1), UserId(2)), blocks.part(UserId(2), UserId(1)));
        blocks.remember(&[state(1, 2, 1, false), state(2, 1, 1, false), state(1, 2, 1, false)]);
        assert_eq!(parted(), (true, true));
        blocks.remember(&[state(1, 2, 2, true), state(1, 2, 1, false)]);
        assert_eq!(parted(), (true, true), "the other one still blocks");
        blocks.remember(&[state(2, 1, 2, true)]);
        assert_eq!(parted(), (false, false));
        assert!(!blocks.involve(UserId(1)) && !blocks.involve(UserId(2)));
        blocks.remember(&[state(1, 2, 3, false)]);
        assert!(blocks.involve(UserId(1)) && blocks.involve(UserId(2)));
        blocks.forget(&state(1, 2, 3, false).key());
        assert_eq!(parted(), (false, false));
    }
}
