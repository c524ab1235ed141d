//! Authenticator apps, recovery codes, and the end of two-factor sign-in.

use sea_orm::DbErr;
use secrecy::SecretString;
use shared::clock::Timestamp;
use shared::db::CommitError;
use shared::events::{self, PublishError};
use shared::ids::UserId;
use shared::work::{Db, Tx};

use super::confirm_password::confirm_password;
use super::second_factor::recovery_hash;
use crate::credentials::{Hasher, Signer};
use crate::db::entities::users::Model as User;
use crate::db::queries::sessions::{self, Ending};
use crate::db::queries::{account_log, factors, limits, passkeys, users};
use crate::domain::audit_event::AuditEvent;
use crate::domain::limit::SECOND_FACTORS;
use crate::domain::{recovery_code, totp};
use crate::error::Error;
use crate::mail::MailQueue;
use crate::streams::user::UserState;

/// Generates the secret of an authenticator app. The app counts as a factor once [`confirm_app`] has seen a code of it.
///
/// # Errors
/// [`Error::TwoFactorOn`] when the person has an app; [`Error::WrongPassword`], [`Error::TooManyTries`],
/// [`Error::Busy`].
pub(crate) async fn begin_app(
    db: &Db,
    hasher: &Hasher,
    signer: &Signer,
    user: &User,
    password: &str,
) -> Result<Vec<u8>, Error> {
    confirm_password(db, hasher, user, password).await?;
    let secret = totp::new_secret();
    let sealed = signer.seal_app(user.id, &secret)?;
    let tx = db.begin().await?;
    if !factors::insert_app(&*tx, user.user_id(), sealed, db.clock().now()).await? {
        return Err(Error::TwoFactorOn);
    }
    tx.commit().await?;
    Ok(secret)
}

/// Makes an app a factor, proved by its first code. Returns new recovery codes when it is the person's first factor.
///
/// # Errors
/// [`Error::NoApp`] when none was begun; [`Error::TwoFactorOn`]; [`Error::WrongCode`]; [`Error::TooManyTries`].
pub(crate) async fn confirm_app(
    db: &Db,
    signer: &Signer,
    mails: &MailQueue,
    user: &User,
    code: &str,
) -> Result<Vec<SecretString>, Error> {
    let (id, now) = (user.user_id(), db.clock().now());
    let app = factors::find_app(db.read(), id).await?.ok_or(Error::NoApp)?;
    let tx = db.begin().await?;
    let may_try = limits::take(&*tx, SECOND_FACTORS, &user.id.to_string(), now).await?;
    tx.commit().await?;
    if !may_try {
        return Err(Error::TooManyTries(SECOND_FACTORS.period));
    }
    let secret = signer.unseal_app(user.id, &app.secret);
    let step = secret.and_then(|secret| totp::check(&secret, code, now)).ok_or(Error::WrongCode)?;
    let tx = db.begin().await?;
    lock(&tx, user).await?;
    if !factors::confirm_app(&*tx, id, step, now).await? {
        return Err(Error::TwoFactorOn);
    }
    limits::give_back(&*tx, SECOND_FACTORS, &user.id.to_string()).await?;
    let codes = add_factor(&tx, id, now).await?;
    mails.add_two_factor_changed(&*tx, user, true, now).await?;
    account_log::record_own(&*tx, AuditEvent::AppAdded, id, now).await?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(codes)
}

