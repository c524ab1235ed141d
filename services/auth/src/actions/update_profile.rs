//! Changes of a person's own profile.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use crate::db::entities::users::Model as User;
use crate::db::queries::users;
use crate::error::Error;
use crate::streams::user::UserState;

/// New values for the fields of a profile. `None` keeps a field, `Some(None)` clears it.
pub(crate) struct ProfileChanges {
    pub(crate) first_name: Option<Option<String>>,
    pub(crate) last_name: Option<Option<String>>,
    pub(crate) bio: Option<Option<String>>,
}

/// Changes a profile and returns the account as it is now. A change to the same values stores and publishes nothing.
///
/// # Errors
/// [`Error::SessionEnded`] when the account is gone, [`Error::Blocked`] when it was blocked since the request began.
pub(crate) async fn update_profile(db: &Db, id: UserId, changes: ProfileChanges) -> Result<User, Error> {
    let mut tx = db.begin().await?;
    // The row is locked, so that of two simultaneous changes the second begins with the values of the first.
    let user = users::find_locked(&*tx, id).await?.ok_or(Error::SessionEnded)?;
    let before = [user.first_name.clone(), user.last_name.clone(), user.bio.clone()];
    let [first_name, last_name, bio] = before.clone();
    let after =
        [changes.first_name.unwrap_or(first_name), changes.last_name.unwrap_or(last_name), changes.bio.unwrap_or(bio)];
    if after == before {
        return Ok(user);
    }
    let changed = users::update_profile(&*tx, id, after, db.clock().now()).await?.ok_or(Error::Blocked)?;
    events::publish(&mut tx, &[UserState::from(changed.clone())])?;
    tx.commit().await?;
    Ok(changed)
}
