//! Other people's clients: programs that act for a person who has consented (OAuth 2.0).

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A client. It has no secret (a "public client" in RFC 6749, section 2.1), because most clients run on people's
/// devices, where a secret would not stay one.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub(crate) struct Model {
    /// Random, and known to everybody.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    /// The person who has registered the client.
    pub(crate) user_id: i64,
    pub(crate) name: String,
    /// The redirect URIs, one on each line.
    pub(crate) redirect_uris: String,
    pub(crate) created_at: Timestamp,
}

impl Model {
    /// Returns the redirect URIs: the addresses to which people are sent back.
    pub(crate) fn redirect_uris(&self) -> impl Iterator<Item = &str> {
        self.redirect_uris.lines()
    }
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
