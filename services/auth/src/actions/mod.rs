//! The changes that this service makes. Each is one transaction; only a try that has to count whatever follows is
//! committed before it.
//!
//! An action takes what it needs (the database, the key, the new values) and knows nothing of HTTP requests.

mod admin_reads;
mod applicants;
mod erase_account;
mod erase_newcomer;
mod exports;
mod invitations;
mod register;
mod resend_verification;
mod verify_email;

mod digests;
mod end_session;
mod log_in;
mod open_session;
mod passkey_sign_in;
mod rotate_session;
mod second_factor;

mod authorize;
mod clients;

mod change_email;
mod change_password;
mod confirm_password;
mod describe_link;
mod passkeys;
mod reset_password;
mod two_factor;
mod update_profile;

mod create_admin;
mod ensure_first_admin;
mod refuse_default_passwords;

mod rotate_keys;
mod tidy;

pub(crate) use admin_reads::note_admin_read;
pub(crate) use applicants::{approve_applicant, refuse_applicant};
pub(crate) use authorize::{Exchange, Grant, consent, exchange_code, find_client};
pub(crate) use change_email::{confirm_email_change, request_email_change, undo_email_change};
pub(crate) use change_password::change_password;
pub(crate) use clients::{delete_client, register_client};
pub use create_admin::{CreateAdminError, create_admin};
pub(crate) use describe_link::{Offer, describe_link};
pub(crate) use digests::{DigestMaker, end_digest, set_digest};
pub(crate) use end_session::{end_other_sessions, end_own_session, end_session, end_session_by_id};
pub(crate) use ensure_first_admin::ensure_first_admin;
pub(crate) use erase_account::erase_account;
pub(crate) use exports::{ExportMaker, delete_export, note_export_read, request_export};
pub(crate) use invitations::{invite, withdraw_invitation};
pub(crate) use log_in::{Login, log_in};
pub(crate) use passkey_sign_in::{begin_sign_in, sign_in};
pub(crate) use passkeys::{begin_passkey, confirm_passkey, remove_passkey};
pub(crate) use refuse_default_passwords::refuse_default_passwords;
pub(crate) use register::{Applicant, register};
pub(crate) use resend_verification::resend_verification;
pub(crate) use reset_password::{ResetProof, force_reset, forget_password, reset_password};
pub use rotate_keys::{KeyState, KeysError, list_keys, request_key};
pub(crate) use rotate_keys::{follow_keys, update_keys};
pub(crate) use rotate_session::rotate_session;
pub(crate) use second_factor::{Proof, begin_passkey_factor, pass_second_factor};
pub(crate) use tidy::tidy;
pub use two_factor::{ResetTwoFactorError, reset_two_factor};
pub(crate) use two_factor::{begin_app, confirm_app, remove_app, remove_factors, renew_recovery_codes};
pub(crate) use update_profile::{ProfileChanges, update_profile};
pub(crate) use verify_email::{Standing, reject_registration, verify_email};
