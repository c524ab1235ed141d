//! The sessions: one for each login, as the parent of all refresh tokens that follow from it.

use sea_orm::entity::prelude::*;
use shared::auth::Scopes;
use shared::clock::Timestamp;

/// A session. It ends by logout, by a block, by a new password, by the reuse of a refresh token, or by age, among
/// others.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) user_id: i64,
    /// The time of the login, from which the age of the session counts.
    pub(crate) created_at: Timestamp,
    /// When the session was ended; none of its refresh tokens is accepted afterwards.
    pub(crate) revoked_at: Option<Timestamp>,
    /// True when the end was published on the stream `session_end`. The end of all sessions of a person at once is not
    /// published there: it raises the session version of the account, which ends the access tokens of all of them.
    pub(crate) is_end_published: bool,
    /// The time of the last refresh. `None`: there was none, or the session is older than this column.
    pub(crate) last_used_at: Option<Timestamp>,
    /// The `User-Agent` of the newest login or refresh.
    pub(crate) client: Option<String>,
    /// The IP address of the newest login or refresh.
    pub(crate) address: Option<String>,
    /// The other people's client that the session belongs to; `None` for a session of Chatty's own login.
    pub(crate) client_id: Option<String>,
    /// The scopes that this client was granted.
    pub(crate) scope: Option<String>,
}

impl Model {
    /// Returns the scopes of the other people's client that the session belongs to; `None` for a session of Chatty's
    /// own login. A text that cannot be parsed counts as no scope at all, so a damaged row gives no rights.
    pub(crate) fn scopes(&self) -> Option<Scopes> {
        self.scope.as_ref().map(|scope| scope.parse().unwrap_or_default())
    }
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
