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
-- m0001_posts
CREATE TABLE "comments" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "post_id" integer NOT NULL,
    "author_id" integer NOT NULL,
    "content" text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL,
    "deleted_at" timestamp_with_timezone_text NULL,
    "removed_at" timestamp_with_timezone_text NULL,
    "decision_version" integer NOT NULL DEFAULT 0 );
CREATE INDEX "ix_comments_post_id" ON "comments" ("post_id", "id");
CREATE TABLE "likes" (
    "user_id" integer NOT NULL,
    "post_id" integer NOT NULL,
    "active" boolean NOT NULL,
    "version" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    PRIMARY KEY ("user_id", "post_id") );
CREATE INDEX "ix_likes_post_id" ON "likes" ("post_id", "user_id");
CREATE TABLE "post_counts" (
    "post_id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "like_count" integer NOT NULL,
    "comment_count" integer NOT NULL,
    "view_count" integer NOT NULL );
CREATE TABLE "posts" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "author_id" integer NOT NULL,
    "title" text NULL,
    "content" text NULL,
    "image_name" text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL,
    "deleted_at" timestamp_with_timezone_text NULL,
    "removed_at" timestamp_with_timezone_text NULL,
    "decision_version" integer NOT NULL DEFAULT 0 );
CREATE INDEX "ix_posts_author_id" ON "posts" ("author_id", "id");
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    "username" text NULL,
    "blocked" boolean NOT NULL,
    "session_version" integer NOT NULL );
-- m0002_image_names
CREATE INDEX "ix_posts_image_name" ON "posts" ("image_name");
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
-- m0003_recounts
CREATE INDEX "ix_comments_author_id" ON "comments" ("author_id", "post_id");
CREATE TABLE "recounts" (
    "user_id" integer NOT NULL PRIMARY KEY,
    "hidden" boolean NOT NULL,
    "after_post" integer NOT NULL,
    "rounds" integer NOT NULL,
    "due_at" timestamp_with_timezone_text NULL );
CREATE INDEX ix_users_hidden ON users (id) WHERE deleted OR blocked;
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
-- m0004_threads
CREATE TABLE "comments" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "post_id" integer NOT NULL,
    "author_id" integer NOT NULL,
    "content" text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL,
    "deleted_at" timestamp_with_timezone_text NULL,
    "removed_at" timestamp_with_timezone_text NULL,
    "decision_version" integer NOT NULL DEFAULT 0 ,
    "reply_to" integer NULL,
    "depth" integer NOT NULL DEFAULT 1,
    "answered" json_text NULL,
    "post_author_id" integer NOT NULL DEFAULT 0);
CREATE INDEX "ix_comments_reply_to" ON "comments" ("reply_to");
CREATE TABLE "likes" (
    "user_id" integer NOT NULL,
    "post_id" integer NOT NULL,
    "active" boolean NOT NULL,
    "version" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "post_author_id" integer NOT NULL DEFAULT 0,
    PRIMARY KEY ("user_id", "post_id") );
-- m0005_bookmarks
CREATE TABLE "bookmarks" (
    "user_id" integer NOT NULL,
    "post_id" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    PRIMARY KEY ("user_id", "post_id") );
CREATE INDEX "ix_bookmarks_time" ON "bookmarks" ("user_id", "created_at", "post_id");
CREATE INDEX "ix_comments_author" ON "comments" ("author_id", "id");
-- m0006_search
CREATE TABLE "post_tags" (
    "tag" text NOT NULL,
    "post_id" integer NOT NULL,
    PRIMARY KEY ("tag", "post_id") );
CREATE INDEX "ix_post_tags_post_id" ON "post_tags" ("post_id");
CREATE VIRTUAL TABLE post_words USING fts5(tokens, content='', contentless_delete=1, detail=none, tokenize='ascii');
CREATE TABLE 'post_words_config'(k PRIMARY KEY,
    v) WITHOUT ROWID;
CREATE TABLE 'post_words_data'(id INTEGER PRIMARY KEY,
    block BLOB);
CREATE TABLE 'post_words_docsize'(id INTEGER PRIMARY KEY,
    sz BLOB,
    origin INTEGER);
CREATE TABLE 'post_words_idx'(segid,
    term,
    pgno,
    PRIMARY KEY(segid, term)) WITHOUT ROWID;
-- personal_blocks
CREATE TABLE "personal_blocks" (
    "user_id" integer NOT NULL,
    "blocked_id" integer NOT NULL,
    "version" integer NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("user_id", "blocked_id") );
CREATE INDEX "ix_personal_blocks_blocked_id" ON "personal_blocks" ("blocked_id");
-- m0007_pictures
CREATE TABLE "pictures" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "stem" text NOT NULL UNIQUE,
    "extension" text NOT NULL,
    "owner_id" integer NOT NULL,
    "post_id" integer NULL,
    "width" integer NOT NULL,
    "height" integer NOT NULL,
    "alt" text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "sizes_due_at" timestamp_with_timezone_text NULL,
    "attempts" integer NOT NULL );
CREATE INDEX ix_pictures_due ON pictures (sizes_due_at) WHERE sizes_due_at IS NOT NULL;
CREATE INDEX "ix_pictures_owner_id" ON "pictures" ("owner_id", "created_at");
CREATE INDEX "ix_pictures_post_id" ON "pictures" ("post_id");
CREATE INDEX ix_pictures_unused ON pictures (created_at) WHERE post_id IS NULL;
CREATE TABLE "posts" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "author_id" integer NOT NULL,
    "title" text NULL,
    "content" text NULL,
    "image_name" text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL,
    "deleted_at" timestamp_with_timezone_text NULL,
    "removed_at" timestamp_with_timezone_text NULL,
    "decision_version" integer NOT NULL DEFAULT 0 ,
    "images" json_text NULL);
CREATE INDEX ix_posts_unmeasured ON posts (id) WHERE image_name IS NOT NULL AND images IS NULL;
-- m0008_avatars
CREATE TABLE "pictures" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "stem" text NOT NULL UNIQUE,
    "extension" text NOT NULL,
    "owner_id" integer NOT NULL,
    "post_id" integer NULL,
    "width" integer NOT NULL,
    "height" integer NOT NULL,
    "alt" text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "sizes_due_at" timestamp_with_timezone_text NULL,
    "attempts" integer NOT NULL ,
    "is_avatar" boolean NOT NULL DEFAULT FALSE);
CREATE INDEX ix_pictures_unused ON pictures (created_at) WHERE post_id IS NULL AND NOT is_avatar;
CREATE UNIQUE INDEX uq_pictures_avatar ON pictures (owner_id) WHERE is_avatar;
