//! The export of what this service itself holds about a person. Secrets and hashes of them are left out: they are of no
//! use to the person, but useful to somebody who steals the archive.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};
use shared::db::Reads;
use shared::ids::UserId;

use super::{account_log, clients, factors, invitations, passkeys, users};
use crate::db::entities::{mail_jobs, sessions};

/// The most rows of a kind; the newest ones.
const MOST: u64 = 10_000;

/// Reads everything, by kinds: of each kind the newest 10 000 rows, so that no person's archive fills the memory.
pub(crate) async fn read(db: &Reads, user: UserId) -> Result<Vec<(&'static str, Vec<Value>)>, DbErr> {
    let account = users::find(db, user).await?.into_iter().map(|user| {
        json!({
            "id": user.id,
            "username": user.username,
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "bio": user.bio,
            "role": user.role,
            "registered_at": user.created_at,
            "verified_at": user.verified_at,
            "blocked_at": user.blocked_at,
            "two_factor_since": user.second_factor_at,
            "mail_digest": user.digest_at.is_some(),
        })
    });
    let own_sessions = sessions::Entity::find().filter(sessions::Column::UserId.eq(user.0));
    let own_sessions =
        own_sessions.order_by_desc(sessions::Column::Id).limit(MOST).all(db).await?.into_iter().map(|session| {
            json!({
                "id": session.id,
                "created_at": session.created_at,
                "last_used_at": session.last_used_at,
                "ended_at": session.revoked_at,
                "address": session.address,
                "client": session.client,
                "client_id": session.client_id,
                "scope": session.scope,
            })
        });
    let mails = mail_jobs::Entity::find().filter(mail_jobs::Column::UserId.eq(user.0));
    let mails = mails.order_by_desc(mail_jobs::Column::Id).limit(MOST).all(db).await?.into_iter().map(|mail| {
        let (kind, to, subject) = (mail.kind, mail.to_address, mail.subject);
        json!({ "kind": kind, "to": to, "subject": subject, "queued_at": mail.created_at, "sent_at": mail.sent_at })
    });
    let app = factors::find_app(db, user).await?.into_iter();
    let app = app.map(|app| json!({ "kind": "authenticator_app", "created_at": app.created_at }));
    let own_passkeys = passkeys::list_of(db, user).await?.into_iter().map(|passkey| {
        let (name, created_at, last_used_at) = (passkey.name, passkey.created_at, passkey.last_used_at);
        json!({ "kind": "passkey", "name": name, "created_at": created_at, "last_used_at": last_used_at })
    });
    let own_clients = clients::list_of(db, user.0).await?.into_iter().map(|client| {
        let uris: Vec<&str> = client.redirect_uris().collect();
        json!({ "client_id": client.id, "name": client.name, "redirect_uris": uris, "created_at": client.created_at })
    });
    let invited = invitations::list_of(db, user, MOST).await?.into_iter().map(|invitation| {
        let (note, created_at, used_at) = (invitation.note, invitation.created_at, invitation.used_at);
        json!({ "note": note, "created_at": created_at, "expires_at": invitation.expires_at, "used_at": used_at })
    });
    let log = account_log::page(db, Some(user), None, MOST).await?.into_iter().map(|entry| {
        let is_own = entry.actor_id.is_none() || entry.actor_id == entry.user_id;
        let address = entry.address.filter(|_| is_own);
        json!({ "kind": entry.kind, "count": entry.count, "address": address, "at": entry.at })
    });
    Ok(vec![
        ("account", account.collect()),
        ("sessions", own_sessions.collect()),
        ("factors", app.chain(own_passkeys).collect()),
        ("mails", mails.collect()),
        ("clients", own_clients.collect()),
        ("invitations", invited.collect()),
        ("log", log.collect()),
    ])
}
