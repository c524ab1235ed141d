//! The claims of an access token (RFC 7519), and the constant values that auth writes and every service requires.

use serde::{Deserialize, Serialize};

use super::scopes::Scopes;
use crate::ids::{SessionId, UserId};

/// The issuer, `iss`, of every token.
pub const ISSUER: &str = "chatty-auth";
/// The audience, `aud`, of every token.
pub const AUDIENCE: &str = "chatty";
/// The type, `typ` in the header, of every token (RFC 9068, section 2.1). It keeps other JWTs of the same issuer from
/// being taken for access tokens.
pub const TOKEN_TYPE: &str = "at+jwt";

/// The audience of a token that opens the data of one person for an export.
pub const EXPORT_AUDIENCE: &str = "chatty-export";
/// The type of such a token.
pub const EXPORT_TOKEN_TYPE: &str = "export+jwt";

/// The claims of a token that opens the data of one person for an export. Only auth can sign it, and only services get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportClaims {
    /// Issuer: [`ISSUER`].
    pub iss: String,
    /// Audience: [`EXPORT_AUDIENCE`].
    pub aud: String,
    /// Subject: the person's id in decimal digits.
    pub sub: String,
    /// Time of expiry in Unix seconds.
    pub exp: i64,
    /// Time in Unix seconds before which the token is not valid.
    pub nbf: i64,
}

/// The rights of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(description = "What somebody may do.")]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May use every route but those for administrators.
    #[default]
    User,
    /// May use every route.
    Admin,
}

impl Role {
    /// Returns the text that stands for the role in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    /// Returns the role that a text in the database stands for. An unknown text is [`Role::User`], so a damaged row
    /// gives no rights.
    pub fn from_stored(text: &str) -> Self {
        if text == "admin" { Self::Admin } else { Self::User }
    }
}

/// The claims of an access token. All of them are required, except for `sid` and `scope`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer: [`ISSUER`].
    pub iss: String,
    /// Audience: [`AUDIENCE`].
    pub aud: String,
    /// Subject: the user's id in decimal digits.
    pub sub: String,
    /// Time of expiry in Unix seconds.
    pub exp: i64,
    /// Time in Unix seconds before which the token is not valid.
    pub nbf: i64,
    /// Time of issue in Unix seconds.
    pub iat: i64,
    /// The id of the token, a random UUID.
    pub jti: String,
    /// The username. A service that has not received the user's state yet uses this username (rule R10).
    pub username: String,
    /// The user's role when the token was issued.
    pub role: Role,
    /// The user's session version when the token was issued. The token is refused once the account has a higher one.
    pub sv: i64,
    /// The session that the token belongs to. The token is refused once the session has ended. A token that was issued
    /// before sessions had ids gets [`NOBODY`](crate::ids::NOBODY).
    #[serde(default = "no_session")]
    pub sid: SessionId,
    /// The scopes that the person has granted to somebody else's client; absent in a token of Chatty's own login, which
    /// has all rights of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scopes>,
}

fn no_session() -> SessionId {
    SessionId(crate::ids::NOBODY)
}

impl Claims {
    /// Returns the user's id; `None` if `sub` is not a positive integer in decimal digits.
    pub fn user_id(&self) -> Option<UserId> {
        parse_subject(&self.sub)
    }
}

impl ExportClaims {
    /// Returns the person's id; `None` if `sub` is not a positive integer in decimal digits.
    pub fn user_id(&self) -> Option<UserId> {
        parse_subject(&self.sub)
    }
}

fn parse_subject(sub: &str) -> Option<UserId> {
    sub.parse().ok().filter(|id| *id > 0).map(UserId)
}
