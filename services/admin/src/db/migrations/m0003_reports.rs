//! The tables of reports, the end of a block, warnings, and what the copies keep so that admins can judge it.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, json_null, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The indexes that are not unique: name, table and columns.
const INDEXES: [(&str, &str, &[&str]); 15] = [
    // The queue, with and without a status.
    ("ix_cases_status", "cases", &["status", "last_report_id"]),
    ("ix_cases_last_report", "cases", &["last_report_id"]),
    ("ix_reports_case", "reports", &["case_id", "id"]),
    // The rows about a person who leaves.
    ("ix_reports_author", "reports", &["author_id"]),
    ("ix_cases_author", "cases", &["author_id"]),
    ("ix_posts_author", "posts", &["author_id"]),
    ("ix_comments_author", "comments", &["author_id"]),
    // The blocks that end next.
    ("ix_decisions_until", "decisions", &["hidden_until"]),
    // The removed posts and comments.
    ("ix_posts_removed", "posts", &["removed", "id"]),
    ("ix_comments_removed", "comments", &["removed", "id"]),
    // The filters of the log.
    ("ix_audit_actor", "audit_log", &["actor_id", "id"]),
    ("ix_audit_action", "audit_log", &["action", "id"]),
    ("ix_audit_target", "audit_log", &["target_kind", "target_id", "id"]),
    ("ix_audit_kind", "audit_log", &["target_kind", "id"]),
    ("ix_audit_at", "audit_log", &["at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(cases_table()).await?;
        manager.create_table(reports_table()).await?;
        let add = |table: &'static str, column| Table::alter().table(table).add_column(column).to_owned();
        let columns = [
            add("decisions", timestamp_with_time_zone_null("hidden_until")),
            add("decisions", big_integer_null("hidden_version")),
            add("decisions", json_null("warnings")),
            add("users", text_null("first_name")),
            add("users", text_null("last_name")),
            add("users", text_null("bio")),
            add("posts", big_integer_null("author_id")),
            add("posts", text_null("title")),
            add("posts", text_null("content")),
            add("posts", json_null("images")),
            add("comments", big_integer_null("post_id")),
            add("comments", big_integer_null("author_id")),
            add("comments", text_null("content")),
            add("comments", timestamp_with_time_zone_null("created_at")),
        ];
        for column in columns {
            manager.alter_table(column).await?;
        }
        let target = Index::create()
            .name("uq_cases_target")
            .table("cases")
            .col("target_kind")
            .col("target_id")
            .unique()
            .to_owned();
        let pair = Index::create()
            .name("uq_reports_reporter")
            .table("reports")
            .col("reporter_id")
            .col("case_id")
            .unique()
            .to_owned();
        for index in [target, pair] {
            manager.create_index(index).await?;
        }
        for (name, table, columns) in INDEXES {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        // The rows that are here already lack the new columns. Without their records, the copies ask their owners for the
        // whole streams once more, and take the states because these are newer than the rows.
        for table in ["users", "posts", "comments"] {
            let step_back = format!("UPDATE {table} SET version = version - 1 WHERE version > 0");
            manager.get_connection().execute_unprepared(&step_back).await?;
        }
        let forget = "DELETE FROM copy_fills WHERE stream IN ('user', 'post', 'comment')";
        manager.get_connection().execute_unprepared(forget).await.map(|_| ())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn cases_table() -> TableCreateStatement {
    Table::create()
        .table("cases")
        .col(big_pk_auto("id"))
        .col(text("target_kind"))
        .col(big_integer("target_id"))
        // The person who is responsible for the target.
        .col(big_integer_null("author_id"))
        .col(text("status"))
        // Raised by each resolution and by each undoing of one, not by reports.
        .col(big_integer("version"))
        .col(big_integer("report_count"))
        .col(big_integer_null("last_report_id"))
        // The last resolution that is not undone: its number, what was done, and the version of the decision that it made.
        .col(big_integer_null("resolution"))
        .col(text_null("action"))
        .col(big_integer_null("decided_version"))
        .col(text_null("resolution_reason"))
        .col(big_integer_null("resolver_id"))
        .col(timestamp_with_time_zone_null("resolved_at"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn reports_table() -> TableCreateStatement {
    Table::create()
        .table("reports")
        .col(big_pk_auto("id"))
        .col(big_integer("version"))
        .col(big_integer("case_id"))
        .col(big_integer("reporter_id"))
        .col(text("target_kind"))
        .col(big_integer("target_id"))
        .col(big_integer_null("author_id"))
        .col(text("reason"))
        .col(text_null("note"))
        // The reported content, as it was then.
        .col(json_null("snapshot"))
        // Absent while the report is open.
        .col(text_null("outcome"))
        .col(big_integer_null("resolution"))
        .col(timestamp_with_time_zone_null("resolved_at"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}
