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
-- m0001_users
CREATE TABLE users (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    username text NOT NULL,
    username_key text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    password_hash text NOT NULL,
    first_name text,
    last_name text,
    bio text,
    first_name_key text NOT NULL,
    last_name_key text NOT NULL,
    full_name_key text NOT NULL,
    role text NOT NULL,
    verified_at timestamp with time zone,
    blocked_at timestamp with time zone,
    decision_version bigint NOT NULL,
    session_version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL);
CREATE UNIQUE INDEX uq_users_email_key ON public.users USING btree (email_key);
CREATE UNIQUE INDEX uq_users_username_key ON public.users USING btree (username_key);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE TABLE verifications (
    user_id bigint NOT NULL,
    email_key text NOT NULL,
    token_hash text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone);
CREATE UNIQUE INDEX uq_verifications_token_hash ON public.verifications USING btree (token_hash);
ALTER TABLE verifications ADD CONSTRAINT verifications_pkey PRIMARY KEY (user_id);
-- m0002_sessions
CREATE TABLE refresh_tokens (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    session_id bigint NOT NULL,
    user_id bigint NOT NULL,
    parent_id bigint,
    token_hash text NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone);
CREATE INDEX ix_refresh_tokens_parent_id ON public.refresh_tokens USING btree (parent_id);
ALTER TABLE refresh_tokens ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX uq_refresh_tokens_token_hash ON public.refresh_tokens USING btree (token_hash);
CREATE TABLE sessions (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    user_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone);
CREATE INDEX ix_sessions_user_id ON public.sessions USING btree (user_id);
ALTER TABLE sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
-- m0003_mail_jobs
CREATE TABLE mail_jobs (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    user_id bigint NOT NULL,
    kind text NOT NULL,
    to_address text NOT NULL,
    to_key text NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    html text NOT NULL,
    state text NOT NULL,
    attempts bigint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    last_error text,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone);
CREATE INDEX ix_mail_jobs_state_due_at ON public.mail_jobs USING btree (state, due_at);
CREATE INDEX ix_mail_jobs_to_key_id ON public.mail_jobs USING btree (to_key, id);
CREATE INDEX ix_mail_jobs_user_id_state ON public.mail_jobs USING btree (user_id, state);
ALTER TABLE mail_jobs ADD CONSTRAINT mail_jobs_pkey PRIMARY KEY (id);
-- m0004_reservations
CREATE TABLE reservations (
    username_key text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamp with time zone NOT NULL);
ALTER TABLE reservations ADD CONSTRAINT reservations_pkey PRIMARY KEY (username_key);
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
-- m0005_waiting
CREATE INDEX ix_reservations_created_at ON public.reservations USING btree (created_at);
CREATE INDEX ix_verifications_expires_at ON public.verifications USING btree (expires_at);
-- fills
CREATE TABLE copy_fills (
    stream text NOT NULL,
    asked_at timestamp with time zone NOT NULL);
ALTER TABLE copy_fills ADD CONSTRAINT copy_fills_pkey PRIMARY KEY (stream);
-- m0006_mail_retries
CREATE TABLE mail_jobs (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    user_id bigint NOT NULL,
    kind text NOT NULL,
    to_address text NOT NULL,
    to_key text NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    html text NOT NULL,
    state text NOT NULL,
    attempts bigint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    last_error text,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    refusals bigint NOT NULL DEFAULT 0,
    refused_since timestamp with time zone,
    unsettled bigint NOT NULL DEFAULT 0,
    give_up_at timestamp with time zone);
-- m0007_keys
-- m0008_unconfirmed
CREATE TABLE erased_users (
    id bigint NOT NULL,
    version bigint NOT NULL,
    erased_at timestamp with time zone NOT NULL);
ALTER TABLE erased_users ADD CONSTRAINT erased_users_pkey PRIMARY KEY (id);
CREATE TABLE limits (
    key text NOT NULL,
    full_at bigint NOT NULL);
