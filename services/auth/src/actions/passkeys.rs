//! The making and deletion of a person's own passkeys. A passkey is a second factor beside the password, and opens the
//! account without the password too.

use sea_orm::ConnectionTrait;
use secrecy::SecretString;
use serde_json::Value;
use shared::work::Db;
use uuid::Uuid;

use super::confirm_password::confirm_password;
use super::passkey_sign_in::store_ceremony;
use super::two_factor::{add_factor, lock, turn_off_without_factors};
use crate::credentials::{Hasher, MadePasskey, Passkeys};
use crate::db::entities::ceremonies::Model as Ceremony;
use crate::db::entities::passkeys::Model as Passkey;
use crate::db::entities::users::Model as User;
use crate::db::queries::account_log;
use crate::db::queries::passkeys::{self, NewPasskey, NotStored};
use crate::domain::audit_event::AuditEvent;
use crate::domain::session::STEP_WITHIN;
use crate::domain::{PasskeyId, secret};
use crate::error::Error;
use crate::mail::MailQueue;

/// The kind of ceremony in which a passkey is made.
const KIND: &str = "making";
/// The number of passkeys that a person can have.
const MAX_PASSKEYS: u64 = 20;

/// Begins to make a passkey with this name. Returns the token of the ceremony and the options for the browser.
///
/// # Errors
/// [`Error::PasskeysNeedDomain`]; [`Error::TooManyPasskeys`]; [`Error::WrongPassword`], [`Error::TooManyTries`],
/// [`Error::Busy`].
pub(crate) async fn begin_passkey(
    db: &Db,
    hasher: &Hasher,
    site: &Passkeys,
    user: &User,
    (password, name): (&str, String),
) -> Result<(SecretString, Value), Error> {
    confirm_password(db, hasher, user, password).await?;
    require_room(db.read(), user).await?;
    let own = passkeys::list_of(db.read(), user.user_id()).await?;
    // All passkeys of a person have the same handle, because an authenticator replaces a passkey by a newer one with
    // the same handle.
    let handle = own.first().and_then(|passkey| passkey.user_handle.parse().ok()).unwrap_or_else(Uuid::new_v4);
    let keys: Vec<&str> = own.iter().map(|passkey| passkey.public_key.as_str()).collect();
    let (begun, token) = (site.begin_making(handle, &user.username, &keys)?, secret::new_token());
    let ceremony = Ceremony {
        token_hash: secret::hash(&token),
        kind: KIND.to_owned(),
        user_id: Some(user.id),
        session_version: Some(user.session_version),
        user_handle: Some(handle.to_string()),
        name: Some(name),
        state: begun.state,
        expires_at: db.clock().now() + STEP_WITHIN,
    };
    store_ceremony(db, ceremony).await?;
    Ok((SecretString::from(token), begun.options))
}

/// Stores the passkey that the browser has made. Returns it, with new recovery codes when it is the person's first
/// factor.
///
/// # Errors
/// [`Error::BadCeremony`] when the ceremony is unknown, used, expired or somebody else's; [`Error::BadPasskey`];
/// [`Error::PasskeyKnown`]; [`Error::TooManyPasskeys`].
pub(crate) async fn confirm_passkey(
    db: &Db,
    site: &Passkeys,
    mails: &MailQueue,
    user: &User,
    presented: &str,
    answer: &MadePasskey,
) -> Result<(Passkey, Vec<SecretString>), Error> {
    let ceremony = take_ceremony(db, user, presented).await?;
    let (Some(user_handle), Some(name)) = (ceremony.user_handle, ceremony.name) else {
        return Err(Error::BadCeremony);
    };
    let made = site.finish_making(&ceremony.state, answer)?;
    let (credential_id, public_key, counter) = (made.credential_id, made.public_key, made.counter);
    let new = NewPasskey { user_handle, credential_id, name, public_key, counter };
    let now = db.clock().now();
    let tx = db.begin().await?;
    lock(&tx, user).await?;
    require_room(&*tx, user).await?;
    let passkey = passkeys::insert(&*tx, user.user_id(), new, now).await.map_err(|failure| match failure {
        NotStored::Known => Error::PasskeyKnown,
        NotStored::Db(error) => error.into(),
    })?;
    let codes = add_factor(&tx, user.user_id(), now).await?;
    mails.add_passkey_changed(&*tx, user, true, now).await?;
    account_log::record_own(&*tx, AuditEvent::PasskeyAdded, user.user_id(), now).await?;
    tx.commit().await?;
    mails.wake_worker();
    Ok((passkey, codes))
}

/// Deletes a passkey. When it was the last factor, two-factor sign-in is off from then on.
///
/// # Errors
/// [`Error::PasskeyNotFound`]; [`Error::WrongPassword`], [`Error::TooManyTries`], [`Error::Busy`].
pub(crate) async fn remove_passkey(
    db: &Db,
    hasher: &Hasher,
    mails: &MailQueue,
    user: &User,
    id: PasskeyId,
    password: &str,
) -> Result<(), Error> {
    confirm_password(db, hasher, user, password).await?;
    let now = db.clock().now();
    let tx = db.begin().await?;
    lock(&tx, user).await?;
    if !passkeys::delete_own(&*tx, id, user.user_id()).await? {
        return Err(Error::PasskeyNotFound);
    }
    turn_off_without_factors(&tx, user.user_id()).await?;
    mails.add_passkey_changed(&*tx, user, false, now).await?;
    account_log::record_own(&*tx, AuditEvent::PasskeyDeleted, user.user_id(), now).await?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

async fn require_room(db: &impl ConnectionTrait, user: &User) -> Result<(), Error> {
    let count = passkeys::count_of(db, user.user_id()).await?;
    if count >= MAX_PASSKEYS { Err(Error::TooManyPasskeys) } else { Ok(()) }
}

/// Takes the ceremony that a person has begun, and uses it up, whether the browser's answer is right or wrong.
async fn take_ceremony(db: &Db, user: &User, presented: &str) -> Result<Ceremony, Error> {
    let tx = db.begin().await?;
    let ceremony = passkeys::take_ceremony(&*tx, &secret::hash(presented), KIND, tx.clock().now()).await?;
    tx.commit().await?;
    let is_own =
        |begun: &Ceremony| (begun.user_id, begun.session_version) == (Some(user.id), Some(user.session_version));
    ceremony.filter(is_own).ok_or(Error::BadCeremony)
}
