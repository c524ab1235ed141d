//! Mails.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use crate::db::entities::mail_job;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use mail_job::Column as C;
        let jobs = Table::create()
            .table(mail_job::Entity)
            .col(ColumnDef::new(C::Id).big_integer().not_null().auto_increment().primary_key())
            .col(big_integer(C::UserId))
            .col(text(C::Kind))
            .col(text(C::ToAddress))
            .col(text(C::ToKey))
            .col(text(C::Subject))
            .col(text(C::Text))
            .col(text(C::Html))
            .col(text(C::State))
            .col(big_integer(C::Attempts))
            .col(timestamp_with_time_zone(C::DueAt))
            .col(text_null(C::LastError))
            .col(timestamp_with_time_zone(C::CreatedAt))
            .col(timestamp_with_time_zone_null(C::SentAt))
            .to_owned();
        manager.create_table(jobs).await?;
        for (name, columns) in [
            ("ix_mail_jobs_state_due_at", [C::State, C::DueAt]),
            ("ix_mail_jobs_to_key_id", [C::ToKey, C::Id]),
            ("ix_mail_jobs_user_id_state", [C::UserId, C::State]),
        ] {
            let [first, second] = columns;
            let index = Index::create().name(name).table(mail_job::Entity).col(first).col(second).to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
