//! The table `users`: a copy of the fields of auth's users that tell whether an author is visible, and under which
//! name.
//!
//! A row with version 0 is not a state of auth. It holds a name from an access token until auth's first state arrives.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::ids::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    pub version: i64,
    pub deleted: bool,
    /// Absent once the person is erased.
    pub username: Option<String>,
    pub blocked: bool,
    /// Access tokens of an earlier session version are refused.
    pub session_version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
