//! The end of an account whose owner has not become a member.

use shared::clock::Timestamp;
use shared::events;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::queries::{account_log, erased_users, invitations, links, mail_jobs, users};
use crate::error::Error;
use crate::streams::user::UserState;

/// Erases an account that is not verified, or whose owner waits for the decision of an admin, with its links and mails,
/// and frees its username. It does nothing to a member, or to an account that is erased already.
pub(super) async fn erase_newcomer(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<(), Error> {
    // Locked, because a verification or an approval may be under way: whichever comes first decides.
    let Some(user) = users::find_locked(&**tx, id).await?.filter(|user| !user.is_member()) else {
        return Ok(());
    };
    if users::delete(&**tx, id).await? {
        links::delete_all_of(&**tx, user.id).await?;
        mail_jobs::delete_all_of(&**tx, user.id).await?;
        invitations::release(&**tx, id).await?;
        account_log::forget_person(&**tx, id).await?;
        let erased = erased_users::insert(&**tx, &user, user.version + 1, now).await?;
        events::publish(tx, &[UserState::from(erased)])?;
    }
    Ok(())
}
