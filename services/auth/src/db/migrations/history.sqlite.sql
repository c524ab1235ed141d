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
-- m0001_users
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "username" text NOT NULL,
    "username_key" text NOT NULL,
    "email" text NOT NULL,
    "email_key" text NOT NULL,
    "password_hash" text NOT NULL,
    "first_name" text NULL,
    "last_name" text NULL,
    "bio" text NULL,
    "first_name_key" text NOT NULL,
    "last_name_key" text NOT NULL,
    "full_name_key" text NOT NULL,
    "role" text NOT NULL,
    "verified_at" timestamp_with_timezone_text NULL,
    "blocked_at" timestamp_with_timezone_text NULL,
    "decision_version" integer NOT NULL,
    "session_version" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL );
CREATE UNIQUE INDEX "uq_users_email_key" ON "users" ("email_key");
CREATE UNIQUE INDEX "uq_users_username_key" ON "users" ("username_key");
CREATE TABLE "verifications" (
    "user_id" integer NOT NULL PRIMARY KEY,
    "email_key" text NOT NULL,
    "token_hash" text NOT NULL,
    "expires_at" timestamp_with_timezone_text NOT NULL,
    "used_at" timestamp_with_timezone_text NULL );
CREATE UNIQUE INDEX "uq_verifications_token_hash" ON "verifications" ("token_hash");
-- m0002_sessions
CREATE TABLE "refresh_tokens" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "session_id" integer NOT NULL,
    "user_id" integer NOT NULL,
    "parent_id" integer NULL,
    "token_hash" text NOT NULL,
    "issued_at" timestamp_with_timezone_text NOT NULL,
    "used_at" timestamp_with_timezone_text NULL );
CREATE INDEX "ix_refresh_tokens_parent_id" ON "refresh_tokens" ("parent_id");
CREATE UNIQUE INDEX "uq_refresh_tokens_token_hash" ON "refresh_tokens" ("token_hash");
CREATE TABLE "sessions" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "user_id" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "revoked_at" timestamp_with_timezone_text NULL );
CREATE INDEX "ix_sessions_user_id" ON "sessions" ("user_id");
-- m0003_mail_jobs
CREATE TABLE "mail_jobs" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "user_id" integer NOT NULL,
    "kind" text NOT NULL,
    "to_address" text NOT NULL,
    "to_key" text NOT NULL,
    "subject" text NOT NULL,
    "text" text NOT NULL,
    "html" text NOT NULL,
    "state" text NOT NULL,
    "attempts" integer NOT NULL,
    "due_at" timestamp_with_timezone_text NOT NULL,
    "last_error" text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "sent_at" timestamp_with_timezone_text NULL );
CREATE INDEX "ix_mail_jobs_state_due_at" ON "mail_jobs" ("state", "due_at");
CREATE INDEX "ix_mail_jobs_to_key_id" ON "mail_jobs" ("to_key", "id");
CREATE INDEX "ix_mail_jobs_user_id_state" ON "mail_jobs" ("user_id", "state");
-- m0004_reservations
CREATE TABLE "reservations" (
    "username_key" text NOT NULL PRIMARY KEY,
    "password_hash" text NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL );
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
-- m0005_waiting
CREATE INDEX "ix_reservations_created_at" ON "reservations" ("created_at");
CREATE INDEX "ix_verifications_expires_at" ON "verifications" ("expires_at");
-- fills
CREATE TABLE "copy_fills" (
    "stream" text NOT NULL PRIMARY KEY,
    "asked_at" timestamp_with_timezone_text NOT NULL );
-- m0006_mail_retries
CREATE TABLE "mail_jobs" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "user_id" integer NOT NULL,
    "kind" text NOT NULL,
    "to_address" text NOT NULL,
    "to_key" text NOT NULL,
    "subject" text NOT NULL,
    "text" text NOT NULL,
    "html" text NOT NULL,
    "state" text NOT NULL,
    "attempts" integer NOT NULL,
    "due_at" timestamp_with_timezone_text NOT NULL,
    "last_error" text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "sent_at" timestamp_with_timezone_text NULL ,
    "refusals" integer NOT NULL DEFAULT 0,
    "refused_since" timestamp_with_timezone_text NULL,
    "unsettled" integer NOT NULL DEFAULT 0,
    "give_up_at" timestamp_with_timezone_text NULL);
-- m0007_keys
-- m0008_unconfirmed
CREATE TABLE "erased_users" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "erased_at" timestamp_with_timezone_text NOT NULL );
CREATE TABLE "limits" (
    "key" text NOT NULL PRIMARY KEY,
    "full_at" integer NOT NULL );