ALTER TABLE limits ADD CONSTRAINT limits_pkey PRIMARY KEY (key);
CREATE TABLE links (
    token_hash text NOT NULL,
    purpose text NOT NULL,
    user_id bigint NOT NULL,
    email_key text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone);
CREATE INDEX ix_links_expires_at ON public.links USING btree (expires_at);
CREATE INDEX ix_links_user_id ON public.links USING btree (user_id);
ALTER TABLE links ADD CONSTRAINT links_pkey PRIMARY KEY (token_hash);
CREATE TABLE users (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    username text NOT NULL,
    username_key text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    password_hash text NOT NULL,
    first_name text,
    last_name text,
    bio text,
    first_name_key text NOT NULL,
    last_name_key text NOT NULL,
    full_name_key text NOT NULL,
    role text NOT NULL,
    verified_at timestamp with time zone,
    blocked_at timestamp with time zone,
    decision_version bigint NOT NULL,
    session_version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone);
CREATE INDEX ix_users_email_key ON public.users USING btree (email_key);
CREATE INDEX ix_users_expires_at ON public.users USING btree (expires_at);
CREATE UNIQUE INDEX uq_users_email_key ON public.users USING btree (email_key) WHERE (verified_at IS NOT NULL);
DROP verifications;
DROP verifications ix_verifications_expires_at;
DROP verifications uq_verifications_token_hash;
DROP verifications verifications_pkey;
-- m0009_sessions
CREATE TABLE links (
    token_hash text NOT NULL,
    purpose text NOT NULL,
    user_id bigint NOT NULL,
    email_key text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    address text,
    code_hash text,
    guesses bigint NOT NULL DEFAULT 0);
CREATE TABLE sessions (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    user_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    client text,
    address text,
    is_end_published boolean NOT NULL DEFAULT false);
CREATE INDEX ix_sessions_revoked_at ON public.sessions USING btree (revoked_at);
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
-- m0010_erasures
CREATE TABLE confirmations (
    service text NOT NULL,
    user_id bigint NOT NULL,
    version bigint NOT NULL,
    complete boolean NOT NULL,
    counts text NOT NULL,
    confirmed_at timestamp with time zone NOT NULL);
ALTER TABLE confirmations ADD CONSTRAINT confirmations_pkey PRIMARY KEY (service, user_id);
CREATE TABLE erased_users (
    id bigint NOT NULL,
    version bigint NOT NULL,
    erased_at timestamp with time zone NOT NULL,
    session_version bigint NOT NULL DEFAULT 0);
CREATE TABLE receipts (
    user_id bigint NOT NULL,
    token_hash text NOT NULL,
    erased_at timestamp with time zone NOT NULL,
    counts text NOT NULL);
ALTER TABLE receipts ADD CONSTRAINT receipts_pkey PRIMARY KEY (user_id);
CREATE UNIQUE INDEX uq_receipts_token_hash ON public.receipts USING btree (token_hash);
-- m0011_factors
CREATE TABLE authenticator_apps (
    user_id bigint NOT NULL,
    secret bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    last_step bigint NOT NULL);
ALTER TABLE authenticator_apps ADD CONSTRAINT authenticator_apps_pkey PRIMARY KEY (user_id);
CREATE TABLE challenges (
    token_hash text NOT NULL,
    user_id bigint NOT NULL,
    session_version bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    guesses bigint NOT NULL);
ALTER TABLE challenges ADD CONSTRAINT challenges_pkey PRIMARY KEY (token_hash);
CREATE INDEX ix_challenges_user_id ON public.challenges USING btree (user_id);
CREATE TABLE recovery_codes (
    code_hash text NOT NULL,
    user_id bigint NOT NULL,
    used_at timestamp with time zone);