/// Deletes the app of a person. When it was the last factor, two-factor sign-in is off from then on.
///
/// # Errors
/// [`Error::NoApp`]; [`Error::WrongPassword`], [`Error::TooManyTries`], [`Error::Busy`].
pub(crate) async fn remove_app(
    db: &Db,
    hasher: &Hasher,
    mails: &MailQueue,
    user: &User,
    password: &str,
) -> Result<(), Error> {
    confirm_password(db, hasher, user, password).await?;
    let now = db.clock().now();
    let tx = db.begin().await?;
    lock(&tx, user).await?;
    if !factors::delete_app(&*tx, user.user_id()).await? {
        return Err(Error::NoApp);
    }
    turn_off_without_factors(&tx, user.user_id()).await?;
    account_log::record_own(&*tx, AuditEvent::AppRemoved, user.user_id(), now).await?;
    mails.add_two_factor_changed(&*tx, user, false, now).await?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

/// Turns two-factor sign-in off, and deletes all factors.
///
/// # Errors
/// [`Error::TwoFactorOff`]; [`Error::WrongPassword`], [`Error::TooManyTries`], [`Error::Busy`].
pub(crate) async fn remove_factors(
    db: &Db,
    hasher: &Hasher,
    mails: &MailQueue,
    user: &User,
    password: &str,
) -> Result<(), Error> {
    confirm_password(db, hasher, user, password).await?;
    if user.second_factor_at.is_none() {
        return Err(Error::TwoFactorOff);
    }
    let now = db.clock().now();
    let tx = db.begin().await?;
    lock(&tx, user).await?;
    factors::turn_off(&*tx, user.user_id()).await?;
    account_log::record_own(&*tx, AuditEvent::TwoFactorOff, user.user_id(), now).await?;
    mails.add_two_factor_changed(&*tx, user, false, now).await?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

/// Replaces all recovery codes of a person, used or not, and returns the new ones.
///
/// # Errors
/// [`Error::TwoFactorOff`]; [`Error::WrongPassword`], [`Error::TooManyTries`],
/// [`Error::Busy`].
pub(crate) async fn renew_recovery_codes(
    db: &Db,
    hasher: &Hasher,
    user: &User,
    password: &str,
) -> Result<Vec<SecretString>, Error> {
    confirm_password(db, hasher, user, password).await?;
    if user.second_factor_at.is_none() {
        return Err(Error::TwoFactorOff);
    }
    let tx = db.begin().await?;
    lock(&tx, user).await?;
    let codes = replace_codes(&tx, user.user_id()).await?;
    account_log::record_own(&*tx, AuditEvent::RecoveryCodesRenewed, user.user_id(), tx.clock().now()).await?;
    tx.commit().await?;
    Ok(codes)
}

/// The reason why an operator could not turn two-factor sign-in off.
#[derive(Debug, thiserror::Error)]
pub enum ResetTwoFactorError {
    /// No account has the username.
    #[error("there is no account with this username")]
    NoAccount,
    /// The database refused a statement.
    #[error("the database refused: {0}")]
    Db(#[from] DbErr),
    /// The database refused the commit, or its outcome is unknown.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The event could not be written to the outbox.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Turns two-factor sign-in off for a person who has lost all factors, and ends all sessions of the person. Returns
/// false when it was off already.
///
/// # Errors
/// [`ResetTwoFactorError`]. Nothing is changed then, unless the outcome of the commit is unknown.
pub async fn reset_two_factor(db: &Db, username: &str) -> Result<bool, ResetTwoFactorError> {
    let now = db.clock().now();
    let mut tx = db.begin().await?;
    let user = users::find_by_username(&*tx, username, now).await?.ok_or(ResetTwoFactorError::NoAccount)?;
    let user = users::find_locked(&*tx, user.user_id()).await?.ok_or(ResetTwoFactorError::NoAccount)?;
    if user.second_factor_at.is_none() {
        return Ok(false);
    }
    factors::turn_off(&*tx, user.user_id()).await?;
    sessions::revoke(&*tx, Ending::AllOf(user.id), now).await?;
    account_log::record_by_nobody(&*tx, AuditEvent::TwoFactorOff, Some(user.user_id()), now).await?;
    if let Some(user) = users::end_tokens(&*tx, user.user_id(), now).await? {
        events::publish(&mut tx, &[UserState::from(user)])?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Locks the account, so that simultaneous changes of its factors follow one another.
///
/// # Errors
/// [`Error::SessionEnded`] when the account was erased, or its sessions were ended since `user` was read.
pub(super) async fn lock(tx: &Tx, user: &User) -> Result<(), Error> {
    let locked = users::find_locked(&**tx, user.user_id()).await?;
    let same = locked.filter(|locked| locked.session_version == user.session_version);
    same.map(|_| ()).ok_or(Error::SessionEnded)
}

/// Records in a locked account that it has a factor. Returns new recovery codes when it is the first factor.
pub(super) async fn add_factor(tx: &Tx, user: UserId, now: Timestamp) -> Result<Vec<SecretString>, Error> {
    if factors::turn_on(&**tx, user, now).await? { replace_codes(tx, user).await } else { Ok(Vec::new()) }
}

/// Turns two-factor sign-in off for a locked account that has neither an app nor a passkey any more. Recovery codes
/// alone are no factor.
pub(super) async fn turn_off_without_factors(tx: &Tx, user: UserId) -> Result<(), DbErr> {
    let has_app = factors::find_app(&**tx, user).await?.is_some_and(|app| app.confirmed_at.is_some());
    if has_app || passkeys::count_of(&**tx, user).await? > 0 {
        return Ok(());
    }
    factors::turn_off(&**tx, user).await
}

/// Replaces all recovery codes of a person by new ones, of which only the hashes are stored, and returns the new ones.
async fn replace_codes(tx: &Tx, user: UserId) -> Result<Vec<SecretString>, Error> {
    let codes: Vec<String> = (0..recovery_code::COUNT).map(|_| recovery_code::new_code()).collect();
    let hashes = codes.iter().filter_map(|code| recovery_code::normalise(code));
    factors::replace_codes(&**tx, user, hashes.map(|letters| recovery_hash(user, &letters))).await?;
    Ok(codes.into_iter().map(SecretString::from).collect())
}
