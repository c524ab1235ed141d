//! The authenticator apps of people, one to an account.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// An authenticator app. It does not derive `Debug`, because the secret must not get into a log, encrypted or not.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authenticator_apps")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: i64,
    /// The secret that the app shares with this service, encrypted under a key that the database does not have.
    pub(crate) secret: Vec<u8>,
    pub(crate) created_at: Timestamp,
    /// When the person typed the first code of the app; the app counts as a factor from then on.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// The step of the newest code that was used. The same code or an older one is refused.
    pub(crate) last_step: i64,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
