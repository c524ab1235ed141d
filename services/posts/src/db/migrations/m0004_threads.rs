//! The columns of threads, and the author of the post in each like and comment, by which notifications are found.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, big_integer_null, json_null};

/// The statements that fill the authors of posts into the rows that are there already.
const FILLS: [&str; 2] = [
    "UPDATE comments SET post_author_id = COALESCE((SELECT author_id FROM posts WHERE id = comments.post_id), 0)",
    "UPDATE likes SET post_author_id = COALESCE((SELECT author_id FROM posts WHERE id = likes.post_id), 0)",
];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            // The comment that is answered; empty in a comment on the post itself.
            ("comments", big_integer_null("reply_to")),
            // 1 in a comment on the post itself, and one more than that of the answered comment in an answer.
            ("comments", big_integer("depth").default(1).to_owned()),
            // The authors of the comments above, as an array of ids; empty in a comment on the post itself.
            ("comments", json_null("answered")),
            ("comments", big_integer("post_author_id").default(0).to_owned()),
            ("likes", big_integer("post_author_id").default(0).to_owned()),
        ];
        for (table, column) in columns {
            // SQLite adds one column per statement.
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        for fill in FILLS {
            manager.get_connection().execute_unprepared(fill).await?;
        }
        // Finds the answers to a comment, which keep its place in the list when it is gone.
        let index = Index::create().name("ix_comments_reply_to").table("comments").col("reply_to").to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
