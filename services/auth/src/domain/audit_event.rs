//! The kinds of entries in the log of accounts.

/// A kind of entry in the log of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuditEvent {
    AddressConfirmed,
    ApplicationAccepted,
    /// The account is erased, so the entry names the admin alone.
    ApplicationRefused,
    AdminCreated,
    SignedIn,
    /// A client of somebody else has opened a session.
    ClientSignedIn,
    /// Wrong passwords at a login. One entry counts those of an hour.
    SignInFailed,
    /// Wrong codes and passkeys after a right password: one entry counts all of an hour.
    SecondFactorFailed,
    /// Wrong current passwords of somebody who is logged in. One entry counts those of an hour.
    WrongPassword,
    SignedOut,
    /// The person has ended sessions in the list of sessions.
    SessionsEnded,
    /// A refresh token or an authorization code was presented a second time, which has ended its session.
    TokenReused,
    PasswordChanged,
    PasswordReset,
    /// An admin has made the password invalid.
    PasswordInvalidated,
    EmailChanged,
    EmailChangeUndone,
    AppAdded,
    AppRemoved,
    PasskeyAdded,
    PasskeyDeleted,
    RecoveryCodeUsed,
    RecoveryCodesRenewed,
    TwoFactorOff,
    /// A person has granted access to a client of somebody else.
    AccessGranted,
    ClientRegistered,
    ClientDeleted,
    ExportRequested,
    /// One entry counts the downloads of an hour.
    ExportRead,
    SigningKeyRequested,
    SigningKeyMade,
    /// An admin has read the list of applicants.
    ApplicantsRead,
    /// An admin has read the list of parked mails.
    ParkedMailsRead,
    /// An admin has read this log.
    LogRead,
}

impl AuditEvent {
    /// The name in the database and in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AddressConfirmed => "address_confirmed",
            Self::ApplicationAccepted => "application_accepted",
            Self::ApplicationRefused => "application_refused",
            Self::AdminCreated => "admin_created",
            Self::SignedIn => "signed_in",
            Self::ClientSignedIn => "client_signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SecondFactorFailed => "second_factor_failed",
            Self::WrongPassword => "wrong_password",
            Self::SignedOut => "signed_out",
            Self::SessionsEnded => "sessions_ended",
            Self::TokenReused => "token_reused",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::PasswordInvalidated => "password_invalidated",
            Self::EmailChanged => "email_changed",
            Self::EmailChangeUndone => "email_change_undone",
            Self::AppAdded => "authenticator_app_added",
            Self::AppRemoved => "authenticator_app_removed",
            Self::PasskeyAdded => "passkey_added",
            Self::PasskeyDeleted => "passkey_deleted",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::RecoveryCodesRenewed => "recovery_codes_renewed",
            Self::TwoFactorOff => "two_factor_turned_off",
            Self::AccessGranted => "access_granted",
            Self::ClientRegistered => "client_registered",
            Self::ClientDeleted => "client_deleted",
            Self::ExportRequested => "export_requested",
            Self::ExportRead => "export_read",
            Self::SigningKeyRequested => "signing_key_requested",
            Self::SigningKeyMade => "signing_key_made",
            Self::ApplicantsRead => "applicants_read",
            Self::ParkedMailsRead => "parked_mails_read",
            Self::LogRead => "log_read",
        }
    }
}