CREATE TABLE "links" (
    "token_hash" text NOT NULL PRIMARY KEY,
    "purpose" text NOT NULL,
    "user_id" integer NOT NULL,
    "email_key" text NOT NULL,
    "expires_at" timestamp_with_timezone_text NOT NULL,
    "used_at" timestamp_with_timezone_text NULL );
CREATE INDEX "ix_links_expires_at" ON "links" ("expires_at");
CREATE INDEX "ix_links_user_id" ON "links" ("user_id");
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "username" text NOT NULL,
    "username_key" text NOT NULL,
    "email" text NOT NULL,
    "email_key" text NOT NULL,
    "password_hash" text NOT NULL,
    "first_name" text NULL,
    "last_name" text NULL,
    "bio" text NULL,
    "first_name_key" text NOT NULL,
    "last_name_key" text NOT NULL,
    "full_name_key" text NOT NULL,
    "role" text NOT NULL,
    "verified_at" timestamp_with_timezone_text NULL,
    "blocked_at" timestamp_with_timezone_text NULL,
    "decision_version" integer NOT NULL,
    "session_version" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL ,
    "expires_at" timestamp_with_timezone_text NULL);
CREATE INDEX "ix_users_email_key" ON "users" ("email_key");
CREATE INDEX "ix_users_expires_at" ON "users" ("expires_at");
CREATE UNIQUE INDEX "uq_users_email_key" ON "users" ("email_key") WHERE "verified_at" IS NOT NULL;
DROP verifications;
DROP verifications ix_verifications_expires_at;
DROP verifications uq_verifications_token_hash;
-- m0009_sessions
CREATE TABLE "links" (
    "token_hash" text NOT NULL PRIMARY KEY,
    "purpose" text NOT NULL,
    "user_id" integer NOT NULL,
    "email_key" text NOT NULL,
    "expires_at" timestamp_with_timezone_text NOT NULL,
    "used_at" timestamp_with_timezone_text NULL ,
    "address" text NULL,
    "code_hash" text NULL,
    "guesses" integer NOT NULL DEFAULT 0);
CREATE TABLE "sessions" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "user_id" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "revoked_at" timestamp_with_timezone_text NULL ,
    "last_used_at" timestamp_with_timezone_text NULL,
    "client" text NULL,
    "address" text NULL,
    "is_end_published" boolean NOT NULL DEFAULT FALSE);
CREATE INDEX "ix_sessions_revoked_at" ON "sessions" ("revoked_at");
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
-- m0010_erasures
CREATE TABLE "confirmations" (
    "service" text NOT NULL,
    "user_id" integer NOT NULL,
    "version" integer NOT NULL,
    "complete" boolean NOT NULL,
    "counts" text NOT NULL,
    "confirmed_at" timestamp_with_timezone_text NOT NULL,
    PRIMARY KEY ("service", "user_id") );
CREATE TABLE "erased_users" (
    "id" integer NOT NULL PRIMARY KEY,
    "version" integer NOT NULL,
    "erased_at" timestamp_with_timezone_text NOT NULL ,
    "session_version" integer NOT NULL DEFAULT 0);
CREATE TABLE "receipts" (
    "user_id" integer NOT NULL PRIMARY KEY,
    "token_hash" text NOT NULL,
    "erased_at" timestamp_with_timezone_text NOT NULL,
    "counts" text NOT NULL );
CREATE UNIQUE INDEX "uq_receipts_token_hash" ON "receipts" ("token_hash");
-- m0011_factors
CREATE TABLE "authenticator_apps" (
    "user_id" integer NOT NULL PRIMARY KEY,
    "secret" blob NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "confirmed_at" timestamp_with_timezone_text NULL,
    "last_step" integer NOT NULL );
CREATE TABLE "challenges" (
    "token_hash" text NOT NULL PRIMARY KEY,
    "user_id" integer NOT NULL,
    "session_version" integer NOT NULL,
    "expires_at" timestamp_with_timezone_text NOT NULL,
    "guesses" integer NOT NULL );
CREATE INDEX "ix_challenges_user_id" ON "challenges" ("user_id");
CREATE TABLE "recovery_codes" (
    "code_hash" text NOT NULL PRIMARY KEY,
    "user_id" integer NOT NULL,
    "used_at" timestamp_with_timezone_text NULL );
