//! The offer of a link in a mail.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::entities::users::Model as User;
use crate::domain::link::Purpose;

/// The purpose of a link.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LinkPurpose {
    /// Verifies the address of a new account: `POST /auth/verify/{token}`.
    Verification,
    /// Replaces a forgotten password: `POST /auth/password/reset`.
    PasswordReset,
    /// Gives the account another address: `POST /auth/email/confirm/{token}`.
    EmailChange,
    /// Gives the account the address back that it had before: `POST /auth/email/undo/{token}`.
    EmailUndo,
}

/// The offer of a link in a mail: what it does, and to which account.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkOut {
    purpose: LinkPurpose,
    /// The account that the link is about.
    #[schema(example = "ann")]
    username: String,
    /// The address that the link would give to the account; `null` for a link that changes no address.
    #[schema(example = "new@example.org", format = Email)]
    email: Option<String>,
    /// True for a verification link whose account is verified already. Following it again does no harm.
    done: bool,
}

impl LinkOut {
    /// Builds the answer from a link's purpose, its account, and the address that it is about.
    pub(crate) fn new(purpose: Purpose, user: User, email: Option<String>) -> Self {
        let done = purpose == Purpose::Verification && user.verified_at.is_some();
        Self { purpose: purpose.into(), username: user.username, email, done }
    }
}

impl From<Purpose> for LinkPurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Verification => Self::Verification,
            Purpose::PasswordReset => Self::PasswordReset,
            Purpose::EmailChange => Self::EmailChange,
            Purpose::EmailUndo => Self::EmailUndo,
        }
    }
}
