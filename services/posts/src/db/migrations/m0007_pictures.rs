//! The table of pictures, and the pictures of each post as they are published.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, json_null, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null,
};

/// Partial indexes, because few rows among all wait for something: a picture for its sizes or for a post, and a post
/// from before this step for its picture's row.
const PARTIAL_INDEXES: [&str; 3] = [
    "CREATE INDEX ix_pictures_due ON pictures (sizes_due_at) WHERE sizes_due_at IS NOT NULL",
    "CREATE INDEX ix_pictures_unused ON pictures (created_at) WHERE post_id IS NULL",
    "CREATE INDEX ix_posts_unmeasured ON posts (id) WHERE image_name IS NOT NULL AND images IS NULL",
];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The pictures in their order, as they are published. Empty in a post without pictures.
        let images = Table::alter().table("posts").add_column(json_null("images")).to_owned();
        manager.alter_table(images).await?;
        manager.create_table(pictures_table()).await?;
        let indexes = [
            ("ix_pictures_post_id", &["post_id"][..]),
            // Finds what a person has sent within a day.
            ("ix_pictures_owner_id", &["owner_id", "created_at"]),
        ];
        for (name, columns) in indexes {
            let mut index = Index::create().name(name).table("pictures").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        for sql in PARTIAL_INDEXES {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn pictures_table() -> TableCreateStatement {
    Table::create()
        .table("pictures")
        .col(big_pk_auto("id"))
        // The random part of the names of all its files, by which its owner and the path name it.
        .col(text("stem").unique_key())
        .col(text("extension"))
        .col(big_integer("owner_id"))
        // Empty until a post has the picture.
        .col(big_integer_null("post_id"))
        .col(big_integer("width"))
        .col(big_integer("height"))
        .col(text_null("alt"))
        .col(timestamp_with_time_zone("created_at"))
        // The time from which its sizes may be made; empty when they are made, or when there are none to make.
        .col(timestamp_with_time_zone_null("sizes_due_at"))
        // The number of times that their making has begun.
        .col(big_integer("attempts"))
        .to_owned()
}
