//! People, and their verification links.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use crate::db::entities::{user, verification};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use user::Column as C;
        let users = Table::create()
            .table(user::Entity)
            .col(ColumnDef::new(C::Id).big_integer().not_null().auto_increment().primary_key())
            .col(big_integer(C::Version))
            .col(text(C::Username))
            .col(text(C::UsernameKey))
            .col(text(C::Email))
            .col(text(C::EmailKey))
            .col(text(C::PasswordHash))
            .col(text_null(C::FirstName))
            .col(text_null(C::LastName))
            .col(text_null(C::Bio))
            .col(text(C::FirstNameKey))
            .col(text(C::LastNameKey))
            .col(text(C::FullNameKey))
            .col(text(C::Role))
            .col(timestamp_with_time_zone_null(C::VerifiedAt))
            .col(timestamp_with_time_zone_null(C::BlockedAt))
            .col(big_integer(C::DecisionVersion))
            .col(big_integer(C::SessionVersion))
            .col(timestamp_with_time_zone(C::CreatedAt))
            .col(timestamp_with_time_zone(C::UpdatedAt))
            .to_owned();
        manager.create_table(users).await?;
        for (name, column) in [("uq_users_username_key", C::UsernameKey), ("uq_users_email_key", C::EmailKey)] {
            manager
                .create_index(Index::create().name(name).table(user::Entity).col(column).unique().to_owned())
                .await?;
        }
        use verification::Column as V;
        let verifications = Table::create()
            .table(verification::Entity)
            .col(big_integer(V::UserId).primary_key())
            .col(text(V::EmailKey))
            .col(text(V::TokenHash))
            .col(timestamp_with_time_zone(V::ExpiresAt))
            .col(timestamp_with_time_zone_null(V::UsedAt))
            .to_owned();
        manager.create_table(verifications).await?;
        let index = Index::create()
            .name("uq_verifications_token_hash")
            .table(verification::Entity)
            .col(V::TokenHash)
            .unique()
            .to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
