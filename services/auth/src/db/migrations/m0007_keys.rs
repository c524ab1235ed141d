//! Computes the keys of addresses and names anew: domains are compared by their A-labels, and names without regard to
//! case in all scripts. Unlike other steps, this one uses the rules of the program, because the program compares the
//! stored keys with the ones that it computes.
//!
//! Two accounts may turn out to have one mailbox. In this case the account that has verified it gets the key, else the
//! older one. The other account keeps its password and logs in as before; its key becomes one that no address has, so
//! that nothing is sent or revealed by it.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, FromQueryResult};
use sea_orm_migration::prelude::*;
use shared::clock::Timestamp;

use crate::domain::{email, names};

/// The number of accounts that are read at once.
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
            let rows = rows(db, Expr::col("id").gt(after), PAGE).await?;
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

/// Reads the accounts that meet a condition, at most `limit` of them, in the order of their ids.
async fn rows(db: &impl ConnectionTrait, condition: SimpleExpr, limit: u64) -> Result<Vec<Row>, DbErr> {
    let select = Query::select()
        .columns([
            "id",
            "email",
            "email_key",
            "first_name",
            "last_name",
            "first_name_key",
            "last_name_key",
            "full_name_key",
            "verified_at",
        ])
        .from("users")
        .and_where(condition)
        .order_by("id", Order::Asc)
        .limit(limit)
        .to_owned();
    let rows = db.query_all(&select).await?;
    rows.iter().map(|row| Row::from_query_result(row, "")).collect()
}

async fn rename(db: &impl ConnectionTrait, row: &Row) -> Result<(), DbErr> {
    let [first, last, full] = names::keys(row.first_name.as_deref(), row.last_name.as_deref());
    if [&first, &last, &full] == [&row.first_name_key, &row.last_name_key, &row.full_name_key] {
        return Ok(());
    }
    let update = Query::update()
        .table("users")
        .values([("first_name_key", first.into()), ("last_name_key", last.into()), ("full_name_key", full.into())])
        .and_where(Expr::col("id").eq(row.id))
        .to_owned();
    db.execute(&update).await.map(|_| ())
}

/// Gives a key to one of the accounts that claim it. The others make room first, because the key is unique.
async fn share_out(db: &impl ConnectionTrait, key: &str, mut owners: Vec<Owner>) -> Result<(), DbErr> {
    let holder = rows(db, Expr::col("email_key").eq(key), 1).await?;
    owners.extend(holder.into_iter().map(Row::owner));
    owners.sort_by_key(|owner| (!owner.is_verified, owner.id));
    for (place, owner) in owners.iter().enumerate().rev() {
        let new = if place == 0 { key.to_owned() } else { format!("{} {key}", owner.id) };
        if new != owner.email_key {
            rekey(db, owner, new).await?;
        }
    }
    Ok(())
}

/// Gives an account another key. Links that were sent to it prove the same mailbox as before, so they get the new key
/// too.
async fn rekey(db: &impl ConnectionTrait, owner: &Owner, new: String) -> Result<(), DbErr> {
    let account = Query::update()
        .table("users")
        .value("email_key", new.clone())
        .and_where(Expr::col("id").eq(owner.id))
        .to_owned();
    db.execute(&account).await?;
    let links = Query::update()
        .table("verifications")
        .value("email_key", new)
        .and_where(Expr::col("user_id").eq(owner.id))
        .and_where(Expr::col("email_key").eq(&owner.email_key))
        .to_owned();
    db.execute(&links).await.map(|_| ())
}
