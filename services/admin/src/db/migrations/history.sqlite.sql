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
