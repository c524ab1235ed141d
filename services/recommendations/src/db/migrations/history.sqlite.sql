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
-- m0001_copies
CREATE TABLE "likes" (
    "user_id" integer NOT NULL,
    "post_id" integer NOT NULL,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("user_id", "post_id") );
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
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "blocked" boolean NOT NULL,
    "session_version" integer NOT NULL,
    "username" text NULL,
    "first_name" text NULL,
    "last_name" text NULL,
    "bio" text NULL,
    "created_at" timestamp_with_timezone_text NULL );
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
-- m0002_authors
CREATE INDEX "ix_posts_author_id" ON "posts" ("author_id");
-- personal_blocks
CREATE TABLE "personal_blocks" (
    "user_id" integer NOT NULL,
    "blocked_id" integer NOT NULL,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("user_id", "blocked_id") );
CREATE INDEX "ix_personal_blocks_blocked_id" ON "personal_blocks" ("blocked_id");
-- m0003_pictures
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
