//! The table of stored answers, and its migrations.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Index;
use sea_orm_migration::prelude::{ColumnDef, MigrationName, MigrationTrait, SchemaManager, Table};

use crate::clock::Timestamp;
use crate::ids::UserId;

/// A row of `idempotency_keys`: a stored answer.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// SHA-256 of person, method, path and key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    /// SHA-256 of the parts that a repeated request must have in common with the first.
    pub body: Vec<u8>,
    /// The HTTP status of the answer.
    pub status: i32,
    /// The body of the answer, as JSON.
    pub answer: Vec<u8>,
    /// The time of the answer.
    pub created_at: Timestamp,
    /// The time of the answer if the request was anonymous. Its index finds the surplus of such answers.
    pub anonymous_at: Option<Timestamp>,
    /// The person whom the answer is about: the sender of the request, or the new person of a registration. Absent in
    /// rows that are older than this column.
    pub user_id: Option<UserId>,
}

/// The table has no relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The migration that creates the table `idempotency_keys`.
pub struct Migration;

impl MigrationName for Migration {
    /// The name in the table of applied migrations. It is written out, because a derived name would change with the
    /// name of the file.
    fn name(&self) -> &'static str {
        "idempotency"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("idempotency_keys")
            .col(ColumnDef::new("id").blob().not_null().primary_key())
            .col(ColumnDef::new("body").blob().not_null())
            .col(ColumnDef::new("status").integer().not_null())
            .col(ColumnDef::new("answer").blob().not_null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("ix_idempotency_keys_created_at")
            .table("idempotency_keys")
            .col("created_at")
            .to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The migration that adds the column `anonymous_at`, which marks answers to anonymous requests.
pub struct AnonymousMigration;

impl MigrationName for AnonymousMigration {
    fn name(&self) -> &'static str {
        "idempotency_anonymous"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AnonymousMigration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new("anonymous_at").timestamp_with_time_zone().null().to_owned();
        manager.alter_table(Table::alter().table("idempotency_keys").add_column(column).to_owned()).await?;
        let index = Index::create()
            .name("ix_idempotency_keys_anonymous_at")
            .table("idempotency_keys")
            .col("anonymous_at")
            .to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The migration that adds the column `user_id`, by which the answers to a person who leaves are found.
pub struct PersonMigration;

impl MigrationName for PersonMigration {
    fn name(&self) -> &'static str {
        "idempotency_person"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for PersonMigration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new("user_id").big_integer().null().to_owned();
        manager.alter_table(Table::alter().table("idempotency_keys").add_column(column).to_owned()).await?;
        let index =
            Index::create().name("ix_idempotency_keys_user_id").table("idempotency_keys").col("user_id").to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
