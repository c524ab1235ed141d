//! The end of an account that nobody has verified.

use shared::clock::Timestamp;
use shared::events;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::queries::{erased_users, links, mail_jobs, users};
use crate::error::Error;
use crate::streams::user::UserState;

/// Erases an account that is not verified, with its links and mails, and frees its username. It does nothing to a
/// verified account or to one that is erased already.
pub(super) async fn erase_unverified(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<(), Error> {
    // Locked, because a verification may be under way: whichever of the two comes first decides.
    let Some(user) = users::find_locked(&**tx, id).await?.filter(|user| user.verified_at.is_none()) else {
        return Ok(());
    };
    if users::delete(&**tx, id).await? {
        links::delete_all_of(&**tx, user.id).await?;
        mail_jobs::delete_all_of(&**tx, user.id).await?;
        let erased = erased_users::insert(&**tx, &user, user.version + 1, now).await?;
        events::publish(tx, &[UserState::from(erased)])?;
    }
    Ok(())
}
