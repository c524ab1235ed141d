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
-- m0001_subscriptions
CREATE TABLE "post_counts" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "like_count" integer NOT NULL,
    "comment_count" integer NOT NULL,
    "view_count" integer NOT NULL );
CREATE TABLE "posts" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "author_id" integer NULL,
    "title" text NULL,
    "content" text NULL,
    "image_url" text NULL,
    "created_at" timestamp_with_timezone_text NULL,
    "updated_at" timestamp_with_timezone_text NULL );
CREATE INDEX "ix_posts_author_id" ON "posts" ("author_id", "id");
CREATE TABLE "subscriptions" (
    "follower_id" integer NOT NULL,
    "followee_id" integer NOT NULL,
    "active" boolean NOT NULL,
    "version" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    PRIMARY KEY ("follower_id", "followee_id") );
CREATE INDEX "ix_subscriptions_followee_id" ON "subscriptions" ("followee_id", "follower_id");
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "username" text NULL,
    "first_name" text NULL,
    "last_name" text NULL,
    "bio" text NULL,
    "created_at" timestamp_with_timezone_text NULL,
    "verified" boolean NOT NULL,
    "blocked" boolean NOT NULL,
    "session_version" integer NOT NULL );
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
-- m0002_notifications
CREATE TABLE "comments" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "post_id" integer NULL,
    "post_author_id" integer NULL,
    "author_id" integer NULL,
    "answered" json_text NULL,
    "content" text NULL,
    "created_at" timestamp_with_timezone_text NULL );
CREATE TABLE "likes" (
    "user_id" integer NOT NULL,
    "post_id" integer NOT NULL,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "post_author_id" integer NULL,
    "created_at" timestamp_with_timezone_text NULL,
    PRIMARY KEY ("user_id", "post_id") );
CREATE INDEX "ix_likes_post_author_id" ON "likes" ("post_author_id", "created_at");
CREATE TABLE "mutes" (
    "user_id" integer NOT NULL,
    "muted_id" integer NOT NULL,
    "active" boolean NOT NULL,
    "version" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    PRIMARY KEY ("user_id", "muted_id") );
CREATE TABLE "notices" (
    "place" integer NOT NULL,
    "recipient" text NOT NULL,
    "kind" text NOT NULL,
    "actor_id" integer NOT NULL,
    "post_id" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    PRIMARY KEY ("place", "recipient") );
CREATE INDEX "ix_notices_recipient" ON "notices" ("recipient", "created_at", "place");
CREATE TABLE "notification_settings" (
    "user_id" integer NOT NULL PRIMARY KEY,
    "read_up_to" timestamp_with_timezone_text NULL,
    "muted_kinds" json_text NOT NULL );
CREATE INDEX "ix_subscriptions_followee_time" ON "subscriptions" ("followee_id", "created_at");
-- m0005_live
CREATE TABLE "live_head" (
    "id" integer NOT NULL PRIMARY KEY,
    "seq" integer NOT NULL,
    "trimmed_to" integer NOT NULL );
CREATE TABLE "live_items" (
    "seq" integer NOT NULL PRIMARY KEY,
    "recipient" text NOT NULL,
    "place" integer NOT NULL,
    "actor_id" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL );
CREATE INDEX "ix_live_items_recipient" ON "live_items" ("recipient", "seq");
CREATE UNIQUE INDEX "uq_live_items_thing" ON "live_items" ("recipient", "place", "actor_id");
-- m0007_comment_authors
CREATE INDEX "ix_comments_author_id" ON "comments" ("author_id");
-- personal_blocks
CREATE TABLE "personal_blocks" (
    "user_id" integer NOT NULL,
    "blocked_id" integer NOT NULL,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("user_id", "blocked_id") );
CREATE INDEX "ix_personal_blocks_blocked_id" ON "personal_blocks" ("blocked_id");
-- m0008_moderation
CREATE TABLE "moderated_people" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "blocked" boolean NOT NULL,
    "blocked_until" timestamp_with_timezone_text NULL,
    "warnings" json_text NULL );
CREATE TABLE "report_outcomes" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "reporter_id" integer NOT NULL,
    "target_kind" text NOT NULL,
    "target_id" integer NOT NULL,
    "outcome" text NULL,
    "resolved_at" timestamp_with_timezone_text NULL );
CREATE INDEX "ix_report_outcomes_reporter" ON "report_outcomes" ("reporter_id", "resolved_at", "id");
-- m0009_pictures
CREATE TABLE "posts" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "author_id" integer NULL,
    "title" text NULL,
    "content" text NULL,
    "image_url" text NULL,
    "created_at" timestamp_with_timezone_text NULL,
    "updated_at" timestamp_with_timezone_text NULL ,
    "images" json_text NULL);
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
