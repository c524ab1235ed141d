//! The confirmations of the other services that they have erased a person's data: copies of their streams
//! `erasure_done.…`.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

/// The newest confirmation of one service about one person.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "confirmations")]
pub(crate) struct Model {
    /// The name of the service.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) service: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: UserId,
    pub(crate) version: i64,
    /// True when the service will not look for data of this person again.
    pub(crate) complete: bool,
    /// The numbers of erased things, by their kind, as a JSON object.
    pub(crate) counts: String,
    /// The time at which the confirmation arrived here.
    pub(crate) confirmed_at: Timestamp,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
