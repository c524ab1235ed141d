//! Authorization codes: each proves to its client that a person has consented, and is exchanged for tokens once.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// An authorization code (RFC 6749, section 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_codes")]
pub(crate) struct Model {
    /// SHA-256 of the code, as base64url.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) code_hash: String,
    pub(crate) client_id: String,
    pub(crate) user_id: i64,
    /// The session version of the account at the consent: a block or a reset of the password raises it and so makes the
    /// code invalid.
    pub(crate) session_version: i64,
    /// The redirect URI to which the code was sent. The exchange must name the same.
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    /// SHA-256 of the client's verifier, as base64url (RFC 7636, section 4.2).
    pub(crate) code_challenge: String,
    pub(crate) expires_at: Timestamp,
    /// The session that the code was exchanged for; 0 after an exchange that was refused. `None`: the code is unused.
    pub(crate) session_id: Option<i64>,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
