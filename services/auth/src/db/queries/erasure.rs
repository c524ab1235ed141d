//! The statements that erase everything about a person in this database, across its tables.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait};
use shared::clock::Timestamp;
use shared::http::idempotency;
use shared::work::Tx;

use super::{
    account_log, clients, erased_users, exports, factors, invitations, limits, links, mail_jobs, name_parts, sessions,
    users,
};
use crate::db::entities::erased_users::Model as ErasedUser;
use crate::db::entities::users::Model as User;
use crate::db::entities::{
    account_log as log_rows, authenticator_apps as app_rows, erased_users as erased_rows, exports as export_rows,
    invitations as invitation_rows, links as link_rows, mail_jobs as mail_rows, name_tokens as token_rows,
};
use crate::domain::mails::LAST_MAILS;

/// Erases a locked account with everything that belongs to it. `version` is the version of the tombstone. Returns the
/// tombstone's row, and the numbers of erased things by their kind.
pub(crate) async fn erase(
    tx: &Tx,
    user: &User,
    version: i64,
    now: Timestamp,
) -> Result<(ErasedUser, BTreeMap<String, i64>), DbErr> {
    let mails = mail_jobs::count_of(&**tx, user.id).await?;
    let sessions = sessions::scrub_all_of(&**tx, user.id, now).await?;
    let counts = [("accounts", 1), ("sessions", sessions), ("mails", mails)];
    let counts =
        counts.into_iter().map(|(kind, number)| (kind.to_owned(), i64::try_from(number).unwrap_or(i64::MAX))).collect();
    clients::delete_all_of(&**tx, user.id).await?;
    links::delete_all_of(&**tx, user.id).await?;
    mail_jobs::delete_all_of(&**tx, user.id).await?;
    factors::delete_all_of(&**tx, user.user_id()).await?;
    invitations::forget_person(&**tx, user.user_id()).await?;
    account_log::forget_person(&**tx, user.user_id()).await?;
    exports::delete_of(&**tx, user.user_id()).await?;
    limits::forget_person(&**tx, user).await?;
    idempotency::forget_person(tx, user.user_id()).await?;
    users::delete(&**tx, user.user_id()).await?;
    Ok((erased_users::insert(&**tx, user, version, now).await?, counts))
}

/// Deletes what requests that were under way during an erasure have stored about the person afterwards. The last mail
/// to a person stays until it is sent.
pub(crate) async fn delete_leftovers(tx: &Tx) -> Result<(), DbErr> {
    let erased = || erased_rows::Entity::find().select_only().column(erased_rows::Column::Id).into_query();
    link_rows::Entity::delete_many().filter(link_rows::Column::UserId.in_subquery(erased())).exec(&**tx).await?;
    log_rows::Entity::delete_many().filter(log_rows::Column::UserId.in_subquery(erased())).exec(&**tx).await?;
    export_rows::Entity::delete_many().filter(export_rows::Column::UserId.in_subquery(erased())).exec(&**tx).await?;
    invitation_rows::Entity::delete_many()
        .filter(invitation_rows::Column::UserId.in_subquery(erased()))
        .exec(&**tx)
        .await?;
    token_rows::Entity::delete_many().filter(token_rows::Column::UserId.in_subquery(erased())).exec(&**tx).await?;
    name_parts::delete_leftovers(&**tx).await?;
    app_rows::Entity::delete_many().filter(app_rows::Column::UserId.in_subquery(erased())).exec(&**tx).await?;
    mail_rows::Entity::delete_many()
        .filter(mail_rows::Column::UserId.in_subquery(erased()))
        .filter(mail_rows::Column::Kind.is_not_in(LAST_MAILS))
        .exec(&**tx)
        .await
        .map(|_| ())
}
