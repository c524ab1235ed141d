-- outbox
CREATE TABLE outbox (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    message_id text NOT NULL,
    stream text NOT NULL,
    target text,
    payload bytea NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP) WITH (autovacuum_vacuum_scale_factor=0,autovacuum_vacuum_threshold=1000);
ALTER TABLE outbox ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
-- dead_letters
CREATE TABLE dead_letters (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    queue text NOT NULL,
    reason text NOT NULL,
    payload bytea NOT NULL,
    created_at timestamp with time zone NOT NULL);
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (id);
-- m0001_posts
CREATE TABLE comments (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    post_id bigint NOT NULL,
    author_id bigint NOT NULL,
    content text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    removed_at timestamp with time zone,
    decision_version bigint NOT NULL DEFAULT 0);
ALTER TABLE comments ADD CONSTRAINT comments_pkey PRIMARY KEY (id);
CREATE INDEX ix_comments_post_id ON public.comments USING btree (post_id, id);
CREATE TABLE likes (
    user_id bigint NOT NULL,
    post_id bigint NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL);
CREATE INDEX ix_likes_post_id ON public.likes USING btree (post_id, user_id);
ALTER TABLE likes ADD CONSTRAINT likes_pkey PRIMARY KEY (user_id, post_id);
CREATE TABLE post_counts (
    post_id bigint NOT NULL,
    version bigint NOT NULL,
    like_count bigint NOT NULL,
    comment_count bigint NOT NULL,
    view_count bigint NOT NULL) WITH (fillfactor=70);
ALTER TABLE post_counts ADD CONSTRAINT post_counts_pkey PRIMARY KEY (post_id);
CREATE TABLE posts (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    author_id bigint NOT NULL,
    title text,
    content text,
    image_name text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    removed_at timestamp with time zone,
    decision_version bigint NOT NULL DEFAULT 0);
CREATE INDEX ix_posts_author_id ON public.posts USING btree (author_id, id);
ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY (id);
CREATE TABLE users (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    username text,
    blocked boolean NOT NULL,
    session_version bigint NOT NULL);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
-- m0002_image_names
CREATE INDEX ix_posts_image_name ON public.posts USING btree (image_name);
-- idempotency
CREATE TABLE idempotency_keys (
    id bytea NOT NULL,
    body bytea NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    created_at timestamp with time zone NOT NULL);
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (id);
CREATE INDEX ix_idempotency_keys_created_at ON public.idempotency_keys USING btree (created_at);
-- idempotency_anonymous
CREATE TABLE idempotency_keys (
    id bytea NOT NULL,
    body bytea NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    anonymous_at timestamp with time zone);
CREATE INDEX ix_idempotency_keys_anonymous_at ON public.idempotency_keys USING btree (anonymous_at);
-- m0003_recounts
CREATE INDEX ix_comments_author_id ON public.comments USING btree (author_id, post_id);
CREATE TABLE recounts (
    user_id bigint NOT NULL,
    hidden boolean NOT NULL,
    after_post bigint NOT NULL,
    rounds bigint NOT NULL,
    due_at timestamp with time zone);
ALTER TABLE recounts ADD CONSTRAINT recounts_pkey PRIMARY KEY (user_id);
CREATE INDEX ix_users_hidden ON public.users USING btree (id) WHERE (deleted OR blocked);
-- fills
CREATE TABLE copy_fills (
    stream text NOT NULL,
    asked_at timestamp with time zone NOT NULL);
ALTER TABLE copy_fills ADD CONSTRAINT copy_fills_pkey PRIMARY KEY (stream);
-- ended_sessions
CREATE TABLE ended_sessions (
    id bigint NOT NULL,
    version bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL);
ALTER TABLE ended_sessions ADD CONSTRAINT ended_sessions_pkey PRIMARY KEY (id);
CREATE INDEX ix_ended_sessions_expires_at ON public.ended_sessions USING btree (expires_at);
-- erasures
CREATE TABLE erasures (
    user_id bigint NOT NULL,
    version bigint NOT NULL,
    counts text NOT NULL,
    passes bigint NOT NULL,
    due_at timestamp with time zone);
ALTER TABLE erasures ADD CONSTRAINT erasures_pkey PRIMARY KEY (user_id);
CREATE INDEX ix_users_left ON public.users USING btree (id) WHERE (deleted AND (session_version > 0));
-- idempotency_person
CREATE TABLE idempotency_keys (
    id bytea NOT NULL,
    body bytea NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    anonymous_at timestamp with time zone,
    user_id bigint);
