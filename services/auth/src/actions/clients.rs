//! Other people's clients: their registration and deletion by the people who make them.

use shared::work::Db;

use super::end_session::end;
use crate::db::entities::clients::Model as Client;
use crate::db::entities::users::Model as User;
use crate::db::queries::sessions::Ending;
use crate::db::queries::{account_log, clients};
use crate::domain::audit_event::AuditEvent;
use crate::domain::oauth::{MAX_CLIENTS, is_client_id};
use crate::domain::secret;
use crate::error::Error;

/// Registers a client of a person. Simultaneous requests do not see each other, so they may exceed the limit by their
/// own number.
///
/// # Errors
/// [`Error::TooManyClients`].
pub(crate) async fn register_client(
    db: &Db,
    user: &User,
    name: String,
    redirect_uris: &[String],
) -> Result<Client, Error> {
    let tx = db.begin().await?;
    if clients::count_of(&*tx, user.id).await? >= MAX_CLIENTS {
        return Err(Error::TooManyClients);
    }
    let client = Client {
        id: secret::new_token(),
        user_id: user.id,
        name,
        redirect_uris: redirect_uris.join("\n"),
        created_at: db.clock().now(),
    };
    clients::insert(&*tx, client.clone()).await?;
    account_log::record_own(&*tx, AuditEvent::ClientRegistered, user.user_id(), client.created_at).await?;
    tx.commit().await?;
    Ok(client)
}

/// Deletes a client of a person, and ends all sessions that people have opened with it.
///
/// # Errors
/// [`Error::ClientNotFound`] when the person has no such client.
pub(crate) async fn delete_client(db: &Db, user: &User, id: &str) -> Result<(), Error> {
    if !is_client_id(id) {
        return Err(Error::ClientNotFound);
    }
    let mut tx = db.begin().await?;
    if !clients::delete_own(&*tx, id, user.id).await? {
        return Err(Error::ClientNotFound);
    }
    end(&mut tx, Ending::OfClient(id.to_owned())).await?;
    account_log::record_own(&*tx, AuditEvent::ClientDeleted, user.user_id(), tx.clock().now()).await?;
    Ok(tx.commit().await?)
}
