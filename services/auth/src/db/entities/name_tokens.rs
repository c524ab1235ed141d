//! The beginnings by which people are found.

use sea_orm::entity::prelude::*;

/// A token of a person's username or names, see `shared::text::words::name_tokens`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "name_tokens")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) token: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: i64,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