CREATE INDEX "ix_recovery_codes_user_id" ON "recovery_codes" ("user_id");
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "username" text NOT NULL,
    "username_key" text NOT NULL,
    "email" text NOT NULL,
    "email_key" text NOT NULL,
    "password_hash" text NOT NULL,
    "first_name" text NULL,
    "last_name" text NULL,
    "bio" text NULL,
    "first_name_key" text NOT NULL,
    "last_name_key" text NOT NULL,
    "full_name_key" text NOT NULL,
    "role" text NOT NULL,
    "verified_at" timestamp_with_timezone_text NULL,
    "blocked_at" timestamp_with_timezone_text NULL,
    "decision_version" integer NOT NULL,
    "session_version" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL ,
    "expires_at" timestamp_with_timezone_text NULL,
    "second_factor_at" timestamp_with_timezone_text NULL);
-- m0012_clients
CREATE TABLE "authorization_codes" (
    "code_hash" text NOT NULL PRIMARY KEY,
    "client_id" text NOT NULL,
    "user_id" integer NOT NULL,
    "session_version" integer NOT NULL,
    "redirect_uri" text NOT NULL,
    "scope" text NOT NULL,
    "code_challenge" text NOT NULL,
    "expires_at" timestamp_with_timezone_text NOT NULL,
    "session_id" integer NULL );
CREATE INDEX "ix_authorization_codes_user_id" ON "authorization_codes" ("user_id");
CREATE TABLE "clients" (
    "id" text NOT NULL PRIMARY KEY,
    "user_id" integer NOT NULL,
    "name" text NOT NULL,
    "redirect_uris" text NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL );
CREATE INDEX "ix_clients_user_id" ON "clients" ("user_id");
CREATE TABLE "sessions" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "user_id" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "revoked_at" timestamp_with_timezone_text NULL ,
    "last_used_at" timestamp_with_timezone_text NULL,
    "client" text NULL,
    "address" text NULL,
    "is_end_published" boolean NOT NULL DEFAULT FALSE,
    "client_id" text NULL,
    "scope" text NULL);
CREATE INDEX "ix_sessions_client_id" ON "sessions" ("client_id");
-- m0013_signing_keys
CREATE TABLE "signing_keys" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "requested_at" timestamp_with_timezone_text NOT NULL,
    "at_once" boolean NOT NULL,
    "kid" text NULL,
    "sealed" blob NULL,
    "used_from" timestamp_with_timezone_text NULL );
-- m0014_passkeys
CREATE TABLE "ceremonies" (
    "token_hash" text NOT NULL PRIMARY KEY,
    "kind" text NOT NULL,
    "user_id" integer NULL,
    "session_version" integer NULL,
    "user_handle" text NULL,
    "name" text NULL,
    "state" text NOT NULL,
    "expires_at" timestamp_with_timezone_text NOT NULL );
CREATE INDEX "ix_ceremonies_expires_at" ON "ceremonies" ("expires_at");
CREATE INDEX "ix_ceremonies_user_id" ON "ceremonies" ("user_id");
CREATE TABLE "passkeys" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "user_id" integer NOT NULL,
    "user_handle" text NOT NULL,
    "credential_id" text NOT NULL,
    "name" text NOT NULL,
    "public_key" text NOT NULL,
    "counter" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "last_used_at" timestamp_with_timezone_text NULL );
CREATE INDEX "ix_passkeys_user_id" ON "passkeys" ("user_id");
CREATE UNIQUE INDEX "uq_passkeys_credential_id" ON "passkeys" ("credential_id");
-- m0015_joining
CREATE TABLE "invitations" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "user_id" integer NOT NULL,
    "code_hash" text NOT NULL,
    "note" text NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "expires_at" timestamp_with_timezone_text NOT NULL,
    "held_until" timestamp_with_timezone_text NULL,
    "guest_id" integer NULL,
    "used_at" timestamp_with_timezone_text NULL );
CREATE INDEX "ix_invitations_guest_id" ON "invitations" ("guest_id");
CREATE INDEX "ix_invitations_user_id" ON "invitations" ("user_id");
CREATE UNIQUE INDEX "uq_invitations_code_hash" ON "invitations" ("code_hash");
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "username" text NOT NULL,
    "username_key" text NOT NULL,
    "email" text NOT NULL,
    "email_key" text NOT NULL,
    "password_hash" text NOT NULL,
    "first_name" text NULL,
    "last_name" text NULL,
    "bio" text NULL,
    "first_name_key" text NOT NULL,
    "last_name_key" text NOT NULL,
    "full_name_key" text NOT NULL,
    "role" text NOT NULL,
    "verified_at" timestamp_with_timezone_text NULL,
    "blocked_at" timestamp_with_timezone_text NULL,
    "decision_version" integer NOT NULL,
    "session_version" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL ,
    "expires_at" timestamp_with_timezone_text NULL,
    "second_factor_at" timestamp_with_timezone_text NULL,
    "waits_since" timestamp_with_timezone_text NULL,
    "application" text NULL);