CREATE INDEX ix_recovery_codes_user_id ON public.recovery_codes USING btree (user_id);
ALTER TABLE recovery_codes ADD CONSTRAINT recovery_codes_pkey PRIMARY KEY (code_hash);
CREATE TABLE users (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    username text NOT NULL,
    username_key text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    password_hash text NOT NULL,
    first_name text,
    last_name text,
    bio text,
    first_name_key text NOT NULL,
    last_name_key text NOT NULL,
    full_name_key text NOT NULL,
    role text NOT NULL,
    verified_at timestamp with time zone,
    blocked_at timestamp with time zone,
    decision_version bigint NOT NULL,
    session_version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    second_factor_at timestamp with time zone);
-- m0012_clients
CREATE TABLE authorization_codes (
    code_hash text NOT NULL,
    client_id text NOT NULL,
    user_id bigint NOT NULL,
    session_version bigint NOT NULL,
    redirect_uri text NOT NULL,
    scope text NOT NULL,
    code_challenge text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    session_id bigint);
ALTER TABLE authorization_codes ADD CONSTRAINT authorization_codes_pkey PRIMARY KEY (code_hash);
CREATE INDEX ix_authorization_codes_user_id ON public.authorization_codes USING btree (user_id);
CREATE TABLE clients (
    id text NOT NULL,
    user_id bigint NOT NULL,
    name text NOT NULL,
    redirect_uris text NOT NULL,
    created_at timestamp with time zone NOT NULL);
ALTER TABLE clients ADD CONSTRAINT clients_pkey PRIMARY KEY (id);
CREATE INDEX ix_clients_user_id ON public.clients USING btree (user_id);
CREATE TABLE sessions (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    user_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    client text,
    address text,
    is_end_published boolean NOT NULL DEFAULT false,
    client_id text,
    scope text);
CREATE INDEX ix_sessions_client_id ON public.sessions USING btree (client_id);
-- m0013_signing_keys
CREATE TABLE signing_keys (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    requested_at timestamp with time zone NOT NULL,
    at_once boolean NOT NULL,
    kid text,
    sealed bytea,
    used_from timestamp with time zone);
ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (id);
-- m0014_passkeys
CREATE TABLE ceremonies (
    token_hash text NOT NULL,
    kind text NOT NULL,
    user_id bigint,
    session_version bigint,
    user_handle text,
    name text,
    state text NOT NULL,
    expires_at timestamp with time zone NOT NULL);
ALTER TABLE ceremonies ADD CONSTRAINT ceremonies_pkey PRIMARY KEY (token_hash);
CREATE INDEX ix_ceremonies_expires_at ON public.ceremonies USING btree (expires_at);
CREATE INDEX ix_ceremonies_user_id ON public.ceremonies USING btree (user_id);
CREATE TABLE passkeys (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    user_id bigint NOT NULL,
    user_handle text NOT NULL,
    credential_id text NOT NULL,
    name text NOT NULL,
    public_key text NOT NULL,
    counter bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone);
CREATE INDEX ix_passkeys_user_id ON public.passkeys USING btree (user_id);
ALTER TABLE passkeys ADD CONSTRAINT passkeys_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX uq_passkeys_credential_id ON public.passkeys USING btree (credential_id);
-- m0015_joining
CREATE TABLE invitations (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    user_id bigint NOT NULL,
    code_hash text NOT NULL,
    note text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    held_until timestamp with time zone,
    guest_id bigint,
    used_at timestamp with time zone);
ALTER TABLE invitations ADD CONSTRAINT invitations_pkey PRIMARY KEY (id);
CREATE INDEX ix_invitations_guest_id ON public.invitations USING btree (guest_id);
CREATE INDEX ix_invitations_user_id ON public.invitations USING btree (user_id);
CREATE UNIQUE INDEX uq_invitations_code_hash ON public.invitations USING btree (code_hash);
CREATE TABLE users (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    username text NOT NULL,
    username_key text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    password_hash text NOT NULL,
    first_name text,
    last_name text,
    bio text,
    first_name_key text NOT NULL,
    last_name_key text NOT NULL,
    full_name_key text NOT NULL,
    role text NOT NULL,
    verified_at timestamp with time zone,
    blocked_at timestamp with time zone,
    decision_version bigint NOT NULL,
    session_version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    second_factor_at timestamp with time zone,
    waits_since timestamp with time zone,
    application text);
