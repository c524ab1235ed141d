//! The end of an account whose owner has not become a member.

use shared::clock::Timestamp;
use shared::events;
use shared::http::idempotency;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::users::Model as User;
use crate::db::queries::{account_log, erased_users, invitations, limits, links, mail_jobs, users};
use crate::error::Error;
use crate::streams::user::UserState;

/// The reason for which an account ends. It is checked again under the lock, because a verification or an approval may be
/// under way: whichever comes first decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its owner has not become a member in time.
    Expired,
    /// The owner of the address says that it is somebody else's registration.
    Rejected,
    /// An admin has refused the applicant.
    Refused,
}

/// Erases the account of somebody who is no member yet, with its links and mails, and frees its username. It does nothing
/// when the reason does not hold, or the account is erased already.
pub(super) async fn erase_newcomer(tx: &mut Tx, id: UserId, reason: Reason, now: Timestamp) -> Result<(), Error> {
    let holds = |user: &User| match reason {
        Reason::Expired => user.has_expired(now),
        Reason::Rejected => user.verified_at.is_none(),
        Reason::Refused => user.waits_since.is_some(),
    };
    let Some(user) = users::find_locked(&**tx, id).await?.filter(holds) else { return Ok(()) };
    if users::delete(&**tx, id).await? {
        links::delete_all_of(&**tx, user.id).await?;
        mail_jobs::delete_all_of(&**tx, user.id).await?;
        invitations::release(&**tx, id).await?;
        account_log::forget_person(&**tx, id).await?;
        if reason == Reason::Refused {
            // Not for the others: strangers who register again and again must not get a fresh share of mails.
            limits::forget_person(&**tx, &user).await?;
            idempotency::forget_person(tx, id).await?;
        }
        let erased = erased_users::insert(&**tx, &user, user.version + 1, now).await?;
        events::publish(tx, &[UserState::from(erased)])?;
    }
    Ok(())
}
