//! The failures of this service, and the answer that a client gets for each of them.
//!
//! Actions, queries and handlers return [`Error`]. The sentence of a variant is the `detail` of the answer, so it must
//! not tell more than a stranger may know. The causes of failures of this service go to the log and never to the
//! client.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use secrecy::{ExposeSecret, SecretString};
use shared::db::CommitError;
use shared::error::ApiError;
use shared::events::PublishError;

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Another account, or a reservation, has this username.
    #[error("Username already registered")]
    UsernameTaken,
    /// No account has this username, or the password is wrong. The client is not told which of the two.
    #[error("Invalid credentials")]
    InvalidCredentials,
    /// The password is right, but the person has not verified the e-mail address yet.
    #[error("Account not verified")]
    NotVerified,
    /// The password is right, but an admin has not decided about the person yet.
    #[error("Your application waits for an administrator")]
    AwaitsApproval,
    /// Nobody can register.
    #[error("Registration is closed")]
    RegistrationClosed,
    /// The rules of joining refuse a field of the registration.
    #[error("{field} {rule}")]
    NotAccepted {
        /// The name of the field.
        field: &'static str,
        /// The rule, as the end of a sentence about the field.
        rule: &'static str,
    },
    /// The person has as many invitations as allowed.
    #[error("You have no more invitations")]
    NoMoreInvitations,
    /// The person has no such invitation, or it was used.
    #[error("Invitation not found")]
    InvitationNotFound,
    /// No mail has this link.
    #[error("There is nothing to end at this address")]
    DigestNotFound,
    /// Nobody with this id waits for a decision.
    #[error("Applicant not found")]
    ApplicantNotFound,
    /// The password is right, and the person has two-factor sign-in.
    #[error("A second factor is required")]
    SecondFactorRequired {
        /// The token with which the client continues.
        challenge: SecretString,
        /// The factors that the person has.
        factors: Vec<&'static str>,
    },
    /// The challenge of a login's second step is unknown, used, expired or tried too often.
    #[error("The login has expired, begin again")]
    BadChallenge,
    /// The code of the authenticator app, or the recovery code, is wrong or was used before.
    #[error("The code is wrong or was used before")]
    WrongCode,
    /// The person has an authenticator app already.
    #[error("Two-factor sign-in is on already")]
    TwoFactorOn,
    /// The person has no second factor.
    #[error("Two-factor sign-in is off")]
    TwoFactorOff,
    /// The person has no authenticator app, or has not begun to use one.
    #[error("There is no authenticator app")]
    NoApp,
    /// The public URL of the installation has an IP address, to which browsers give no passkeys.
    #[error("Passkeys need a domain, and this installation has an IP address")]
    PasskeysNeedDomain,
    /// The browser's answer about a passkey is wrong, or the passkey is unknown.
    #[error("The passkey was not accepted")]
    BadPasskey,
    /// The ceremony that makes a passkey is unknown, used or expired.
    #[error("Making the passkey took too long, begin again")]
    BadCeremony,
    /// An account has this passkey already.
    #[error("This passkey is registered already")]
    PasskeyKnown,
    /// The person has as many passkeys as allowed.
    #[error("You have 20 passkeys; delete one first")]
    TooManyPasskeys,
    /// The person has no such passkey, or none at all.
    #[error("Passkey not found")]
    PasskeyNotFound,
    /// There is no such client, it does not belong to the person, or the redirect URI does not belong to the client.
    #[error("Client not found")]
    ClientNotFound,
    /// The person has registered as many clients as allowed.
    #[error("You have registered 20 clients; delete one first")]
    TooManyClients,
    /// The authorization code is unknown, expired or used, or does not belong to the client.
    #[error("The authorization code is not valid")]
    BadCode,
    /// The token belongs to somebody else's client, and the route is about the account itself.
    #[error("Only Chatty itself may do this, not a client that you have granted access")]
    FirstPartyOnly,
    /// An admin has blocked the account. Only its owner is told.
    #[error("Account blocked")]
    Blocked,
    /// The access token belongs to a session that has ended, or to an account that was erased.
    #[error("The session has ended, log in again")]
    SessionEnded,
    /// The person has no such session, or it has ended.
    #[error("Session not found")]
    SessionNotFound,
    /// The link is unknown, or it is a used or expired one that changes an address or undoes the change.
    #[error("Link is invalid or expired")]
    BadEmailLink,
    /// The current password, which a change asks for, is wrong.
    #[error("The current password is wrong")]
    WrongPassword,
    /// The code or the link that resets a password is unknown, used or expired.
    #[error("Reset link or code is invalid or expired")]
    BadReset,
    /// A password or a code was tried too often. Holds the time after which one more try is possible.
    #[error("Too many tries, try again later")]
    TooManyTries(Duration),
    /// The refresh token is unknown, expired, used or revoked.
    #[error("The refresh token is not valid")]
    BadRefreshToken,
    /// The verification link is unknown, replaced or expired.
    #[error("Verification link is invalid or expired")]
    BadLink,
    /// There is no person with this id who may be seen: the account is unknown, unverified or blocked.
    #[error("User not found")]
    UserNotFound,
    /// The person has no archive.
    #[error("There is no archive")]
    ExportNotFound,
    /// No erasure has this receipt.
    #[error("Receipt not found")]
    ReceiptNotFound,
    /// The new password is too easy to guess. Holds the rule that it breaks.
    #[error("{0}")]
    WeakPassword(&'static str),
    /// Too many passwords wait to be hashed.
    #[error("Too many people are logging in, try again in a moment")]
    Busy,
    /// Too many accounts wait for their verification or for the decision of an admin.
    #[error("Too many people have registered without confirming their address, try again later")]
    TooManyApplicants,
    /// The database refused a statement.
    #[error(transparent)]
    Db(#[from] DbErr),
    /// The database refused a commit, or its outcome is unknown.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// An event could not be written to the outbox.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A failure that already has the form of an answer.
    #[error(transparent)]
    Request(#[from] ApiError),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::UsernameTaken => Self::conflict("username_taken", text),
            Error::InvalidCredentials => Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", text),
            Error::SecondFactorRequired { challenge, factors } => {
                let problem = Self::new(StatusCode::UNAUTHORIZED, "second_factor_required", text);
                problem.with_member("challenge", challenge.expose_secret()).with_member("factors", factors)
            }
            Error::BadChallenge => Self::new(StatusCode::UNAUTHORIZED, "invalid_challenge", text),
            Error::WrongCode => Self::new(StatusCode::UNAUTHORIZED, "wrong_code", text),
            Error::TwoFactorOn => Self::conflict("two_factor_on", text),
            Error::TooManyClients => Self::conflict("too_many_clients", text),
            Error::BadCode => Self::bad_request("bad_code", text),
            Error::FirstPartyOnly => Self::new(StatusCode::FORBIDDEN, "first_party_only", text),
            Error::TwoFactorOff => Self::conflict("two_factor_off", text),
            Error::NoApp => Self::conflict("no_app", text),
            Error::PasskeysNeedDomain => Self::conflict("passkeys_need_a_domain", text),
            Error::BadPasskey => Self::new(StatusCode::UNAUTHORIZED, "passkey_refused", text),
            Error::BadCeremony => Self::bad_request("invalid_challenge", text),
            Error::PasskeyKnown => Self::conflict("passkey_known", text),
            Error::TooManyPasskeys => Self::conflict("too_many_passkeys", text),
            Error::NotVerified => Self::new(StatusCode::FORBIDDEN, "account_not_verified", text),
            Error::AwaitsApproval => Self::new(StatusCode::FORBIDDEN, "account_awaits_approval", text),
            Error::RegistrationClosed => Self::new(StatusCode::FORBIDDEN, "registration_closed", text),
            Error::NotAccepted { field, rule } => Self::invalid_field(field, rule),
            Error::NoMoreInvitations => Self::conflict("no_more_invitations", text),
            Error::Blocked => Self::new(StatusCode::FORBIDDEN, "account_blocked", text),
            Error::SessionEnded => Self::unauthorized(text),
            Error::BadRefreshToken => Self::new(StatusCode::UNAUTHORIZED, "invalid_refresh_token", text),
            Error::BadLink
            | Error::DigestNotFound
            | Error::BadEmailLink
            | Error::BadReset
            | Error::UserNotFound
            | Error::SessionNotFound
            | Error::ClientNotFound
            | Error::PasskeyNotFound
            | Error::InvitationNotFound
            | Error::ApplicantNotFound
            | Error::ExportNotFound
            | Error::ReceiptNotFound => Self::not_found(text),
            Error::WrongPassword => Self::new(StatusCode::FORBIDDEN, "wrong_password", text),
            Error::WeakPassword(rule) => Self::invalid_field("password", rule),
            Error::TooManyTries(wait) => Self::too_many("too_many_tries", text, wait.as_secs()),
            Error::Busy => Self::unavailable("busy", text),
            Error::TooManyApplicants => Self::unavailable("too_many_registrations", text),
            Error::Db(error) => error.into(),
            Error::Commit(error) => error.into(),
            Error::Publish(error) => error.into(),
            Error::Request(error) => error,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
