//! Invitations, which are made and withdrawn by the person who invites.

use secrecy::SecretString;
use shared::auth::Role;
use shared::work::Db;

use super::two_factor::lock;
use crate::db::entities::invitations::Model as Invitation;
use crate::db::entities::users::Model as User;
use crate::db::queries::invitations;
use crate::domain::joining::Joining;
use crate::domain::{InvitationId, secret};
use crate::error::Error;

/// The number of invitations that an admin can have.
const MAX_OF_ADMIN: u64 = 1_000;

/// Makes an invitation. Returns it with its code, of which only the hash is stored. `role` is the role that counts at
/// this moment.
///
/// # Errors
/// [`Error::NoMoreInvitations`].
pub(crate) async fn invite(
    db: &Db,
    rules: &Joining,
    user: &User,
    role: Role,
    note: String,
) -> Result<(Invitation, SecretString), Error> {
    let most = match role {
        Role::Admin => MAX_OF_ADMIN,
        Role::User => rules.invitations_per_person,
    };
    let tx = db.begin().await?;
    lock(&tx, user).await?;
    let now = tx.clock().now();
    if invitations::count_of(&*tx, user.user_id(), now).await? >= most {
        return Err(Error::NoMoreInvitations);
    }
    let code = secret::new_token();
    let invitation = invitations::insert(&*tx, user.user_id(), secret::hash(&code), note, now).await?;
    tx.commit().await?;
    Ok((invitation, SecretString::from(code)))
}

/// Withdraws an invitation that was not used and that no registration holds.
///
/// # Errors
/// [`Error::InvitationNotFound`].
pub(crate) async fn withdraw_invitation(db: &Db, user: &User, id: InvitationId) -> Result<(), Error> {
    let tx = db.begin().await?;
    if !invitations::delete_own(&*tx, id, user.user_id(), tx.clock().now()).await? {
        return Err(Error::InvitationNotFound);
    }
    Ok(tx.commit().await?)
}
