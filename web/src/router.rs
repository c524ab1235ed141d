//! The flat list of pages.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use shared::error::ApiError;
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::pages::{
    activity, comments, compose, discover, home, keys, links, live, machines, mailbox, moderation, posts, profiles,
    receipt, report, reset, saved, search, settings, sign_in, sign_up, tags,
};
use crate::state::AppState;
use crate::visit::frame;

/// The largest form with a file, in bytes: what the API takes.
const MAX_UPLOAD: usize = 6 * 1024 * 1024;

/// Builds the router with its state.
pub(crate) fn router(state: AppState) -> Router {
    let pages = routes()
        .method_not_allowed_fallback(machines::lead_to_page_of_form)
        .layer(middleware::from_fn_with_state(state.clone(), frame))
        .layer(refuse_other_sites());
    pages.merge(files()).with_state(state)
}

fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(home::show_home))
        .route("/signup", get(sign_up::show_sign_up).post(sign_up::sign_up))
        .route("/signup/mail", get(sign_up::show_mail_advice))
        .route("/signup/resend", post(sign_up::resend_mail))
        .route("/signin", get(sign_in::show_sign_in).post(sign_in::sign_in))
        .route("/signin/code", post(sign_in::pass_code))
        .route("/signout", post(sign_in::sign_out))
        .route("/reset", get(reset::show_reset).post(reset::send_mail))
        .route("/reset/{token}", get(reset::show_new_password).post(reset::set_password))
        .route("/verify/{token}", get(links::show_verify).post(links::verify))
        .route("/verify/{token}/reject", post(links::reject))
        .route("/email/confirm/{token}", get(links::show_email_change).post(links::confirm_email_change))
        .route("/email/undo/{token}", get(links::show_email_undo).post(links::undo_email_change))
        .route("/digest/{token}", get(links::show_end_of_digest).post(links::end_digest))
        .route("/new", get(compose::show_compose).post(compose::create_post).layer(DefaultBodyLimit::max(MAX_UPLOAD)))
        .route("/p/{id}", get(posts::show_post))
        .route("/p/{id}/like", post(posts::like))
        .route("/p/{id}/unlike", post(posts::unlike))
        .route("/p/{id}/save", post(posts::save))
        .route("/p/{id}/unsave", post(posts::unsave))
        .route("/p/{id}/edit", get(compose::show_edit).post(compose::edit_post))
        .route("/p/{id}/delete", post(posts::delete))
        .route("/p/{id}/comments", post(comments::create))
        .route("/p/{id}/comments/{comment}/edit", get(comments::show_edit).post(comments::edit))
        .route("/p/{id}/comments/{comment}/delete", post(comments::delete))
        .route("/@{username}", get(profiles::show_profile))
        .route("/@{username}/followers", get(profiles::show_followers))
        .route("/@{username}/following", get(profiles::show_following))
        .route("/@{username}/follow", post(profiles::follow))
        .route("/@{username}/unfollow", post(profiles::unfollow))
        .route("/@{username}/mute", post(profiles::mute))
        .route("/@{username}/unmute", post(profiles::unmute))
        .route("/@{username}/block", post(profiles::block))
        .route("/@{username}/unblock", post(profiles::unblock))
        .route("/t/{tag}", get(tags::show_tag))
        .route("/search", get(search::show_search))
        .route("/discover", get(discover::show_discover))
        .route("/activity", get(activity::show_activity))
        .route("/activity/read", post(activity::mark_read))
        .route("/activity/unread", get(activity::count_unread))
        .route("/saved", get(saved::show_saved))
        .route("/report", get(report::show_report).post(report::report))
        .route("/keys", get(keys::show_keys))
        .route("/mailbox", get(mailbox::show_mailbox))
        .route("/mailbox/{id}", get(mailbox::show_mail))
        .route("/receipt/{token}", get(receipt::show_receipt))
        .route("/live", get(live::open_live))
        .merge(settings_routes())
        .merge(moderation_routes())
}

fn settings_routes() -> Router<AppState> {
    use settings::{account, appearance, export, leave, people, profile, sessions, two_factor};
    Router::new()
        .route("/settings", get(profile::show))
        .route("/settings/profile", post(profile::update))
        .route("/settings/avatar", post(profile::set_avatar).layer(DefaultBodyLimit::max(MAX_UPLOAD)))
        .route("/settings/avatar/remove", post(profile::remove_avatar))
        .route("/settings/account", get(account::show))
        .route("/settings/email", post(account::change_email))
        .route("/settings/password", post(account::change_password))
        .route("/settings/digest", post(account::set_digest))
        .route("/settings/sessions", get(sessions::show))
        .route("/settings/sessions/end-others", post(sessions::end_others))
        .route("/settings/sessions/{id}/end", post(sessions::end))
        .route("/settings/two-factor", get(two_factor::show))
        .route("/settings/two-factor/begin", post(two_factor::begin))
        .route("/settings/two-factor/confirm", post(two_factor::confirm))
        .route("/settings/two-factor/codes", post(two_factor::renew_codes))
        .route("/settings/two-factor/remove", post(two_factor::remove))
        .route("/settings/appearance", get(appearance::show).post(appearance::update))
        .route("/settings/people", get(people::show))
        .route("/settings/notifications", post(people::set_notifications))
        .route("/settings/export", get(export::show).post(export::begin))
        .route("/settings/export/state", get(export::show_state))
        .route("/settings/export/file", get(export::get_file))
        .route("/settings/leave", get(leave::show).post(leave::leave))
}

fn moderation_routes() -> Router<AppState> {
    use moderation::{audit, numbers, people, removed, reports};
    Router::new()
        .route("/moderation", get(numbers::show))
        .route("/moderation/reports", get(reports::show))
        .route("/moderation/reports/{id}/resolve", post(reports::resolve))
        .route("/moderation/reports/{id}/reopen", post(reports::reopen))
        .route("/moderation/people", get(people::show))
        .route("/moderation/people/{id}/block", post(people::block))
        .route("/moderation/people/{id}/unblock", post(people::unblock))
        .route("/moderation/removed", get(removed::show))
        .route("/moderation/removed/{kind}/{id}/restore", post(removed::restore))
        .route("/moderation/audit", get(audit::show))
}

/// The files that are the same for everybody.
fn files() -> Router<AppState> {
    Router::new()
        .route("/assets/{hash}/{name}", get(machines::get_asset))
        .route("/robots.txt", get(machines::get_robots))
        .route("/sitemap.xml", get(machines::get_sitemap))
        .route("/manifest.webmanifest", get(machines::get_manifest))
}

/// Refuses forms that another site has sent.
fn refuse_other_sites() -> CsrfLayer<impl Fn(ProtectionError) -> axum::response::Response + Clone> {
    CsrfLayer::new().with_rejection_response(|_error: ProtectionError| {
        ApiError::forbidden("Forms of other sites are not taken").into_response()
    })
}
