//! The ids that only this service knows. Ids of users and sessions are in `shared::ids`.

shared::id_type! {
    /// A passkey.
    PasskeyId
}

shared::id_type! {
    /// An invitation.
    InvitationId
}
