//! The keys of addresses and names, computed anew: domains are compared by their A-labels, and names without regard to case
//! in all scripts.
//!
//! Two accounts may turn out to have one mailbox. Then the one that has verified it has the key, else the older one. The
//! other stays as it is, and who knows its password logs in as before; its key becomes one that no address has, so that
//! nothing is sent or revealed by it.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use sea_orm_migration::prelude::*;
use shared::clock::Timestamp;

use crate::db::entities::{user, verification};
use crate::domain::{email, names};

/// Rows read at once.
const PAGE: u64 = 1_000;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let mut mailboxes: HashMap<String, Vec<Owner>> = HashMap::new();
        let mut after = 0;
        loop {
            let rows = page(db, after).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in rows {
                rename(db, &row).await?;
                let key = email::key(&row.email);
                if key != row.email_key {
                    mailboxes.entry(key).or_default().push(row.owner());
                }
            }
        }
        for (key, owners) in mailboxes {
            share_out(db, &key, owners).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The columns that this step reads; later ones do not exist yet.
#[derive(FromQueryResult)]
struct Row {
    id: i64,
    email: String,
    email_key: String,
    first_name: Option<String>,
    last_name: Option<String>,
    first_name_key: String,
    last_name_key: String,
    full_name_key: String,
    verified_at: Option<Timestamp>,
}

/// An account that claims a mailbox.
struct Owner {
    id: i64,
    email_key: String,
    is_verified: bool,
}

impl Row {
    fn owner(self) -> Owner {
        Owner { id: self.id, email_key: self.email_key, is_verified: self.verified_at.is_some() }
    }
}

fn rows() -> sea_orm::Select<user::Entity> {
    use user::Column as C;
    user::Entity::find().select_only().columns([
        C::Id,
        C::Email,
        C::EmailKey,
        C::FirstName,
        C::LastName,
        C::FirstNameKey,
        C::LastNameKey,
        C::FullNameKey,
        C::VerifiedAt,
    ])
}

async fn page(db: &impl ConnectionTrait, after: i64) -> Result<Vec<Row>, DbErr> {
    let next = rows().filter(user::Column::Id.gt(after)).order_by_asc(user::Column::Id).limit(PAGE);
    next.into_model::<Row>().all(db).await
}

async fn rename(db: &impl ConnectionTrait, row: &Row) -> Result<(), DbErr> {
    let [first, last, full] = names::keys(row.first_name.as_deref(), row.last_name.as_deref());
    if [&first, &last, &full] == [&row.first_name_key, &row.last_name_key, &row.full_name_key] {
        return Ok(());
    }
    let update = user::Entity::update_many()
        .col_expr(user::Column::FirstNameKey, Expr::value(first))
        .col_expr(user::Column::LastNameKey, Expr::value(last))
        .col_expr(user::Column::FullNameKey, Expr::value(full));
    update.filter(user::Column::Id.eq(row.id)).exec(db).await.map(|_| ())
}

/// Gives a key to one of those who claim it. The others make room first, because it is unique.
async fn share_out(db: &impl ConnectionTrait, key: &str, mut owners: Vec<Owner>) -> Result<(), DbErr> {
    let holder = rows().filter(user::Column::EmailKey.eq(key)).into_model::<Row>().one(db).await?;
    owners.extend(holder.map(Row::owner));
    owners.sort_by_key(|owner| (!owner.is_verified, owner.id));
    for (place, owner) in owners.iter().enumerate().rev() {
        let new = if place == 0 { key.to_owned() } else { format!("{} {key}", owner.id) };
        if new != owner.email_key {
            rekey(db, owner, new).await?;
        }
    }
    Ok(())
}

/// Links that were sent prove the same mailbox as before.
async fn rekey(db: &impl ConnectionTrait, owner: &Owner, new: String) -> Result<(), DbErr> {
    user::Entity::update_many()
        .col_expr(user::Column::EmailKey, Expr::value(new.clone()))
        .filter(user::Column::Id.eq(owner.id))
        .exec(db)
        .await?;
    verification::Entity::update_many()
        .col_expr(verification::Column::EmailKey, Expr::value(new))
        .filter(verification::Column::UserId.eq(owner.id))
        .filter(verification::Column::EmailKey.eq(&owner.email_key))
        .exec(db)
        .await
        .map(|_| ())
}
