//! The archives of people's data that were asked for.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// An archive that is being made or is finished. A person has one at a time.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "exports")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: i64,
    /// The name of the file, which is random.
    pub(crate) name: String,
    pub(crate) requested_at: Timestamp,
    /// The time until which one replica makes the archive and others leave it alone.
    pub(crate) claimed_until: Timestamp,
    /// The service whose data is being collected; `None` before the first.
    pub(crate) step: Option<String>,
    /// When the archive was finished; `None` before.
    pub(crate) ready_at: Option<Timestamp>,
    /// When the row and the file are deleted.
    pub(crate) expires_at: Timestamp,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
