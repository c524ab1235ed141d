-- outbox
CREATE TABLE "outbox" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "message_id" text NOT NULL,
    "stream" text NOT NULL,
    "target" text,
    "payload" blob NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL );
-- dead_letters
CREATE TABLE "dead_letters" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "queue" text NOT NULL,
    "reason" text NOT NULL,
    "payload" blob NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL );
-- m0001_decisions
CREATE TABLE "audit_log" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "at" timestamp_with_timezone_text NOT NULL,
    "actor_id" integer NOT NULL,
    "actor_username" text NOT NULL,
    "action" text NOT NULL,
    "target_kind" text NOT NULL,
    "target_id" integer NOT NULL,
    "reason" text NULL,
    "request_id" text NOT NULL,
    "result" text NOT NULL );
CREATE TABLE "comments" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL );
CREATE TABLE "decisions" (
    "kind" text NOT NULL,
    "target_id" integer NOT NULL,
    "version" integer NOT NULL,
    "hidden" boolean NOT NULL,
    "reason" text NULL,
    "actor_id" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL,
    PRIMARY KEY ("kind", "target_id") );
CREATE TABLE "post_counts" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "like_count" integer NOT NULL );
CREATE TABLE "posts" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "created_at" timestamp_with_timezone_text NULL );
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "username" text NULL,
    "role" text NULL,
    "created_at" timestamp_with_timezone_text NULL,
    "verified" boolean NOT NULL,
    "blocked" boolean NOT NULL,
    "session_version" integer NOT NULL );
-- m0002_totals
CREATE TABLE "comments" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL ,
    "removed" boolean NULL);
CREATE TABLE "post_counts" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "like_count" integer NOT NULL ,
    "comment_count" integer NOT NULL DEFAULT 0);
CREATE TABLE "posts" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "created_at" timestamp_with_timezone_text NULL ,
    "removed" boolean NULL);
-- fills
CREATE TABLE "copy_fills" (
    "stream" text NOT NULL PRIMARY KEY,
    "asked_at" timestamp_with_timezone_text NOT NULL );
-- ended_sessions
CREATE TABLE "ended_sessions" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "expires_at" timestamp_with_timezone_text NOT NULL );
CREATE INDEX "ix_ended_sessions_expires_at" ON "ended_sessions" ("expires_at");
-- erasures
CREATE TABLE "erasures" (
    "user_id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "counts" text NOT NULL,
    "passes" integer NOT NULL,
    "due_at" timestamp_with_timezone_text NULL );
CREATE INDEX ix_users_left ON users (id) WHERE deleted AND session_version > 0;
-- idempotency
CREATE TABLE "idempotency_keys" (
    "id" blob NOT NULL PRIMARY KEY,
    "body" blob NOT NULL,
    "status" integer NOT NULL,
    "answer" blob NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL );
CREATE INDEX "ix_idempotency_keys_created_at" ON "idempotency_keys" ("created_at");
-- idempotency_anonymous
CREATE TABLE "idempotency_keys" (
    "id" blob NOT NULL PRIMARY KEY,
    "body" blob NOT NULL,
    "status" integer NOT NULL,
    "answer" blob NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL ,
    "anonymous_at" timestamp_with_timezone_text NULL);
CREATE INDEX "ix_idempotency_keys_anonymous_at" ON "idempotency_keys" ("anonymous_at");
-- idempotency_person
CREATE TABLE "idempotency_keys" (
    "id" blob NOT NULL PRIMARY KEY,
    "body" blob NOT NULL,
    "status" integer NOT NULL,
    "answer" blob NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL ,
    "anonymous_at" timestamp_with_timezone_text NULL,
    "user_id" integer NULL);
CREATE INDEX "ix_idempotency_keys_user_id" ON "idempotency_keys" ("user_id");
-- m0003_reports
CREATE INDEX "ix_audit_action" ON "audit_log" ("action", "id");
CREATE INDEX "ix_audit_actor" ON "audit_log" ("actor_id", "id");
CREATE INDEX "ix_audit_at" ON "audit_log" ("at");
CREATE INDEX "ix_audit_kind" ON "audit_log" ("target_kind", "id");
CREATE INDEX "ix_audit_target" ON "audit_log" ("target_kind", "target_id", "id");
CREATE TABLE "cases" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "target_kind" text NOT NULL,
    "target_id" integer NOT NULL,
    "author_id" integer NULL,
    "status" text NOT NULL,
    "version" integer NOT NULL,
    "report_count" integer NOT NULL,
    "last_report_id" integer NULL,
    "resolution" integer NULL,
    "action" text NULL,
    "decided_version" integer NULL,
    "resolution_reason" text NULL,
    "resolver_id" integer NULL,
    "resolved_at" timestamp_with_timezone_text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL );
CREATE INDEX "ix_cases_author" ON "cases" ("author_id");
CREATE INDEX "ix_cases_last_report" ON "cases" ("last_report_id");
CREATE INDEX "ix_cases_status" ON "cases" ("status", "last_report_id");
CREATE UNIQUE INDEX "uq_cases_target" ON "cases" ("target_kind", "target_id");
CREATE TABLE "comments" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL ,
    "removed" boolean NULL,
    "post_id" integer NULL,
    "author_id" integer NULL,
    "content" text NULL,
    "created_at" timestamp_with_timezone_text NULL);
CREATE INDEX "ix_comments_author" ON "comments" ("author_id");
CREATE INDEX "ix_comments_removed" ON "comments" ("removed", "id");
CREATE TABLE "decisions" (
    "kind" text NOT NULL,
    "target_id" integer NOT NULL,
    "version" integer NOT NULL,
    "hidden" boolean NOT NULL,
    "reason" text NULL,
    "actor_id" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL,
    "hidden_until" timestamp_with_timezone_text NULL,
    "hidden_version" integer NULL,
    "warnings" json_text NULL,
    PRIMARY KEY ("kind", "target_id") );
CREATE INDEX "ix_decisions_until" ON "decisions" ("hidden_until");
CREATE TABLE "posts" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "created_at" timestamp_with_timezone_text NULL ,
    "removed" boolean NULL,
    "author_id" integer NULL,
    "title" text NULL,
    "content" text NULL,
    "images" json_text NULL);
CREATE INDEX "ix_posts_author" ON "posts" ("author_id");
CREATE INDEX "ix_posts_removed" ON "posts" ("removed", "id");
CREATE TABLE "reports" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "case_id" integer NOT NULL,
    "reporter_id" integer NOT NULL,
    "target_kind" text NOT NULL,
    "target_id" integer NOT NULL,
    "author_id" integer NULL,
    "reason" text NOT NULL,
    "note" text NULL,
    "snapshot" json_text NULL,
    "outcome" text NULL,
    "resolution" integer NULL,
    "resolved_at" timestamp_with_timezone_text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL );
CREATE INDEX "ix_reports_author" ON "reports" ("author_id");
CREATE INDEX "ix_reports_case" ON "reports" ("case_id", "id");
CREATE UNIQUE INDEX "uq_reports_reporter" ON "reports" ("reporter_id", "case_id");
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "username" text NULL,
    "role" text NULL,
    "created_at" timestamp_with_timezone_text NULL,
    "verified" boolean NOT NULL,
    "blocked" boolean NOT NULL,
    "session_version" integer NOT NULL ,
    "first_name" text NULL,
    "last_name" text NULL,
    "bio" text NULL);