CREATE INDEX "ix_users_waits_since" ON "users" ("waits_since");
-- m0016_account_log
CREATE TABLE "account_log" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "kind" text NOT NULL,
    "user_id" integer NULL,
    "actor_id" integer NULL,
    "count" integer NOT NULL,
    "address" text NULL,
    "request_id" text NULL,
    "at" timestamp_with_timezone_text NOT NULL );
CREATE INDEX "ix_account_log_actor_id" ON "account_log" ("actor_id");
CREATE INDEX "ix_account_log_at" ON "account_log" ("at");
CREATE INDEX "ix_account_log_user_id_id" ON "account_log" ("user_id", "id");
CREATE INDEX "ix_account_log_user_id_kind_at" ON "account_log" ("user_id", "kind", "at");
-- m0017_exports
CREATE TABLE "exports" (
    "user_id" integer NOT NULL PRIMARY KEY,
    "name" text NOT NULL,
    "requested_at" timestamp_with_timezone_text NOT NULL,
    "claimed_until" timestamp_with_timezone_text NOT NULL,
    "step" text NULL,
    "ready_at" timestamp_with_timezone_text NULL,
    "expires_at" timestamp_with_timezone_text NOT NULL );
-- m0018_name_tokens
CREATE TABLE "name_tokens" (
    "token" text NOT NULL,
    "user_id" integer NOT NULL,
    PRIMARY KEY ("token", "user_id") );
CREATE INDEX "ix_name_tokens_user_id" ON "name_tokens" ("user_id");
-- m0019_name_parts
CREATE VIRTUAL TABLE name_parts USING fts5(tokens, content='', contentless_delete=1, detail=none, tokenize='ascii');
CREATE TABLE 'name_parts_config'(k PRIMARY KEY,
    v) WITHOUT ROWID;
CREATE TABLE 'name_parts_data'(id INTEGER PRIMARY KEY,
    block BLOB);
CREATE TABLE 'name_parts_docsize'(id INTEGER PRIMARY KEY,
    sz BLOB,
    origin INTEGER);
CREATE TABLE 'name_parts_idx'(segid,
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
-- m0020_digests
CREATE TABLE "mail_jobs" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "user_id" integer NOT NULL,
    "kind" text NOT NULL,
    "to_address" text NOT NULL,
    "to_key" text NOT NULL,
    "subject" text NOT NULL,
    "text" text NOT NULL,
    "html" text NOT NULL,
    "state" text NOT NULL,
    "attempts" integer NOT NULL,
    "due_at" timestamp_with_timezone_text NOT NULL,
    "last_error" text NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "sent_at" timestamp_with_timezone_text NULL ,
    "refusals" integer NOT NULL DEFAULT 0,
    "refused_since" timestamp_with_timezone_text NULL,
    "unsettled" integer NOT NULL DEFAULT 0,
    "give_up_at" timestamp_with_timezone_text NULL,
    "unsubscribe_url" text NULL);
CREATE TABLE "users" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" integer NOT NULL,
    "username" text NOT NULL,
    "username_key" text NOT NULL,
    "email" text NOT NULL,
    "email_key" text NOT NULL,
    "password_hash" text NOT NULL,
    "first_name" text NULL,
    "last_name" text NULL,
    "bio" text NULL,
    "first_name_key" text NOT NULL,
    "last_name_key" text NOT NULL,
    "full_name_key" text NOT NULL,
    "role" text NOT NULL,
    "verified_at" timestamp_with_timezone_text NULL,
    "blocked_at" timestamp_with_timezone_text NULL,
    "decision_version" integer NOT NULL,
    "session_version" integer NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL,
    "updated_at" timestamp_with_timezone_text NOT NULL ,
    "expires_at" timestamp_with_timezone_text NULL,
    "second_factor_at" timestamp_with_timezone_text NULL,
    "waits_since" timestamp_with_timezone_text NULL,
    "application" text NULL,
    "digest_at" timestamp_with_timezone_text NULL,
    "digest_since" timestamp_with_timezone_text NULL);
CREATE INDEX ix_users_digest_at ON users (digest_at) WHERE digest_at IS NOT NULL;