CREATE INDEX ix_users_waits_since ON public.users USING btree (waits_since);
-- m0016_account_log
CREATE TABLE account_log (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    kind text NOT NULL,
    user_id bigint,
    actor_id bigint,
    count bigint NOT NULL,
    address text,
    request_id text,
    at timestamp with time zone NOT NULL);
ALTER TABLE account_log ADD CONSTRAINT account_log_pkey PRIMARY KEY (id);
CREATE INDEX ix_account_log_actor_id ON public.account_log USING btree (actor_id);
CREATE INDEX ix_account_log_at ON public.account_log USING btree (at);
CREATE INDEX ix_account_log_user_id_id ON public.account_log USING btree (user_id, id);
CREATE INDEX ix_account_log_user_id_kind_at ON public.account_log USING btree (user_id, kind, at);
-- m0017_exports
CREATE TABLE exports (
    user_id bigint NOT NULL,
    name text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    claimed_until timestamp with time zone NOT NULL,
    step text,
    ready_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL);
ALTER TABLE exports ADD CONSTRAINT exports_pkey PRIMARY KEY (user_id);
-- m0018_name_tokens
CREATE TABLE name_tokens (
    token text NOT NULL,
    user_id bigint NOT NULL);
CREATE INDEX ix_name_tokens_user_id ON public.name_tokens USING btree (user_id);
ALTER TABLE name_tokens ADD CONSTRAINT name_tokens_pkey PRIMARY KEY (token, user_id);
-- m0019_name_parts
CREATE TABLE name_parts (
    user_id bigint NOT NULL,
    tokens tsvector NOT NULL);
CREATE INDEX ix_name_parts ON public.name_parts USING gin (tokens) WITH (fastupdate=off);
ALTER TABLE name_parts ADD CONSTRAINT name_parts_pkey PRIMARY KEY (user_id);
-- personal_blocks
CREATE TABLE personal_blocks (
    user_id bigint NOT NULL,
    blocked_id bigint NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL);
CREATE INDEX ix_personal_blocks_blocked_id ON public.personal_blocks USING btree (blocked_id);
ALTER TABLE personal_blocks ADD CONSTRAINT personal_blocks_pkey PRIMARY KEY (user_id, blocked_id);
-- m0020_digests
CREATE TABLE mail_jobs (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    user_id bigint NOT NULL,
    kind text NOT NULL,
    to_address text NOT NULL,
    to_key text NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    html text NOT NULL,
    state text NOT NULL,
    attempts bigint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    last_error text,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    refusals bigint NOT NULL DEFAULT 0,
    refused_since timestamp with time zone,
    unsettled bigint NOT NULL DEFAULT 0,
    give_up_at timestamp with time zone,
    unsubscribe_url text);
CREATE TABLE users (
    id bigint NOT NULL GENERATED AS IDENTITY (d),
    version bigint NOT NULL,
    username text NOT NULL,
    username_key text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    password_hash text NOT NULL,
    first_name text,
    last_name text,
    bio text,
    first_name_key text NOT NULL,
    last_name_key text NOT NULL,
    full_name_key text NOT NULL,
    role text NOT NULL,
    verified_at timestamp with time zone,
    blocked_at timestamp with time zone,
    decision_version bigint NOT NULL,
    session_version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    second_factor_at timestamp with time zone,
    waits_since timestamp with time zone,
    application text,
    digest_at timestamp with time zone,
    digest_since timestamp with time zone);
CREATE INDEX ix_users_digest_at ON public.users USING btree (digest_at) WHERE (digest_at IS NOT NULL);
