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
-- m0001_subscriptions
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
CREATE INDEX ix_posts_author_id ON public.posts USING btree (author_id, id);
ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY (id);
CREATE TABLE subscriptions (
    follower_id bigint NOT NULL,
    followee_id bigint NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL);
CREATE INDEX ix_subscriptions_followee_id ON public.subscriptions USING btree (followee_id, follower_id);
ALTER TABLE subscriptions ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (follower_id, followee_id);
CREATE TABLE users (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    username text,
    first_name text,
    last_name text,
    bio text,
    created_at timestamp with time zone,
    verified boolean NOT NULL,
    blocked boolean NOT NULL,
    session_version bigint NOT NULL);
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
-- m0002_notifications
CREATE TABLE comments (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    post_id bigint,
    post_author_id bigint,
    author_id bigint,
    answered json,
    content text,
    created_at timestamp with time zone);
ALTER TABLE comments ADD CONSTRAINT comments_pkey PRIMARY KEY (id);
CREATE TABLE likes (
    user_id bigint NOT NULL,
    post_id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    post_author_id bigint,
    created_at timestamp with time zone);
CREATE INDEX ix_likes_post_author_id ON public.likes USING btree (post_author_id, created_at);
ALTER TABLE likes ADD CONSTRAINT likes_pkey PRIMARY KEY (user_id, post_id);
CREATE TABLE mutes (
    user_id bigint NOT NULL,
    muted_id bigint NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL);
ALTER TABLE mutes ADD CONSTRAINT mutes_pkey PRIMARY KEY (user_id, muted_id);
CREATE TABLE notices (
    place bigint NOT NULL,
    recipient text NOT NULL,
    kind text NOT NULL,
    actor_id bigint NOT NULL,
    post_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL);
CREATE INDEX ix_notices_recipient ON public.notices USING btree (recipient, created_at, place);
ALTER TABLE notices ADD CONSTRAINT notices_pkey PRIMARY KEY (place, recipient);
CREATE TABLE notification_settings (
    user_id bigint NOT NULL,
    read_up_to timestamp with time zone,
    muted_kinds json NOT NULL);
ALTER TABLE notification_settings ADD CONSTRAINT notification_settings_pkey PRIMARY KEY (user_id);
CREATE INDEX ix_subscriptions_followee_time ON public.subscriptions USING btree (followee_id, created_at);
-- m0005_live
CREATE TABLE live_head (
    id bigint NOT NULL,
    seq bigint NOT NULL,
    trimmed_to bigint NOT NULL);
ALTER TABLE live_head ADD CONSTRAINT live_head_pkey PRIMARY KEY (id);
CREATE TABLE live_items (
    seq bigint NOT NULL,
    recipient text NOT NULL,
    place bigint NOT NULL,
    actor_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL);
CREATE INDEX ix_live_items_recipient ON public.live_items USING btree (recipient, seq);
ALTER TABLE live_items ADD CONSTRAINT live_items_pkey PRIMARY KEY (seq);
CREATE UNIQUE INDEX uq_live_items_thing ON public.live_items USING btree (recipient, place, actor_id);
-- m0007_comment_authors
CREATE INDEX ix_comments_author_id ON public.comments USING btree (author_id);
-- personal_blocks
CREATE TABLE personal_blocks (
    user_id bigint NOT NULL,
    blocked_id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL);
CREATE INDEX ix_personal_blocks_blocked_id ON public.personal_blocks USING btree (blocked_id);
ALTER TABLE personal_blocks ADD CONSTRAINT personal_blocks_pkey PRIMARY KEY (user_id, blocked_id);
-- m0008_moderation
CREATE TABLE moderated_people (
    id bigint NOT NULL,
    version bigint NOT NULL,
    blocked boolean NOT NULL,
    blocked_until timestamp with time zone,
    warnings json);
ALTER TABLE moderated_people ADD CONSTRAINT moderated_people_pkey PRIMARY KEY (id);
CREATE TABLE report_outcomes (
    id bigint NOT NULL,
    version bigint NOT NULL,
    reporter_id bigint NOT NULL,
    target_kind text NOT NULL,
    target_id bigint NOT NULL,
    outcome text,
    resolved_at timestamp with time zone);
CREATE INDEX ix_report_outcomes_reporter ON public.report_outcomes USING btree (reporter_id, resolved_at, id);
ALTER TABLE report_outcomes ADD CONSTRAINT report_outcomes_pkey PRIMARY KEY (id);
-- m0009_pictures
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
