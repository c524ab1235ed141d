//! All routes of this service.

use axum::Router;
use axum::http::Method;
use axum::routing::get;
use shared::http::{Strict, StrictPaths};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::routes::{
    account_log, applicants, authorize, clients, dev_mail, digest, email, erasures, exports, invitations, jwks, links,
    login, mails, me, passkeys, password, register, sessions, token, two_factor, users, verify,
};
use crate::state::AppState;

/// The operations that check passwords or codes, or send mails, for the stricter rate limits. The list is the same as
/// in nginx, which also limits the forms of the pages that call them.
pub(crate) const STRICT: StrictPaths = &[
    (Method::POST, "/auth/login", Strict::Guess),
    (Method::POST, "/auth/login/second-factor", Strict::Guess),
    (Method::POST, "/auth/passkeys", Strict::Guess),
    (Method::POST, "/auth/passkeys/login", Strict::Guess),
    (Method::POST, "/auth/passkeys/login/confirm", Strict::Guess),
    (Method::POST, "/auth/token", Strict::Guess),
    (Method::POST, "/auth/authorize", Strict::Guess),
    (Method::POST, "/auth/password/reset", Strict::Guess),
    (Method::POST, "/auth/password/change", Strict::Guess),
    (Method::DELETE, "/auth/me", Strict::Guess),
    (Method::POST, "/auth/register", Strict::Mail),
    (Method::POST, "/auth/verify/resend", Strict::Mail),
    (Method::POST, "/auth/password/forgot", Strict::Mail),
    (Method::POST, "/auth/email", Strict::Mail),
];

pub(crate) fn router(state: AppState) -> (Router, OpenApi) {
    routes().with_state(state).split_for_parts()
}

/// The routes without their state. The development mailbox is not described, because production does not have it.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(shared::openapi::base_document())
        .routes(routes!(register::register))
        .routes(routes!(register::get_registration))
        .routes(routes!(invitations::invite, invitations::list_invitations))
        .routes(routes!(invitations::withdraw_invitation))
        .routes(routes!(account_log::list_own_log))
        .routes(routes!(exports::get_export, exports::delete_export))
        .routes(routes!(account_log::list_log))
        .routes(routes!(applicants::list_applicants))
        .routes(routes!(applicants::approve_applicant))
        .routes(routes!(applicants::refuse_applicant))
        .routes(routes!(links::get_link))
        .routes(routes!(verify::resend_verification))
        .routes(routes!(verify::follow_verification_link, verify::verify_account))
        .routes(routes!(verify::reject_registration))
        .routes(routes!(login::log_in))
        .routes(routes!(two_factor::pass_second_factor))
        .routes(routes!(two_factor::get_two_factor, two_factor::remove_factors))
        .routes(routes!(two_factor::begin_app, two_factor::remove_app))
        .routes(routes!(two_factor::confirm_app))
        .routes(routes!(two_factor::renew_recovery_codes))
        .routes(routes!(passkeys::begin_passkey))
        .routes(routes!(passkeys::confirm_passkey))
        .routes(routes!(passkeys::remove_passkey))
        .routes(routes!(passkeys::begin_sign_in))
        .routes(routes!(passkeys::sign_in))
        .routes(routes!(passkeys::begin_passkey_factor))
        .routes(routes!(token::issue_token))
        .routes(routes!(token::revoke_token))
        .routes(routes!(authorize::show_consent, authorize::decide_consent))
        .routes(routes!(clients::register_client, clients::list_clients))
        .routes(routes!(clients::delete_client))
        .routes(routes!(clients::get_metadata))
        .routes(routes!(sessions::refresh_session))
        .routes(routes!(sessions::log_out))
        .routes(routes!(sessions::list_sessions, sessions::end_other_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(password::forget_password))
        .routes(routes!(password::reset_password))
        .routes(routes!(password::show_reset_form))
        .routes(routes!(password::change_password))
        .routes(routes!(password::force_reset))
        .routes(routes!(email::change_email))
        .routes(routes!(email::show_email_change, email::confirm_email_change))
        .routes(routes!(email::show_email_undo, email::undo_email_change))
        .routes(routes!(me::get_me, me::update_me, erasures::leave))
        .routes(routes!(erasures::get_receipt))
        .routes(routes!(digest::ask_end_of_digest, digest::end_digest))
        .routes(routes!(users::get_user))
        .routes(routes!(users::find_users))
        .routes(routes!(jwks::get_jwks))
        .routes(routes!(mails::list_parked_mails))
        .route("/dev/mail", get(dev_mail::read_mailbox))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_paths_exist_and_are_those_of_the_gateway() {
        let description = serde_json::to_value(routes().into_openapi()).unwrap();
        for (method, path, _) in STRICT {
            assert!(!description["paths"][*path][method.as_str().to_lowercase()].is_null(), "{method} {path}");
        }
        let gateway = include_str!("../../../deploy/nginx/compose/limits.conf");
        let listed = |map: &str, kind: Strict| {
            let (_, map) = gateway.split_once(&format!("\"$request_method $uri\" ${map} {{")).unwrap();
            // The forms of the pages stand beside them.
            let names = map.split_once('}').unwrap().0.split('"').filter(|text| text.contains(" /auth/"));
            let own = STRICT.iter().filter(|row| row.2 == kind).map(|(method, path, _)| format!("{method} {path}"));
            assert_eq!(names.map(str::to_owned).collect::<Vec<_>>(), own.collect::<Vec<_>>(), "{map}");
        };
        listed("guess_key", Strict::Guess);
        listed("mail_key", Strict::Mail);
    }
}
