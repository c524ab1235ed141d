//! Sessions and their refresh tokens.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, text, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use crate::db::entities::{refresh_token, session};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use session::Column as S;
        let sessions = Table::create()
            .table(session::Entity)
            .col(ColumnDef::new(S::Id).big_integer().not_null().auto_increment().primary_key())
            .col(big_integer(S::UserId))
            .col(timestamp_with_time_zone(S::CreatedAt))
            .col(timestamp_with_time_zone_null(S::RevokedAt))
            .to_owned();
        manager.create_table(sessions).await?;
        let index = Index::create().name("ix_sessions_user_id").table(session::Entity).col(S::UserId).to_owned();
        manager.create_index(index).await?;
        use refresh_token::Column as T;
        let tokens = Table::create()
            .table(refresh_token::Entity)
            .col(ColumnDef::new(T::Id).big_integer().not_null().auto_increment().primary_key())
            .col(big_integer(T::SessionId))
            .col(big_integer(T::UserId))
            .col(big_integer_null(T::ParentId))
            .col(text(T::TokenHash))
            .col(timestamp_with_time_zone(T::IssuedAt))
            .col(timestamp_with_time_zone_null(T::UsedAt))
            .to_owned();
        manager.create_table(tokens).await?;
        let hash = Index::create()
            .name("uq_refresh_tokens_token_hash")
            .table(refresh_token::Entity)
            .col(T::TokenHash)
            .unique()
            .to_owned();
        manager.create_index(hash).await?;
        let parent = Index::create()
            .name("ix_refresh_tokens_parent_id")
            .table(refresh_token::Entity)
            .col(T::ParentId)
            .to_owned();
        manager.create_index(parent).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
