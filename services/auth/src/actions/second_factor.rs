//! The second step of a login, for people who have two-factor sign-in.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use secrecy::SecretString;
use shared::clock::Timestamp;
use shared::http::RemoteClient;
use shared::ids::UserId;
use shared::work::Db;

use super::open_session::{open_session, require_active};
use crate::credentials::{Signer, TokenPair};
use crate::db::entities::challenges::Model as Challenge;
use crate::db::entities::users::Model as User;
use crate::db::queries::{factors, limits, users};
use crate::domain::limit::SECOND_FACTORS;
use crate::domain::{recovery_code, secret, totp};
use crate::error::Error;
use crate::mail::MailQueue;

/// The time within which the second step must follow the first.
const STEP_WITHIN: Duration = Duration::from_secs(5 * 60);

/// Refuses a login whose password was right until the second factor is shown, with a challenge by which the client goes
/// on.
///
/// # Errors
/// [`Error::SecondFactorRequired`], always, unless [`Error::Blocked`] or the database comes first.
pub(super) async fn require_second_factor(db: &Db, user: &User) -> Result<TokenPair, Error> {
    require_active(user)?;
    let token = secret::new_token();
    let challenge = Challenge {
        token_hash: secret::hash(&token),
        user_id: user.id,
        session_version: user.session_version,
        expires_at: db.clock().now() + STEP_WITHIN,
        guesses: 0,
    };
    let tx = db.begin_in_reserve().await?;
    factors::insert_challenge(&*tx, challenge).await?;
    tx.commit().await?;
    Err(Error::SecondFactorRequired(SecretString::from(token)))
}

/// Opens a session for a person who has shown the password before, and now shows the second factor: a code of the
/// authenticator app, or a recovery code.
///
/// # Errors
/// [`Error::BadChallenge`] when the challenge is unknown, used, expired, or tried too often; [`Error::WrongCode`];
/// [`Error::TooManyTries`]; the errors of a login.
pub(crate) async fn pass_second_factor(
    db: &Db,
    signer: &Signer,
    mails: &MailQueue,
    client: &RemoteClient,
    presented: &str,
    code: &str,
) -> Result<TokenPair, Error> {
    let token_hash = secret::hash(presented);
    // Committed by itself, so that a wrong code counts whatever follows.
    let tx = db.begin_in_reserve().await?;
    let challenge = factors::take_guess(&*tx, &token_hash, db.clock().now()).await?.ok_or(Error::BadChallenge)?;
    tx.commit().await?;
    let user = users::find(db.read(), UserId(challenge.user_id)).await?;
    let user = user.filter(|user| user.session_version == challenge.session_version).ok_or(Error::BadChallenge)?;
    show_factor(db, mails, &user, code).await?;
    let tx = db.begin_in_reserve().await?;
    let is_first = factors::delete_challenge(&*tx, &token_hash).await?;
    tx.commit().await?;
    if is_first { open_session(db, signer, client, &user).await } else { Err(Error::BadChallenge) }
}

/// Checks the second factor of a person and uses it up. A recovery code is told by mail.
///
/// # Errors
/// [`Error::WrongCode`]; [`Error::TooManyTries`].
pub(super) async fn show_factor(db: &Db, mails: &MailQueue, user: &User, code: &str) -> Result<(), Error> {
    let (now, account) = (db.clock().now(), user.id.to_string());
    // Counted before the code is looked at, so that requests at the same moment get no try more.
    let tx = db.begin_in_reserve().await?;
    let may_try = limits::take(&*tx, SECOND_FACTORS, &account, now).await?;
    tx.commit().await?;
    if !may_try {
        return Err(Error::TooManyTries(SECOND_FACTORS.period));
    }
    let tx = db.begin_in_reserve().await?;
    let is_recovery = use_factor(&*tx, user, code, now).await?.ok_or(Error::WrongCode)?;
    // Only wrong codes count.
    limits::give_back(&*tx, SECOND_FACTORS, &account).await?;
    if is_recovery {
        let left = factors::count_codes(&*tx, user.user_id()).await?;
        mails.add_recovery_code_used(&*tx, user, left, now).await?;
    }
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

/// Uses a code up. Returns whether it was a recovery code; `None` for a wrong or used code.
async fn use_factor(db: &impl ConnectionTrait, user: &User, code: &str, now: Timestamp) -> Result<Option<bool>, Error> {
    let id = user.user_id();
    if let Some(letters) = recovery_code::normalise(code) {
        let is_right = factors::use_code(db, id, &recovery_hash(id, &letters), now).await?;
        return Ok(is_right.then_some(true));
    }
    let app = factors::find_app(db, id).await?.filter(|app| app.confirmed_at.is_some());
    let Some(step) = app.and_then(|app| totp::check(&app.secret, code, now)) else { return Ok(None) };
    Ok(factors::use_step(db, id, step).await?.then_some(false))
}

/// The hash of a recovery code, which is stored in its place.
pub(super) fn recovery_hash(user: UserId, letters: &str) -> String {
    secret::hash(&format!("{} {letters}", user.0))
}
