//! The second step of a login with a password, for people who have two-factor sign-in.

use sea_orm::ConnectionTrait;
use secrecy::SecretString;
use serde_json::Value;
use shared::clock::Timestamp;
use shared::http::RemoteClient;
use shared::ids::UserId;
use shared::work::Db;

use super::open_session::{open_session, require_active};
use super::passkey_sign_in::{record_use, store_ceremony};
use crate::credentials::{Passkeys, ShownPasskey, Signer, TokenPair, encode};
use crate::db::entities::ceremonies::Model as Ceremony;
use crate::db::entities::challenges::Model as Challenge;
use crate::db::entities::users::Model as User;
use crate::db::queries::{account_log, factors, limits, passkeys, users};
use crate::domain::audit_event::AuditEvent;
use crate::domain::limit::SECOND_FACTORS;
use crate::domain::session::STEP_WITHIN;
use crate::domain::{recovery_code, secret, totp};
use crate::error::Error;
use crate::mail::MailQueue;

/// The kind of ceremony in which a passkey is the second factor.
const KIND: &str = "second_factor";

/// The proof that somebody shows as the second factor.
pub(crate) enum Proof<'a> {
    /// A code of the authenticator app, or a recovery code.
    Code(&'a str),
    /// The browser's answer to the options of [`begin_passkey_factor`].
    Passkey(&'a ShownPasskey),
}

/// Refuses a login with a right password until the second factor is shown. The error holds a challenge with which the
/// client continues.
///
/// # Errors
/// [`Error::SecondFactorRequired`], always, unless the account may not log in or the database refuses.
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
    let factors = list_factors(&*tx, user).await?;
    tx.commit().await?;
    Err(Error::SecondFactorRequired { challenge: SecretString::from(token), factors })
}

/// Lists the names of the factors that a person can show.
async fn list_factors(db: &impl ConnectionTrait, user: &User) -> Result<Vec<&'static str>, Error> {
    let id = user.user_id();
    let has_app = factors::find_app(db, id).await?.is_some_and(|app| app.confirmed_at.is_some());
    let has_codes = factors::count_codes(db, id).await? > 0;
    let has_passkeys = passkeys::count_of(db, id).await? > 0;
    let factors = [(has_app, "totp"), (has_codes, "recovery_code"), (has_passkeys, "passkey")];
    Ok(factors.into_iter().filter_map(|(has, name)| has.then_some(name)).collect())
}

/// Begins to ask for a passkey in a login with a right password. Returns the options for the browser.
///
/// # Errors
/// [`Error::BadChallenge`]; [`Error::PasskeyNotFound`] when the person has no passkey; [`Error::PasskeysNeedDomain`].
pub(crate) async fn begin_passkey_factor(db: &Db, site: &Passkeys, presented: &str) -> Result<Value, Error> {
    let (token_hash, now) = (secret::hash(presented), db.clock().now());
    let challenge = factors::find_challenge(db.read(), &token_hash, now).await?.ok_or(Error::BadChallenge)?;
    let own = passkeys::list_of(db.read(), UserId(challenge.user_id)).await?;
    if own.is_empty() {
        return Err(Error::PasskeyNotFound);
    }
    let keys: Vec<&str> = own.iter().map(|passkey| passkey.public_key.as_str()).collect();
    let begun = site.begin_second_factor(&keys)?;
    let ceremony = Ceremony {
        token_hash,
        kind: KIND.to_owned(),
        user_id: Some(challenge.user_id),
        session_version: Some(challenge.session_version),
        user_handle: None,
        name: None,
        state: begun.state,
        expires_at: challenge.expires_at,
    };
    store_ceremony(db, ceremony).await?;
    Ok(begun.options)
}

/// Opens a session for a person who has shown the password before, and now shows the second factor.
///
/// # Errors
/// [`Error::BadChallenge`] when the challenge is unknown, used, expired, or tried too often; [`Error::WrongCode`];
/// [`Error::BadPasskey`]; [`Error::TooManyTries`]; the errors of a login.
pub(crate) async fn pass_second_factor(
    db: &Db,
    signer: &Signer,
    site: &Passkeys,
    mails: &MailQueue,
    client: &RemoteClient,
    presented: &str,
    proof: Proof<'_>,
) -> Result<TokenPair, Error> {
    let token_hash = secret::hash(presented);
    // This is committed by itself, so that a try counts whatever follows.
    let tx = db.begin_in_reserve().await?;
    let challenge = factors::take_guess(&*tx, &token_hash, db.clock().now()).await?.ok_or(Error::BadChallenge)?;
    tx.commit().await?;
    let user = users::find(db.read(), UserId(challenge.user_id)).await?;
    let user = user.filter(|user| user.session_version == challenge.session_version).ok_or(Error::BadChallenge)?;
    match proof {
        Proof::Code(code) => show_code(db, signer, mails, &user, code).await?,
        Proof::Passkey(answer) => {
            let shown = show_passkey(db, site, &user, &token_hash, answer).await;
            count_failed_factor(db, &user, shown).await?;
        }
    }
    let tx = db.begin_in_reserve().await?;
    let is_first = factors::delete_challenge(&*tx, &token_hash).await?;
    tx.commit().await?;
    if is_first { open_session(db, signer, client, &user).await } else { Err(Error::BadChallenge) }
}

