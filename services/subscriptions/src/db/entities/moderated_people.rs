//! The table `moderated_people`: a copy of the decisions of admins about people. The block is auth's business; it is kept
//! so that a restore of admin finds the whole decision here.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "moderated_people")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    pub version: i64,
    pub blocked: bool,
    pub blocked_until: Option<Timestamp>,
    /// The warnings of the person that stand, oldest first.
    pub warnings: Option<Warnings>,
}

/// A warning, as the warned person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Unique among the warnings of one person.
    pub id: i64,
    pub text: String,
    pub at: Timestamp,
}

/// Warnings, as an array in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Warnings(pub Vec<Warning>);

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
