//! The queue of outgoing mails.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let jobs = Table::create()
            .table("mail_jobs")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(big_integer("user_id"))
            .col(text("kind"))
            .col(text("to_address"))
            .col(text("to_key"))
            .col(text("subject"))
            .col(text("text"))
            .col(text("html"))
            .col(text("state"))
            .col(big_integer("attempts"))
            .col(timestamp_with_time_zone("due_at"))
            .col(text_null("last_error"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone_null("sent_at"))
            .to_owned();
        manager.create_table(jobs).await?;
        for (name, columns) in [
            ("ix_mail_jobs_state_due_at", ["state", "due_at"]),
            ("ix_mail_jobs_to_key_id", ["to_key", "id"]),
            ("ix_mail_jobs_user_id_state", ["user_id", "state"]),
        ] {
            let [first, second] = columns;
            let index = Index::create().name(name).table("mail_jobs").col(first).col(second).to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
