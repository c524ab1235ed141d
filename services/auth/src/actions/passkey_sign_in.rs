//! The sign-in with a passkey alone. It needs neither username nor password: the authenticator names the person, and
//! has itself verified that it is the person.

use secrecy::SecretString;
use serde_json::Value;
use shared::http::RemoteClient;
use shared::ids::UserId;
use shared::work::Db;

use super::open_session::open_session;
use crate::credentials::{Checked, Passkeys, ShownPasskey, Signer, TokenPair, encode};
use crate::db::entities::ceremonies::Model as Ceremony;
use crate::db::entities::passkeys::Model as Passkey;
use crate::db::queries::{passkeys, users};
use crate::domain::secret;
use crate::domain::session::STEP_WITHIN;
use crate::error::Error;

/// The kind of ceremony in which a passkey signs a person in.
const KIND: &str = "sign_in";

/// Begins a sign-in. Returns the token of the ceremony and the options for the browser.
///
/// # Errors
/// [`Error::PasskeysNeedDomain`].
pub(crate) async fn begin_sign_in(db: &Db, site: &Passkeys) -> Result<(SecretString, Value), Error> {
    let (begun, token) = (site.begin_sign_in()?, secret::new_token());
    let ceremony = Ceremony {
        token_hash: secret::hash(&token),
        kind: KIND.to_owned(),
        user_id: None,
        session_version: None,
        user_handle: None,
        name: None,
        state: begun.state,
        expires_at: db.clock().now() + STEP_WITHIN,
    };
    store_ceremony(db, ceremony).await?;
    Ok((SecretString::from(token), begun.options))
}

/// Opens a session for the person whose passkey the browser shows.
///
/// # Errors
/// [`Error::BadChallenge`] when the ceremony is unknown, used or expired; [`Error::BadPasskey`]; the errors of a login.
pub(crate) async fn sign_in(
    db: &Db,
    signer: &Signer,
    site: &Passkeys,
    client: &RemoteClient,
    presented: &str,
    answer: &ShownPasskey,
) -> Result<TokenPair, Error> {
    let tx = db.begin_in_reserve().await?;
    let ceremony = passkeys::take_ceremony(&*tx, &secret::hash(presented), KIND, tx.clock().now()).await?;
    // This is committed by itself, so that a wrong answer uses the ceremony up too.
    tx.commit().await?;
    let ceremony = ceremony.ok_or(Error::BadChallenge)?;
    let passkey = passkeys::find_by_credential(db.read(), &encode(answer.get_credential_id())).await?;
    let passkey = passkey.ok_or(Error::BadPasskey)?;
    let checked = site.finish_sign_in(&ceremony.state, answer, &passkey.user_handle, &passkey.public_key)?;
    let user = users::find(db.read(), UserId(passkey.user_id)).await?.ok_or(Error::BadPasskey)?;
    record_use(db, &passkey, checked).await?;
    open_session(db, signer, client, &user).await
}

/// Stores a ceremony, and deletes the expired ones, because strangers can begin as many as they like.
pub(super) async fn store_ceremony(db: &Db, ceremony: Ceremony) -> Result<(), Error> {
    let tx = db.begin_in_reserve().await?;
    passkeys::delete_expired_ceremonies(&*tx, tx.clock().now()).await?;
    passkeys::insert_ceremony(&*tx, ceremony).await?;
    Ok(tx.commit().await?)
}

/// Records the use of a passkey whose signature was right.
///
/// # Errors
/// [`Error::BadPasskey`] when it was deleted in the meantime, or its counter has not risen.
pub(super) async fn record_use(db: &Db, passkey: &Passkey, checked: Checked) -> Result<(), Error> {
    let tx = db.begin_in_reserve().await?;
    let now = tx.clock().now();
    if !passkeys::record_use(&*tx, passkey, checked.public_key, checked.counter, now).await? {
        return Err(Error::BadPasskey);
    }
    Ok(tx.commit().await?)
}