CREATE INDEX ix_idempotency_keys_user_id ON public.idempotency_keys USING btree (user_id);
-- m0004_threads
CREATE TABLE comments (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    post_id bigint NOT NULL,
    author_id bigint NOT NULL,
    content text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    removed_at timestamp with time zone,
    decision_version bigint NOT NULL DEFAULT 0,
    reply_to bigint,
    depth bigint NOT NULL DEFAULT 1,
    answered json,
    post_author_id bigint NOT NULL DEFAULT 0);
CREATE INDEX ix_comments_reply_to ON public.comments USING btree (reply_to);
CREATE TABLE likes (
    user_id bigint NOT NULL,
    post_id bigint NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    post_author_id bigint NOT NULL DEFAULT 0);
-- m0005_bookmarks
CREATE TABLE bookmarks (
    user_id bigint NOT NULL,
    post_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL);
ALTER TABLE bookmarks ADD CONSTRAINT bookmarks_pkey PRIMARY KEY (user_id, post_id);
CREATE INDEX ix_bookmarks_time ON public.bookmarks USING btree (user_id, created_at, post_id);
CREATE INDEX ix_comments_author ON public.comments USING btree (author_id, id);
-- m0006_search
CREATE TABLE post_tags (
    tag text NOT NULL,
    post_id bigint NOT NULL);
CREATE INDEX ix_post_tags_post_id ON public.post_tags USING btree (post_id);
ALTER TABLE post_tags ADD CONSTRAINT post_tags_pkey PRIMARY KEY (tag, post_id);
CREATE TABLE post_words (
    post_id bigint NOT NULL,
    tokens tsvector NOT NULL);
CREATE INDEX ix_post_words ON public.post_words USING gin (tokens) WITH (fastupdate=off);
ALTER TABLE post_words ADD CONSTRAINT post_words_pkey PRIMARY KEY (post_id);
-- personal_blocks
CREATE TABLE personal_blocks (
    user_id bigint NOT NULL,
    blocked_id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL);
CREATE INDEX ix_personal_blocks_blocked_id ON public.personal_blocks USING btree (blocked_id);
ALTER TABLE personal_blocks ADD CONSTRAINT personal_blocks_pkey PRIMARY KEY (user_id, blocked_id);
-- m0007_pictures
CREATE TABLE pictures (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    stem text NOT NULL,
    extension text NOT NULL,
    owner_id bigint NOT NULL,
    post_id bigint,
    width bigint NOT NULL,
    height bigint NOT NULL,
    alt text,
    created_at timestamp with time zone NOT NULL,
    sizes_due_at timestamp with time zone,
    attempts bigint NOT NULL);
CREATE INDEX ix_pictures_due ON public.pictures USING btree (sizes_due_at) WHERE (sizes_due_at IS NOT NULL);
CREATE INDEX ix_pictures_owner_id ON public.pictures USING btree (owner_id, created_at);
CREATE INDEX ix_pictures_post_id ON public.pictures USING btree (post_id);
CREATE INDEX ix_pictures_unused ON public.pictures USING btree (created_at) WHERE (post_id IS NULL);
ALTER TABLE pictures ADD CONSTRAINT pictures_pkey PRIMARY KEY (id);
ALTER TABLE pictures ADD CONSTRAINT pictures_stem_key UNIQUE (stem);
CREATE TABLE posts (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    author_id bigint NOT NULL,
    title text,
    content text,
    image_name text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    removed_at timestamp with time zone,
    decision_version bigint NOT NULL DEFAULT 0,
    images json);
CREATE INDEX ix_posts_unmeasured ON public.posts USING btree (id) WHERE ((image_name IS NOT NULL) AND (images IS NULL));
-- m0008_avatars
CREATE TABLE pictures (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    stem text NOT NULL,
    extension text NOT NULL,
    owner_id bigint NOT NULL,
    post_id bigint,
    width bigint NOT NULL,
    height bigint NOT NULL,
    alt text,
    created_at timestamp with time zone NOT NULL,
    sizes_due_at timestamp with time zone,
    attempts bigint NOT NULL,
    is_avatar boolean NOT NULL DEFAULT false);
CREATE INDEX ix_pictures_unused ON public.pictures USING btree (created_at) WHERE ((post_id IS NULL) AND (NOT is_avatar));
CREATE UNIQUE INDEX uq_pictures_avatar ON public.pictures USING btree (owner_id) WHERE is_avatar;
