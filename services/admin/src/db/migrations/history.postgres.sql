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
-- m0001_decisions
CREATE TABLE audit_log (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    at timestamp with time zone NOT NULL,
    actor_id bigint NOT NULL,
    actor_username text NOT NULL,
    action text NOT NULL,
    target_kind text NOT NULL,
    target_id bigint NOT NULL,
    reason text,
    request_id text NOT NULL,
    result text NOT NULL);
ALTER TABLE audit_log ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);
CREATE TABLE comments (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL);
ALTER TABLE comments ADD CONSTRAINT comments_pkey PRIMARY KEY (id);
CREATE TABLE decisions (
    kind text NOT NULL,
    target_id bigint NOT NULL,
    version bigint NOT NULL,
    hidden boolean NOT NULL,
    reason text,
    actor_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL);
ALTER TABLE decisions ADD CONSTRAINT decisions_pkey PRIMARY KEY (kind, target_id);
CREATE TABLE post_counts (
    id bigint NOT NULL,
    version bigint NOT NULL,
    like_count bigint NOT NULL);
ALTER TABLE post_counts ADD CONSTRAINT post_counts_pkey PRIMARY KEY (id);
CREATE TABLE posts (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    created_at timestamp with time zone);
ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY (id);
CREATE TABLE users (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    username text,
    role text,
    created_at timestamp with time zone,
    verified boolean NOT NULL,
    blocked boolean NOT NULL,
    session_version bigint NOT NULL);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
-- m0002_totals
CREATE TABLE comments (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    removed boolean);
CREATE TABLE post_counts (
    id bigint NOT NULL,
    version bigint NOT NULL,
    like_count bigint NOT NULL,
    comment_count bigint NOT NULL DEFAULT 0);
CREATE TABLE posts (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    created_at timestamp with time zone,
    removed boolean);
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
-- m0003_reports
CREATE INDEX ix_audit_action ON public.audit_log USING btree (action, id);
CREATE INDEX ix_audit_actor ON public.audit_log USING btree (actor_id, id);
CREATE INDEX ix_audit_at ON public.audit_log USING btree (at);
CREATE INDEX ix_audit_kind ON public.audit_log USING btree (target_kind, id);
CREATE INDEX ix_audit_target ON public.audit_log USING btree (target_kind, target_id, id);
CREATE TABLE cases (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    target_kind text NOT NULL,
    target_id bigint NOT NULL,
    author_id bigint,
    status text NOT NULL,
    version bigint NOT NULL,
    report_count bigint NOT NULL,
    last_report_id bigint,
    resolution bigint,
    action text,
    decided_version bigint,
    resolution_reason text,
    resolver_id bigint,
    resolved_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL);
ALTER TABLE cases ADD CONSTRAINT cases_pkey PRIMARY KEY (id);
CREATE INDEX ix_cases_author ON public.cases USING btree (author_id);
CREATE INDEX ix_cases_last_report ON public.cases USING btree (last_report_id);
CREATE INDEX ix_cases_status ON public.cases USING btree (status, last_report_id);
CREATE UNIQUE INDEX uq_cases_target ON public.cases USING btree (target_kind, target_id);
CREATE TABLE comments (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    removed boolean,
    post_id bigint,
    author_id bigint,
    content text,
    created_at timestamp with time zone);
CREATE INDEX ix_comments_author ON public.comments USING btree (author_id);
CREATE INDEX ix_comments_removed ON public.comments USING btree (removed, id);
CREATE TABLE decisions (
    kind text NOT NULL,
    target_id bigint NOT NULL,
    version bigint NOT NULL,
    hidden boolean NOT NULL,
    reason text,
    actor_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    hidden_until timestamp with time zone,
    hidden_version bigint,
    warnings json);
CREATE INDEX ix_decisions_until ON public.decisions USING btree (hidden_until);
CREATE TABLE posts (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    created_at timestamp with time zone,
    removed boolean,
    author_id bigint,
    title text,
    content text,
    images json);
CREATE INDEX ix_posts_author ON public.posts USING btree (author_id);
CREATE INDEX ix_posts_removed ON public.posts USING btree (removed, id);
CREATE TABLE reports (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    case_id bigint NOT NULL,
    reporter_id bigint NOT NULL,
    target_kind text NOT NULL,
    target_id bigint NOT NULL,
    author_id bigint,
    reason text NOT NULL,
    note text,
    snapshot json,
    outcome text,
    resolution bigint,
    resolved_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL);
CREATE INDEX ix_reports_author ON public.reports USING btree (author_id);
CREATE INDEX ix_reports_case ON public.reports USING btree (case_id, id);
ALTER TABLE reports ADD CONSTRAINT reports_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX uq_reports_reporter ON public.reports USING btree (reporter_id, case_id);
CREATE TABLE users (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    username text,
    role text,
    created_at timestamp with time zone,
    verified boolean NOT NULL,
    blocked boolean NOT NULL,
    session_version bigint NOT NULL,
    first_name text,
    last_name text,
    bio text);
