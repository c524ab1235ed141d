//! Other people's clients (OAuth 2.0): the clients, the codes that they exchange for tokens, and the sessions that
//! follow.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, text, text_null, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Both are empty for a session of Chatty's own login.
        for column in [text_null("client_id"), text_null("scope")] {
            manager.alter_table(Table::alter().table("sessions").add_column(column).to_owned()).await?;
        }
        let clients = Table::create()
            .table("clients")
            .col(text("id").primary_key())
            .col(big_integer("user_id"))
            .col(text("name"))
            // One URI on each line, because no URI contains a line end.
            .col(text("redirect_uris"))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned();
        manager.create_table(clients).await?;
        let codes = Table::create()
            .table("authorization_codes")
            .col(text("code_hash").primary_key())
            .col(text("client_id"))
            .col(big_integer("user_id"))
            .col(big_integer("session_version"))
            .col(text("redirect_uri"))
            .col(text("scope"))
            .col(text("code_challenge"))
            .col(timestamp_with_time_zone("expires_at"))
            // The session that the code was exchanged for; empty before, and 0 after an exchange that was refused.
            .col(big_integer_null("session_id"))
            .to_owned();
        manager.create_table(codes).await?;
        for (name, table, column) in [
            ("ix_clients_user_id", "clients", "user_id"),
            ("ix_authorization_codes_user_id", "authorization_codes", "user_id"),
            ("ix_sessions_client_id", "sessions", "client_id"),
        ] {
            manager.create_index(Index::create().name(name).table(table).col(column).to_owned()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
