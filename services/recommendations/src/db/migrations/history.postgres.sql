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
-- m0001_copies
CREATE TABLE likes (
    user_id bigint NOT NULL,
    post_id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL);
ALTER TABLE likes ADD CONSTRAINT likes_pkey PRIMARY KEY (user_id, post_id);
CREATE TABLE post_counts (
    id bigint NOT NULL,
    version bigint NOT NULL,
    like_count bigint NOT NULL,
    comment_count bigint NOT NULL,
    view_count bigint NOT NULL);
ALTER TABLE post_counts ADD CONSTRAINT post_counts_pkey PRIMARY KEY (id);
CREATE TABLE posts (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    author_id bigint,
    title text,
    content text,
    image_url text,
    created_at timestamp with time zone,
    updated_at timestamp with time zone);
ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY (id);
CREATE TABLE users (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    blocked boolean NOT NULL,
    session_version bigint NOT NULL,
    username text,
    first_name text,
    last_name text,
    bio text,
    created_at timestamp with time zone);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
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
-- m0002_authors
CREATE INDEX ix_posts_author_id ON public.posts USING btree (author_id);
-- personal_blocks
CREATE TABLE personal_blocks (
    user_id bigint NOT NULL,
    blocked_id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL);
CREATE INDEX ix_personal_blocks_blocked_id ON public.personal_blocks USING btree (blocked_id);
ALTER TABLE personal_blocks ADD CONSTRAINT personal_blocks_pkey PRIMARY KEY (user_id, blocked_id);
-- m0003_pictures
CREATE TABLE posts (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    author_id bigint,
    title text,
    content text,
    image_url text,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    images json);
