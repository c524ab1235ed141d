//! The tables of notifications: copies of likes and comments, what is derived from them, and what people choose.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, json, json_null, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [likes_table(), comments_table(), notices_table(), mutes_table(), settings_table()] {
            manager.create_table(table).await?;
        }
        // Each index finds what happened to one person, from new to old.
        let indexes = [
            ("ix_likes_post_author_id", "likes", &["post_author_id", "created_at"][..]),
            ("ix_subscriptions_followee_time", "subscriptions", &["followee_id", "created_at"]),
            ("ix_notices_recipient", "notices", &["recipient", "created_at", "place"]),
        ];
        for (name, table, columns) in indexes {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        // The posts that are here already were stored without the people whom they mention. Without its record, the
        // copy asks posts for the whole stream once more.
        manager.get_connection().execute_unprepared("DELETE FROM copy_fills WHERE stream = 'post'").await.map(|_| ())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn likes_table() -> TableCreateStatement {
    Table::create()
        .table("likes")
        .col(big_integer("user_id"))
        .col(big_integer("post_id"))
        .col(big_integer("version"))
        .col(boolean("deleted"))
        .col(big_integer_null("post_author_id"))
        .col(timestamp_with_time_zone_null("created_at"))
        .primary_key(Index::create().col("user_id").col("post_id"))
        .to_owned()
}

fn comments_table() -> TableCreateStatement {
    Table::create()
        .table("comments")
        .col(big_integer("id").primary_key())
        .col(big_integer("version"))
        .col(boolean("deleted"))
        .col(big_integer_null("post_id"))
        .col(big_integer_null("post_author_id"))
        .col(big_integer_null("author_id"))
        .col(json_null("answered"))
        .col(text_null("content"))
        .col(timestamp_with_time_zone_null("created_at"))
        .to_owned()
}

fn notices_table() -> TableCreateStatement {
    Table::create()
        .table("notices")
        // The id of a post or comment, times four, plus a digit for its kind.
        .col(big_integer("place"))
        // The person's id in digits, or `@` and the username in lower case.
        .col(text("recipient"))
        .col(text("kind"))
        .col(big_integer("actor_id"))
        .col(big_integer("post_id"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("place").col("recipient"))
        .to_owned()
}

fn mutes_table() -> TableCreateStatement {
    Table::create()
        .table("mutes")
        .col(big_integer("user_id"))
        .col(big_integer("muted_id"))
        // Mutes are never deleted: an inactive row keeps its version.
        .col(boolean("active"))
        .col(big_integer("version"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("user_id").col("muted_id"))
        .to_owned()
}

fn settings_table() -> TableCreateStatement {
    Table::create()
        .table("notification_settings")
        .col(big_integer("user_id").primary_key())
        // Everything up to this time has been read.
        .col(timestamp_with_time_zone_null("read_up_to"))
        .col(json("muted_kinds"))
        .to_owned()
}