/// Checks a passkey that is a second factor.
///
/// # Errors
/// [`Error::BadPasskey`], also when no ceremony was begun for the challenge.
async fn show_passkey(
    db: &Db,
    site: &Passkeys,
    user: &User,
    token_hash: &str,
    answer: &ShownPasskey,
) -> Result<(), Error> {
    let tx = db.begin_in_reserve().await?;
    let ceremony = passkeys::take_ceremony(&*tx, token_hash, KIND, tx.clock().now()).await?;
    // This is committed by itself, so that a wrong answer uses the ceremony up too.
    tx.commit().await?;
    let ceremony = ceremony.ok_or(Error::BadPasskey)?;
    let passkey = passkeys::find_by_credential(db.read(), &encode(answer.get_credential_id())).await?;
    let passkey = passkey.filter(|passkey| passkey.user_id == user.id).ok_or(Error::BadPasskey)?;
    let checked = site.finish_second_factor(&ceremony.state, answer, &passkey.public_key)?;
    record_use(db, &passkey, checked).await
}

/// Checks a code of a person and uses it up. The use of a recovery code is told to the person by mail.
///
/// # Errors
/// [`Error::WrongCode`]; [`Error::TooManyTries`].
pub(super) async fn show_code(
    db: &Db,
    signer: &Signer,
    mails: &MailQueue,
    user: &User,
    code: &str,
) -> Result<(), Error> {
    let shown = check_code(db, signer, mails, user, code).await;
    count_failed_factor(db, user, shown).await
}

/// Writes a refused factor into the log of the account, and returns the outcome.
async fn count_failed_factor(db: &Db, user: &User, shown: Result<(), Error>) -> Result<(), Error> {
    if let Err(Error::WrongCode | Error::BadPasskey) = shown {
        let tx = db.begin_in_reserve().await?;
        let (about, now) = (Some(user.user_id()), tx.clock().now());
        account_log::count_failure(&*tx, AuditEvent::SecondFactorFailed, about, now).await?;
        tx.commit().await?;
    }
    shown
}

async fn check_code(db: &Db, signer: &Signer, mails: &MailQueue, user: &User, code: &str) -> Result<(), Error> {
    let (now, account) = (db.clock().now(), user.id.to_string());
    // The try is counted before the code is checked, so that simultaneous requests get no additional tries.
    let tx = db.begin_in_reserve().await?;
    let may_try = limits::take(&*tx, SECOND_FACTORS, &account, now).await?;
    tx.commit().await?;
    if !may_try {
        return Err(Error::TooManyTries(SECOND_FACTORS.period));
    }
    let tx = db.begin_in_reserve().await?;
    let is_recovery = use_factor(&*tx, signer, user, code, now).await?.ok_or(Error::WrongCode)?;
    // The try is given back, because only wrong codes count.
    limits::give_back(&*tx, SECOND_FACTORS, &account).await?;
    if is_recovery {
        let left = factors::count_codes(&*tx, user.user_id()).await?;
        mails.add_recovery_code_used(&*tx, user, left, now).await?;
        account_log::record_own(&*tx, AuditEvent::RecoveryCodeUsed, user.user_id(), now).await?;
    }
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

/// Uses a code up. Returns true for a recovery code and false for a code of the app; `None` for a wrong or used code.
async fn use_factor(
    db: &impl ConnectionTrait,
    signer: &Signer,
    user: &User,
    code: &str,
    now: Timestamp,
) -> Result<Option<bool>, Error> {
    let id = user.user_id();
    if let Some(letters) = recovery_code::normalise(code) {
        let is_right = factors::use_code(db, id, &recovery_hash(id, &letters), now).await?;
        return Ok(is_right.then_some(true));
    }
    let app = factors::find_app(db, id).await?.filter(|app| app.confirmed_at.is_some());
    let secret = app.and_then(|app| signer.unseal_app(app.user_id, &app.secret));
    let Some(step) = secret.and_then(|secret| totp::check(&secret, code, now)) else { return Ok(None) };
    Ok(factors::use_step(db, id, step).await?.then_some(false))
}

/// Returns the hash of a recovery code, which is stored in place of the code. `letters` are the letters of the code
/// without hyphens.
pub(super) fn recovery_hash(user: UserId, letters: &str) -> String {
    secret::hash(&format!("{} {letters}", user.0))
}
